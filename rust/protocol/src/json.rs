//! JSON strings for the few bodies that this crate writes itself: error answers and the handshake.
//!
//! Application data never comes through here; its codec lives with the values it encodes.

/// Appends `text` as a JSON string, quotes included, escaping what `JSON.stringify` escapes.
pub fn write_string(text: &str, out: &mut Vec<u8>) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    out.reserve(text.len() + 2);
    out.push(b'"');
    for &byte in text.as_bytes() {
        match byte {
            b'"' => out.extend_from_slice(b"\\\""),
            b'\\' => out.extend_from_slice(b"\\\\"),
            0x08 => out.extend_from_slice(b"\\b"),
            0x09 => out.extend_from_slice(b"\\t"),
            0x0a => out.extend_from_slice(b"\\n"),
            0x0c => out.extend_from_slice(b"\\f"),
            0x0d => out.extend_from_slice(b"\\r"),
            0..0x20 => {
                out.extend_from_slice(b"\\u00");
                out.push(HEX[usize::from(byte >> 4)]);
                out.push(HEX[usize::from(byte & 15)]);
            }
            _ => out.push(byte),
        }
    }
    out.push(b'"');
}

/// A value a peer chose, short enough for a log line or an answer: at most 64 bytes and an ellipsis.
pub fn excerpt(value: &str) -> String {
    const LONGEST: usize = 64;
    if value.len() <= LONGEST {
        return value.to_owned();
    }
    let end = (0..=LONGEST)
        .rev()
        .find(|&at| value.is_char_boundary(at))
        .unwrap_or(0);
    format!("{}…", &value[..end])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{excerpt, write_string};

    fn written(text: &str) -> String {
        let mut out = Vec::new();
        write_string(text, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn only_what_json_needs_is_escaped() {
        assert_eq!(written("plain é 漢 🦀"), "\"plain é 漢 🦀\"");
        assert_eq!(
            written("a\"b\\c\n\r\t\u{8}\u{c}\u{1}\u{1f}\u{7f}"),
            "\"a\\\"b\\\\c\\n\\r\\t\\b\\f\\u0001\\u001f\u{7f}\""
        );
    }

    #[test]
    fn excerpts_end_at_a_character() {
        assert_eq!(excerpt("short"), "short");
        assert_eq!(excerpt(&"a".repeat(64)), "a".repeat(64));
        assert_eq!(excerpt(&"é".repeat(40)), format!("{}…", "é".repeat(32)));
        assert_eq!(
            excerpt(&format!("a{}", "é".repeat(40))),
            format!("a{}…", "é".repeat(31))
        );
    }

    proptest! {
        #[test]
        fn a_json_parser_reads_it_back(text: String) {
            let value: String = serde_json::from_str(&written(&text)).unwrap();
            prop_assert_eq!(value, text);
        }
    }
}
