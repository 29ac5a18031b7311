//! One connection: bytes in and out, and how far it has come. The meaning of packets is in `packet`.

use std::io::{self, ErrorKind, Read, Write};

use mio::net::TcpStream;

use crate::frame;
use crate::packet::{self, Answer};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Upgrading,
    Opened,
    Joined,
}

#[derive(Debug)]
pub struct Client {
    pub who: usize,
    stream: TcpStream,
    stage: Stage,
    /// What was read and is not complete.
    partial: Vec<u8>,
    unsent: Vec<u8>,
    /// The head of a binary event whose attachment has not arrived.
    half: Option<Vec<u8>>,
}

impl Client {
    pub fn new(stream: TcpStream, who: usize) -> Self {
        Self {
            who,
            stream,
            stage: Stage::Upgrading,
            partial: Vec::new(),
            unsent: Vec::new(),
            half: None,
        }
    }

    pub fn has_joined(&self) -> bool {
        self.stage == Stage::Joined
    }

    /// One system call for this frame, unless earlier ones wait already.
    pub fn send(&mut self, frame: &[u8]) -> io::Result<()> {
        let waits = !self.unsent.is_empty();
        self.unsent.extend_from_slice(frame);
        if waits { Ok(()) } else { self.flush() }
    }

    /// For [`Client::flush`]; true if nothing waited before.
    pub fn append(&mut self, frame: &[u8]) -> bool {
        let first = self.unsent.is_empty();
        self.unsent.extend_from_slice(frame);
        first
    }

    pub fn flush(&mut self) -> io::Result<()> {
        let mut sent = 0;
        while sent < self.unsent.len() {
            match self.stream.write(&self.unsent[sent..]) {
                Ok(count) => sent += count,
                Err(source) if source.kind() == ErrorKind::WouldBlock => break,
                Err(source) => return Err(source),
            }
        }
        self.unsent.drain(..sent);
        Ok(())
    }

    /// Reads all that is there and hands what is to be sent to `answer`.
    pub fn receive(
        &mut self,
        scratch: &mut [u8],
        mut answer: impl FnMut(&mut Self, Answer) -> io::Result<()>,
    ) -> io::Result<()> {
        loop {
            let count = match self.stream.read(scratch) {
                Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
                Ok(count) => count,
                Err(source) if source.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(source) => return Err(source),
            };
            if self.partial.is_empty() {
                let used = self.take(&mut scratch[..count], &mut answer)?;
                self.partial.extend_from_slice(&scratch[used..count]);
            } else {
                let mut joined = std::mem::take(&mut self.partial);
                joined.extend_from_slice(&scratch[..count]);
                let used = self.take(&mut joined, &mut answer)?;
                joined.drain(..used);
                self.partial = joined;
            }
            if count < scratch.len() {
                return Ok(());
            }
        }
    }

    /// Handles what is complete and says how much that was. What is not complete stays masked.
    fn take(
        &mut self,
        buffer: &mut [u8],
        answer: &mut impl FnMut(&mut Self, Answer) -> io::Result<()>,
    ) -> io::Result<usize> {
        let mut used = 0;
        if self.stage == Stage::Upgrading {
            let Some((length, response)) = packet::upgrade(buffer, self.who)? else {
                return Ok(0);
            };
            used = length;
            self.stage = Stage::Opened;
            answer(self, Answer::Own(response))?;
        }
        while let Some((binary, range)) = frame::next(buffer, &mut used)? {
            let payload = &buffer[range];
            if binary {
                let head = self.half.take().ok_or(ErrorKind::InvalidData)?;
                let mut both = frame::text(&packet::binary_ack(&head));
                both.extend_from_slice(&frame::binary(payload));
                answer(self, Answer::Own(both))?;
            } else if payload == b"40" {
                self.stage = Stage::Joined;
                let connected = format!("40{{\"sid\":\"socket{}\"}}", self.who);
                answer(self, Answer::Own(frame::text(connected.as_bytes())))?;
            } else if payload.starts_with(b"451-") {
                self.half = Some(payload.to_vec());
            } else if let Some(due) = packet::answer(payload) {
                answer(self, due)?;
            }
        }
        Ok(used)
    }
}
