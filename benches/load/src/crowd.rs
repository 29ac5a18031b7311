//! All connections of a run on one epoll loop, in one thread.
//!
//! Opens them gently, moves bytes, hands packets to the workload and sends what it wants sent. Does not know what a
//! workload measures.

use std::collections::HashSet;
use std::io::ErrorKind;
use std::time::{Duration, Instant};

use mio::{Events, Interest, Poll, Token};

use crate::client::{Client, LANES, Progress, Server};
use crate::fault::Fault;
use crate::frame::Opcode;
use crate::histogram::Histogram;
use crate::options::Options;

/// One `epoll_wait` hands over at most this many sockets.
const EVENTS: usize = 1024;
/// One read takes at most this much: more than any window of a workload.
const SCRATCH: usize = 256 * 1024;

/// What is to be sent after the packets of one read: bytes for one connection, written at once.
#[derive(Debug, Default)]
pub struct Outgoing {
    pub who: usize,
    pub bytes: Vec<u8>,
}

/// The meaning of packets: the crowd's other half.
pub trait Workload {
    /// Checks one packet that came to connection `who`; what is to be sent goes to `outgoing`.
    fn packet(
        &mut self,
        who: usize,
        packet: &[u8],
        now: Instant,
        outgoing: &mut Outgoing,
    ) -> Result<(), Fault>;

    /// Checks one binary message that came to connection `who`; only workloads that ask for them get them.
    fn attachment(
        &mut self,
        who: usize,
        bytes: &[u8],
        _now: Instant,
        _outgoing: &mut Outgoing,
    ) -> Result<(), Fault> {
        Err(Fault::answer(who, b"text", bytes))
    }
}

/// While nobody sends events nobody may receive one.
#[derive(Debug)]
pub struct Quiet;

impl Workload for Quiet {
    fn packet(
        &mut self,
        who: usize,
        packet: &[u8],
        _: Instant,
        _: &mut Outgoing,
    ) -> Result<(), Fault> {
        Err(Fault::answer(who, b"nothing", packet))
    }
}

#[derive(Debug)]
pub struct Crowd {
    poll: Poll,
    events: Events,
    server: Server,
    patience: Duration,
    clients: Vec<Client>,
    sids: HashSet<Vec<u8>>,
    /// Times from the TCP connect to the CONNECT answer.
    pub joins: Histogram,
    scratch: Vec<u8>,
    outgoing: Outgoing,
}

impl Crowd {
    pub fn new(options: &Options) -> Result<Self, Fault> {
        Ok(Self {
            poll: Poll::new().map_err(|source| Fault::io("epoll", source))?,
            events: Events::with_capacity(EVENTS),
            server: Server::new(options),
            patience: options.patience,
            clients: Vec::new(),
            sids: HashSet::new(),
            joins: Histogram::new(),
            scratch: vec![0; SCRATCH],
            outgoing: Outgoing::default(),
        })
    }

    pub fn joined(&self) -> usize {
        self.sids.len()
    }

    /// Adds `count` connections, at most `parallel` of them on their way at once, until all have joined.
    pub fn gather(&mut self, count: usize, parallel: usize) -> Result<(), Fault> {
        let target = self.clients.len() + count;
        let mut progress = Instant::now();
        while self.joined() < target {
            while self.clients.len() < target.min(self.joined() + parallel) {
                self.open()?;
            }
            let before = self.joined();
            self.turn(&mut Quiet, Duration::from_millis(100))?;
            if self.joined() > before {
                progress = Instant::now();
            } else if progress.elapsed() > self.patience {
                return Err(Fault::Silent {
                    owed: format!("CONNECT answer after {before} of {target}"),
                    waited: self.patience,
                });
            }
        }
        Ok(())
    }

    /// Lets the workload go on until `end`.
    pub fn drive(&mut self, workload: &mut impl Workload, end: Instant) -> Result<(), Fault> {
        loop {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(());
            }
            self.turn(workload, left)?;
        }
    }

    /// One `epoll_wait` and all that follows from it.
    pub fn turn(&mut self, workload: &mut impl Workload, wait: Duration) -> Result<(), Fault> {
        match self.poll.poll(&mut self.events, Some(wait)) {
            Ok(()) => {}
            Err(source) if source.kind() == ErrorKind::Interrupted => return Ok(()),
            Err(source) => return Err(Fault::io("epoll_wait", source)),
        }
        for event in &self.events {
            let Token(token) = event.token();
            let (who, lane) = (token / LANES, token % LANES);
            let client = &mut self.clients[who];
            if event.is_writable() {
                client.writable(lane, &self.server)?;
            }
            if !event.is_readable() && !event.is_read_closed() {
                continue;
            }
            let now = Instant::now();
            let outgoing = &mut self.outgoing;
            let hung_up = event.is_read_closed();
            let progress =
                client.receive(lane, &mut self.scratch, hung_up, |opcode, payload| {
                    if opcode == Opcode::Text {
                        workload.packet(who, payload, now, outgoing)
                    } else {
                        workload.attachment(who, payload, now, outgoing)
                    }
                })?;
            if let Progress::Joined { sid, after } = progress {
                self.joins.record(after);
                if !self.sids.insert(sid.clone()) {
                    return Err(Fault::answer(who, b"a socket id of its own", &sid));
                }
            }
            if !self.outgoing.bytes.is_empty() {
                self.clients[self.outgoing.who].send(&self.outgoing.bytes)?;
                self.outgoing.bytes.clear();
            }
        }
        Ok(())
    }

    /// Sends outside of [`Crowd::turn`]: the first window of a workload.
    pub fn send(&mut self, who: usize, bytes: &[u8]) -> Result<(), Fault> {
        self.clients[who].send(bytes)
    }

    fn open(&mut self) -> Result<(), Fault> {
        let who = self.clients.len();
        let mut client = Client::open(who, &self.server)?;
        for (lane, socket) in client.sockets().enumerate() {
            self.poll
                .registry()
                .register(
                    socket,
                    Token(who * LANES + lane),
                    Interest::READABLE | Interest::WRITABLE,
                )
                .map_err(|source| Fault::io(format!("connection {who}: epoll_ctl"), source))?;
        }
        self.clients.push(client);
        Ok(())
    }
}
