//! One client over long-polling: a GET that always hangs on one connection, POSTs one after the other on another.
//!
//! Answers heartbeats by itself. Packets that wait for the end of a POST leave together in the next one. Knows neither
//! the poll loop nor what the packets of a workload mean.

use std::time::Instant;

use crate::client::{CONNECTED, OPEN, Progress, Server, identifier};
use crate::fault::Fault;
use crate::frame::Opcode;
use crate::http;
use crate::stream::Stream;

/// Between the packets of a payload.
pub const SEPARATOR: u8 = 0x1e;
const POSTS: usize = 1;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Opening,
    Joining,
    Joined,
}

#[derive(Debug)]
pub struct Poller {
    pub polls: Stream,
    pub posts: Stream,
    stage: Stage,
    begun: Instant,
    host: String,
    /// Path and query of every request; the session id is part of it once it is known.
    target: String,
    /// Packets for the next POST, each behind a separator.
    waiting: Vec<u8>,
    posting: bool,
}

impl Poller {
    pub fn open(who: usize, server: &Server) -> Result<Self, Fault> {
        Ok(Self {
            polls: Stream::open(who, server.address)?,
            posts: Stream::open(who, server.address)?,
            stage: Stage::Opening,
            begun: Instant::now(),
            host: server.address.to_string(),
            target: format!("{}?EIO=4&transport=polling", server.path),
            waiting: Vec::new(),
            posting: false,
        })
    }

    pub fn writable(&mut self, lane: usize) -> Result<(), Fault> {
        if lane == POSTS {
            self.posts.writable()?;
            return self.post();
        }
        if self.polls.writable()? {
            self.poll()?;
        }
        Ok(())
    }

    /// Takes packets, each behind a separator.
    pub fn send(&mut self, packets: &[u8]) -> Result<(), Fault> {
        self.waiting.extend_from_slice(packets);
        self.post()
    }

    pub fn receive(
        &mut self,
        lane: usize,
        scratch: &mut [u8],
        hung_up: bool,
        mut message: impl FnMut(Opcode, &[u8]) -> Result<(), Fault>,
    ) -> Result<Progress, Fault> {
        let mut bodies = Vec::new();
        let stream = if lane == POSTS {
            &mut self.posts
        } else {
            &mut self.polls
        };
        stream.receive(scratch, hung_up, |stream, buffer| {
            let who = stream.who;
            let response = http::response(buffer);
            let response = response.map_err(|answer| Fault::Handshake { who, answer })?;
            let Some(response) = response else {
                return Ok(0);
            };
            bodies.push(response.body.to_vec());
            Ok(response.length)
        })?;
        let mut progress = Progress::None;
        for body in bodies {
            if lane == POSTS {
                self.posted(&body)?;
            } else {
                for packet in body.split(|byte| *byte == SEPARATOR) {
                    self.take(packet, &mut message, &mut progress)?;
                }
                self.poll()?;
            }
        }
        self.post()?;
        Ok(progress)
    }

    fn take(
        &mut self,
        packet: &[u8],
        message: &mut impl FnMut(Opcode, &[u8]) -> Result<(), Fault>,
        progress: &mut Progress,
    ) -> Result<(), Fault> {
        let who = self.polls.who;
        match (self.stage, packet) {
            (Stage::Joined, [b'4', ..]) => message(Opcode::Text, packet)?,
            (_, b"2") => self.waiting.extend_from_slice(&[SEPARATOR, b'3']),
            (_, b"6") => {}
            (_, b"1") => return Err(Fault::Closed { who }),
            (Stage::Opening, _) if packet.starts_with(OPEN) => {
                let sid = identifier(packet, OPEN);
                self.target.push_str("&sid=");
                self.target.push_str(&String::from_utf8_lossy(&sid));
                self.stage = Stage::Joining;
                self.waiting.extend_from_slice(&[SEPARATOR, b'4', b'0']);
            }
            (Stage::Joining, _) if packet.starts_with(CONNECTED) => {
                self.stage = Stage::Joined;
                *progress = Progress::Joined {
                    sid: identifier(packet, CONNECTED),
                    after: self.begun.elapsed(),
                };
            }
            (Stage::Opening, _) => return Err(Fault::answer(who, OPEN, packet)),
            (Stage::Joining, _) => return Err(Fault::answer(who, CONNECTED, packet)),
            (Stage::Joined, _) => {
                return Err(Fault::answer(who, b"a message, a ping or a noop", packet));
            }
        }
        Ok(())
    }

    fn posted(&mut self, body: &[u8]) -> Result<(), Fault> {
        let who = self.posts.who;
        if !self.posting {
            return Err(Fault::answer(who, b"no answer to a POST", body));
        }
        if !body.eq_ignore_ascii_case(b"ok") {
            return Err(Fault::answer(who, b"ok", body));
        }
        self.posting = false;
        Ok(())
    }

    fn poll(&mut self) -> Result<(), Fault> {
        let request = http::get(&self.host, &self.target);
        self.polls.send(request.as_bytes())
    }

    /// Sends what waits, unless a POST is on its way.
    fn post(&mut self) -> Result<(), Fault> {
        if self.posting || self.waiting.is_empty() || !self.posts.is_connected() {
            return Ok(());
        }
        let mut request = http::post(&self.host, &self.target, self.waiting.len() - 1).into_bytes();
        request.extend_from_slice(&self.waiting[1..]);
        self.waiting.clear();
        self.posting = true;
        self.posts.send(&request)
    }
}

impl Drop for Poller {
    fn drop(&mut self) {
        // A close packet lets the server take its ordinary way out.
        if self.stage == Stage::Joined && !self.posting {
            let mut request = http::post(&self.host, &self.target, 1);
            request.push('1');
            self.posts.send_last(request.as_bytes());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::net::{TcpListener, TcpStream};

    use super::*;
    use crate::options::Options;

    fn answer(stream: &mut TcpStream, body: &str) {
        let length = body.len();
        let text = format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n{body}");
        // One write, so that it arrives as one piece.
        stream.write_all(text.as_bytes()).unwrap();
    }

    fn request(stream: &mut TcpStream) -> String {
        let mut bytes = [0; 1024];
        let count = stream.read(&mut bytes).unwrap();
        String::from_utf8(bytes[..count].to_vec()).unwrap()
    }

    fn receive(poller: &mut Poller, lane: usize) -> Result<(Vec<String>, Progress), Fault> {
        let mut scratch = [0; 4096];
        let mut packets = Vec::new();
        let stream = if lane == POSTS {
            &poller.posts
        } else {
            &poller.polls
        };
        while stream.socket.peek(&mut [0]).is_err() {
            std::thread::yield_now();
        }
        let progress = poller.receive(lane, &mut scratch, false, |_, packet| {
            packets.push(String::from_utf8(packet.to_vec()).unwrap());
            Ok(())
        })?;
        Ok((packets, progress))
    }

    /// A client with both connections made, and the server's ends: of the GETs, of the POSTs.
    fn open() -> (Poller, TcpStream, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let line = format!("echo-ack --port {port} --pid 1 --transport polling");
        let options = Options::parse(line.split(' ').map(str::to_owned)).unwrap();
        let mut poller = Poller::open(3, &Server::new(&options)).unwrap();
        let (polls, _) = listener.accept().unwrap();
        let (posts, _) = listener.accept().unwrap();
        poller.writable(0).unwrap();
        poller.writable(POSTS).unwrap();
        (poller, polls, posts)
    }

    #[test]
    fn joins_polls_again_and_posts_together_what_waited() {
        let (mut poller, mut polls, mut posts) = open();
        assert!(
            request(&mut polls).starts_with("GET /socket.io/?EIO=4&transport=polling HTTP/1.1")
        );
        answer(&mut polls, "0{\"sid\":\"abc\"}");
        receive(&mut poller, 0).unwrap();
        assert!(
            request(&mut polls).starts_with("GET /socket.io/?EIO=4&transport=polling&sid=abc ")
        );
        assert!(request(&mut posts).ends_with("Content-Length: 2\r\n\r\n40"));
        answer(&mut polls, "40{\"sid\":\"def\"}\u{1e}2");
        let (packets, progress) = receive(&mut poller, 0).unwrap();
        assert!(packets.is_empty());
        assert!(matches!(progress, Progress::Joined { sid, .. } if sid == b"def"));
        // The first POST is not answered yet: pong and event wait for it.
        poller.send(b"\x1e42[\"x\"]").unwrap();
        answer(&mut posts, "ok");
        receive(&mut poller, POSTS).unwrap();
        assert!(request(&mut posts).ends_with("Content-Length: 9\r\n\r\n3\u{1e}42[\"x\"]"));
        answer(&mut polls, "6\u{1e}42[\"y\"]\u{1e}42[\"z\"]");
        assert_eq!(
            receive(&mut poller, 0).unwrap().0,
            ["42[\"y\"]", "42[\"z\"]"]
        );
    }

    #[test]
    fn a_refused_post_and_an_answer_nobody_asked_for_are_faults() {
        let (mut poller, mut polls, mut posts) = open();
        answer(&mut polls, "0{\"sid\":\"abc\"}");
        receive(&mut poller, 0).unwrap();
        answer(&mut posts, "no");
        assert!(matches!(
            receive(&mut poller, POSTS),
            Err(Fault::Answer { .. })
        ));
        let (mut poller, _polls, mut posts) = open();
        answer(&mut posts, "ok");
        assert!(matches!(
            receive(&mut poller, POSTS),
            Err(Fault::Answer { .. })
        ));
    }
}
