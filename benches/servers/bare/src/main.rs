//! What a core can do at most: the answers that the benchmarks ask for, on an epoll loop, with nothing around them.
//!
//! No heartbeats, no limits, no JSON, no rooms, no long-polling: this is an upper bound and no server. `--send each` makes
//! one system call for every message, `--send joined` one for all that waits for a socket when a batch of events is done.
//! Prints one JSON line when it listens, then serves until SIGTERM. Measures nothing.

#![forbid(unsafe_code)]

mod client;
mod frame;
mod packet;

use std::error::Error;

use mio::net::TcpListener;
use mio::{Events, Interest, Poll, Token};

use crate::client::Client;
use crate::packet::Answer;

const LISTENER: Token = Token(usize::MAX);
/// One `epoll_wait` hands over at most this many sockets, as in libuv.
const EVENTS: usize = 1024;
const SCRATCH: usize = 64 * 1024;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sending {
    Each,
    Joined,
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let sending = match words.as_slice() {
        ["--send", "each"] => Sending::Each,
        ["--send", "joined"] => Sending::Joined,
        _ => return Err("usage: sio-bare --send each|joined".into()),
    };
    let mut server = Server::new(sending)?;
    let version = env!("CARGO_PKG_VERSION");
    println!(
        "{{\"port\":{},\"versions\":{{\"sio-bare\":\"{version}\"}}}}",
        server.listener.local_addr()?.port()
    );
    loop {
        server.turn()?;
    }
}

#[derive(Debug)]
struct Server {
    poll: Poll,
    listener: TcpListener,
    clients: Vec<Option<Client>>,
    /// Those that have something to be written when the batch is done.
    dirty: Vec<usize>,
    sending: Sending,
    scratch: Vec<u8>,
}

impl Server {
    fn new(sending: Sending) -> Result<Self, Box<dyn Error>> {
        let poll = Poll::new()?;
        let mut listener = TcpListener::bind("127.0.0.1:0".parse()?)?;
        poll.registry()
            .register(&mut listener, LISTENER, Interest::READABLE)?;
        Ok(Self {
            poll,
            listener,
            clients: Vec::new(),
            dirty: Vec::new(),
            sending,
            scratch: vec![0; SCRATCH],
        })
    }

    /// One `epoll_wait` and all that follows from it.
    fn turn(&mut self) -> Result<(), Box<dyn Error>> {
        let mut events = Events::with_capacity(EVENTS);
        self.poll.poll(&mut events, None)?;
        for event in &events {
            match event.token() {
                LISTENER => self.accept()?,
                Token(who) => {
                    if event.is_writable()
                        && let Some(client) = &mut self.clients[who]
                        && client.flush().is_err()
                    {
                        self.clients[who] = None;
                    }
                    if event.is_readable() || event.is_read_closed() {
                        self.read(who);
                    }
                }
            }
        }
        for who in std::mem::take(&mut self.dirty) {
            if let Some(client) = &mut self.clients[who]
                && client.flush().is_err()
            {
                self.clients[who] = None;
            }
        }
        Ok(())
    }

    fn accept(&mut self) -> Result<(), Box<dyn Error>> {
        while let Ok((mut stream, _)) = self.listener.accept() {
            let who = self.clients.len();
            stream.set_nodelay(true)?;
            self.poll.registry().register(
                &mut stream,
                Token(who),
                Interest::READABLE | Interest::WRITABLE,
            )?;
            self.clients.push(Some(Client::new(stream, who)));
        }
        Ok(())
    }

    /// Reads all that is there; a client that breaks off or the protocol is dropped.
    fn read(&mut self, who: usize) {
        let Some(mut client) = self.clients[who].take() else {
            return;
        };
        let mut broadcasts = Vec::new();
        let outcome = client.receive(&mut self.scratch, |client, answer| match answer {
            Answer::Own(frame) => self.sending.send(client, &mut self.dirty, &frame),
            Answer::All(frame) => {
                broadcasts.push(frame);
                Ok(())
            }
        });
        if outcome.is_ok() {
            self.clients[who] = Some(client);
        }
        for frame in broadcasts {
            for each in &mut self.clients {
                if let Some(client) = each
                    && client.has_joined()
                    && self.sending.send(client, &mut self.dirty, &frame).is_err()
                {
                    *each = None;
                }
            }
        }
    }
}

impl Sending {
    fn send(
        self,
        client: &mut Client,
        dirty: &mut Vec<usize>,
        frame: &[u8],
    ) -> std::io::Result<()> {
        if self == Self::Each {
            return client.send(frame);
        }
        if client.append(frame) {
            dirty.push(client.who);
        }
        Ok(())
    }
}
