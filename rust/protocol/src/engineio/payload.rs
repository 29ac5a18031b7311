//! Several packets in one long-polling body: joined by a record separator, binary messages as `b` and base64.
//!
//! Text packets keep their type digit; [`super::packet::decode`] reads it. Limits on the body are the carrier's business.

use std::borrow::Cow;
use std::fmt;

use base64::{
    Engine as _,
    alphabet::STANDARD as ALPHABET,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use bytes::Bytes;

/// The byte between two packets.
pub const SEPARATOR: u8 = 0x1e;

/// The byte before a binary message in base64, in a payload and in a WebSocket text frame.
pub const BINARY: u8 = b'b';

/// Written with padding, read with or without.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &ALPHABET,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// One packet of a body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece<'a> {
    /// Type digit and data. Bytes that are no UTF-8 have become U+FFFD, as with the official server.
    Text(Cow<'a, str>),
    /// A binary message.
    Binary(Bytes),
}

/// Why a body, or a `b` frame, cannot be read on. The session ends with the reason `parse error`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PayloadError {
    /// Nothing between two separators, before the first or after the last, or no body at all.
    EmptyPacket,
    /// What follows a `b` is not base64.
    Base64,
}

impl fmt::Display for PayloadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::EmptyPacket => "the payload has an empty packet (no body, or a separator without a packet beside it)",
            Self::Base64 => "a binary message of the payload is not base64",
        })
    }
}

impl std::error::Error for PayloadError {}

/// The packets of a body, in order, up to the first error.
#[derive(Clone, Debug)]
pub struct Pieces<'a> {
    rest: Option<&'a [u8]>,
}

/// Reads a body.
pub const fn decode(body: &[u8]) -> Pieces<'_> {
    Pieces { rest: Some(body) }
}

impl<'a> Iterator for Pieces<'a> {
    type Item = Result<Piece<'a>, PayloadError>;

    fn next(&mut self) -> Option<Self::Item> {
        let rest = self.rest.take()?;
        let piece = match memchr::memchr(SEPARATOR, rest) {
            Some(at) => {
                self.rest = Some(&rest[at + 1..]);
                &rest[..at]
            }
            None => rest,
        };
        let piece = match piece {
            [] => Err(PayloadError::EmptyPacket),
            [BINARY, base64 @ ..] => decode_base64(base64).map(|data| Piece::Binary(data.into())),
            text => Ok(Piece::Text(lossy(text))),
        };
        if piece.is_err() {
            self.rest = None;
        }
        Some(piece)
    }
}

/// Reads what follows a `b`, here or in a WebSocket text frame.
pub fn decode_base64(text: &[u8]) -> Result<Vec<u8>, PayloadError> {
    BASE64.decode(text).map_err(|_| PayloadError::Base64)
}

/// Appends a text packet (type digit and data) to a body.
pub fn push_text(packet: &[u8], body: &mut Vec<u8>) {
    body.reserve(1 + packet.len());
    separate(body);
    body.extend_from_slice(packet);
}

/// Appends a binary message to a body.
pub fn push_binary(data: &[u8], body: &mut Vec<u8>) {
    separate(body);
    body.push(BINARY);
    let start = body.len();
    body.resize(start + base64_len(data.len()), 0);
    let written = BASE64.encode_slice(data, &mut body[start..]);
    debug_assert_eq!(written, Ok(body.len() - start));
}

/// Bytes that a binary message of this size takes in a body, without the separator.
pub const fn binary_len(data: usize) -> usize {
    1 + base64_len(data)
}

const fn base64_len(data: usize) -> usize {
    data.div_ceil(3) * 4
}

/// No packet is empty, so a body is empty only before the first.
fn separate(body: &mut Vec<u8>) {
    if !body.is_empty() {
        body.push(SEPARATOR);
    }
}

fn lossy(text: &[u8]) -> Cow<'_, str> {
    match simdutf8::basic::from_utf8(text) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => String::from_utf8_lossy(text),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{PayloadError, Piece, binary_len, decode, push_binary, push_text};

    fn text(packet: &str) -> Piece<'_> {
        Piece::Text(packet.into())
    }

    fn binary(data: &'static [u8]) -> Piece<'static> {
        Piece::Binary(data.into())
    }

    /// The packets up to the error, and the error.
    fn read(body: &[u8]) -> (Vec<Piece<'_>>, Option<PayloadError>) {
        let mut pieces = Vec::new();
        let mut read = decode(body);
        while let Some(piece) = read.next() {
            match piece {
                Ok(piece) => pieces.push(piece),
                Err(error) => {
                    assert_eq!(read.next(), None);
                    return (pieces, Some(error));
                }
            }
        }
        (pieces, None)
    }

    #[test]
    fn packets_come_in_order() {
        assert_eq!(read(b"42[\"a\",1]"), (vec![text("42[\"a\",1]")], None));
        let pieces = vec![
            text("42[\"a\"]"),
            binary(&[1, 2, 3]),
            binary(&[4]),
            binary(&[4]),
            text("3"),
            binary(b""),
        ];
        let body = b"42[\"a\"]\x1ebAQID\x1ebBA==\x1ebBA\x1e3\x1eb";
        assert_eq!(read(body), (pieces, None));
    }

    #[test]
    fn an_empty_packet_ends_the_body_where_it_stands() {
        let empty = Some(PayloadError::EmptyPacket);
        assert_eq!(read(b""), (vec![], empty));
        assert_eq!(read(b"\x1e"), (vec![], empty));
        assert_eq!(read(b"4a\x1e"), (vec![text("4a")], empty));
        assert_eq!(read(b"4a\x1e\x1e4b"), (vec![text("4a")], empty));
    }

    #[test]
    fn bad_base64_ends_the_body_where_it_stands() {
        let bad = Some(PayloadError::Base64);
        assert_eq!(read(b"4a\x1eb!!!!\x1e4b"), (vec![text("4a")], bad));
        assert_eq!(read(b"bA"), (vec![], bad));
    }

    #[test]
    fn bad_utf8_is_replaced() {
        let pieces = vec![text("4a\u{fffd}b"), text("4\u{fffd}")];
        assert_eq!(read(b"4a\xffb\x1e4\xc3"), (pieces, None));
    }

    #[test]
    fn errors_say_what_is_wrong() {
        assert!(
            PayloadError::EmptyPacket
                .to_string()
                .contains("empty packet")
        );
        assert!(PayloadError::Base64.to_string().contains("base64"));
    }

    #[test]
    fn a_body_joins_its_packets() {
        let mut body = Vec::new();
        push_text(b"42[\"a\",1]", &mut body);
        push_text(b"452-[\"b\"]", &mut body);
        push_binary(&[1, 2, 3], &mut body);
        push_binary(&[4], &mut body);
        push_text(b"6", &mut body);
        assert_eq!(body, b"42[\"a\",1]\x1e452-[\"b\"]\x1ebAQID\x1ebBA==\x1e6");
    }

    #[derive(Clone, Debug)]
    enum Packet {
        Text(String),
        Binary(Vec<u8>),
    }

    fn packets() -> impl Strategy<Value = Vec<Packet>> {
        let text = any::<String>()
            .prop_map(|data| Packet::Text(format!("4{}", data.replace('\u{1e}', ""))));
        let binary = any::<Vec<u8>>().prop_map(Packet::Binary);
        proptest::collection::vec(prop_oneof![text, binary], 1..8)
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(packets in packets()) {
            let mut body = Vec::new();
            for packet in &packets {
                let before = body.len();
                match packet {
                    Packet::Text(text) => push_text(text.as_bytes(), &mut body),
                    Packet::Binary(data) => {
                        push_binary(data, &mut body);
                        prop_assert_eq!(body.len() - before, binary_len(data.len()) + usize::from(before > 0));
                    }
                }
            }
            let read: Vec<_> = decode(&body).collect::<Result<_, _>>().unwrap();
            prop_assert_eq!(read.len(), packets.len());
            for (read, sent) in read.iter().zip(&packets) {
                match (read, sent) {
                    (Piece::Text(read), Packet::Text(sent)) => prop_assert_eq!(read, sent),
                    (Piece::Binary(read), Packet::Binary(sent)) => prop_assert_eq!(&read[..], &sent[..]),
                    other => prop_assert!(false, "{:?}", other),
                }
            }
        }

        #[test]
        fn any_bytes_are_packets_and_then_at_most_one_error(body: Vec<u8>) {
            let read: Vec<_> = decode(&body).collect();
            prop_assert!(!read.is_empty());
            prop_assert!(read.iter().rev().skip(1).all(Result::is_ok));
        }
    }
}
