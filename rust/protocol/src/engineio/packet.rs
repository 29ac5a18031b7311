//! One Engine.IO packet as text: a type digit and its data.
//!
//! Binary messages have no digit: they are WebSocket binary frames, or `b` and base64 in a polling payload. What a packet
//! means for a session is not decided here.

use std::fmt;

/// What a packet is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum PacketType {
    Open = 0,
    Close = 1,
    Ping = 2,
    Pong = 3,
    Message = 4,
    Upgrade = 5,
    Noop = 6,
}

impl PacketType {
    /// Every type, in the order of the digits.
    pub const ALL: [Self; 7] = [
        Self::Open,
        Self::Close,
        Self::Ping,
        Self::Pong,
        Self::Message,
        Self::Upgrade,
        Self::Noop,
    ];

    /// The type that this first byte stands for.
    pub const fn from_digit(digit: u8) -> Option<Self> {
        Some(match digit {
            b'0' => Self::Open,
            b'1' => Self::Close,
            b'2' => Self::Ping,
            b'3' => Self::Pong,
            b'4' => Self::Message,
            b'5' => Self::Upgrade,
            b'6' => Self::Noop,
            _ => return None,
        })
    }

    /// The first byte of such a packet.
    pub const fn digit(self) -> u8 {
        b'0' + self as u8
    }
}

/// Why bytes are no packet. The session ends with the reason `parse error`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PacketError {
    /// Not even a type digit.
    Empty,
    /// The first byte is no type digit.
    UnknownType(u8),
}

impl fmt::Display for PacketError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str(
                "the Engine.IO packet is empty; it must start with a type digit (0 to 6)",
            ),
            Self::UnknownType(byte) => write!(
                f,
                "an Engine.IO packet starts with \"{}\"; it must start with a type digit (0 to 6)",
                byte.escape_ascii()
            ),
        }
    }
}

impl std::error::Error for PacketError {}

/// Splits a text packet into its type and its data.
pub fn decode(text: &[u8]) -> Result<(PacketType, &[u8]), PacketError> {
    let (&digit, data) = text.split_first().ok_or(PacketError::Empty)?;
    let kind = PacketType::from_digit(digit).ok_or(PacketError::UnknownType(digit))?;
    Ok((kind, data))
}

/// Appends a text packet.
pub fn encode(kind: PacketType, data: &[u8], out: &mut Vec<u8>) {
    out.reserve(1 + data.len());
    out.push(kind.digit());
    out.extend_from_slice(data);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{PacketError, PacketType, decode, encode};

    #[test]
    fn every_digit_has_its_type() {
        let rows: [(&[u8], PacketType, &[u8]); 8] = [
            (b"0{}", PacketType::Open, b"{}"),
            (b"1", PacketType::Close, b""),
            (b"2", PacketType::Ping, b""),
            (b"2probe", PacketType::Ping, b"probe"),
            (b"3probe", PacketType::Pong, b"probe"),
            (b"42[\"a\"]", PacketType::Message, b"2[\"a\"]"),
            (b"5", PacketType::Upgrade, b""),
            (b"6", PacketType::Noop, b""),
        ];
        for (text, kind, data) in rows {
            assert_eq!(decode(text), Ok((kind, data)));
        }
    }

    #[test]
    fn anything_else_is_an_error_that_shows_the_byte() {
        assert_eq!(decode(b""), Err(PacketError::Empty));
        for byte in [b'7', b'8', b'9', b'b', b' ', b'\n', 0, 0xff] {
            assert_eq!(decode(&[byte, b'x']), Err(PacketError::UnknownType(byte)));
        }
        assert!(PacketError::UnknownType(0x1e).to_string().contains("\\x1e"));
        assert!(PacketError::Empty.to_string().contains("empty"));
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(index in 0_usize..7, data: Vec<u8>) {
            let kind = PacketType::ALL[index];
            let mut text = Vec::new();
            encode(kind, &data, &mut text);
            prop_assert_eq!(decode(&text), Ok((kind, data.as_slice())));
        }
    }
}
