//! Frames that this server sends: never masked, never fragmented.

/// What a frame holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Opcode {
    Continuation = 0,
    Text = 1,
    Binary = 2,
    Close = 8,
    Ping = 9,
    Pong = 10,
}

impl Opcode {
    /// The opcode of these four bits; the others are reserved.
    pub const fn from_bits(bits: u8) -> Option<Self> {
        Some(match bits {
            0 => Self::Continuation,
            1 => Self::Text,
            2 => Self::Binary,
            8 => Self::Close,
            9 => Self::Ping,
            10 => Self::Pong,
            _ => return None,
        })
    }

    /// Close, ping and pong: at most 125 bytes, never fragmented.
    pub const fn is_control(self) -> bool {
        self as u8 >= 8
    }
}

/// The longest header of a frame that is not masked.
pub const MAX_HEADER: usize = 10;

/// The most bytes of a control frame's payload.
pub const MAX_CONTROL: usize = 125;

/// Writes the header of a final, unmasked frame and returns its length: 2, 4 or 10 bytes.
pub const fn write_header(opcode: Opcode, len: usize, out: &mut [u8; MAX_HEADER]) -> usize {
    out[0] = 0x80 | opcode as u8;
    if len < 126 {
        out[1] = len as u8;
        return 2;
    }
    if len <= 0xffff {
        out[1] = 126;
        out[2] = (len >> 8) as u8;
        out[3] = len as u8;
        return 4;
    }
    out[1] = 127;
    let bytes = (len as u64).to_be_bytes();
    let mut at = 0;
    while at < 8 {
        out[2 + at] = bytes[at];
        at += 1;
    }
    10
}

/// Appends a whole frame.
pub fn write_frame(opcode: Opcode, payload: &[u8], out: &mut Vec<u8>) {
    let mut header = [0; MAX_HEADER];
    let used = write_header(opcode, payload.len(), &mut header);
    out.reserve(used + payload.len());
    out.extend_from_slice(&header[..used]);
    out.extend_from_slice(payload);
}

/// Appends a close frame; without a code it is empty, as the official server's are.
///
/// A reason that is too long for a control frame is cut at a character.
pub fn write_close(code: Option<u16>, reason: &str, out: &mut Vec<u8>) {
    let Some(code) = code else {
        return write_frame(Opcode::Close, &[], out);
    };
    let longest = MAX_CONTROL - 2;
    let end = (0..=reason.len().min(longest))
        .rev()
        .find(|&at| reason.is_char_boundary(at))
        .unwrap_or(0);
    let mut payload = [0; MAX_CONTROL];
    payload[..2].copy_from_slice(&code.to_be_bytes());
    payload[2..2 + end].copy_from_slice(&reason.as_bytes()[..end]);
    write_frame(Opcode::Close, &payload[..2 + end], out);
}

#[cfg(test)]
mod tests {
    use super::{Opcode, write_close, write_frame, write_header};

    fn header(opcode: Opcode, len: usize) -> Vec<u8> {
        let mut out = [0; 10];
        let used = write_header(opcode, len, &mut out);
        out[..used].to_vec()
    }

    #[test]
    fn the_length_takes_the_shortest_form() {
        assert_eq!(header(Opcode::Text, 0), [0x81, 0]);
        assert_eq!(header(Opcode::Text, 125), [0x81, 125]);
        assert_eq!(header(Opcode::Binary, 126), [0x82, 126, 0, 126]);
        assert_eq!(header(Opcode::Binary, 65_535), [0x82, 126, 0xff, 0xff]);
        assert_eq!(
            header(Opcode::Text, 65_536),
            [0x81, 127, 0, 0, 0, 0, 0, 1, 0, 0]
        );
        assert_eq!(header(Opcode::Pong, 4), [0x8a, 4]);
    }

    #[test]
    fn a_frame_is_its_header_and_its_payload() {
        let mut out = b"before".to_vec();
        write_frame(Opcode::Text, b"42[\"a\"]", &mut out);
        assert_eq!(out, b"before\x81\x0742[\"a\"]");
    }

    #[test]
    fn close_frames_fit_a_control_frame() {
        let mut out = Vec::new();
        write_close(None, "unsaid", &mut out);
        assert_eq!(out, [0x88, 0]);
        out.clear();
        write_close(Some(1001), "bye", &mut out);
        assert_eq!(out, [0x88, 5, 0x03, 0xe9, b'b', b'y', b'e']);
        out.clear();
        write_close(Some(1000), &"é".repeat(100), &mut out);
        assert_eq!(out.len(), 2 + 2 + 122);
        assert!(std::str::from_utf8(&out[4..]).is_ok());
    }

    #[test]
    fn only_known_bits_are_opcodes() {
        for bits in 0..16 {
            match Opcode::from_bits(bits) {
                Some(opcode) => assert_eq!(opcode as u8, bits),
                None => assert!(matches!(bits, 3..=7 | 11..=15)),
            }
        }
        assert!(Opcode::Ping.is_control() && !Opcode::Text.is_control());
    }
}
