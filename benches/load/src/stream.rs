//! One TCP connection that never blocks: connecting, writing what the socket takes and keeping the rest, reading all
//! that is there.
//!
//! Knows bytes only; what they mean is its owner's business.

use std::io::{self, ErrorKind, Read, Write};
use std::net::SocketAddr;

use mio::net::TcpStream;

use crate::fault::Fault;

#[derive(Debug)]
pub struct Stream {
    pub socket: TcpStream,
    pub who: usize,
    connected: bool,
    /// What was read and is not complete.
    partial: Vec<u8>,
    /// What the socket did not take yet.
    unsent: Vec<u8>,
}

impl Stream {
    pub fn open(who: usize, address: SocketAddr) -> Result<Self, Fault> {
        let socket = TcpStream::connect(address)
            .map_err(|source| Fault::io(format!("connection {who}: connect {address}"), source))?;
        Ok(Self {
            socket,
            who,
            connected: false,
            partial: Vec::new(),
            unsent: Vec::new(),
        })
    }

    /// The socket became writable: finishes the connect, which this says once, or goes on with what is unsent.
    pub fn writable(&mut self) -> Result<bool, Fault> {
        if !self.connected {
            if let Some(source) = self.socket.take_error().map_err(|e| self.io(e))? {
                return Err(self.io(source));
            }
            match self.socket.peer_addr() {
                Ok(_) => {}
                Err(source) if source.kind() == ErrorKind::NotConnected => return Ok(false),
                Err(source) => return Err(self.io(source)),
            }
            self.socket.set_nodelay(true).map_err(|e| self.io(e))?;
            self.connected = true;
            return Ok(true);
        }
        if !self.unsent.is_empty() {
            let waiting = std::mem::take(&mut self.unsent);
            self.send(&waiting)?;
        }
        Ok(false)
    }

    pub fn is_connected(&self) -> bool {
        self.connected
    }

    /// Writes at once what the socket takes and keeps the rest for [`Stream::writable`].
    pub fn send(&mut self, mut bytes: &[u8]) -> Result<(), Fault> {
        while self.unsent.is_empty() && !bytes.is_empty() {
            match self.socket.write(bytes) {
                Ok(count) => bytes = &bytes[count..],
                Err(source) if source.kind() == ErrorKind::WouldBlock => break,
                Err(source) if source.kind() == ErrorKind::Interrupted => {}
                Err(source) => return Err(self.io(source)),
            }
        }
        self.unsent.extend_from_slice(bytes);
        Ok(())
    }

    /// A farewell: whether it still arrives does not matter.
    pub fn send_last(&mut self, bytes: &[u8]) {
        if self.connected && self.unsent.is_empty() {
            let _ = self.socket.write(bytes);
        }
    }

    /// Reads all that is there and offers it to `take`, which says how much of it was complete.
    ///
    /// A read that does not fill `scratch` has emptied the socket (epoll(7)), so the read that would only say
    /// "nothing" is spared unless the peer `hung_up`.
    pub fn receive(
        &mut self,
        scratch: &mut [u8],
        hung_up: bool,
        mut take: impl FnMut(&mut Self, &[u8]) -> Result<usize, Fault>,
    ) -> Result<(), Fault> {
        loop {
            let count = match self.socket.read(scratch) {
                Ok(0) => return Err(Fault::Closed { who: self.who }),
                Ok(count) => count,
                Err(source) if source.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(source) if source.kind() == ErrorKind::Interrupted => continue,
                Err(source) => return Err(self.io(source)),
            };
            let received = &scratch[..count];
            if self.partial.is_empty() {
                let used = take(self, received)?;
                self.partial.extend_from_slice(&received[used..]);
            } else {
                let mut joined = std::mem::take(&mut self.partial);
                joined.extend_from_slice(received);
                let used = take(self, &joined)?;
                joined.drain(..used);
                self.partial = joined;
            }
            if count < scratch.len() && !hung_up {
                return Ok(());
            }
        }
    }

    fn io(&self, source: io::Error) -> Fault {
        Fault::io(format!("connection {}", self.who), source)
    }
}
