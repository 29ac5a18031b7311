//! The seam through which the hub reports what concerns the application.

use std::sync::Arc;

use bytes::Bytes;
use sio_protocol::close::CloseReason;

use crate::{namespace::Namespace, question::Question, socket::Socket};

/// Severity of a line for the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    Debug,
    Info,
    Warning,
    Error,
}

/// Something the application must hear of. Bodies are raw: whoever needs the values decodes them.
#[derive(Debug)]
pub enum Notice {
    /// A client asks for a namespace, after `Hub::set_dynamic` also for one that does not exist. Answer with `Hub::accept`
    /// or `Hub::refuse`.
    Connect { socket: Arc<Socket>, auth: Bytes },
    /// A request that only the application can judge; see `Config::ask_about_handshakes` and `CorsOrigins::Ask`.
    Request { question: Question },
    Event {
        socket: Arc<Socket>,
        ack_id: Option<u64>,
        body: Bytes,
        attachments: Vec<Bytes>,
    },
    /// The answer to an emit with this ack id; each id is reported once.
    Ack {
        socket: Arc<Socket>,
        ack_id: u64,
        body: Bytes,
        attachments: Vec<Bytes>,
    },
    /// The socket has left: rooms and fan-out know it no more.
    Disconnect {
        socket: Arc<Socket>,
        reason: CloseReason,
        detail: Option<Arc<str>>,
        rooms: Vec<Box<str>>,
    },
    /// Rooms of this namespace have changed: `Namespace::take_room_changes` has how. Only if they are watched.
    Rooms { namespace: Arc<Namespace> },
    /// Somebody waited for this session to write, and it has (or it is gone).
    Drained { session: u64 },
    /// A deadline of `Hub::start_deadline`.
    Deadline { token: u64 },
    Log {
        level: Level,
        target: &'static str,
        message: String,
    },
    /// After `Hub::shutdown`: the transports have ended.
    Stopped,
}

impl Notice {
    /// What an event or an answer counts against the inbound bounds of its session.
    pub fn size(&self) -> usize {
        match self {
            Self::Event {
                body, attachments, ..
            }
            | Self::Ack {
                body, attachments, ..
            } => body.len() + attachments.iter().map(Bytes::len).sum::<usize>(),
            _ => 0,
        }
    }
}

/// Receives notices. Called from any thread, sometimes with a leaf lock of the hub held: it must be short and must not
/// call back.
pub trait EventSink: Send + Sync + 'static {
    fn deliver(&self, notice: Notice);

    /// Whether the application is at work on notices (or about to be): then commands it queues need no wake of their
    /// own, because the owner of a shard looks at them every millisecond and once more when the work is done.
    fn is_busy(&self) -> bool {
        self.busy_period().is_some()
    }

    /// Which of its busy periods the application is in; `None`: it rests.
    fn busy_period(&self) -> Option<u64>;
}
