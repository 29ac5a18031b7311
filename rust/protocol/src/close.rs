//! Why a session or a socket ended, in the words of the official server.
//!
//! Source mirrored: `DisconnectReason` of socket.io 4.8. The first reason wins; later ones are never seen.

use std::fmt;

/// The nine reasons a handler of `disconnecting` and `disconnect` can see.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CloseReason {
    /// The connection encountered an error: wrong heartbeat direction, overlapping polls, a slow consumer.
    TransportError,
    /// The peer closed the connection, or the network did.
    TransportClose,
    /// The application closed the Engine.IO connection (`socket.conn.close()`).
    ForcedClose,
    /// No namespace was joined in time, or a packet came for a namespace that was not joined.
    ForcedServerClose,
    /// No pong came within `ping_timeout`.
    PingTimeout,
    /// The peer sent bytes that are no packet.
    ParseError,
    /// The server is going down.
    ServerShuttingDown,
    /// The client left the namespace.
    ClientNamespaceDisconnect,
    /// The application called `socket.disconnect()`.
    ServerNamespaceDisconnect,
}

impl CloseReason {
    /// Every reason, in the order of the declaration: `ALL[reason as usize]` is `reason`.
    pub const ALL: [Self; 9] = [
        Self::TransportError,
        Self::TransportClose,
        Self::ForcedClose,
        Self::ForcedServerClose,
        Self::PingTimeout,
        Self::ParseError,
        Self::ServerShuttingDown,
        Self::ClientNamespaceDisconnect,
        Self::ServerNamespaceDisconnect,
    ];

    /// The text that handlers see.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::TransportError => "transport error",
            Self::TransportClose => "transport close",
            Self::ForcedClose => "forced close",
            Self::ForcedServerClose => "forced server close",
            Self::PingTimeout => "ping timeout",
            Self::ParseError => "parse error",
            Self::ServerShuttingDown => "server shutting down",
            Self::ClientNamespaceDisconnect => "client namespace disconnect",
            Self::ServerNamespaceDisconnect => "server namespace disconnect",
        }
    }

    /// Whether this server decided the end: queued events that have not started are then dropped.
    pub const fn by_server(self) -> bool {
        matches!(
            self,
            Self::ForcedClose | Self::ServerShuttingDown | Self::ServerNamespaceDisconnect
        )
    }
}

impl fmt::Display for CloseReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_leads_back_to_its_reason() {
        for (index, reason) in CloseReason::ALL.into_iter().enumerate() {
            assert_eq!(reason as usize, index);
        }
    }
}
