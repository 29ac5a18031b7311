//! The WebSocket handshake of a client (RFC 6455, section 4.1) on a Socket.IO path.
//!
//! Knows the request's text and what a correct answer looks like; sends nothing and waits for nothing.

/// The nonce of RFC 6455, section 1.3, and the answer that is due to it: with a fixed nonce the answer can be
/// checked without SHA-1.
const NONCE: &str = "dGhlIHNhbXBsZSBub25jZQ==";
const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

/// A response head longer than this is no handshake (Node's limit for a whole head is 16 KiB).
const LONGEST_HEAD: usize = 16 * 1024;

/// The upgrade request for an Engine.IO 4 session that begins on WebSocket.
pub fn request(host: &str, path: &str) -> String {
    format!(
        "GET {path}?EIO=4&transport=websocket HTTP/1.1\r\n\
         Host: {host}\r\n\
         Connection: Upgrade\r\n\
         Upgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Key: {NONCE}\r\n\r\n"
    )
}

/// The length of a correct answer at the head of `buffer`, or `None` while it is incomplete.
///
/// # Errors
/// The answer itself, when it is anything but the 101 that is due.
pub fn accepted(buffer: &[u8]) -> Result<Option<usize>, String> {
    let Some(end) = buffer.windows(4).position(|four| four == b"\r\n\r\n") else {
        if buffer.len() > LONGEST_HEAD {
            return Err(crate::fault::excerpt(buffer));
        }
        return Ok(None);
    };
    let head = String::from_utf8_lossy(&buffer[..end]);
    let mut lines = head.split("\r\n");
    let status = lines.next().unwrap_or_default();
    let accept = lines.find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("sec-websocket-accept")
            .then(|| value.trim())
    });
    if status.starts_with("HTTP/1.1 101") && accept == Some(ACCEPT) {
        Ok(Some(end + 4))
    } else {
        Err(crate::fault::excerpt(buffer))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &[u8] = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\
        sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";

    #[test]
    fn a_correct_answer_and_what_follows_it() {
        assert_eq!(accepted(GOOD), Ok(Some(GOOD.len())));
        let mut more = GOOD.to_vec();
        more.extend_from_slice(b"\x81\x01");
        assert_eq!(accepted(&more), Ok(Some(GOOD.len())));
        for cut in 0..GOOD.len() {
            assert_eq!(accepted(&GOOD[..cut]), Ok(None));
        }
    }

    #[test]
    fn any_other_answer_is_shown() {
        let refusal = b"HTTP/1.1 400 Bad Request\r\n\r\nTransport unknown";
        assert!(accepted(refusal).unwrap_err().contains("Transport unknown"));
        let wrong_accept = b"HTTP/1.1 101 x\r\nSec-WebSocket-Accept: abc\r\n\r\n";
        assert!(accepted(wrong_accept).is_err());
        assert!(accepted(&vec![b'x'; LONGEST_HEAD + 1]).is_err());
    }

    #[test]
    fn the_request_ends_its_head_once() {
        let text = request("127.0.0.1:3000", "/socket.io/");
        assert!(text.starts_with("GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\n"));
        assert_eq!(text.find("\r\n\r\n"), Some(text.len() - 4));
    }
}
