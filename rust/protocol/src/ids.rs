//! Identifiers of sessions and sockets: 20 characters of base64url, 120 random bits.
//!
//! The randomness is an argument: this file knows the alphabet and the length, never where entropy comes from.

use std::{fmt, str};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};

/// An Engine.IO session id or a Socket.IO socket id.
///
/// Twenty characters, as long as the official server's: `@socket.io/sticky` routes on exactly that many.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Id([u8; Self::LEN]);

impl Id {
    /// Characters of an id.
    pub const LEN: usize = 20;
    /// Random bytes that one id needs.
    pub const ENTROPY: usize = 15;

    /// The id that stands for these random bytes.
    pub fn from_entropy(entropy: [u8; Self::ENTROPY]) -> Self {
        let mut text = [0; Self::LEN];
        let written = URL_SAFE_NO_PAD.encode_slice(entropy, &mut text);
        debug_assert_eq!(written, Ok(Self::LEN));
        Self(text)
    }

    /// The same with a number below 64 in place of the first six bits, for whoever must find the owner of an id.
    pub fn with_first(number: u8, mut entropy: [u8; Self::ENTROPY]) -> Self {
        entropy[0] = number << 2 | entropy[0] & 3;
        Self::from_entropy(entropy)
    }

    /// The number in the first six bits.
    pub fn first(&self) -> u8 {
        let mut bytes = [0; 3];
        let decoded = URL_SAFE_NO_PAD.decode_slice(&self.0[..4], &mut bytes);
        debug_assert_eq!(decoded, Ok(3));
        bytes[0] >> 2
    }

    /// Reads an id back from what a client sent; `None` if no id of ours can look like that.
    pub fn parse(text: &str) -> Option<Self> {
        let bytes: [u8; Self::LEN] = text.as_bytes().try_into().ok()?;
        bytes
            .iter()
            .all(|&byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
            .then_some(Self(bytes))
    }

    /// The twenty characters.
    pub fn as_str(&self) -> &str {
        // Both constructors admit only characters of base64url, which are ASCII.
        str::from_utf8(&self.0).expect("an id is ASCII")
    }

    /// The twenty characters as bytes.
    pub const fn as_bytes(&self) -> &[u8; Self::LEN] {
        &self.0
    }
}

impl AsRef<str> for Id {
    fn as_ref(&self) -> &str {
        self.as_str()
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl fmt::Debug for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;

    use super::Id;

    #[test]
    fn the_text_is_base64url_of_the_entropy() {
        assert_eq!(Id::from_entropy([0; 15]).as_str(), "AAAAAAAAAAAAAAAAAAAA");
        assert_eq!(
            Id::from_entropy([0xff; 15]).as_str(),
            "____________________"
        );
        assert_eq!(
            Id::from_entropy([0xfb; 15]).to_string(),
            "-_v7-_v7-_v7-_v7-_v7"
        );
        assert_eq!(
            format!("{:?}", Id::from_entropy([0; 15])),
            "AAAAAAAAAAAAAAAAAAAA"
        );
    }

    #[test]
    fn only_twenty_characters_of_the_alphabet_parse() {
        assert!(Id::parse("bpvH4QJRLii9-9iaAAAA").is_some());
        for text in [
            "",
            "short",
            "bpvH4QJRLii9-9iaAAA",
            "bpvH4QJRLii9-9iaAAAAA",
            "bpvH4QJRLii9+9iaAAAA",
        ] {
            assert_eq!(Id::parse(text), None, "{text}");
        }
        // Twenty bytes, but not twenty characters of the alphabet.
        assert_eq!(Id::parse("éééééééééé"), None);
    }

    #[test]
    fn ids_are_values() {
        let ids: HashSet<Id> = (0..=255).map(|byte| Id::from_entropy([byte; 15])).collect();
        assert_eq!(ids.len(), 256);
    }

    proptest! {
        #[test]
        fn the_first_six_bits_are_a_number(number in 0..64_u8, entropy: [u8; 15]) {
            let id = Id::with_first(number, entropy);
            prop_assert_eq!(id.first(), number);
            let plain = Id::from_entropy(entropy);
            prop_assert_eq!(&id.as_str()[1..], &plain.as_str()[1..]);
        }

        #[test]
        fn parse_reads_what_display_writes(entropy: [u8; 15]) {
            let id = Id::from_entropy(entropy);
            let text = id.to_string();
            prop_assert_eq!(Id::parse(&text), Some(id));
        }
    }
}
