//! Sending: from a call on any thread to the mailbox of the owner.
//!
//! Bytes are counted here, at the call, so that commands that wait are bounded as outboxes are; the owner lowers the
//! count when they are written.

use std::sync::{Arc, atomic::Ordering};

use sio_protocol::close::CloseReason;
use smallvec::SmallVec;

use crate::{
    frame::Frame,
    hub::Hub,
    mailbox::{Command, Mailbox},
    namespace::Namespace,
    shard::SessionKey,
    socket::{Session, Socket, SocketState},
};

/// What became of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sent {
    Accepted,
    /// Accepted, and more waits than the high-water mark: an awaiting caller should wait.
    Congested,
    /// The socket is gone, the packet was volatile and something was queued, or the client is a slow consumer.
    Dropped,
}

/// Whom a broadcast reaches.
#[derive(Clone, Copy, Debug)]
pub struct Selection<'a, Name> {
    /// Everybody if empty.
    pub rooms: &'a [Name],
    pub except: &'a [Name],
    pub sender: Option<&'a Socket>,
}

impl Hub {
    /// Queues a packet for one socket.
    pub fn send(&self, socket: &Arc<Socket>, frame: Arc<Frame>, volatile: bool) -> Sent {
        match socket.state() {
            SocketState::Connected => {}
            SocketState::Closed => return Sent::Dropped,
            SocketState::Connecting => return self.send_while_connecting(socket, frame, volatile),
        }
        let session = &socket.session;
        let sent = self.count(session, frame.wire_len(), volatile);
        if sent != Sent::Dropped {
            let command = Command::Send {
                to: session.key,
                frame,
                volatile,
            };
            session.mailbox.post(command, || self.sink.is_busy());
        }
        sent
    }

    fn send_while_connecting(
        &self,
        socket: &Arc<Socket>,
        frame: Arc<Frame>,
        volatile: bool,
    ) -> Sent {
        let rooms = socket.namespace.rooms.lock();
        if socket.state() != SocketState::Connecting {
            drop(rooms);
            return self.send(socket, frame, volatile);
        }
        let sent = self.count(&socket.session, frame.wire_len(), volatile);
        if sent != Sent::Dropped {
            socket.held.lock().push(frame);
        }
        sent
    }

    /// Counts bytes against the session and the process. A client over its limit is closed.
    fn count(&self, session: &Session, size: usize, volatile: bool) -> Sent {
        if volatile && session.buffered.load(Ordering::Relaxed) > 0 {
            return Sent::Dropped;
        }
        let after = session.buffered.fetch_add(size, Ordering::Relaxed) + size;
        if after > self.config.max_buffered_bytes && after > size {
            session.buffered.fetch_sub(size, Ordering::Relaxed);
            if !session.overflowed.swap(true, Ordering::Relaxed) {
                let detail = format!(
                    "slow consumer: {after} > {} bytes",
                    self.config.max_buffered_bytes
                );
                self.counters.slow_consumers.fetch_add(1, Ordering::Relaxed);
                session.set_detail(&detail);
                let command = Command::CloseSession {
                    to: session.key,
                    reason: CloseReason::TransportError,
                    detail: Some(detail),
                    discard: true,
                };
                session.mailbox.post(command, || self.sink.is_busy());
            }
            return Sent::Dropped;
        }
        self.counters
            .bytes_queued
            .fetch_add(size, Ordering::Relaxed);
        if after > self.config.high_water_mark {
            Sent::Congested
        } else {
            Sent::Accepted
        }
    }

    /// Queues one packet for many sockets, each at most once. Targets are those of this moment.
    pub fn broadcast(
        &self,
        namespace: &Namespace,
        selection: &Selection<'_, impl AsRef<str>>,
        frame: &Arc<Frame>,
        volatile: bool,
    ) -> Sent {
        let size = frame.wire_len();
        let mut shards: SmallVec<[(Arc<Mailbox>, Vec<SessionKey>); 1]> = SmallVec::new();
        let mut rooms = namespace.rooms.lock();
        rooms.select(
            selection.rooms,
            selection.except,
            selection.sender.map(Socket::slot),
            |socket| {
                let session = &socket.session;
                if self.count(session, size, volatile) == Sent::Dropped {
                    return;
                }
                if socket.state() == SocketState::Connecting {
                    socket.held.lock().push(Arc::clone(frame));
                    return;
                }
                match shards
                    .iter_mut()
                    .find(|(mailbox, _)| Arc::ptr_eq(mailbox, &session.mailbox))
                {
                    Some((_, keys)) => keys.push(session.key),
                    None => shards.push((Arc::clone(&session.mailbox), vec![session.key])),
                }
            },
        );
        // Inside the lock: a socket that leaves afterwards gets its DISCONNECT after this packet.
        for (mailbox, keys) in shards {
            let command = Command::Broadcast {
                to: keys.into(),
                frame: Arc::clone(frame),
                volatile,
            };
            mailbox.post(command, || self.sink.is_busy());
        }
        drop(rooms);
        if self.is_congested() {
            Sent::Congested
        } else {
            Sent::Accepted
        }
    }

    /// More bytes wait in the process than broadcasting callers should add to.
    pub fn is_congested(&self) -> bool {
        self.counters.bytes_queued.load(Ordering::Relaxed)
            > self.config.max_buffered_bytes.saturating_mul(16)
    }

    /// The sockets a broadcast would reach now.
    pub fn members(
        &self,
        namespace: &Namespace,
        selection: &Selection<'_, impl AsRef<str>>,
    ) -> Vec<u64> {
        let mut handles = Vec::new();
        let sender = selection.sender.map(Socket::slot);
        namespace
            .rooms
            .lock()
            .select(selection.rooms, selection.except, sender, |socket| {
                handles.push(socket.handle);
            });
        handles
    }

    /// Bytes that were counted for `session` are written or will never be. Called by its owner.
    pub(crate) fn written(&self, session: &Session, size: usize) {
        if size == 0 {
            return;
        }
        self.counters
            .bytes_queued
            .fetch_sub(size, Ordering::Relaxed);
        let left = session.buffered.fetch_sub(size, Ordering::SeqCst) - size;
        if left <= self.config.high_water_mark / 2 && session.drain_wanted.load(Ordering::SeqCst) {
            self.report_drained(session);
        }
    }

    pub(crate) fn report_drained(&self, session: &Session) {
        if session.drain_wanted.swap(false, Ordering::SeqCst) {
            self.sink.deliver(crate::sink::Notice::Drained {
                session: session.number,
            });
        }
    }

    /// Asks for one [`Notice::Drained`](crate::sink::Notice::Drained). `false`: nothing to wait for, none will come.
    pub fn want_drained(&self, session: &Session) -> bool {
        let waits = || {
            session.buffered.load(Ordering::SeqCst) > self.config.high_water_mark / 2
                && session.ready_state() != crate::socket::ReadyState::Closed
        };
        if !waits() {
            return false;
        }
        session.drain_wanted.store(true, Ordering::SeqCst);
        // It may have drained between the two looks; whoever takes the flag back decides whether a notice comes.
        waits() || !session.drain_wanted.swap(false, Ordering::SeqCst)
    }
}
