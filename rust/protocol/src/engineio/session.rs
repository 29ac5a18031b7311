//! The Engine.IO session: which transport carries it, its heartbeat, and its one upgrade.
//!
//! Owns the decisions of the protocol that last longer than a packet. It knows no queue, no socket and no clock: `now`
//! is an argument, what is due is data ([`Session::deadline`]), and what to do comes back as a value.
//!
//! ```text
//!              begin_upgrade          probe              complete
//!  Polling ───────────────▶ Waiting ─────────▶ Probed ───────────▶ WebSocket (upgraded)
//!     ▲                        │                 │
//!     └────────────────────────┴─────────────────┘ abandon_upgrade: polling lives on
//! ```

use std::time::Duration;

use super::{packet::PacketType, request::Transport};
use crate::close::CloseReason;

/// After the probe a poll that is still hanging is released by a noop; one that comes later waits this long
/// (the official server looks every 100 ms).
pub const NOOP_DELAY: Duration = Duration::from_millis(100);

/// The durations a session lives by.
#[derive(Clone, Copy, Debug)]
pub struct Timing {
    pub ping_interval: Duration,
    pub ping_timeout: Duration,
    pub upgrade_timeout: Duration,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Heartbeat {
    /// Next ping.
    PingAt(Duration),
    /// A pong is awaited. Other traffic extends it once per ping.
    PongBy { at: Duration, extended: bool },
    /// We chose not to read: a pong cannot arrive, so none is awaited until [`Session::resume`].
    Suspended,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Upgrade {
    Never,
    /// The candidate is connected and has not probed.
    Waiting {
        until: Duration,
    },
    /// `3probe` was sent; `noop_at` is set while a poll hangs that must be released.
    Probed {
        until: Duration,
        noop_at: Option<Duration>,
    },
    Done,
}

/// What a packet on the session's transport means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Incoming {
    /// A Socket.IO packet: hand its text on.
    Message,
    /// Nothing to do.
    Handled,
    /// The session is over.
    Close(CloseReason, &'static str),
}

/// What a text frame on the candidate of an upgrade means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Candidate {
    /// Send [`PROBE_ANSWER`] on the candidate, and a noop to a hanging poll.
    Probe,
    /// The candidate is the transport now; a hanging poll gets a noop.
    Complete,
    /// Not what an upgrade looks like: close the candidate, polling lives on.
    Refuse,
}

/// The server's answer to `2probe`.
pub const PROBE_ANSWER: &str = "3probe";

/// What is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Due {
    SendPing,
    /// Close the session with `ping timeout`.
    PongMissing,
    /// Close the candidate only.
    UpgradeAbandoned,
    /// Release the hanging poll.
    SendNoop,
}

/// One session. See the module for the drawing.
#[derive(Debug)]
pub struct Session {
    transport: Transport,
    upgrade: Upgrade,
    heartbeat: Heartbeat,
}

impl Session {
    /// A session whose open packet goes out at `now`.
    pub fn new(transport: Transport, timing: &Timing, now: Duration) -> Self {
        Self {
            transport,
            upgrade: Upgrade::Never,
            heartbeat: Heartbeat::PingAt(now + timing.ping_interval),
        }
    }

    pub const fn transport(&self) -> Transport {
        self.transport
    }

    /// Whether the session moved from polling to WebSocket.
    pub const fn upgraded(&self) -> bool {
        matches!(self.upgrade, Upgrade::Done)
    }

    /// Whether a candidate is connected.
    pub const fn upgrading(&self) -> bool {
        matches!(
            self.upgrade,
            Upgrade::Waiting { .. } | Upgrade::Probed { .. }
        )
    }

    /// A packet arrived on the session's own transport.
    pub fn handle_packet(&mut self, kind: PacketType, timing: &Timing, now: Duration) -> Incoming {
        match kind {
            PacketType::Pong => {
                if !matches!(self.heartbeat, Heartbeat::Suspended) {
                    self.heartbeat = Heartbeat::PingAt(now + timing.ping_interval);
                }
                return Incoming::Handled;
            }
            // Only servers ping in version 4.
            PacketType::Ping => {
                return Incoming::Close(CloseReason::TransportError, "invalid heartbeat direction");
            }
            // On a WebSocket the official server ignores it; a peer that says goodbye means it.
            PacketType::Close => {
                return Incoming::Close(CloseReason::TransportClose, "close packet");
            }
            PacketType::Message | PacketType::Open | PacketType::Upgrade | PacketType::Noop => {}
        }
        self.extend_pong(timing, now);
        if kind == PacketType::Message {
            Incoming::Message
        } else {
            Incoming::Handled
        }
    }

    /// Any traffic but a pong is a sign of life too, once per ping: a client behind a slow upload is not dead.
    pub fn extend_pong(&mut self, timing: &Timing, now: Duration) {
        if let Heartbeat::PongBy {
            extended: false, ..
        } = self.heartbeat
        {
            self.heartbeat = Heartbeat::PongBy {
                at: now + timing.ping_timeout,
                extended: true,
            };
        }
    }

    /// A WebSocket for this session was accepted. `false`: it has one already, close the newcomer.
    pub fn begin_upgrade(&mut self, timing: &Timing, now: Duration) -> bool {
        if self.transport == Transport::WebSocket || self.upgrade != Upgrade::Never {
            return false;
        }
        self.upgrade = Upgrade::Waiting {
            until: now + timing.upgrade_timeout,
        };
        true
    }

    /// A text frame arrived on the candidate.
    pub fn handle_candidate(&mut self, text: &[u8]) -> Candidate {
        match (text, self.upgrade) {
            (b"2probe", Upgrade::Waiting { until } | Upgrade::Probed { until, .. }) => {
                self.upgrade = Upgrade::Probed {
                    until,
                    noop_at: None,
                };
                Candidate::Probe
            }
            (b"5", Upgrade::Waiting { .. } | Upgrade::Probed { .. }) => {
                self.upgrade = Upgrade::Done;
                self.transport = Transport::WebSocket;
                Candidate::Complete
            }
            _ => Candidate::Refuse,
        }
    }

    /// The candidate went away, or was refused: polling lives on and another upgrade may be tried.
    pub fn abandon_upgrade(&mut self) {
        if self.upgrading() {
            self.upgrade = Upgrade::Never;
        }
    }

    /// A poll began to hang while an upgrade is under way: it will be released by a noop.
    pub fn handle_hanging_poll(&mut self, now: Duration) {
        if let Upgrade::Probed { noop_at, .. } = &mut self.upgrade {
            *noop_at = Some(now + NOOP_DELAY);
        }
    }

    /// We stop reading from the peer.
    pub fn suspend(&mut self) {
        if matches!(self.heartbeat, Heartbeat::PongBy { .. }) {
            self.heartbeat = Heartbeat::Suspended;
        }
    }

    /// We read again: the pong that may be on its way has its whole time anew.
    pub fn resume(&mut self, timing: &Timing, now: Duration) {
        if self.heartbeat == Heartbeat::Suspended {
            self.heartbeat = Heartbeat::PongBy {
                at: now + timing.ping_timeout,
                extended: false,
            };
        }
    }

    /// The driver was late (blocked, stopped, suspended): what the peer sent meanwhile could not be seen.
    /// Deadlines move by the lateness, and what has arrived meanwhile gets `grace` to be read.
    pub fn forgive(&mut self, lateness: Duration, now: Duration, grace: Duration) {
        if let Heartbeat::PongBy { at, .. } = &mut self.heartbeat {
            *at = (*at + lateness).max(now + grace);
        }
    }

    /// When [`Session::handle_timeout`] has something to say.
    pub fn deadline(&self) -> Option<Duration> {
        let heartbeat = match self.heartbeat {
            Heartbeat::PingAt(at) | Heartbeat::PongBy { at, .. } => Some(at),
            Heartbeat::Suspended => None,
        };
        let upgrade = match self.upgrade {
            Upgrade::Waiting { until } => Some(until),
            Upgrade::Probed { until, noop_at } => Some(noop_at.map_or(until, |at| at.min(until))),
            Upgrade::Never | Upgrade::Done => None,
        };
        match (heartbeat, upgrade) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        }
    }

    /// One thing that is due, or `None`. Call until `None`; too early or too often is harmless.
    /// `paused`: the peer is not being read, so after a ping no pong is awaited.
    pub fn handle_timeout(&mut self, timing: &Timing, now: Duration, paused: bool) -> Option<Due> {
        match &mut self.upgrade {
            Upgrade::Waiting { until } | Upgrade::Probed { until, .. } if *until <= now => {
                self.upgrade = Upgrade::Never;
                return Some(Due::UpgradeAbandoned);
            }
            Upgrade::Probed { noop_at, .. } if noop_at.is_some_and(|at| at <= now) => {
                *noop_at = None;
                return Some(Due::SendNoop);
            }
            _ => {}
        }
        match self.heartbeat {
            Heartbeat::PingAt(at) if at <= now => {
                self.heartbeat = if paused {
                    Heartbeat::Suspended
                } else {
                    Heartbeat::PongBy {
                        at: now + timing.ping_timeout,
                        extended: false,
                    }
                };
                Some(Due::SendPing)
            }
            Heartbeat::PongBy { at, .. } if at <= now => Some(Due::PongMissing),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TIMING: Timing = Timing {
        ping_interval: Duration::from_secs(25),
        ping_timeout: Duration::from_secs(20),
        upgrade_timeout: Duration::from_secs(10),
    };

    fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn polling() -> Session {
        Session::new(Transport::Polling, &TIMING, at(0))
    }

    #[test]
    fn pings_after_the_interval_and_dies_without_a_pong() {
        let mut session = polling();
        assert_eq!(session.deadline(), Some(at(25)));
        assert_eq!(session.handle_timeout(&TIMING, at(24), false), None);
        assert_eq!(
            session.handle_timeout(&TIMING, at(25), false),
            Some(Due::SendPing)
        );
        assert_eq!(session.deadline(), Some(at(45)));
        assert_eq!(
            session.handle_timeout(&TIMING, at(45), false),
            Some(Due::PongMissing)
        );
    }

    #[test]
    fn the_interval_starts_anew_at_the_pong() {
        let mut session = polling();
        session.handle_timeout(&TIMING, at(25), false);
        assert_eq!(
            session.handle_packet(PacketType::Pong, &TIMING, at(30)),
            Incoming::Handled
        );
        assert_eq!(session.deadline(), Some(at(55)));
    }

    #[test]
    fn other_traffic_extends_the_pong_deadline_once_per_ping() {
        let mut session = polling();
        session.handle_timeout(&TIMING, at(25), false);
        session.handle_packet(PacketType::Message, &TIMING, at(40));
        assert_eq!(session.deadline(), Some(at(60)));
        session.handle_packet(PacketType::Message, &TIMING, at(50));
        assert_eq!(session.deadline(), Some(at(60)));
    }

    #[test]
    fn a_ping_from_the_client_is_the_wrong_direction() {
        assert!(matches!(
            polling().handle_packet(PacketType::Ping, &TIMING, at(1)),
            Incoming::Close(CloseReason::TransportError, _)
        ));
    }

    #[test]
    fn an_upgrade_in_order() {
        let mut session = polling();
        assert!(session.begin_upgrade(&TIMING, at(1)));
        assert!(
            !session.begin_upgrade(&TIMING, at(1)),
            "one candidate at a time"
        );
        assert_eq!(session.handle_candidate(b"2probe"), Candidate::Probe);
        session.handle_hanging_poll(at(2));
        assert_eq!(
            session.handle_timeout(&TIMING, at(3), false),
            Some(Due::SendNoop)
        );
        assert_eq!(session.handle_candidate(b"5"), Candidate::Complete);
        assert_eq!(session.transport(), Transport::WebSocket);
        assert!(
            !session.begin_upgrade(&TIMING, at(4)),
            "a session upgrades at most once"
        );
    }

    #[test]
    fn an_abandoned_upgrade_leaves_polling_alive() {
        let mut session = polling();
        session.begin_upgrade(&TIMING, at(1));
        assert_eq!(
            session.handle_timeout(&TIMING, at(11), false),
            Some(Due::UpgradeAbandoned)
        );
        assert_eq!(session.transport(), Transport::Polling);
        assert!(
            session.begin_upgrade(&TIMING, at(12)),
            "and another may be tried"
        );
        assert_eq!(session.handle_candidate(b"4hello"), Candidate::Refuse);
    }

    #[test]
    fn no_pong_is_awaited_while_we_do_not_read() {
        let mut session = polling();
        session.handle_timeout(&TIMING, at(25), false);
        session.suspend();
        assert_eq!(session.deadline(), None);
        session.resume(&TIMING, at(100));
        assert_eq!(session.deadline(), Some(at(120)));
        let mut session = polling();
        assert_eq!(
            session.handle_timeout(&TIMING, at(25), true),
            Some(Due::SendPing)
        );
        assert_eq!(session.deadline(), None);
    }

    #[test]
    fn lateness_is_forgiven() {
        let mut session = polling();
        session.handle_timeout(&TIMING, at(25), false);
        session.forgive(at(5), at(30), at(1));
        assert_eq!(session.deadline(), Some(at(50)));
        session.forgive(at(10), at(60), at(1));
        assert_eq!(session.deadline(), Some(at(61)));
    }
}
