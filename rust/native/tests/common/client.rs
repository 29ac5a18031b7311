//! Raw clients over TCP: HTTP/1.1 and WebSocket by hand, so that every byte is the test's own.

use std::{
    io::{self, Read, Write},
    net::{Shutdown, TcpStream},
};

use super::PATIENCE;

/// An HTTP answer.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub head: String,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().skip(1).find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }

    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }
}

/// One TCP connection.
pub struct Client {
    pub stream: TcpStream,
    /// Read but not used.
    rest: Vec<u8>,
}

impl Client {
    pub fn connect(port: u16) -> Self {
        let stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_nodelay(true).unwrap();
        Self {
            stream,
            rest: Vec::new(),
        }
    }

    pub fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream.write_all(bytes.as_ref()).unwrap();
    }

    pub fn get(&mut self, target: &str) -> Answer {
        self.request("GET", target, "")
    }

    pub fn request(&mut self, method: &str, target: &str, headers: &str) -> Answer {
        self.send(format!(
            "{method} {target} HTTP/1.1\r\nHost: x\r\n{headers}\r\n"
        ));
        self.answer_to(method)
    }

    pub fn post(&mut self, target: &str, body: &str) -> Answer {
        self.send(format!(
            "POST {target} HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        ));
        self.answer()
    }

    pub fn answer(&mut self) -> Answer {
        self.answer_to("GET")
    }

    /// Reads one answer; the one to HEAD has no body.
    pub fn answer_to(&mut self, method: &str) -> Answer {
        let end = loop {
            if let Some(at) = find(&self.rest, b"\r\n\r\n") {
                break at;
            }
            assert!(self.read_some(), "the connection ended: {:?}", self.shown());
        };
        let head = String::from_utf8(self.rest.drain(..end + 4).collect()).unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        let mut answer = Answer {
            status,
            head,
            body: Vec::new(),
        };
        let length: usize = answer
            .header("content-length")
            .map_or(0, |length| length.parse().unwrap());
        if method != "HEAD" && status != 304 && status != 101 {
            answer.body = self.take(length);
        }
        answer
    }

    /// The next piece of a chunked body; empty at its end.
    pub fn chunk(&mut self) -> Vec<u8> {
        let length = loop {
            if let Some(at) = find(&self.rest, b"\r\n") {
                let line: Vec<u8> = self.rest.drain(..at + 2).collect();
                let digits = std::str::from_utf8(&line[..at]).unwrap();
                break usize::from_str_radix(digits, 16).unwrap();
            }
            assert!(self.read_some(), "the connection ended: {:?}", self.shown());
        };
        let mut chunk = self.take(length + 2);
        chunk.truncate(length);
        chunk
    }

    /// So many bytes, however they come.
    pub fn take(&mut self, count: usize) -> Vec<u8> {
        while self.rest.len() < count {
            assert!(self.read_some(), "the connection ended: {:?}", self.shown());
        }
        self.rest.drain(..count).collect()
    }

    /// True if the server has closed the connection and nothing was left to read.
    pub fn is_closed(&mut self) -> bool {
        self.rest.is_empty() && !self.read_some()
    }

    pub fn end_writing(&self) {
        self.stream.shutdown(Shutdown::Write).unwrap();
    }

    fn shown(&self) -> String {
        String::from_utf8_lossy(&self.rest).into_owned()
    }

    /// False at the end of the stream; a reset is an end too.
    fn read_some(&mut self) -> bool {
        let mut buffer = [0; 8_192];
        match self.stream.read(&mut buffer) {
            Ok(0) => false,
            Ok(count) => {
                self.rest.extend_from_slice(&buffer[..count]);
                true
            }
            Err(error) if error.kind() == io::ErrorKind::ConnectionReset => false,
            Err(error) => panic!("nothing came: {error}; so far: {:?}", self.shown()),
        }
    }

    // --- long-polling

    /// Opens a session and returns the targets of its requests.
    pub fn open_session(&mut self) -> String {
        let answer = self.get("/socket.io/?EIO=4&transport=polling");
        assert_eq!(answer.status, 200, "{}", answer.text());
        let text = answer.text();
        let sid = text.split('"').nth(3).unwrap();
        format!("/socket.io/?EIO=4&transport=polling&sid={sid}")
    }

    // --- WebSocket

    /// Asks for a WebSocket; `query` begins with `&` or is empty.
    pub fn ask_for_websocket(&mut self, target: &str, more: &[u8]) -> Answer {
        let mut request = format!(
            "GET {target} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        )
        .into_bytes();
        request.extend_from_slice(more);
        self.send(request);
        self.answer()
    }

    /// A WebSocket whose open packet was read.
    pub fn websocket(port: u16) -> Self {
        let mut client = Self::connect(port);
        let answer = client.ask_for_websocket("/socket.io/?EIO=4&transport=websocket", b"");
        assert_eq!(answer.status, 101, "{}", answer.head);
        assert!(client.text_frame().starts_with("0{\"sid\":\""));
        client
    }

    /// A WebSocket that has joined the main namespace.
    pub fn joined(port: u16) -> Self {
        let mut client = Self::websocket(port);
        client.send(frame(1, b"40"));
        assert!(client.text_frame().starts_with("40{\"sid\":\""));
        client
    }

    /// Opcode and payload of the next frame; the server's frames are final and not masked.
    pub fn frame(&mut self) -> (u8, Vec<u8>) {
        let head = self.take(2);
        assert_eq!(head[0] & 0xf0, 0x80, "final, no reserved bits");
        let length = match head[1] {
            126 => u16::from_be_bytes(self.take(2).try_into().unwrap()) as usize,
            127 => u64::from_be_bytes(self.take(8).try_into().unwrap()) as usize,
            short => usize::from(short),
        };
        (head[0] & 0x0f, self.take(length))
    }

    pub fn text_frame(&mut self) -> String {
        let (opcode, payload) = self.frame();
        assert_eq!(opcode, 1, "{payload:?}");
        String::from_utf8(payload).unwrap()
    }
}

/// A client's frame: final, masked.
pub fn frame(opcode: u8, payload: &[u8]) -> Vec<u8> {
    let mask = [0x11, 0x22, 0x33, 0x44];
    let mut bytes = vec![0x80 | opcode];
    match payload.len() {
        short @ 0..=125 => bytes.push(0x80 | short as u8),
        medium @ 126..=65_535 => {
            bytes.push(0xfe);
            bytes.extend_from_slice(&(medium as u16).to_be_bytes());
        }
        long => {
            bytes.push(0xff);
            bytes.extend_from_slice(&(long as u64).to_be_bytes());
        }
    }
    bytes.extend_from_slice(&mask);
    let masked = payload
        .iter()
        .enumerate()
        .map(|(at, byte)| byte ^ mask[at % 4]);
    bytes.extend(masked);
    bytes
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|one| one == what)
}
