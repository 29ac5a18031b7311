//! Received bytes in, complete messages out: unmasked where they lie, copied only when a message comes in pieces.
//!
//! A decoder that waits for the next frame owns no memory beyond its own few words. It keeps the bytes of one cut header
//! or control frame, the message that is under way (never more than the limit, refused by its header), and what is left
//! when the receiver breaks off. Answering pings, closing and reading from a socket are not its business.

use std::fmt;
use std::mem;
use std::ops::ControlFlow;

use super::frame::{MAX_CONTROL, Opcode};
use super::partial::Partial;

/// Something complete that the client sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event<'a> {
    Text(&'a str),
    Binary(&'a [u8]),
    Ping(&'a [u8]),
    Pong,
    /// The peer's code, if it gave one, and its reason. Nothing follows.
    Close(Option<u16>, &'a str),
}

/// The peer broke the protocol: the close code that answers it, and what it did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Violation {
    pub code: u16,
    pub detail: &'static str,
}

impl Violation {
    /// RFC 6455, 7.4.1: 1002, a protocol error.
    const fn protocol(detail: &'static str) -> Self {
        Self { code: 1002, detail }
    }

    pub(super) const UTF8: Self = Self {
        code: 1007,
        detail: "a text message or close reason is not UTF-8",
    };

    /// A message over the limit of whoever receives it.
    pub const TOO_BIG: Self = Self {
        code: 1009,
        detail: "a message is larger than the limit",
    };
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "WebSocket error {}: {}", self.code, self.detail)
    }
}

impl std::error::Error for Violation {}

/// The receiving half of one connection.
#[derive(Debug, Default)]
pub struct Decoder {
    /// Raw bytes from the start of a frame on: a cut header or control frame, or what was left when the receiver broke
    /// off. Empty while the body of a frame is incomplete.
    tail: Vec<u8>,
    /// The data message under way.
    partial: Option<Box<Partial>>,
    /// A close frame came, or a violation: whatever follows is not read.
    done: bool,
}

/// How far the decoding of one piece came.
enum Stop {
    /// Everything complete was delivered; from here on there is only a cut header or control frame.
    NeedsMore(usize),
    /// The receiver broke off, or the connection is done; so many bytes were used.
    Broken(usize),
}

impl Decoder {
    /// A decoder at the first byte after the handshake.
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether nothing is kept: no incomplete message, and nothing that a break left.
    pub fn is_idle(&self) -> bool {
        self.tail.is_empty() && self.partial.is_none()
    }

    /// Takes received bytes and gives everything complete to `receive`, in order.
    ///
    /// `max` is the largest message in bytes; a larger one is refused by its header. When `receive` breaks, the rest of
    /// `bytes` is kept, and the next call, with new bytes or none, goes on there; whoever breaks stops reading, so that
    /// the rest stays one read's worth. After an error or a close frame everything is ignored.
    pub fn feed(
        &mut self,
        bytes: &mut [u8],
        max: usize,
        receive: &mut impl FnMut(Event<'_>) -> ControlFlow<()>,
    ) -> Result<(), Violation> {
        if self.done {
            return Ok(());
        }
        let result = self.advance(bytes, max, receive);
        if self.done || result.is_err() {
            *self = Self {
                done: true,
                ..Self::default()
            };
        }
        result
    }

    fn advance(
        &mut self,
        mut bytes: &mut [u8],
        max: usize,
        receive: &mut impl FnMut(Event<'_>) -> ControlFlow<()>,
    ) -> Result<(), Violation> {
        let mut tail = mem::take(&mut self.tail);
        while !tail.is_empty() {
            // Only what completes the cut header is moved to it: everything behind is decoded where it lies.
            loop {
                let missing = Header::needs(&tail)?.saturating_sub(tail.len());
                if missing == 0 {
                    break;
                }
                if bytes.is_empty() {
                    self.keep(tail);
                    return Ok(());
                }
                let have = missing.min(bytes.len());
                let (head, rest) = mem::take(&mut bytes).split_at_mut(have);
                tail.extend_from_slice(head);
                bytes = rest;
            }
            match self.run(&mut tail, max, receive)? {
                Stop::NeedsMore(used) => {
                    tail.drain(..used);
                }
                Stop::Broken(used) => {
                    tail.drain(..used);
                    tail.extend_from_slice(bytes);
                    self.keep(tail);
                    return Ok(());
                }
            }
        }
        let (Stop::NeedsMore(used) | Stop::Broken(used)) = self.run(bytes, max, receive)?;
        self.tail = bytes[used..].to_vec();
        Ok(())
    }

    fn run(
        &mut self,
        bytes: &mut [u8],
        max: usize,
        receive: &mut impl FnMut(Event<'_>) -> ControlFlow<()>,
    ) -> Result<Stop, Violation> {
        let mut at = 0;
        loop {
            if let Some(partial) = &mut self.partial
                && partial.in_frame()
            {
                at += partial.take(&mut bytes[at..])?;
                if partial.in_frame() {
                    return Ok(Stop::NeedsMore(at));
                }
                if let Some(whole) = self.partial.take_if(|partial| partial.is_whole()) {
                    if receive(whole.event()?).is_break() {
                        return Ok(Stop::Broken(at));
                    }
                    continue;
                }
            }
            let Some(header) = Header::parse(&bytes[at..])? else {
                return Ok(Stop::NeedsMore(at));
            };
            let start = at + header.len;
            let available = bytes.len() - start;
            if header.opcode.is_control() {
                if (available as u64) < header.payload {
                    return Ok(Stop::NeedsMore(at));
                }
                at = start + header.payload as usize;
                let payload = &mut bytes[start..at];
                unmask(payload, header.mask);
                let event = control(header.opcode, payload)?;
                self.done = matches!(event, Event::Close(..));
                if receive(event).is_break() || self.done {
                    return Ok(Stop::Broken(at));
                }
                continue;
            }

            let so_far = match (&self.partial, header.opcode) {
                (None, Opcode::Continuation) => {
                    return Err(Violation::protocol("a continuation of no message"));
                }
                (Some(_), Opcode::Text | Opcode::Binary) => {
                    return Err(Violation::protocol("a new message inside a fragmented one"));
                }
                (partial, _) => partial.as_ref().map_or(0, |partial| partial.len()),
            };
            // `so_far` passed this test, so it is not above `max`, unless the caller lowered that.
            if header.payload > max.saturating_sub(so_far) as u64 {
                return Err(Violation::TOO_BIG);
            }
            let size = header.payload as usize;
            if header.is_final && self.partial.is_none() && size <= available {
                at = start + size;
                let payload = &mut bytes[start..at];
                unmask(payload, header.mask);
                let event = match header.opcode {
                    Opcode::Text => Event::Text(
                        simdutf8::basic::from_utf8(payload).map_err(|_| Violation::UTF8)?,
                    ),
                    _ => Event::Binary(payload),
                };
                if receive(event).is_break() {
                    return Ok(Stop::Broken(at));
                }
                continue;
            }
            at = start;
            self.partial
                .get_or_insert_with(|| Box::new(Partial::new(header.opcode == Opcode::Text)))
                .begin_frame(size, header.mask, header.is_final);
        }
    }

    /// Keeps raw bytes for the next call, without the room that a longer rest once took.
    fn keep(&mut self, mut tail: Vec<u8>) {
        if tail.capacity() > 2 * tail.len() + 64 {
            tail.shrink_to_fit();
        }
        self.tail = tail;
    }
}

/// What a frame says of itself.
struct Header {
    is_final: bool,
    opcode: Opcode,
    payload: u64,
    mask: [u8; 4],
    /// Bytes of the header.
    len: usize,
}

impl Header {
    /// How many bytes must lie together before the frame that starts here can be taken: the header, and all of a
    /// control frame.
    fn needs(head: &[u8]) -> Result<usize, Violation> {
        let [first, second, ..] = *head else {
            return Ok(2);
        };
        let opcode = check(first, second)?;
        let control = if opcode.is_control() {
            usize::from(second & 0x7f)
        } else {
            0
        };
        Ok(header_len(second) + control)
    }

    /// `None`: it is cut.
    fn parse(head: &[u8]) -> Result<Option<Self>, Violation> {
        let [first, second, ..] = *head else {
            return Ok(None);
        };
        let opcode = check(first, second)?;
        let len = header_len(second);
        let Some(extended) = head.get(2..len) else {
            return Ok(None);
        };
        // `header_len` made room for exactly these.
        let (length, mask) = extended.split_at(len - 6);
        let payload = match second & 0x7f {
            126 | 127 => length
                .iter()
                .fold(0, |value, &byte| value << 8 | u64::from(byte)),
            short => u64::from(short),
        };
        if payload >> 63 != 0 {
            return Err(Violation::protocol(
                "a frame length has its highest bit set",
            ));
        }
        Ok(Some(Self {
            is_final: first & 0x80 != 0,
            opcode,
            payload,
            mask: mask.try_into().unwrap_or_default(),
            len,
        }))
    }
}

/// Bytes of a masked frame's header, by its second byte.
const fn header_len(second: u8) -> usize {
    match second & 0x7f {
        126 => 2 + 2 + 4,
        127 => 2 + 8 + 4,
        _ => 2 + 4,
    }
}

/// What the first two bytes alone can break.
fn check(first: u8, second: u8) -> Result<Opcode, Violation> {
    if first & 0x70 != 0 {
        return Err(Violation::protocol(
            "a reserved bit is set, and no extension was agreed on",
        ));
    }
    let Some(opcode) = Opcode::from_bits(first & 0x0f) else {
        return Err(Violation::protocol("a reserved opcode"));
    };
    if second & 0x80 == 0 {
        return Err(Violation::protocol("a client's frame is not masked"));
    }
    if opcode.is_control() {
        if first & 0x80 == 0 {
            return Err(Violation::protocol("a control frame is fragmented"));
        }
        if usize::from(second & 0x7f) > MAX_CONTROL {
            return Err(Violation::protocol(
                "a control frame is longer than 125 bytes",
            ));
        }
    }
    Ok(opcode)
}

fn control(opcode: Opcode, payload: &[u8]) -> Result<Event<'_>, Violation> {
    Ok(match opcode {
        Opcode::Ping => Event::Ping(payload),
        Opcode::Pong => Event::Pong,
        _ => match *payload {
            [] => Event::Close(None, ""),
            [_] => return Err(Violation::protocol("a close frame with half a code")),
            [high, low, ref reason @ ..] => {
                let code = u16::from_be_bytes([high, low]);
                if !is_close_code(code) {
                    return Err(Violation::protocol("a close code that must not be sent"));
                }
                let reason = std::str::from_utf8(reason).map_err(|_| Violation::UTF8)?;
                Event::Close(Some(code), reason)
            }
        },
    })
}

/// The codes that a peer may send: RFC 6455, 7.4, and those registered since (1012 to 1014).
const fn is_close_code(code: u16) -> bool {
    matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999)
}

/// Takes the mask off, eight bytes at a time.
pub(super) fn unmask(bytes: &mut [u8], mask: [u8; 4]) {
    let [a, b, c, d] = mask;
    let key = u64::from_ne_bytes([a, b, c, d, a, b, c, d]);
    let (words, rest) = bytes.as_chunks_mut::<8>();
    for word in words {
        *word = (u64::from_ne_bytes(*word) ^ key).to_ne_bytes();
    }
    for (byte, mask) in rest.iter_mut().zip(mask.iter().cycle()) {
        *byte ^= mask;
    }
}
