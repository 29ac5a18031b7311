//! Prebuilt packets that differ from one another only in a number of six digits.
//!
//! A masked frame is built once for each connection; sending the next event patches its digits in place. The same
//! digits stand in the argument and (with an ack) in the ack id, so that every answer names its question.

use crate::frame::{MASK, Opcode, write_masked};
use crate::options::Transport;
use crate::poller::SEPARATOR;

/// Six digits, never a leading zero: as an ack id it must be a plain number. It starts anew after 900 000.
pub const DIGITS: usize = 6;
const FIRST: u64 = 100_000;
const CYCLE: u64 = 900_000;
/// `DIGITS`, a dot, `DIGITS` of the connection, a dot.
pub const SMALLEST_ARGUMENT: usize = 2 * (DIGITS + 1);
/// How every implementation writes the place of the first attachment.
const PLACEHOLDER: &str = "{\"_placeholder\":true,\"num\":0}";

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

/// A message in clear, with the places of its digits.
#[derive(Debug, Clone)]
pub struct Packet {
    opcode: Opcode,
    text: Vec<u8>,
    places: Vec<usize>,
}

impl Packet {
    /// Any text without digits to patch.
    pub fn text(text: &str) -> Self {
        Self::begin(text)
    }

    /// `42["name",…,"argument"]`.
    pub fn event(name: &str, before: Option<&str>, argument: &[u8]) -> Self {
        Self::begin("42")
            .bracket()
            .quoted(name)
            .other(before)
            .argument(argument)
    }

    /// `42<id>["name","argument"]`.
    pub fn event_with_ack(name: &str, argument: &[u8]) -> Self {
        Self::begin("42")
            .digits()
            .bracket()
            .quoted(name)
            .argument(argument)
    }

    /// `43<id>["argument"]`.
    pub fn ack(argument: &[u8]) -> Self {
        Self::begin("43").digits().bracket().argument(argument)
    }

    /// `451-<id>["name",…]` with one placeholder.
    pub fn binary_event_with_ack(name: &str) -> Self {
        Self::begin("451-")
            .digits()
            .bracket()
            .quoted(name)
            .push(",")
            .push(PLACEHOLDER)
            .push("]")
    }

    /// `461-<id>[…]` with one placeholder.
    pub fn binary_ack() -> Self {
        Self::begin("461-")
            .digits()
            .bracket()
            .push(PLACEHOLDER)
            .push("]")
    }

    /// A binary message: the argument, with letters that are no UTF-8.
    pub fn attachment(argument: &[u8]) -> Self {
        let (digits, rest) = argument.split_at(SMALLEST_ARGUMENT.min(argument.len()));
        let mut text = digits.to_vec();
        text.extend(rest.iter().map(|byte| byte | 0x80));
        Self {
            opcode: Opcode::Binary,
            text,
            places: vec![0],
        }
    }

    fn begin(kind: &str) -> Self {
        Self {
            opcode: Opcode::Text,
            text: kind.as_bytes().to_vec(),
            places: Vec::with_capacity(2),
        }
    }

    fn push(mut self, text: &str) -> Self {
        self.text.extend_from_slice(text.as_bytes());
        self
    }

    fn bracket(self) -> Self {
        self.push("[")
    }

    fn digits(mut self) -> Self {
        self.places.push(self.text.len());
        self.text.extend_from_slice(&[b'0'; DIGITS]);
        self
    }

    fn quoted(self, text: &str) -> Self {
        self.push("\"").push(text).push("\"")
    }

    fn other(self, text: Option<&str>) -> Self {
        match text {
            Some(text) => self.push(",").quoted(text),
            None => self,
        }
    }

    /// The last argument, with the digits at its head.
    fn argument(mut self, argument: &[u8]) -> Self {
        if self.text.last() != Some(&b'[') {
            self.text.push(b',');
        }
        self.text.push(b'"');
        self.places.push(self.text.len());
        self.text.extend_from_slice(argument);
        self.push("\"]")
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

/// A packet in the form that a transport sends, ready to be written: a masked frame, or text behind a separator.
#[derive(Debug, Clone)]
pub struct Prepared {
    bytes: Vec<u8>,
    begin: usize,
    mask: [u8; MASK.len()],
    places: Vec<usize>,
}

impl Prepared {
    pub fn new(packet: &Packet, transport: Transport) -> Self {
        let mut bytes = Vec::with_capacity(packet.text.len() + 14);
        let (begin, mask) = match transport {
            Transport::WebSocket => (write_masked(&mut bytes, packet.opcode, &packet.text), MASK),
            Transport::Polling => {
                bytes.push(SEPARATOR);
                bytes.extend_from_slice(&packet.text);
                (1, [0; MASK.len()])
            }
        };
        Self {
            bytes,
            begin,
            mask,
            places: packet.places.clone(),
        }
    }

    /// The bytes with these digits in all their places.
    pub fn with(&mut self, digits: [u8; DIGITS]) -> &[u8] {
        for &place in &self.places {
            for (offset, digit) in digits.iter().enumerate() {
                let at = place + offset;
                self.bytes[self.begin + at] = digit ^ self.mask[at % MASK.len()];
            }
        }
        &self.bytes
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
        let mut plain = Packet::event("bcast", None, &text);
        assert_eq!(plain.with(digits(8)), b"42[\"bcast\",\"100008.100000.ab\"]");
        let mut room = Packet::event("room", Some("r7"), &text);
        assert_eq!(
            room.with(digits(8)),
            b"42[\"room\",\"r7\",\"100008.100000.ab\"]"
        );
        let mut question = Packet::binary_event_with_ack("echo");
        assert_eq!(
            question.with(digits(9)),
            b"451-100009[\"echo\",{\"_placeholder\":true,\"num\":0}]"
        );
        let mut answer = Packet::binary_ack();
        assert_eq!(
            answer.with(digits(9)),
            b"461-100009[{\"_placeholder\":true,\"num\":0}]"
        );
        let mut attachment = Packet::attachment(&text);
        assert_eq!(attachment.with(digits(9)), b"100009.100000.\xe1\xe2");
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
            Packet::event("room", Some("r1"), &argument(0, 300)),
        ] {
            let mut masked = Prepared::new(&packet, Transport::WebSocket);
            let mut plain = Prepared::new(&packet, Transport::Polling);
            let mut packet = packet;
            for count in [1, 99_999, 899_999] {
                let mut expected = Vec::new();
                write_masked(&mut expected, Opcode::Text, packet.with(digits(count)));
                assert_eq!(masked.with(digits(count)), expected);
                assert_eq!(plain.with(digits(count))[1..], *packet.with(digits(count)));
            }
        }
    }
}
