//! A message that comes in pieces: cut by the network, or by the client into fragments.
//!
//! Its memory grows with what has come, never with what a header announces.

use super::decoder::{Event, Violation, unmask};

#[derive(Debug)]
pub(super) struct Partial {
    is_text: bool,
    /// The current frame ends the message.
    is_final: bool,
    /// A header was read and its frame's end was not.
    in_frame: bool,
    payload: Vec<u8>,
    /// So much of a text is known to be UTF-8.
    valid: usize,
    /// Bytes of the current frame that have not come yet.
    missing: usize,
    /// Turned so that it begins with the key for the next byte.
    mask: [u8; 4],
}

impl Partial {
    pub(super) const fn new(is_text: bool) -> Self {
        Self {
            is_text,
            is_final: false,
            in_frame: false,
            payload: Vec::new(),
            valid: 0,
            missing: 0,
            mask: [0; 4],
        }
    }

    /// Bytes so far.
    pub(super) const fn len(&self) -> usize {
        self.payload.len()
    }

    /// Whether the next bytes belong to the body of the current frame.
    pub(super) const fn in_frame(&self) -> bool {
        self.in_frame
    }

    /// Whether the message is complete.
    pub(super) const fn is_whole(&self) -> bool {
        self.is_final && !self.in_frame
    }

    /// A header came; its size passed the limit.
    pub(super) const fn begin_frame(&mut self, size: usize, mask: [u8; 4], is_final: bool) {
        self.in_frame = true;
        self.is_final = is_final;
        self.missing = size;
        self.mask = mask;
    }

    /// Takes what is there of the current frame's body and returns how much that was.
    pub(super) fn take(&mut self, bytes: &mut [u8]) -> Result<usize, Violation> {
        let count = self.missing.min(bytes.len());
        let piece = &mut bytes[..count];
        unmask(piece, self.mask);
        self.mask.rotate_left(count % 4);
        self.reserve(count);
        self.payload.extend_from_slice(piece);
        self.missing -= count;
        self.in_frame = self.missing > 0;
        if self.is_text {
            self.validate()?;
        }
        Ok(count)
    }

    /// The complete message.
    pub(super) fn event(&self) -> Result<Event<'_>, Violation> {
        if !self.is_text {
            return Ok(Event::Binary(&self.payload));
        }
        let text = simdutf8::basic::from_utf8(&self.payload).map_err(|_| Violation::UTF8)?;
        Ok(Event::Text(text))
    }

    /// Makes room for twice what has come, but not beyond the end of the message where that is known.
    fn reserve(&mut self, count: usize) {
        let needed = self.payload.len() + count;
        if needed <= self.payload.capacity() {
            return;
        }
        let doubled = 2 * needed;
        let room = if self.is_final {
            doubled.min(self.payload.len() + self.missing)
        } else {
            doubled
        };
        self.payload.reserve_exact(room - self.payload.len());
    }

    /// Finds a fault as soon as its bytes are there; a character may still be cut.
    fn validate(&mut self) -> Result<(), Violation> {
        match simdutf8::compat::from_utf8(&self.payload[self.valid..]) {
            Ok(text) => self.valid += text.len(),
            Err(error) if error.error_len().is_none() => self.valid += error.valid_up_to(),
            Err(_) => return Err(Violation::UTF8),
        }
        Ok(())
    }
}
