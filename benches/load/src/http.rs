//! The HTTP/1.1 of a long-polling client: two kinds of requests, and responses with a length.
//!
//! Knows texts; sends nothing.

use std::borrow::Cow;

/// Longer than any head a server sends; Node's limit is 16 KiB.
const LONGEST_HEAD: usize = 16 * 1024;

pub fn get(host: &str, target: &str) -> String {
    format!("GET {target} HTTP/1.1\r\nHost: {host}\r\n\r\n")
}

/// The head of a POST; `length` bytes have to follow it.
pub fn post(host: &str, target: &str, length: usize) -> String {
    format!(
        "POST {target} HTTP/1.1\r\nHost: {host}\r\nContent-Type: text/plain;charset=UTF-8\r\n\
         Content-Length: {length}\r\n\r\n"
    )
}

/// A response at the head of a buffer.
#[derive(Debug, PartialEq, Eq)]
pub struct Response<'a> {
    pub body: Cow<'a, [u8]>,
    /// Length on the wire, head included.
    pub length: usize,
}

/// The first response of `buffer`, or `None` while it is incomplete.
///
/// # Errors
/// The response itself, when it is anything but a 200 with a length or in chunks.
pub fn response(buffer: &[u8]) -> Result<Option<Response<'_>>, String> {
    let Some(end) = find(buffer, b"\r\n\r\n") else {
        if buffer.len() > LONGEST_HEAD {
            return Err(crate::fault::excerpt(buffer));
        }
        return Ok(None);
    };
    let head = String::from_utf8_lossy(&buffer[..end]).to_ascii_lowercase();
    let mut lines = head.split("\r\n");
    let good = lines
        .next()
        .is_some_and(|line| line.starts_with("http/1.1 200"));
    let framing = lines.find_map(|line| {
        let (name, value) = line.split_once(':')?;
        match (name, value.trim()) {
            ("content-length", value) => value.parse().ok().map(Some),
            ("transfer-encoding", "chunked") => Some(None),
            _ => None,
        }
    });
    let begin = end + 4;
    let body = match framing {
        Some(Some(size)) if good => begin
            .checked_add(size)
            .map(|length| {
                buffer.get(begin..length).map(|body| Response {
                    body: body.into(),
                    length,
                })
            })
            .ok_or(()),
        Some(None) if good => chunks(buffer, begin),
        _ => Err(()),
    };
    body.map_err(|()| crate::fault::excerpt(buffer))
}

/// RFC 9112, section 7.1, without trailers, which nobody sends unasked.
fn chunks(buffer: &[u8], mut at: usize) -> Result<Option<Response<'_>>, ()> {
    let mut body = Vec::new();
    loop {
        let Some(line) = find(&buffer[at..], b"\r\n") else {
            return Ok(None);
        };
        let size = std::str::from_utf8(&buffer[at..at + line]).map_err(drop)?;
        let size = usize::from_str_radix(size.trim(), 16).map_err(drop)?;
        let begin = at + line + 2;
        let end = begin.checked_add(size).ok_or(())?;
        let Some(chunk) = buffer.get(begin..end) else {
            return Ok(None);
        };
        match buffer.get(end..end + 2) {
            Some(b"\r\n") => {}
            Some(_) => return Err(()),
            None => return Ok(None),
        }
        at = end + 2;
        if size == 0 {
            return Ok(Some(Response {
                body: body.into(),
                length: at,
            }));
        }
        body.extend_from_slice(chunk);
    }
}

fn find(buffer: &[u8], what: &[u8]) -> Option<usize> {
    buffer.windows(what.len()).position(|part| part == what)
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\nX: y\r\n\r\n4ab";

    #[test]
    fn a_response_cut_anywhere_is_incomplete() {
        let whole = response(GOOD).unwrap().unwrap();
        assert_eq!((&*whole.body, whole.length), (&b"4ab"[..], GOOD.len()));
        for cut in 0..GOOD.len() {
            assert_eq!(response(&GOOD[..cut]), Ok(None));
        }
        let mut two = GOOD.to_vec();
        two.extend_from_slice(b"HTTP");
        assert_eq!(response(&two).unwrap().unwrap().length, GOOD.len());
    }

    #[test]
    fn chunks_are_joined() {
        let text = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n4a\r\nA\r\n0123456789\r\n0\r\n\r\n";
        let whole = response(text).unwrap().unwrap();
        assert_eq!(
            (&*whole.body, whole.length),
            (&b"4a0123456789"[..], text.len())
        );
        for cut in 0..text.len() {
            assert_eq!(response(&text[..cut]), Ok(None));
        }
    }

    #[test]
    fn other_responses_are_shown() {
        for bad in [
            "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n\r\n",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nabc",
            "HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
        ] {
            let shown = response(bad.as_bytes()).unwrap_err();
            assert!(bad.starts_with(&shown), "{shown}");
        }
        assert!(response(&vec![b'x'; LONGEST_HEAD + 1]).is_err());
    }
}
