//! One client over WebSocket: from the TCP connect over the WebSocket handshake to a joined namespace, then packets.
//!
//! Answers heartbeats by itself. Knows neither the poll loop nor what the packets of a workload mean.

use std::net::SocketAddr;
use std::time::Instant;

use crate::client::{CONNECTED, OPEN, Progress, identifier};
use crate::fault::Fault;
use crate::frame::{self, Opcode};
use crate::handshake;
use crate::stream::Stream;

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

#[derive(Debug)]
pub struct Connection {
    pub stream: Stream,
    stage: Stage,
    begun: Instant,
}

impl Connection {
    pub fn open(who: usize, address: SocketAddr) -> Result<Self, Fault> {
        Ok(Self {
            stream: Stream::open(who, address)?,
            stage: Stage::Connecting,
            begun: Instant::now(),
        })
    }

    /// The socket became writable: asks for the upgrade, or goes on with what is unsent.
    pub fn writable(&mut self, upgrade_request: &str) -> Result<(), Fault> {
        if self.stream.writable()? {
            self.stage = Stage::Upgrading;
            self.stream.send(upgrade_request.as_bytes())?;
        }
        Ok(())
    }

    /// Reads all that is there and hands every Socket.IO packet, with its leading `4`, and every attachment to
    /// `message`.
    pub fn receive(
        &mut self,
        scratch: &mut [u8],
        hung_up: bool,
        mut message: impl FnMut(Opcode, &[u8]) -> Result<(), Fault>,
    ) -> Result<Progress, Fault> {
        let mut progress = Progress::None;
        let Self {
            stream,
            stage,
            begun,
        } = self;
        stream.receive(scratch, hung_up, |stream, bytes| {
            let mut course = Course {
                stage,
                begun: *begun,
                progress: &mut progress,
            };
            course.take(stream, bytes, &mut message)
        })?;
        Ok(progress)
    }
}

/// What one read may change besides the stream.
struct Course<'a> {
    stage: &'a mut Stage,
    begun: Instant,
    progress: &'a mut Progress,
}

impl Course<'_> {
    /// Handles what is complete in `buffer` and says how much that was.
    fn take(
        &mut self,
        stream: &mut Stream,
        buffer: &[u8],
        message: &mut impl FnMut(Opcode, &[u8]) -> Result<(), Fault>,
    ) -> Result<usize, Fault> {
        let mut used = 0;
        let who = stream.who;
        if *self.stage == Stage::Upgrading {
            let accepted = handshake::accepted(buffer);
            match accepted.map_err(|answer| Fault::Handshake { who, answer })? {
                Some(length) => used = length,
                None => return Ok(0),
            }
            *self.stage = Stage::Opening;
        }
        let broken = |problem| Fault::Frame { who, problem };
        while let Some(frame) = frame::parse(&buffer[used..]).map_err(broken)? {
            used += frame.length;
            let joined = *self.stage == Stage::Joined;
            match (frame.opcode, frame.payload) {
                (Opcode::Text, text) if joined && text.first() == Some(&b'4') => {
                    message(Opcode::Text, text)?;
                }
                (Opcode::Binary, payload) if joined => message(Opcode::Binary, payload)?,
                (Opcode::Text, b"2") => send_frame(stream, Opcode::Text, b"3")?,
                (Opcode::Text, text) => self.advance(stream, text)?,
                (Opcode::Ping, payload) => send_frame(stream, Opcode::Pong, payload)?,
                (Opcode::Pong, _) => {}
                (Opcode::Close, _) => return Err(Fault::Closed { who }),
                (Opcode::Binary, payload) => return Err(Fault::answer(who, b"text", payload)),
            }
        }
        Ok(used)
    }

    /// One step of the way into the namespace.
    fn advance(&mut self, stream: &mut Stream, text: &[u8]) -> Result<(), Fault> {
        let who = stream.who;
        match *self.stage {
            Stage::Opening if text.starts_with(OPEN) => {
                *self.stage = Stage::Joining;
                send_frame(stream, Opcode::Text, b"40")
            }
            Stage::Joining if text.starts_with(CONNECTED) => {
                *self.stage = Stage::Joined;
                *self.progress = Progress::Joined {
                    sid: identifier(text, CONNECTED),
                    after: self.begun.elapsed(),
                };
                Ok(())
            }
            Stage::Opening => Err(Fault::answer(who, OPEN, text)),
            Stage::Joining => Err(Fault::answer(who, CONNECTED, text)),
            Stage::Connecting | Stage::Upgrading | Stage::Joined => Err(Fault::Frame {
                who,
                problem: "a packet that is neither a message nor a ping",
            }),
        }
    }
}

fn send_frame(stream: &mut Stream, opcode: Opcode, payload: &[u8]) -> Result<(), Fault> {
    let mut frame = Vec::with_capacity(payload.len() + 14);
    frame::write_masked(&mut frame, opcode, payload);
    stream.send(&frame)
}

impl Drop for Connection {
    fn drop(&mut self) {
        // A close frame lets the server take its ordinary way out.
        let mut frame = Vec::new();
        frame::write_masked(&mut frame, Opcode::Close, &1000_u16.to_be_bytes());
        self.stream.send_last(&frame);
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
            let progress = connection.receive(&mut scratch, false, |_, packet| {
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
            let progress = connection
                .receive(&mut scratch, false, |_, _| Ok(()))
                .unwrap();
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
