//! The few packets of the benchmarks: which bytes answer which. Parses no JSON: the name is compared, the argument copied.

use std::io::{self, ErrorKind};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha1::{Digest, Sha1};

use crate::frame;

/// RFC 6455, section 1.3.
const GUID: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
const LONGEST_HEAD: usize = 16 * 1024;

/// A frame, for the sender alone or for everybody.
#[derive(Debug, PartialEq, Eq)]
pub enum Answer {
    Own(Vec<u8>),
    All(Vec<u8>),
}

/// The answer to an event with text alone; nothing is due to a pong.
pub fn answer(packet: &[u8]) -> Option<Answer> {
    let bracket = packet.iter().position(|byte| *byte == b'[')?;
    let (head, body) = packet.split_at(bracket);
    if let Some(argument) = body.strip_prefix(b"[\"echo\",") {
        let mut ack = b"43".to_vec();
        ack.extend_from_slice(head.get(2..)?);
        ack.push(b'[');
        ack.extend_from_slice(argument);
        return Some(Answer::Own(frame::text(&ack)));
    }
    if body.starts_with(b"[\"bcast\",") {
        return Some(Answer::All(frame::text(packet)));
    }
    Some(Answer::Own(frame::text(packet)))
}

/// `461-<id>[…]` for `451-<id>["echo",…]`.
pub fn binary_ack(event: &[u8]) -> Vec<u8> {
    let mut ack = b"46".to_vec();
    let text = String::from_utf8_lossy(&event[2..]);
    ack.extend_from_slice(text.replacen("\"echo\",", "", 1).as_bytes());
    ack
}

/// The length of a complete upgrade request, and the answer with the Engine.IO handshake.
pub fn upgrade(buffer: &[u8], who: usize) -> io::Result<Option<(usize, Vec<u8>)>> {
    let Some(end) = buffer.windows(4).position(|four| four == b"\r\n\r\n") else {
        if buffer.len() > LONGEST_HEAD {
            return Err(ErrorKind::InvalidData.into());
        }
        return Ok(None);
    };
    let head = String::from_utf8_lossy(&buffer[..end]);
    let key = head.split("\r\n").find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("sec-websocket-key")
            .then(|| value.trim())
    });
    let key = key.ok_or(ErrorKind::InvalidData)?;
    let digest = Sha1::new()
        .chain_update(key.as_bytes())
        .chain_update(GUID)
        .finalize();
    let accept = STANDARD.encode(digest);
    let mut response = format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: {accept}\r\n\r\n"
    )
    .into_bytes();
    let open = format!(
        "0{{\"sid\":\"engine{who}\",\"upgrades\":[],\"pingInterval\":25000,\"pingTimeout\":20000,\
         \"maxPayload\":1000000}}"
    );
    response.extend_from_slice(&frame::text(open.as_bytes()));
    Ok(Some((end + 4, response)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_of_each_event() {
        let own = |text: &[u8]| Some(Answer::Own(frame::text(text)));
        assert_eq!(answer(b"427[\"echo\",\"a\"]"), own(b"437[\"a\"]"));
        assert_eq!(
            answer(b"42[\"echo_emit\",\"a\"]"),
            own(b"42[\"echo_emit\",\"a\"]")
        );
        let all = Some(Answer::All(frame::text(b"42[\"bcast\",1]")));
        assert_eq!(answer(b"42[\"bcast\",1]"), all);
        assert_eq!(answer(b"3"), None);
        assert_eq!(binary_ack(b"451-7[\"echo\",{}]"), b"461-7[{}]");
    }

    #[test]
    fn the_handshake_of_the_rfc() {
        let request = b"GET / HTTP/1.1\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
        let (length, response) = upgrade(request, 5).unwrap().unwrap();
        let text = String::from_utf8_lossy(&response);
        assert_eq!(length, request.len());
        assert!(text.contains("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="), "{text}");
        assert!(text.contains("0{\"sid\":\"engine5\""), "{text}");
        assert_eq!(upgrade(&request[..40], 5).unwrap(), None);
    }
}
