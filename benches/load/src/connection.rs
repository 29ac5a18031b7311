//! One client connection: from the TCP connect over the WebSocket handshake to a joined namespace, then packets.
//!
//! Answers heartbeats by itself. Knows neither the poll loop nor what the packets of a workload mean.

use std::io::{self, ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use mio::net::TcpStream;

use crate::fault::Fault;
use crate::frame::{self, Opcode};
use crate::handshake;

const OPEN: &[u8] = b"0{\"sid\":\"";
const CONNECTED: &[u8] = b"40{\"sid\":\"";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// TCP is not there yet.
    Connecting,
    /// The upgrade request is out.
    Upgrading,
    /// On WebSocket, before the Engine.IO open packet.
    Opening,
    /// Our CONNECT is out.
    Joining,
    Joined,
}

/// What a call to [`Connection::receive`] found besides packets.
#[derive(Debug, PartialEq, Eq)]
pub enum Progress {
    None,
    /// The CONNECT answer arrived: the namespace's socket id, and the time since the TCP connect began.
    Joined {
        sid: Vec<u8>,
        after: Duration,
    },
}

#[derive(Debug)]
pub struct Connection {
    pub stream: TcpStream,
    who: usize,
    stage: Stage,
    begun: Instant,
    /// The head of a frame whose rest has not arrived.
    partial: Vec<u8>,
    /// What the socket did not take yet.
    unsent: Vec<u8>,
}

impl Connection {
    pub fn open(who: usize, address: SocketAddr) -> Result<Self, Fault> {
        let stream = TcpStream::connect(address)
            .map_err(|source| Fault::io(format!("connection {who}: connect {address}"), source))?;
        Ok(Self {
            stream,
            who,
            stage: Stage::Connecting,
            begun: Instant::now(),
            partial: Vec::new(),
            unsent: Vec::new(),
        })
    }

    /// The socket became writable: finishes the connect, or goes on with what is unsent.
    pub fn writable(&mut self, upgrade_request: &str) -> Result<(), Fault> {
        if self.stage == Stage::Connecting {
            if let Some(source) = self.stream.take_error().map_err(|e| self.io(e))? {
                return Err(self.io(source));
            }
            match self.stream.peer_addr() {
                Ok(_) => {}
                Err(source) if source.kind() == ErrorKind::NotConnected => return Ok(()),
                Err(source) => return Err(self.io(source)),
            }
            self.stream.set_nodelay(true).map_err(|e| self.io(e))?;
            self.stage = Stage::Upgrading;
            return self.send(upgrade_request.as_bytes());
        }
        if self.unsent.is_empty() {
            return Ok(());
        }
        let waiting = std::mem::take(&mut self.unsent);
        self.send(&waiting)
    }

    /// Writes at once what the socket takes and keeps the rest for [`Connection::writable`].
    pub fn send(&mut self, mut bytes: &[u8]) -> Result<(), Fault> {
        while self.unsent.is_empty() && !bytes.is_empty() {
            match self.stream.write(bytes) {
                Ok(count) => bytes = &bytes[count..],
                Err(source) if source.kind() == ErrorKind::WouldBlock => break,
                Err(source) if source.kind() == ErrorKind::Interrupted => {}
                Err(source) => return Err(self.io(source)),
            }
        }
        self.unsent.extend_from_slice(bytes);
        Ok(())
    }

    /// Reads all that is there and hands every Socket.IO packet, with its leading `4`, to `packet`.
    ///
    /// A read that does not fill `scratch` has emptied the socket (epoll(7)), so the read that would only say
    /// "nothing" is spared unless the peer `hung_up`.
    pub fn receive(
        &mut self,
        scratch: &mut [u8],
        hung_up: bool,
        mut packet: impl FnMut(&[u8]) -> Result<(), Fault>,
    ) -> Result<Progress, Fault> {
        let mut progress = Progress::None;
        loop {
            let count = match self.stream.read(scratch) {
                Ok(0) => return Err(Fault::Closed { who: self.who }),
                Ok(count) => count,
                Err(source) if source.kind() == ErrorKind::WouldBlock => return Ok(progress),
                Err(source) if source.kind() == ErrorKind::Interrupted => continue,
                Err(source) => return Err(self.io(source)),
            };
            let received = &scratch[..count];
            if self.partial.is_empty() {
                let used = self.take(received, &mut packet, &mut progress)?;
                self.partial.extend_from_slice(&received[used..]);
            } else {
                let mut joined = std::mem::take(&mut self.partial);
                joined.extend_from_slice(received);
                let used = self.take(&joined, &mut packet, &mut progress)?;
                joined.drain(..used);
                self.partial = joined;
            }
            if count < scratch.len() && !hung_up {
                return Ok(progress);
            }
        }
    }

    /// Handles what is complete in `buffer` and says how much that was.
    fn take(
        &mut self,
        buffer: &[u8],
        packet: &mut impl FnMut(&[u8]) -> Result<(), Fault>,
        progress: &mut Progress,
    ) -> Result<usize, Fault> {
        let mut used = 0;
        if self.stage == Stage::Upgrading {
            let accepted = handshake::accepted(buffer);
            match accepted.map_err(|answer| Fault::Handshake {
                who: self.who,
                answer,
            })? {
                Some(length) => used = length,
                None => return Ok(0),
            }
            self.stage = Stage::Opening;
        }
        let who = self.who;
        let broken = |problem| Fault::Frame { who, problem };
        while let Some(frame) = frame::parse(&buffer[used..]).map_err(broken)? {
            used += frame.length;
            match (frame.opcode, frame.payload) {
                (Opcode::Text, text)
                    if self.stage == Stage::Joined && text.first() == Some(&b'4') =>
                {
                    packet(text)?;
                }
                (Opcode::Text, b"2") => self.send_frame(Opcode::Text, b"3")?,
                (Opcode::Text, text) => self.advance(text, progress)?,
                (Opcode::Ping, payload) => self.send_frame(Opcode::Pong, payload)?,
                (Opcode::Pong, _) => {}
                (Opcode::Close, _) => return Err(Fault::Closed { who }),
                (Opcode::Binary, payload) => return Err(Fault::answer(who, b"text", payload)),
            }
        }
        Ok(used)
    }

    /// One step of the way into the namespace.
    fn advance(&mut self, text: &[u8], progress: &mut Progress) -> Result<(), Fault> {
        match self.stage {
            Stage::Opening if text.starts_with(OPEN) => {
                self.stage = Stage::Joining;
                self.send_frame(Opcode::Text, b"40")
            }
            Stage::Joining if text.starts_with(CONNECTED) => {
                let rest = &text[CONNECTED.len()..];
                let sid = rest.split(|byte| *byte == b'"').next().unwrap_or_default();
                self.stage = Stage::Joined;
                *progress = Progress::Joined {
                    sid: sid.to_vec(),
                    after: self.begun.elapsed(),
                };
                Ok(())
            }
            Stage::Opening => Err(Fault::answer(self.who, OPEN, text)),
            Stage::Joining => Err(Fault::answer(self.who, CONNECTED, text)),
            Stage::Connecting | Stage::Upgrading | Stage::Joined => Err(Fault::Frame {
                who: self.who,
                problem: "a packet that is neither a message nor a ping",
            }),
        }
    }

    fn send_frame(&mut self, opcode: Opcode, payload: &[u8]) -> Result<(), Fault> {
        let mut frame = Vec::with_capacity(payload.len() + 14);
        frame::write_masked(&mut frame, opcode, payload);
        self.send(&frame)
    }

    fn io(&self, source: io::Error) -> Fault {
        Fault::io(format!("connection {}", self.who), source)
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        if self.stage != Stage::Connecting {
            // A close frame lets the server take its ordinary way out; whether it still arrives does not matter.
            let mut frame = Vec::new();
            frame::write_masked(&mut frame, Opcode::Close, &1000_u16.to_be_bytes());
            let _ = self.stream.write(&frame);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::net::TcpListener;

    use super::*;

    const ACCEPTED: &[u8] =
        b"HTTP/1.1 101 Switching Protocols\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";

    fn frame(text: &str) -> Vec<u8> {
        let mut frame = vec![0x81, text.len() as u8];
        frame.extend_from_slice(text.as_bytes());
        frame
    }

    /// A connection whose TCP connect has finished, and the server's end of it.
    fn pair() -> (Connection, std::net::TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut connection = Connection::open(0, listener.local_addr().unwrap()).unwrap();
        let (server, _) = listener.accept().unwrap();
        connection.writable("GET").unwrap();
        (connection, server)
    }

    /// Receives until `wanted` packets or a join came, or a fault.
    fn receive(
        connection: &mut Connection,
        wanted: usize,
    ) -> Result<(Vec<String>, Progress), Fault> {
        let mut scratch = [0; 4096];
        let mut packets = Vec::new();
        loop {
            let progress = connection.receive(&mut scratch, false, |packet| {
                packets.push(String::from_utf8(packet.to_vec()).unwrap());
                Ok(())
            })?;
            if progress != Progress::None || (wanted > 0 && packets.len() >= wanted) {
                return Ok((packets, progress));
            }
            std::thread::yield_now();
        }
    }

    #[test]
    fn joins_byte_by_byte_and_answers_pings() {
        let (mut connection, mut server) = pair();
        let mut bytes = ACCEPTED.to_vec();
        bytes.extend(frame("0{\"sid\":\"e\",\"upgrades\":[]}"));
        bytes.extend(frame("40{\"sid\":\"abc\"}"));
        let (last, first) = bytes.split_last().unwrap();
        let mut scratch = [0; 64];
        for byte in first {
            server.write_all(&[*byte]).unwrap();
            let progress = connection.receive(&mut scratch, false, |_| Ok(())).unwrap();
            assert_eq!(progress, Progress::None);
        }
        server.write_all(&[*last]).unwrap();
        let (packets, progress) = receive(&mut connection, 0).unwrap();
        assert!(packets.is_empty());
        assert!(matches!(progress, Progress::Joined { sid, .. } if sid == b"abc"));

        server.write_all(&frame("2")).unwrap();
        server.write_all(&frame("42[\"x\"]")).unwrap();
        assert_eq!(receive(&mut connection, 1).unwrap().0, ["42[\"x\"]"]);
        let mut expected = b"GET".to_vec();
        frame::write_masked(&mut expected, Opcode::Text, b"40");
        frame::write_masked(&mut expected, Opcode::Text, b"3");
        let mut sent = vec![0; expected.len()];
        server.read_exact(&mut sent).unwrap();
        assert_eq!(sent, expected);
    }

    #[test]
    fn a_refused_namespace_and_a_closed_socket_are_faults() {
        let (mut connection, mut server) = pair();
        server.write_all(ACCEPTED).unwrap();
        server.write_all(&frame("0{\"sid\":\"e\"}")).unwrap();
        server.write_all(&frame("44{\"message\":\"no\"}")).unwrap();
        assert!(matches!(
            receive(&mut connection, 1),
            Err(Fault::Answer { .. })
        ));

        let (mut connection, server) = pair();
        drop(server);
        let closed = receive(&mut connection, 1);
        assert!(matches!(
            closed,
            Err(Fault::Closed { .. } | Fault::Io { .. })
        ));
    }
}
