//! JSON strings: escaping on the way out, scanning and unescaping on the way in.
//!
//! Works on bytes and code points alone; it refuses to know Python objects. Non-ASCII goes out raw, as
//! `JSON.stringify` does, except lone surrogates, which only an escape can carry.

#![expect(
    clippy::inline_always,
    reason = "a tenth of the instructions of a small event, as the bench showed"
)]

use super::raw;

/// What a byte below 128 needs inside a JSON string: 0 nothing, `u` a `\u00XX`, else the letter after the backslash.
const ESCAPES: [u8; 256] = {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 0x20 {
        table[byte] = b'u';
        byte += 1;
    }
    table[0x08] = b'b';
    table[0x09] = b't';
    table[0x0a] = b'n';
    table[0x0c] = b'f';
    table[0x0d] = b'r';
    table[b'"' as usize] = b'"';
    table[b'\\' as usize] = b'\\';
    table
};

const HEX: &[u8; 16] = b"0123456789abcdef";

/// A byte in every lane of a word, for looking at eight bytes at once.
const LANES: u64 = 0x0101_0101_0101_0101;

/// Bytes looked at together in long text: what an SSE2 or NEON register holds, which the compiler uses.
const BLOCK: usize = 16;

/// Writes a str that is stored one byte a character (Latin-1, most often ASCII).
#[inline]
pub(super) fn write_latin1(out: &mut Vec<u8>, text: &[u8]) {
    if is_plain(text) {
        raw::append_quoted::<false>(out, text);
    } else {
        write_special(out, text);
    }
}

/// Writes a key that is stored one byte a character, and its colon.
#[inline]
pub(super) fn write_latin1_key(out: &mut Vec<u8>, text: &[u8]) {
    if is_plain(text) {
        raw::append_quoted::<true>(out, text);
    } else {
        write_special(out, text);
        out.push(b':');
    }
}

/// Writes Latin-1 of which something needs an escape or a second byte.
#[inline(never)]
fn write_special(out: &mut Vec<u8>, text: &[u8]) {
    out.reserve(text.len() + text.len() / 2 + 2);
    out.push(b'"');
    let mut rest = text;
    loop {
        let plain = plain_prefix(rest);
        out.extend_from_slice(&rest[..plain]);
        let Some(&byte) = rest.get(plain) else { break };
        if byte < 0x80 {
            write_escape(out, byte);
        } else {
            out.extend_from_slice(&[0xc0 | byte >> 6, 0x80 | byte & 0x3f]);
        }
        rest = &rest[plain + 1..];
    }
    out.push(b'"');
}

/// Writes a str that is stored in wider units, each a code point.
pub(super) fn write_wide<T: Copy + Into<u32>>(out: &mut Vec<u8>, text: &[T]) {
    // Three bytes a character for what two stored bytes can hold; four of them need a rarer, longer plane.
    out.reserve(text.len() * 3 + 2);
    out.push(b'"');
    for &unit in text {
        let point: u32 = unit.into();
        match point {
            0..0x80 => {
                let byte = point as u8;
                if ESCAPES[byte as usize] == 0 {
                    out.push(byte);
                } else {
                    write_escape(out, byte);
                }
            }
            0x80..0x800 => out.extend_from_slice(&[0xc0 | (point >> 6) as u8, tail(point)]),
            0xd800..0xe000 => write_unit(out, point as u16),
            0x800..0x1_0000 => {
                out.extend_from_slice(&[0xe0 | (point >> 12) as u8, tail(point >> 6), tail(point)]);
            }
            _ => out.extend_from_slice(&[
                0xf0 | (point >> 18) as u8,
                tail(point >> 12),
                tail(point >> 6),
                tail(point),
            ]),
        }
    }
    out.push(b'"');
}

/// Writes text of our own making (names of fields, formatted values).
pub(super) fn write_str(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    for &byte in text.as_bytes() {
        if ESCAPES[byte as usize] == 0 {
            out.push(byte);
        } else {
            write_escape(out, byte);
        }
    }
    out.push(b'"');
}

/// How far a string's plain part reaches, seen from behind its opening quote.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Run {
    /// Bytes up to the first quote, backslash or control character, or to the end of the input.
    pub len: usize,
    /// Whether all of them are ASCII.
    pub ascii: bool,
}

/// Scans the plain part of a string in received text.
#[inline(always)]
pub(super) fn scan(input: &[u8]) -> Run {
    let mut len = 0;
    let mut seen = 0;
    while let Some(word) = input[len..].first_chunk::<8>() {
        let word = u64::from_le_bytes(*word);
        let stop = special(word);
        if stop != 0 {
            let lanes = lane(stop);
            let before = word & !(u64::MAX << (8 * lanes));
            return Run {
                len: len + lanes,
                ascii: (seen | before) & (LANES << 7) == 0,
            };
        }
        seen |= word;
        len += 8;
    }
    while let Some(&byte) = input.get(len) {
        if ESCAPES[byte as usize] != 0 {
            break;
        }
        seen |= u64::from(byte);
        len += 1;
    }
    Run {
        len,
        ascii: seen & (LANES << 7) == 0,
    }
}

/// A piece of a string behind a backslash, unescaped.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Unescaped {
    /// A character.
    Char(char),
    /// Half of a surrogate pair whose other half is missing. JavaScript strings may hold one.
    Lone(u16),
}

/// Reads the escape that starts behind a backslash; with it the number of bytes it took.
pub(super) fn unescape(input: &[u8]) -> Result<(Unescaped, usize), &'static str> {
    let char = match input.first() {
        Some(b'"') => '"',
        Some(b'\\') => '\\',
        Some(b'/') => '/',
        Some(b'b') => '\u{8}',
        Some(b'f') => '\u{c}',
        Some(b'n') => '\n',
        Some(b'r') => '\r',
        Some(b't') => '\t',
        Some(b'u') => return unescape_unit(&input[1..]).map(|(piece, taken)| (piece, taken + 1)),
        _ => return Err("unknown escape"),
    };
    Ok((Unescaped::Char(char), 1))
}

/// Appends half a surrogate pair in the three-byte form that the interpreter's `surrogatepass` reads.
pub(super) fn push_lone(out: &mut Vec<u8>, unit: u16) {
    let point = u32::from(unit);
    out.extend_from_slice(&[0xe0 | (point >> 12) as u8, tail(point >> 6), tail(point)]);
}

fn unescape_unit(input: &[u8]) -> Result<(Unescaped, usize), &'static str> {
    let unit = hex4(input).ok_or("\\u needs four hexadecimal digits")?;
    if !(0xd800..0xdc00).contains(&unit) {
        return Ok((
            char::from_u32(unit.into()).map_or(Unescaped::Lone(unit), Unescaped::Char),
            4,
        ));
    }
    // A low half must follow at once; whatever else follows is read on its own.
    let low = match input.get(4..6) {
        Some(b"\\u") => hex4(&input[6..]).filter(|low| (0xdc00..0xe000).contains(low)),
        _ => None,
    };
    let Some(low) = low else {
        return Ok((Unescaped::Lone(unit), 4));
    };
    let point = 0x1_0000 + ((u32::from(unit) & 0x3ff) << 10) + (u32::from(low) & 0x3ff);
    Ok((
        char::from_u32(point).map_or(Unescaped::Lone(unit), Unescaped::Char),
        10,
    ))
}

fn hex4(input: &[u8]) -> Option<u16> {
    let digits = input.first_chunk::<4>()?;
    digits.iter().try_fold(0, |unit, &digit| {
        Some(unit << 4 | (digit as char).to_digit(16)? as u16)
    })
}

/// Whether all of `text` goes out as it is. Ends are looked at as whole words that overlap what is before them.
#[inline(always)]
fn is_plain(text: &[u8]) -> bool {
    if let Some(last) = text.last_chunk::<BLOCK>() {
        let (blocks, _) = text.as_chunks::<BLOCK>();
        blocks.iter().all(is_plain_block) && is_plain_block(last)
    } else if let (Some(first), Some(last)) = (text.first_chunk::<8>(), text.last_chunk::<8>()) {
        stops(u64::from_le_bytes(*first)) | stops(u64::from_le_bytes(*last)) == 0
    } else if let (Some(first), Some(last)) = (text.first_chunk::<4>(), text.last_chunk::<4>()) {
        stops(u64::from(u32::from_le_bytes(*first)) | u64::from(u32::from_le_bytes(*last)) << 32)
            == 0
    } else {
        text.iter()
            .all(|&byte| byte < 0x80 && ESCAPES[byte as usize] == 0)
    }
}

#[inline(always)]
fn is_plain_block(block: &[u8; BLOCK]) -> bool {
    let mut stop = false;
    for &byte in block {
        // Signed: bytes from 0x80 on are below the space as well.
        stop |= byte.cast_signed() < 0x20 || byte == b'"' || byte == b'\\';
    }
    !stop
}

/// The number of leading bytes that go out as they are.
fn plain_prefix(text: &[u8]) -> usize {
    let mut len = 0;
    while let Some(word) = text[len..].first_chunk() {
        let stop = stops(u64::from_le_bytes(*word));
        if stop != 0 {
            return len + lane(stop);
        }
        len += 8;
    }
    while text
        .get(len)
        .is_some_and(|&byte| byte < 0x80 && ESCAPES[byte as usize] == 0)
    {
        len += 1;
    }
    len
}

/// The high bit of each lane that does not go out as it is; exact up to the lowest one, like [`special`].
#[inline(always)]
fn stops(word: u64) -> u64 {
    special(word) | word & (LANES << 7)
}

/// The high bit of each lane that holds a quote, a backslash or a control character. Exact up to the lowest one, which
/// is all that anybody asks; a borrow may mark lanes above it.
#[inline(always)]
fn special(word: u64) -> u64 {
    let below = |word: u64, bound: u64| word.wrapping_sub(LANES * bound) & !word;
    let control = below(word, 0x20);
    let quote = below(word ^ (LANES * 0x22), 1);
    let backslash = below(word ^ (LANES * 0x5c), 1);
    (control | quote | backslash) & (LANES << 7)
}

/// The number of the lowest lane whose high bit is set.
#[inline(always)]
fn lane(marks: u64) -> usize {
    marks.trailing_zeros() as usize / 8
}

#[cold]
fn write_escape(out: &mut Vec<u8>, byte: u8) {
    match ESCAPES[byte as usize] {
        b'u' => write_unit(out, byte.into()),
        letter => out.extend_from_slice(&[b'\\', letter]),
    }
}

#[cold]
fn write_unit(out: &mut Vec<u8>, unit: u16) {
    let digit = |shift: u16| HEX[usize::from(unit >> shift & 0xf)];
    out.extend_from_slice(&[b'\\', b'u', digit(12), digit(8), digit(4), digit(0)]);
}

#[inline]
fn tail(bits: u32) -> u8 {
    0x80 | (bits & 0x3f) as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    fn latin1(text: &[u8]) -> String {
        let mut out = Vec::new();
        write_latin1(&mut out, text);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn every_byte_is_escaped_as_serde_json_does() {
        for byte in 0..=255_u8 {
            for around in [0, 1, 15, 16, 17, 40] {
                let mut text = vec![b'x'; around];
                text.push(byte);
                text.extend(vec![b'y'; around]);
                let oracle: String = text.iter().map(|&byte| char::from(byte)).collect();
                assert_eq!(latin1(&text), serde_json::to_string(&oracle).unwrap());
            }
        }
    }

    #[test]
    fn wide_text_is_utf8_and_lone_surrogates_are_escaped() {
        let mut out = Vec::new();
        write_wide(
            &mut out,
            &[
                0x41_u32, 0x22, 0x7ff, 0x800, 0xd800, 0xffff, 0x1_f600, 0x10_ffff,
            ],
        );
        assert_eq!(
            out,
            "\"A\\\"\u{7ff}\u{800}\\ud800\u{ffff}\u{1f600}\u{10ffff}\"".as_bytes()
        );
    }

    #[test]
    fn scanning_stops_at_quote_backslash_and_control() {
        for stop in [b'"', b'\\', 0, 0x1f] {
            for at in 0..50 {
                let mut input = vec![b'a'; 64];
                input[at] = stop;
                assert_eq!(
                    scan(&input),
                    Run {
                        len: at,
                        ascii: true
                    }
                );
                input[60] = 0xc3;
                assert_eq!(
                    scan(&input),
                    Run {
                        len: at,
                        ascii: true
                    },
                    "what follows does not count"
                );
            }
        }
        assert_eq!(
            scan("aé".as_bytes()),
            Run {
                len: 3,
                ascii: false
            }
        );
    }

    #[test]
    fn escapes_are_read() {
        assert_eq!(unescape(b"n..."), Ok((Unescaped::Char('\n'), 1)));
        assert_eq!(unescape(b"u00e9"), Ok((Unescaped::Char('é'), 5)));
        assert_eq!(unescape(b"ud83d\\ude00x"), Ok((Unescaped::Char('😀'), 11)));
        assert_eq!(
            unescape(b"ud83d\\ud83d\\ude00"),
            Ok((Unescaped::Lone(0xd83d), 5))
        );
        assert_eq!(unescape(b"ude00"), Ok((Unescaped::Lone(0xde00), 5)));
        for bad in [&b""[..], b"x", b"u12", b"u+123", b"u12g4", b"U0041"] {
            assert!(unescape(bad).is_err(), "{bad:?}");
        }
    }
}
