//! Prebuilt packets that differ from one another only in a number of six digits.
//!
//! A masked frame is built once for each connection; sending the next event patches its digits in place. The same
//! digits stand in the argument and (with an ack) in the ack id, so that every answer names its question.

use crate::frame::{MASK, Opcode, write_masked};

/// Six digits, never a leading zero: as an ack id it must be a plain number. It starts anew after 900 000.
pub const DIGITS: usize = 6;
const FIRST: u64 = 100_000;
const CYCLE: u64 = 900_000;
/// `DIGITS`, a dot, `DIGITS` of the connection, a dot.
pub const SMALLEST_ARGUMENT: usize = 2 * (DIGITS + 1);

/// The digits of the `count`-th event.
pub fn digits(count: u64) -> [u8; DIGITS] {
    let mut rest = FIRST + count % CYCLE;
    let mut text = [b'0'; DIGITS];
    for place in text.iter_mut().rev() {
        *place += (rest % 10) as u8;
        rest /= 10;
    }
    text
}

/// A string argument of `bytes` ASCII bytes: the event's digits (zeros here), the connection's, then letters.
pub fn argument(connection: usize, bytes: usize) -> Vec<u8> {
    let mut text = vec![b'0'; DIGITS];
    text.push(b'.');
    text.extend_from_slice(&digits(connection as u64));
    text.push(b'.');
    let letters = (b'a'..=b'z').cycle();
    text.extend(letters.take(bytes.saturating_sub(SMALLEST_ARGUMENT)));
    text
}

/// A packet in clear, with the places of its digits.
#[derive(Debug, Clone)]
pub struct Packet {
    text: Vec<u8>,
    places: Vec<usize>,
}

impl Packet {
    /// `42["name","argument"]`.
    pub fn event(name: &str, argument: &[u8]) -> Self {
        Self::joined(b"42", None, Some(name), argument)
    }

    /// `42<id>["name","argument"]`.
    pub fn event_with_ack(name: &str, argument: &[u8]) -> Self {
        Self::joined(b"42", Some(()), Some(name), argument)
    }

    /// `43<id>["argument"]`.
    pub fn ack(argument: &[u8]) -> Self {
        Self::joined(b"43", Some(()), None, argument)
    }

    fn joined(kind: &[u8], id: Option<()>, name: Option<&str>, argument: &[u8]) -> Self {
        let mut text = kind.to_vec();
        let mut places = Vec::with_capacity(2);
        if id.is_some() {
            places.push(text.len());
            text.extend_from_slice(&[b'0'; DIGITS]);
        }
        text.push(b'[');
        if let Some(name) = name {
            text.push(b'"');
            text.extend_from_slice(name.as_bytes());
            text.extend_from_slice(b"\",");
        }
        text.push(b'"');
        places.push(text.len());
        text.extend_from_slice(argument);
        text.extend_from_slice(b"\"]");
        Self { text, places }
    }

    /// The packet with these digits in all their places.
    pub fn with(&mut self, digits: [u8; DIGITS]) -> &[u8] {
        for &place in &self.places {
            self.text[place..place + DIGITS].copy_from_slice(&digits);
        }
        &self.text
    }

    /// The digits that stand in the first place of `other`, if it is as long as this packet.
    pub fn digits_of(&self, other: &[u8]) -> Option<[u8; DIGITS]> {
        if other.len() != self.text.len() {
            return None;
        }
        let place = *self.places.first()?;
        other.get(place..place + DIGITS)?.try_into().ok()
    }
}

/// A packet as a masked frame, ready to be written.
#[derive(Debug, Clone)]
pub struct MaskedPacket {
    frame: Vec<u8>,
    begin: usize,
    places: Vec<usize>,
}

impl MaskedPacket {
    pub fn new(packet: &Packet) -> Self {
        let mut frame = Vec::with_capacity(packet.text.len() + 14);
        let begin = write_masked(&mut frame, Opcode::Text, &packet.text);
        Self {
            frame,
            begin,
            places: packet.places.clone(),
        }
    }

    /// The frame with these digits in all their places.
    pub fn with(&mut self, digits: [u8; DIGITS]) -> &[u8] {
        for &place in &self.places {
            for (offset, digit) in digits.iter().enumerate() {
                let at = place + offset;
                self.frame[self.begin + at] = digit ^ MASK[at % MASK.len()];
            }
        }
        &self.frame
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_count_and_start_anew() {
        assert_eq!(&digits(0), b"100000");
        assert_eq!(&digits(23), b"100023");
        assert_eq!(&digits(899_999), b"999999");
        assert_eq!(&digits(900_000), b"100000");
    }

    #[test]
    fn arguments_have_the_asked_size_and_differ_by_connection() {
        for bytes in [SMALLEST_ARGUMENT, 64, 128, 1024] {
            assert_eq!(argument(3, bytes).len(), bytes);
            assert_ne!(argument(3, bytes), argument(4, bytes));
        }
    }

    #[test]
    fn the_digits_stand_in_the_id_and_in_the_argument() {
        let text = argument(0, 16);
        let mut event = Packet::event_with_ack("echo", &text);
        assert_eq!(
            event.with(digits(7)),
            b"42100007[\"echo\",\"100007.100000.ab\"]"
        );
        let mut ack = Packet::ack(&text);
        assert_eq!(ack.with(digits(7)), b"43100007[\"100007.100000.ab\"]");
        let mut plain = Packet::event("bcast", &text);
        assert_eq!(plain.with(digits(8)), b"42[\"bcast\",\"100008.100000.ab\"]");
    }

    #[test]
    fn an_answer_names_its_question() {
        let text = argument(0, 16);
        let ack = Packet::ack(&text);
        assert_eq!(
            ack.digits_of(b"43100007[\"100007.100000.ab\"]"),
            Some(digits(7))
        );
        assert_eq!(ack.digits_of(b"43100007[\"100007.100000.a\"]"), None);
    }

    #[test]
    fn a_patched_frame_is_the_frame_of_the_patched_packet() {
        for packet in [
            Packet::event_with_ack("echo", &argument(12, 64)),
            Packet::event("bcast", &argument(0, 300)),
        ] {
            let mut masked = MaskedPacket::new(&packet);
            let mut packet = packet;
            for count in [1, 99_999, 899_999] {
                let mut expected = Vec::new();
                write_masked(&mut expected, Opcode::Text, packet.with(digits(count)));
                assert_eq!(masked.with(digits(count)), expected);
            }
        }
    }
}
