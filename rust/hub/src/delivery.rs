//! Sending: from a call on any thread to the mailbox of the owner.
//!
//! Bytes are counted here, at the call, so that commands that wait are bounded as outboxes are; the owner lowers the
//! count when they are written.

use std::sync::{Arc, atomic::Ordering};

use sio_protocol::close::CloseReason;
use smallvec::SmallVec;

use crate::{
    config::Overflow,
    frame::Frame,
    hub::Hub,
    mailbox::{Command, Mailbox},
    namespace::Namespace,
    rooms::Rooms,
    shard::{ROOM_FOR_COMMANDS, SessionKey},
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

/// Why a slow consumer is disconnected.
pub(crate) fn slow_consumer(bytes: usize, limit: usize) -> String {
    format!("slow consumer: {bytes} > {limit} bytes")
}

/// Whom a broadcast reaches.
#[derive(Clone, Copy, Debug)]
pub struct Selection<'a, Name> {
    /// Everybody if empty.
    pub rooms: &'a [Name],
    pub except: &'a [Name],
    pub sender: Option<&'a Socket>,
}

impl<Name: AsRef<str>> Selection<'_, Name> {
    /// To be asked under the lock of the rooms. The slot of a socket that has left may be another one's by now.
    fn sender_slot(&self) -> Option<u32> {
        self.sender
            .filter(|socket| socket.state() != SocketState::Closed)
            .map(Socket::slot)
    }

    fn connected(&self, rooms: &mut Rooms) -> Vec<Arc<Socket>> {
        let mut found = Vec::new();
        rooms.select(self.rooms, self.except, self.sender_slot(), |socket| {
            if socket.state() == SocketState::Connected {
                found.push(Arc::clone(socket));
            }
        });
        found
    }
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
        let sent = self.count(session, &frame, volatile);
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
        let sent = self.count(&socket.session, &frame, volatile);
        if sent != Sent::Dropped {
            socket.held.lock().push(frame);
        }
        sent
    }

    /// Counts bytes against the session and the process. A client over its limit is closed, or makes room for the packet.
    fn count(&self, session: &Session, frame: &Frame, volatile: bool) -> Sent {
        let size = frame.wire_len();
        if volatile && session.buffered.load(Ordering::Relaxed) > 0 {
            return Sent::Dropped;
        }
        let after = session.buffered.fetch_add(size, Ordering::Relaxed) + size;
        let limit = self.config.max_buffered_bytes;
        if after > limit && after > size && !self.will_make_room(after) {
            session.buffered.fetch_sub(size, Ordering::Relaxed);
            if self.config.on_overflow == Overflow::DropOldest && frame.is_droppable() {
                self.counters
                    .packets_dropped
                    .fetch_add(1, Ordering::Relaxed);
            } else {
                self.close_slow_consumer(session, after);
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

    /// Whether the owner of the outbox drops something for a packet above the limit (see `shard/shedding.rs`).
    const fn will_make_room(&self, after: usize) -> bool {
        let ceiling = self
            .config
            .max_buffered_bytes
            .saturating_mul(ROOM_FOR_COMMANDS);
        matches!(self.config.on_overflow, Overflow::DropOldest) && after <= ceiling
    }

    /// Counts it once. `true`: it was not counted before.
    pub(crate) fn count_slow_consumer(&self, session: &Session) -> bool {
        let first = !session.slow.swap(true, Ordering::Relaxed);
        if first {
            self.counters.slow_consumers.fetch_add(1, Ordering::Relaxed);
        }
        first
    }

    fn close_slow_consumer(&self, session: &Session, after: usize) {
        if session.overflowed.swap(true, Ordering::Relaxed) {
            return;
        }
        let detail = slow_consumer(after, self.config.max_buffered_bytes);
        self.count_slow_consumer(session);
        session.set_detail(&detail);
        let command = Command::CloseSession {
            to: session.key,
            reason: CloseReason::TransportError,
            detail: Some(detail),
            discard: true,
        };
        session.mailbox.post(command, || self.sink.is_busy());
    }

    /// Queues one packet for many sockets, each at most once. Targets are those of this moment.
    pub fn broadcast(
        &self,
        namespace: &Namespace,
        selection: &Selection<'_, impl AsRef<str>>,
        frame: &Arc<Frame>,
        volatile: bool,
    ) -> Sent {
        self.fan_out(namespace, selection, frame, volatile, |_| ());
        if self.is_congested() {
            Sent::Congested
        } else {
            Sent::Accepted
        }
    }

    /// The same for a packet that carries `ack_id`: those whom it is sent to are awaited from now on, and returned.
    /// Clients that wait for their middlewares get the packet too, but nobody waits for them.
    pub fn broadcast_with_ack(
        &self,
        namespace: &Namespace,
        selection: &Selection<'_, impl AsRef<str>>,
        frame: &Arc<Frame>,
        ack_id: u64,
        volatile: bool,
    ) -> Vec<Arc<Socket>> {
        let mut asked = Vec::new();
        self.fan_out(namespace, selection, frame, volatile, |socket| {
            self.await_ack(socket, ack_id);
            asked.push(Arc::clone(socket));
        });
        asked
    }

    /// `reached` sees each connected target before the packet can be on its way.
    fn fan_out(
        &self,
        namespace: &Namespace,
        selection: &Selection<'_, impl AsRef<str>>,
        frame: &Arc<Frame>,
        volatile: bool,
        mut reached: impl FnMut(&Arc<Socket>),
    ) {
        let mut shards: SmallVec<[(Arc<Mailbox>, Vec<SessionKey>); 1]> = SmallVec::new();
        let mut rooms = namespace.rooms.lock();
        rooms.select(
            selection.rooms,
            selection.except,
            selection.sender_slot(),
            |socket| {
                let session = &socket.session;
                if self.count(session, frame, volatile) == Sent::Dropped {
                    return;
                }
                if socket.state() == SocketState::Connecting {
                    socket.held.lock().push(Arc::clone(frame));
                    return;
                }
                reached(socket);
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
    }

    /// Whether the application is at work on notices, or about to be.
    pub fn is_application_busy(&self) -> bool {
        self.sink.is_busy()
    }

    /// More bytes wait in the process than broadcasting callers should add to.
    pub fn is_congested(&self) -> bool {
        self.counters.bytes_queued.load(Ordering::Relaxed)
            > self.config.max_buffered_bytes.saturating_mul(16)
    }

    /// The connected sockets among those that a broadcast would reach now.
    pub fn members(
        &self,
        namespace: &Namespace,
        selection: &Selection<'_, impl AsRef<str>>,
    ) -> Vec<Arc<Socket>> {
        selection.connected(&mut namespace.rooms.lock())
    }

    /// The connected ones among the targets join rooms, all in one moment.
    pub fn join_members(
        &self,
        namespace: &Arc<Namespace>,
        selection: &Selection<'_, impl AsRef<str>>,
        names: &[impl AsRef<str>],
    ) {
        let mut rooms = namespace.rooms.lock();
        for socket in selection.connected(&mut rooms) {
            for name in names {
                rooms.join(socket.slot(), name.as_ref());
            }
        }
        self.announce(namespace, rooms);
    }

    /// The connected ones among the targets leave rooms, all in one moment.
    pub fn leave_members(
        &self,
        namespace: &Arc<Namespace>,
        selection: &Selection<'_, impl AsRef<str>>,
        names: &[impl AsRef<str>],
    ) {
        let mut rooms = namespace.rooms.lock();
        for socket in selection.connected(&mut rooms) {
            for name in names {
                rooms.leave(socket.slot(), name.as_ref());
            }
        }
        self.announce(namespace, rooms);
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
