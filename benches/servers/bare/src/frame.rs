//! WebSocket frames as a server sees them: masked ones in, unmasked ones out. Knows bytes only.

use std::io::{self, ErrorKind};
use std::ops::Range;

const MASKED: u8 = 0x80;
const BINARY: u8 = 2;
const CLOSE: u8 = 8;

/// Whether the next complete frame is binary, and where its unmasked payload lies; `used` moves behind it.
pub fn next(buffer: &mut [u8], used: &mut usize) -> io::Result<Option<(bool, Range<usize>)>> {
    let [first, second, rest @ ..] = &buffer[*used..] else {
        return Ok(None);
    };
    let opcode = first & 0x0f;
    if second & MASKED == 0 || first & 0x80 == 0 || opcode == CLOSE {
        return Err(ErrorKind::InvalidData.into());
    }
    let (head, size) = match (second & 0x7f, rest) {
        (126, [high, low, ..]) => (4, usize::from(u16::from_be_bytes([*high, *low]))),
        (127, _) => match rest.first_chunk() {
            Some(size) => (10, u64::from_be_bytes(*size) as usize),
            None => return Ok(None),
        },
        (126, _) => return Ok(None),
        (short, _) => (2, usize::from(short)),
    };
    let begin = *used + head + 4;
    let end = begin.checked_add(size).ok_or(ErrorKind::InvalidData)?;
    if buffer.len() < end {
        return Ok(None);
    }
    let mut key = [0; 4];
    key.copy_from_slice(&buffer[begin - 4..begin]);
    unmask(&mut buffer[begin..end], key);
    *used = end;
    Ok(Some((opcode == BINARY, begin..end)))
}

fn unmask(payload: &mut [u8], key: [u8; 4]) {
    let key = u32::from_ne_bytes(key);
    let wide = (u64::from(key) << 32) | u64::from(key);
    let mut words = payload.chunks_exact_mut(8);
    for word in &mut words {
        let mut eight = [0; 8];
        eight.copy_from_slice(word);
        word.copy_from_slice(&(u64::from_ne_bytes(eight) ^ wide).to_ne_bytes());
    }
    let rest = words.into_remainder();
    for (byte, key) in rest.iter_mut().zip(wide.to_ne_bytes()) {
        *byte ^= key;
    }
}

pub fn text(payload: &[u8]) -> Vec<u8> {
    whole(0x81, payload)
}

pub fn binary(payload: &[u8]) -> Vec<u8> {
    whole(0x82, payload)
}

fn whole(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = Vec::with_capacity(payload.len() + 10);
    frame.push(first);
    match payload.len() {
        size @ 0..=125 => frame.push(size as u8),
        size @ 126..=0xffff => {
            frame.push(126);
            frame.extend_from_slice(&(size as u16).to_be_bytes());
        }
        size => {
            frame.push(127);
            frame.extend_from_slice(&(size as u64).to_be_bytes());
        }
    }
    frame.extend_from_slice(payload);
    frame
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn masked_frames_of_all_sizes_at_every_cut() {
        for size in [0, 1, 7, 125, 126, 300, 65_535, 65_536] {
            let payload = vec![b'p'; size];
            let mut frame = whole(0x81, &payload);
            frame[1] |= MASKED;
            let head = frame.len() - size;
            frame.splice(head..head, *b"abcd");
            let key = b"abcd".iter().cycle();
            let masked = frame[head + 4..].iter_mut().zip(key);
            masked.for_each(|(byte, key)| *byte ^= key);
            for cut in [0, 1, 3, 5, 9, frame.len() - 1] {
                let mut part = frame[..cut.min(frame.len() - 1)].to_vec();
                assert_eq!(next(&mut part, &mut 0).unwrap(), None);
            }
            let mut used = 0;
            let (binary, range) = next(&mut frame, &mut used).unwrap().unwrap();
            assert_eq!(
                (binary, &frame[range], used),
                (false, &payload[..], frame.len())
            );
        }
    }

    #[test]
    fn a_close_and_an_unmasked_frame_end_the_connection() {
        assert!(next(&mut [0x88, 0x80, 0, 0, 0, 0], &mut 0).is_err());
        assert!(next(&mut [0x81, 0x01, b'a'], &mut 0).is_err());
    }
}
