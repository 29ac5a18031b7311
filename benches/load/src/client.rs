//! A client of either transport, as the crowd sees it: sockets that become readable and writable, bytes to send, and
//! messages that came.
//!
//! Knows what both transports have in common; each transport's course is in a file of its own.

use std::net::SocketAddr;
use std::time::Duration;

use mio::net::TcpStream;

use crate::connection::Connection;
use crate::fault::Fault;
use crate::frame::Opcode;
use crate::handshake;
use crate::options::{Options, Transport};
use crate::poller::Poller;

pub const OPEN: &[u8] = b"0{\"sid\":\"";
pub const CONNECTED: &[u8] = b"40{\"sid\":\"";
/// The most sockets that a client has: long-polling needs one for the hanging GET and one for its POSTs.
pub const LANES: usize = 2;

/// What a look at a socket found besides messages.
#[derive(Debug, PartialEq, Eq)]
pub enum Progress {
    None,
    /// The CONNECT answer arrived: the namespace's socket id, and the time since the TCP connect began.
    Joined {
        sid: Vec<u8>,
        after: Duration,
    },
}

/// The text after `head` up to the next quote.
pub fn identifier(text: &[u8], head: &[u8]) -> Vec<u8> {
    let rest = text.get(head.len()..).unwrap_or_default();
    let sid = rest.split(|byte| *byte == b'"').next().unwrap_or_default();
    sid.to_vec()
}

/// What every client of a run needs to know of the server.
#[derive(Debug)]
pub struct Server {
    pub address: SocketAddr,
    pub path: String,
    transport: Transport,
    upgrade_request: String,
}

impl Server {
    pub fn new(options: &Options) -> Self {
        Self {
            address: options.address,
            path: options.path.clone(),
            transport: options.transport,
            upgrade_request: handshake::request(&options.address.to_string(), &options.path),
        }
    }
}

#[derive(Debug)]
pub enum Client {
    WebSocket(Connection),
    Polling(Poller),
}

impl Client {
    pub fn open(who: usize, server: &Server) -> Result<Self, Fault> {
        match server.transport {
            Transport::WebSocket => Connection::open(who, server.address).map(Self::WebSocket),
            Transport::Polling => Poller::open(who, server).map(Self::Polling),
        }
    }

    /// Its sockets, by lane.
    pub fn sockets(&mut self) -> impl Iterator<Item = &mut TcpStream> {
        let (first, second) = match self {
            Self::WebSocket(connection) => (&mut connection.stream, None),
            Self::Polling(poller) => (&mut poller.polls, Some(&mut poller.posts)),
        };
        std::iter::once(first)
            .chain(second)
            .map(|stream| &mut stream.socket)
    }

    pub fn writable(&mut self, lane: usize, server: &Server) -> Result<(), Fault> {
        match self {
            Self::WebSocket(connection) => connection.writable(&server.upgrade_request),
            Self::Polling(poller) => poller.writable(lane),
        }
    }

    /// Reads all that is there and hands every Socket.IO packet and every attachment to `message`.
    pub fn receive(
        &mut self,
        lane: usize,
        scratch: &mut [u8],
        hung_up: bool,
        message: impl FnMut(Opcode, &[u8]) -> Result<(), Fault>,
    ) -> Result<Progress, Fault> {
        match self {
            Self::WebSocket(connection) => connection.receive(scratch, hung_up, message),
            Self::Polling(poller) => poller.receive(lane, scratch, hung_up, message),
        }
    }

    /// Sends packets in the form that [`crate::template::Prepared`] gives them for this transport.
    pub fn send(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        match self {
            Self::WebSocket(connection) => connection.stream.send(bytes),
            Self::Polling(poller) => poller.send(bytes),
        }
    }
}
