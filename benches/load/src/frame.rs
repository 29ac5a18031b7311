//! WebSocket framing as a client sees it (RFC 6455, section 5): masked frames out, unmasked frames in.
//!
//! Knows bytes only. Fragmented messages are refused: no Socket.IO server sends them, and putting them together
//! would hide what a server really wrote.

/// The example key of RFC 6455, section 5.7. Masking protects proxies from clients that choose their bytes; a load
/// generator needs a key that is not zero, so that a server really has to unmask.
pub const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

/// Length bytes that say: the length follows in two bytes, in eight bytes.
const MEDIUM: u8 = 0x7e;
const LARGE: u8 = 0x7f;

/// What a server's frame holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Opcode {
    Text,
    Binary,
    Close,
    Ping,
    Pong,
}

impl Opcode {
    fn from_bits(bits: u8) -> Option<Self> {
        match bits {
            1 => Some(Self::Text),
            2 => Some(Self::Binary),
            8 => Some(Self::Close),
            9 => Some(Self::Ping),
            10 => Some(Self::Pong),
            _ => None,
        }
    }

    fn bits(self) -> u8 {
        match self {
            Self::Text => 1,
            Self::Binary => 2,
            Self::Close => 8,
            Self::Ping => 9,
            Self::Pong => 10,
        }
    }
}

/// A frame at the head of a buffer.
#[derive(Debug, PartialEq, Eq)]
pub struct Frame<'a> {
    pub opcode: Opcode,
    pub payload: &'a [u8],
    /// Length on the wire, head included.
    pub length: usize,
}

/// The first frame of `buffer`, or `None` while it is incomplete.
///
/// # Errors
/// What RFC 6455 forbids a server, in words.
pub fn parse(buffer: &[u8]) -> Result<Option<Frame<'_>>, &'static str> {
    let [first, second, rest @ ..] = buffer else {
        return Ok(None);
    };
    if first & 0x70 != 0 {
        return Err("reserved bits in a frame without any negotiated extension");
    }
    let opcode = Opcode::from_bits(first & 0x0f).ok_or("fragmented message or unknown opcode")?;
    if first & 0x80 == 0 {
        return Err("fragmented message");
    }
    if second & 0x80 != 0 {
        return Err("masked frame from a server");
    }
    let (head, size) = match second & 0x7f {
        MEDIUM => (
            4,
            rest.first_chunk()
                .map(|size| u64::from(u16::from_be_bytes(*size))),
        ),
        LARGE => (10, rest.first_chunk().map(|size| u64::from_be_bytes(*size))),
        short => (2, Some(u64::from(short))),
    };
    let Some(size) = size else {
        return Ok(None);
    };
    let end = usize::try_from(size)
        .ok()
        .and_then(|size| size.checked_add(head));
    let end = end.ok_or("frame larger than the address space")?;
    Ok(buffer.get(head..end).map(|payload| Frame {
        opcode,
        payload,
        length: end,
    }))
}

/// Appends a complete masked frame and returns where its payload begins in `out`.
pub fn write_masked(out: &mut Vec<u8>, opcode: Opcode, payload: &[u8]) -> usize {
    out.push(0x80 | opcode.bits());
    match payload.len() {
        size @ 0..=125 => out.push(0x80 | size as u8),
        size @ 126..=0xffff => {
            out.push(0x80 | MEDIUM);
            out.extend_from_slice(&(size as u16).to_be_bytes());
        }
        size => {
            out.push(0x80 | LARGE);
            out.extend_from_slice(&(size as u64).to_be_bytes());
        }
    }
    out.extend_from_slice(&MASK);
    let begin = out.len();
    let masked = payload.iter().zip(MASK.iter().cycle());
    out.extend(masked.map(|(byte, key)| byte ^ key));
    begin
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unmasked(payload: &[u8]) -> Vec<u8> {
        let mut frame = vec![0x81];
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

    #[test]
    fn the_masked_hello_of_the_rfc() {
        let mut out = Vec::new();
        let begin = write_masked(&mut out, Opcode::Text, b"Hello");
        assert_eq!(
            out,
            [
                0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58
            ]
        );
        assert_eq!(begin, 6);
    }

    #[test]
    fn frames_of_all_three_length_forms_and_every_cut() {
        for size in [0, 1, 125, 126, 127, 65_535, 65_536, 70_000] {
            let payload = vec![b'p'; size];
            let frame = unmasked(&payload);
            let parsed = parse(&frame).unwrap().unwrap();
            assert_eq!((parsed.opcode, parsed.payload.len()), (Opcode::Text, size));
            assert_eq!(parsed.length, frame.len());
            for cut in [0, 1, 2, 3, 5, 9, frame.len() - 1] {
                if cut < frame.len() {
                    assert_eq!(parse(&frame[..cut]).unwrap(), None, "{size} cut at {cut}");
                }
            }
            let mut masked = Vec::new();
            let begin = write_masked(&mut masked, Opcode::Text, &payload);
            assert_eq!(masked.len(), begin + size);
        }
    }

    #[test]
    fn what_a_server_must_not_send() {
        assert!(parse(&[0x81, 0x85]).is_err(), "masked");
        assert!(parse(&[0x01, 0x01, b'a']).is_err(), "not final");
        assert!(parse(&[0x80, 0x01, b'a']).is_err(), "continuation");
        assert!(parse(&[0xc1, 0x01, b'a']).is_err(), "deflated");
        assert!(parse(&[0x83, 0x00]).is_err(), "reserved opcode");
    }
}
