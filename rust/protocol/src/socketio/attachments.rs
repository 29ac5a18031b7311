//! Waits for the binary messages that a packet announced and hands over both together.
//!
//! Where in the JSON a binary value belongs is the codec's knowledge.

use std::fmt;

use bytes::Bytes;

use super::packet::{Head, PacketType};

/// A packet and everything it announced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assembled {
    pub kind: PacketType,
    pub namespace: Box<str>,
    pub ack_id: Option<u64>,
    /// Raw JSON, as in [`Head::body`].
    pub body: Bytes,
    /// In order of arrival, as many as were announced.
    pub attachments: Vec<Bytes>,
}

/// The messages of a client do not fit together. The connection ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AssemblyError {
    /// A text packet came before the last attachment.
    TextWhileWaiting { missing: usize },
    /// A binary message that no packet announced.
    UnexpectedBinary,
    /// The packet and its attachments are larger than the limit.
    TooLarge { limit: usize },
}

impl fmt::Display for AssemblyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TextWhileWaiting { missing } => write!(
                f,
                "a text packet came while {missing} binary attachments of the packet before it were missing"
            ),
            Self::UnexpectedBinary => {
                f.write_str("a binary message came, and no packet had announced it")
            }
            Self::TooLarge { limit } => write!(
                f,
                "a packet and its attachments are larger than {limit} bytes"
            ),
        }
    }
}

impl std::error::Error for AssemblyError {}

/// The packet of one connection that is incomplete, if there is one. Idle it is one word.
#[derive(Debug, Default)]
pub struct Assembler {
    waiting: Option<Box<Waiting>>,
}

#[derive(Debug)]
struct Waiting {
    packet: Assembled,
    missing: usize,
    size: usize,
}

impl Assembler {
    pub const fn new() -> Self {
        Self { waiting: None }
    }

    /// Whether a binary message must come next.
    pub const fn is_waiting(&self) -> bool {
        self.waiting.is_some()
    }

    /// Bytes that are held, for accounting.
    pub fn held_bytes(&self) -> usize {
        self.waiting.as_ref().map_or(0, |waiting| waiting.size)
    }

    /// Takes a text packet. It is given back at once, unless it announces attachments: then it is kept and `None` comes.
    ///
    /// The number of attachments was bounded when the head was read.
    pub fn text<'a>(&mut self, head: Head<'a>) -> Result<Option<Head<'a>>, AssemblyError> {
        if let Some(waiting) = self.waiting.take() {
            return Err(AssemblyError::TextWhileWaiting {
                missing: waiting.missing,
            });
        }
        if head.attachments == 0 {
            return Ok(Some(head));
        }
        self.waiting = Some(Box::new(Waiting {
            packet: Assembled {
                kind: head.kind,
                namespace: head.namespace.into(),
                ack_id: head.ack_id,
                body: Bytes::copy_from_slice(head.body),
                attachments: Vec::new(),
            },
            missing: head.attachments,
            size: head.body.len(),
        }));
        Ok(None)
    }

    /// Takes a binary message, and gives the packet if that was its last. `max_bytes` bounds body and attachments together.
    pub fn binary(
        &mut self,
        data: Bytes,
        max_bytes: usize,
    ) -> Result<Option<Assembled>, AssemblyError> {
        let Some(mut waiting) = self.waiting.take() else {
            return Err(AssemblyError::UnexpectedBinary);
        };
        waiting.size = waiting.size.saturating_add(data.len());
        if waiting.size > max_bytes {
            return Err(AssemblyError::TooLarge { limit: max_bytes });
        }
        waiting.packet.attachments.push(data);
        waiting.missing -= 1;
        if waiting.missing == 0 {
            return Ok(Some(waiting.packet));
        }
        self.waiting = Some(waiting);
        Ok(None)
    }
}
