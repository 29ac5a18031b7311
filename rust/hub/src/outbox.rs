//! What waits to be written to one connection, in order. The bound is kept by who queues (see `delivery.rs`).

use std::{collections::VecDeque, io::IoSlice, sync::Arc};

use sio_protocol::engineio::payload::{push_binary, push_text};

use crate::frame::{Frame, Kind};

/// A queue that grew larger than this gives its memory back once it is empty.
const KEPT_CAPACITY: usize = 32;

#[derive(Debug, Default)]
pub struct Outbox {
    queue: VecDeque<Arc<Frame>>,
    /// Size of all packets that wait.
    bytes: usize,
    /// How far the first frame is written: which part, and how many bytes of it.
    part: u32,
    offset: u32,
    /// Size of the packet that was taken whole and is being written.
    in_flight: usize,
}

impl Outbox {
    pub fn push(&mut self, frame: Arc<Frame>) {
        if frame.kind() == Kind::Packet {
            self.bytes += frame.wire_len();
        }
        self.queue.push_back(frame);
    }

    pub fn is_empty(&self) -> bool {
        self.queue.is_empty() && self.in_flight == 0
    }

    pub fn len(&self) -> usize {
        self.queue.len()
    }

    /// Whether part of the first packet is out: nothing else may come before its rest.
    pub fn has_begun(&self) -> bool {
        self.part > 0 || self.offset > 0
    }

    /// Fills `slices` with what comes next on a WebSocket.
    pub fn slices<'a>(&'a self, slices: &mut [IoSlice<'a>]) -> usize {
        let (mut part, mut offset) = (self.part as usize, self.offset as usize);
        let mut filled = 0;
        for frame in &self.queue {
            while let Some(piece) = frame.part(part) {
                if filled == slices.len() {
                    return filled;
                }
                slices[filled] = IoSlice::new(&piece.wire()[offset..]);
                filled += 1;
                part += 1;
                offset = 0;
            }
            part = 0;
        }
        filled
    }

    /// `written` bytes of the slices went out. Returns the size of the packets that are out completely.
    pub fn advance(&mut self, mut written: usize) -> usize {
        let mut released = 0;
        while let Some(frame) = self.queue.front() {
            let Some(piece) = frame.part(self.part as usize) else {
                if frame.kind() == Kind::Packet {
                    released += frame.wire_len();
                }
                self.queue.pop_front();
                self.part = 0;
                continue;
            };
            let rest = piece.wire().len() - self.offset as usize;
            if written < rest {
                self.offset += written as u32;
                break;
            }
            written -= rest;
            self.part += 1;
            self.offset = 0;
        }
        self.bytes -= released;
        self.shrink();
        released
    }

    /// For a carrier that frames by itself: the next part (see [`Frame::part`]). A packet of which part was taken is never
    /// broken off; it counts until [`Outbox::finish`].
    pub fn take_part(&mut self) -> Option<(Arc<Frame>, usize)> {
        let frame = Arc::clone(self.queue.front()?);
        let part = self.part as usize;
        if frame.part(part + 1).is_some() {
            self.part += 1;
        } else {
            self.queue.pop_front();
            self.part = 0;
            if frame.kind() == Kind::Packet {
                self.bytes -= frame.wire_len();
                self.in_flight += frame.wire_len();
            }
            self.shrink();
        }
        Some((frame, part))
    }

    /// What was taken is out. Returns the size of the packet that is out completely, if it was the last part.
    pub fn finish(&mut self) -> usize {
        std::mem::take(&mut self.in_flight)
    }

    /// Moves as many packets as fit `max` bytes (at least one) to a polling body. Returns the size of what was taken.
    pub fn take_payload(&mut self, body: &mut Vec<u8>, max: usize) -> usize {
        let mut released = 0;
        while let Some(frame) = self.queue.front() {
            if frame.kind() == Kind::Packet {
                if !body.is_empty() && body.len() + frame.wire_len() * 4 / 3 > max {
                    break;
                }
                push_text(frame.text().payload(), body);
                for attachment in frame.attachments() {
                    push_binary(attachment.payload(), body);
                }
                released += frame.wire_len();
            }
            self.queue.pop_front();
        }
        self.bytes -= released;
        self.shrink();
        released
    }

    /// Drops the oldest packets that may be dropped until `excess` bytes are gone; never the newest, nor one that has begun
    /// to go out. Returns how many, and their size.
    pub fn drop_oldest(&mut self, excess: usize) -> (usize, usize) {
        let (mut packets, mut bytes) = (0, 0);
        let mut index = usize::from(self.has_begun());
        while bytes < excess && index + 1 < self.queue.len() {
            if self.queue[index].is_droppable() {
                // Near the front, where the oldest are: what stands before it is moved, not what follows.
                if let Some(frame) = self.queue.remove(index) {
                    packets += 1;
                    bytes += frame.wire_len();
                }
            } else {
                index += 1;
            }
        }
        self.bytes -= bytes;
        (packets, bytes)
    }

    /// Size of the packets that wait, without the newest.
    pub fn older_bytes(&self) -> usize {
        let newest = self
            .queue
            .back()
            .filter(|frame| frame.kind() == Kind::Packet);
        self.bytes - newest.map_or(0, |frame| frame.wire_len())
    }

    /// Drops everything that has not begun to go out. Returns the size of the dropped packets.
    pub fn discard(&mut self) -> usize {
        let begun = usize::from(self.has_begun());
        let dropped: usize = self
            .queue
            .drain(begun.min(self.queue.len())..)
            .filter(|frame| frame.kind() == Kind::Packet)
            .map(|frame| frame.wire_len())
            .sum();
        self.bytes -= dropped;
        self.shrink();
        dropped
    }

    /// Bytes of all packets that wait or are being written.
    pub const fn packet_bytes(&self) -> usize {
        self.bytes + self.in_flight
    }

    fn shrink(&mut self) {
        if self.queue.is_empty() && self.queue.capacity() > KEPT_CAPACITY {
            self.queue = VecDeque::new();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(outbox: &Outbox) -> Vec<u8> {
        let mut slices = [IoSlice::new(&[]); 16];
        let filled = outbox.slices(&mut slices);
        slices[..filled]
            .iter()
            .flat_map(|slice| slice.iter().copied())
            .collect()
    }

    #[test]
    fn bytes_go_out_once_whatever_the_kernel_takes() {
        let mut outbox = Outbox::default();
        outbox.push(Frame::engine("40"));
        outbox.push(Frame::engine("41"));
        let all = text(&outbox);
        let mut seen = Vec::new();
        let mut released = 0;
        while !outbox.is_empty() {
            seen.push(text(&outbox)[0]);
            released += outbox.advance(1);
        }
        assert_eq!(seen, all);
        assert_eq!(released, 8);
    }

    #[test]
    fn a_frame_that_has_begun_is_not_discarded() {
        let mut outbox = Outbox::default();
        outbox.push(Frame::engine("40"));
        outbox.push(Frame::engine("41"));
        outbox.advance(1);
        assert_eq!(outbox.discard(), 4);
        assert_eq!(text(&outbox), b"\x0240");
    }

    #[test]
    fn the_oldest_go_and_what_must_not_be_lost_stays() {
        let mut outbox = Outbox::default();
        let event = |text: &str| {
            let frame = Frame::packet([&[0; 10], text.as_bytes()].concat(), 10, Vec::new());
            Arc::new(frame.droppable())
        };
        for text in ["40", "41"] {
            outbox.push(Frame::engine(text));
            outbox.push(event(&format!("42[{text}]")));
        }
        outbox.push(event("42[3]"));
        outbox.advance(1);
        assert_eq!(outbox.drop_oldest(1), (1, 8));
        assert_eq!(
            text(&outbox),
            b"\x0240\x81\x0241\x81\x0642[41]\x81\x0542[3]"
        );
        assert_eq!(outbox.drop_oldest(1_000), (1, 8), "never the newest");
        assert_eq!(outbox.drop_oldest(1_000), (0, 0));
        assert_eq!((outbox.packet_bytes(), outbox.older_bytes()), (15, 8));
        assert_eq!(outbox.advance(14), 15);
        assert_eq!(outbox.packet_bytes(), 0);
    }

    #[test]
    fn a_packet_that_has_begun_is_not_dropped() {
        let mut outbox = Outbox::default();
        for number in 0..3 {
            let text = format!("42[{number}]");
            let frame = Frame::packet([&[0; 10], text.as_bytes()].concat(), 10, Vec::new());
            outbox.push(Arc::new(frame.droppable()));
        }
        outbox.advance(3);
        assert_eq!(outbox.drop_oldest(1_000), (1, 7));
        assert_eq!(text(&outbox), b"2[0]\x81\x0542[2]");
    }

    #[test]
    fn a_packet_that_was_taken_counts_until_it_is_out() {
        let mut outbox = Outbox::default();
        let attached = Frame::packet([0; 10].into(), 10, vec![[0; 12].into()]);
        let size = attached.wire_len();
        outbox.push(Arc::new(attached));
        assert_eq!(outbox.take_part().map(|(_, part)| part), Some(0));
        assert_eq!(outbox.finish(), 0);
        assert_eq!(outbox.discard(), 0, "half of a packet is out");
        assert_eq!(outbox.take_part().map(|(_, part)| part), Some(1));
        assert!(outbox.take_part().is_none());
        assert!(!outbox.is_empty());
        assert_eq!(outbox.packet_bytes(), size);
        assert_eq!(outbox.finish(), size);
        assert!(outbox.is_empty());
    }

    #[test]
    fn a_polling_body_holds_packets_but_no_control_frames() {
        let mut outbox = Outbox::default();
        outbox.push(Frame::engine("2"));
        outbox.push(Frame::control(sio_protocol::websocket::Opcode::Pong, b"x"));
        outbox.push(Frame::engine("41"));
        let mut body = Vec::new();
        assert_eq!(outbox.take_payload(&mut body, 1000), 7);
        assert_eq!(body, b"2\x1e41");
    }
}
