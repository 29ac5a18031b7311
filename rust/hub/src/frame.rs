//! One packet, encoded once, in the form in which a WebSocket server sends it.
//!
//! Server frames carry no mask, so the same bytes serve every socket; long-polling takes the part behind the WebSocket
//! header. A packet and its attachments are one [`Frame`] and are never interleaved with another.

use std::sync::Arc;

use sio_protocol::websocket::{Opcode, write_header};

/// Zero bytes to leave in front of a payload so that its WebSocket header can be written without moving it.
pub const HEADROOM: usize = 10;

/// One WebSocket frame: header and payload in one piece.
#[derive(Debug)]
pub struct Part {
    bytes: Vec<u8>,
    start: u32,
    payload: u32,
}

impl Part {
    /// `bytes[payload..]` is the payload; at least [`HEADROOM`] bytes stand before it.
    fn framed(mut bytes: Vec<u8>, payload: usize, opcode: Opcode) -> Self {
        debug_assert!(payload >= HEADROOM);
        let mut header = [0; 10];
        let length = write_header(opcode, bytes.len() - payload, &mut header);
        let start = payload - length;
        bytes[start..payload].copy_from_slice(&header[..length]);
        Self {
            bytes,
            start: start as u32,
            payload: payload as u32,
        }
    }

    /// Header and payload, as a WebSocket carries them.
    pub fn wire(&self) -> &[u8] {
        &self.bytes[self.start as usize..]
    }

    /// The Engine.IO packet (text) or the attachment (binary).
    pub fn payload(&self) -> &[u8] {
        &self.bytes[self.payload as usize..]
    }
}

/// What kind of thing waits in an outbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// An Engine.IO packet: both transports carry it.
    Packet,
    /// A WebSocket control frame: polling does not know it.
    Control,
}

/// One unit of an outbox.
#[derive(Debug)]
pub struct Frame {
    kind: Kind,
    text: Part,
    attachments: Box<[Part]>,
    wire_len: usize,
    droppable: bool,
}

impl Frame {
    /// A packet whose Engine.IO text is `bytes[payload..]`, followed by its attachments, each with [`HEADROOM`] in front.
    pub fn packet(bytes: Vec<u8>, payload: usize, attachments: Vec<Vec<u8>>) -> Self {
        let attachments = attachments
            .into_iter()
            .map(|bytes| Part::framed(bytes, HEADROOM, Opcode::Binary))
            .collect();
        Self::new(
            Kind::Packet,
            Part::framed(bytes, payload, Opcode::Text),
            attachments,
        )
    }

    /// Nothing but this packet itself is lost if it is dropped.
    #[must_use]
    pub const fn droppable(mut self) -> Self {
        self.droppable = true;
        self
    }

    /// A short Engine.IO packet such as `2`.
    pub fn engine(text: &str) -> Arc<Self> {
        Arc::new(Self::packet(
            with_headroom(text.as_bytes()),
            HEADROOM,
            Vec::new(),
        ))
    }

    /// A WebSocket control frame.
    pub fn control(opcode: Opcode, data: &[u8]) -> Arc<Self> {
        let part = Part::framed(with_headroom(data), HEADROOM, opcode);
        Arc::new(Self::new(Kind::Control, part, Box::default()))
    }

    fn new(kind: Kind, text: Part, attachments: Box<[Part]>) -> Self {
        let wire_len = text.wire().len()
            + attachments
                .iter()
                .map(|part| part.wire().len())
                .sum::<usize>();
        Self {
            kind,
            text,
            attachments,
            wire_len,
            droppable: false,
        }
    }

    pub const fn kind(&self) -> Kind {
        self.kind
    }

    /// Whether a slow consumer may miss it: an event that wants no answer.
    pub const fn is_droppable(&self) -> bool {
        self.droppable
    }

    /// Bytes on a WebSocket; the measure of everything that is queued.
    pub const fn wire_len(&self) -> usize {
        self.wire_len
    }

    /// The Engine.IO text packet.
    pub const fn text(&self) -> &Part {
        &self.text
    }

    pub const fn attachments(&self) -> &[Part] {
        &self.attachments
    }

    /// The n-th WebSocket frame of this unit.
    pub fn part(&self, index: usize) -> Option<&Part> {
        match index {
            0 => Some(&self.text),
            n => self.attachments.get(n - 1),
        }
    }
}

fn with_headroom(data: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(HEADROOM + data.len());
    bytes.resize(HEADROOM, 0);
    bytes.extend_from_slice(data);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_packet_carries_its_header_in_front() {
        let frame = Frame::engine("2");
        assert_eq!(frame.text().wire(), b"\x81\x012");
        assert_eq!(frame.text().payload(), b"2");
        assert_eq!(frame.wire_len(), 3);
    }

    #[test]
    fn attachments_are_parts_of_the_same_unit() {
        let frame = Frame::packet(
            with_headroom(b"451-[]"),
            HEADROOM,
            vec![with_headroom(&[7; 200])],
        );
        assert_eq!(frame.part(1).map(|part| part.wire().len()), Some(204));
        assert_eq!(frame.wire_len(), 8 + 204);
        assert!(frame.part(2).is_none());
    }
}
