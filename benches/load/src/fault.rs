//! What can end a run: every fault is fatal, because a figure taken beside a wrong answer is worth nothing.
//!
//! Knows the kinds and their words; does not know who meets them.

use std::fmt;
use std::io;
use std::time::Duration;

/// The reason why there is no figure.
#[derive(Debug)]
pub enum Fault {
    /// The operating system refused something.
    Io { what: String, source: io::Error },
    /// The server answered the WebSocket handshake with something else than a correct 101.
    Handshake { who: usize, answer: String },
    /// The server broke RFC 6455 or sent a frame that this client does not take.
    Frame { who: usize, problem: &'static str },
    /// A packet that is not the one the server owed.
    Answer {
        who: usize,
        expected: String,
        received: String,
    },
    /// The server ended a connection that should have lasted.
    Closed { who: usize },
    /// The server owed something and stayed silent.
    Silent { owed: String, waited: Duration },
}

impl Fault {
    pub fn io(what: impl Into<String>, source: io::Error) -> Self {
        Self::Io {
            what: what.into(),
            source,
        }
    }

    pub fn answer(who: usize, expected: &[u8], received: &[u8]) -> Self {
        Self::Answer {
            who,
            expected: excerpt(expected),
            received: excerpt(received),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io { what, source } => write!(f, "{what}: {source}"),
            Self::Handshake { who, answer } => {
                write!(f, "connection {who}: handshake answered with {answer:?}")
            }
            Self::Frame { who, problem } => write!(f, "connection {who}: {problem}"),
            Self::Answer {
                who,
                expected,
                received,
            } => write!(
                f,
                "connection {who}: expected {expected:?}, received {received:?}"
            ),
            Self::Closed { who } => write!(f, "connection {who}: closed by the server"),
            Self::Silent { owed, waited } => {
                write!(f, "no {owed} within {:.1} s", waited.as_secs_f64())
            }
        }
    }
}

impl std::error::Error for Fault {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io { source, .. } => Some(source),
            _ => None,
        }
    }
}

/// The first 160 bytes as text: enough to recognise a packet, short enough for one line of a log.
pub fn excerpt(bytes: &[u8]) -> String {
    let shown = &bytes[..bytes.len().min(160)];
    String::from_utf8_lossy(shown).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_excerpt_is_short_and_never_fails() {
        assert_eq!(excerpt(b"42[\"a\"]"), "42[\"a\"]");
        assert_eq!(excerpt(&[b'x'; 500]).len(), 160);
        assert_eq!(excerpt(&[0xff]), "\u{fffd}");
    }

    #[test]
    fn a_fault_names_the_connection_and_both_packets() {
        let text = Fault::answer(7, b"431[\"a\"]", b"431[\"b\"]").to_string();
        assert!(text.contains("connection 7"), "{text}");
        assert!(
            text.contains("431[\\\"a\\\"]") && text.contains("431[\\\"b\\\"]"),
            "{text}"
        );
    }
}
