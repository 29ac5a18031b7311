//! All sessions and namespaces of this process: what any thread may ask for.
//!
//! The hub is shared; each session is owned by one [`Shard`]. Effects that must be seen at once (a socket has left, a
//! room was joined) happen here under the namespace's lock; everything that touches an outbox is a command.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use parking_lot::RwLock;
use sio_protocol::{close::CloseReason, ids::Id};

use crate::{
    config::{Config, ConfigError},
    mailbox::{Command, Mailbox},
    namespace::Namespace,
    namespaces::Namespaces,
    packet,
    place::Place,
    shard::Shard,
    sink::{EventSink, Level, Notice},
    socket::{Session, Socket, SocketState},
    wake::Wake,
};

/// Gauges and totals.
#[derive(Debug, Default)]
pub struct Counters {
    pub sessions: AtomicUsize,
    pub sockets: AtomicUsize,
    pub bytes_queued: AtomicUsize,
    pub events_queued: AtomicUsize,
    pub sessions_opened: AtomicU64,
    pub sockets_opened: AtomicU64,
    pub packets_in: AtomicU64,
    pub packets_out: AtomicU64,
    pub slow_consumers: AtomicU64,
    pub packets_dropped: AtomicU64,
    pub parse_errors: AtomicU64,
    /// Requests that the application is asked about.
    pub requests_waiting: AtomicUsize,
}

/// Gives 15 unpredictable bytes for an id.
pub type Entropy = Box<dyn Fn() -> [u8; 15] + Send + Sync>;

pub struct Hub {
    pub(crate) config: Config,
    pub(crate) sink: Arc<dyn EventSink>,
    entropy: Entropy,
    pub(crate) namespaces: Namespaces,
    mailboxes: RwLock<Vec<Arc<Mailbox>>>,
    numbers: AtomicU64,
    pub(crate) counters: Counters,
    stopping: AtomicBool,
}

impl std::fmt::Debug for Hub {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Hub")
            .field("counters", &self.counters)
            .finish_non_exhaustive()
    }
}

impl Hub {
    pub fn new(
        config: Config,
        sink: Arc<dyn EventSink>,
        entropy: Entropy,
    ) -> Result<Arc<Self>, ConfigError> {
        config.check()?;
        Ok(Arc::new(Self {
            config,
            sink,
            entropy,
            namespaces: Namespaces::default(),
            mailboxes: RwLock::default(),
            numbers: AtomicU64::new(1),
            counters: Counters::default(),
            stopping: AtomicBool::new(false),
        }))
    }

    pub const fn config(&self) -> &Config {
        &self.config
    }

    pub const fn counters(&self) -> &Counters {
        &self.counters
    }

    /// A new shard, the only one; its owner is the thread that keeps it. `wake` must reach that thread.
    pub fn shard(self: &Arc<Self>, wake: Arc<dyn Wake>) -> Shard {
        self.shard_at(Place::default(), wake)
    }

    /// The same for one shard of several.
    pub fn shard_at(self: &Arc<Self>, place: Place, wake: Arc<dyn Wake>) -> Shard {
        self.stopping.store(false, Ordering::SeqCst);
        let mailbox = Arc::new(Mailbox::new(wake));
        let mut mailboxes = self.mailboxes.write();
        mailboxes.push(Arc::clone(&mailbox));
        Shard::new(Arc::clone(self), mailbox, place)
    }

    /// The shard's owner has ended. After the last one the application hears that all is over.
    pub(crate) fn forget_shard(&self, mailbox: &Arc<Mailbox>) {
        let mut mailboxes = self.mailboxes.write();
        mailboxes.retain(|known| !Arc::ptr_eq(known, mailbox));
        let last = mailboxes.is_empty();
        drop(mailboxes);
        if last {
            self.sink.deliver(Notice::Stopped);
        }
    }

    pub(crate) fn next_number(&self) -> u64 {
        self.numbers.fetch_add(1, Ordering::Relaxed)
    }

    pub(crate) fn new_id(&self) -> Id {
        self.new_id_at(Place::default())
    }

    pub(crate) fn new_id_at(&self, place: Place) -> Id {
        place.id((self.entropy)())
    }

    pub fn log(&self, level: Level, target: &'static str, message: String) {
        self.sink.deliver(Notice::Log {
            level,
            target,
            message,
        });
    }

    /// The namespace of that name, made if it is new; clients may join it from now on.
    pub fn namespace(&self, name: &str) -> Arc<Namespace> {
        self.namespaces.make(name)
    }

    /// Whether a CONNECT for an unknown namespace is the application's to judge: it comes as [`Notice::Connect`] too, to
    /// be answered by [`Hub::accept`] (after [`Hub::namespace`] has made the name known) or [`Hub::refuse`].
    pub fn set_dynamic(&self, dynamic: bool) {
        self.namespaces.set_dynamic(dynamic);
    }

    // --- sockets

    /// The middlewares let the socket in. `false`: it has left meanwhile.
    pub fn accept(&self, socket: &Arc<Socket>) -> bool {
        let session = &socket.session;
        socket.settle_asked();
        let connect = packet::connect(&socket.namespace.name, socket.id());
        let mut rooms = socket.namespace.rooms.lock();
        if socket.state() != SocketState::Connecting {
            return false;
        }
        session
            .buffered
            .fetch_add(connect.wire_len(), Ordering::Relaxed);
        self.counters
            .bytes_queued
            .fetch_add(connect.wire_len(), Ordering::Relaxed);
        let mut frames = vec![connect];
        frames.append(&mut socket.held.lock());
        rooms.admit(socket.slot());
        self.counters.sockets.fetch_add(1, Ordering::Relaxed);
        self.counters.sockets_opened.fetch_add(1, Ordering::Relaxed);
        // Posted before the state changes: a packet sent by another thread from now on comes behind.
        let command = Command::Accept {
            to: session.key,
            handle: socket.handle,
            frames,
        };
        session.mailbox.post(command, || self.sink.is_busy());
        socket.set_connected();
        self.announce(&socket.namespace, rooms);
        true
    }

    /// The middlewares refuse the socket. `body` is the JSON object of the `CONNECT_ERROR` packet.
    pub fn refuse(&self, socket: &Arc<Socket>, body: &[u8]) {
        socket.settle_asked();
        let mut rooms = socket.namespace.rooms.lock();
        if socket.state() != SocketState::Connecting {
            return;
        }
        socket.set_closed(None);
        rooms.remove(socket.slot());
        self.drop_held(socket);
        let frame = packet::connect_error(&socket.namespace.name, body);
        self.post_leave(socket, frame);
        self.announce(&socket.namespace, rooms);
        forget(socket);
    }

    /// `socket.disconnect()`: out of everything now; the packet follows in order. Returns the handle if it was in.
    pub fn disconnect(&self, socket: &Arc<Socket>) -> Vec<u64> {
        let left = self.leave_namespace(socket, CloseReason::ServerNamespaceDisconnect);
        left.then_some(socket.handle).into_iter().collect()
    }

    /// `socket.disconnect(close=True)`: every socket of the connection leaves, then the session ends. Returns the handles
    /// of those that left.
    pub fn disconnect_session(&self, session: &Arc<Session>) -> Vec<u64> {
        let left = Self::each_socket(session, |socket| {
            self.leave_namespace(socket, CloseReason::ServerNamespaceDisconnect)
        });
        self.post_close(session, CloseReason::ServerNamespaceDisconnect, None, false);
        left
    }

    /// Closes the Engine.IO session (`socket.conn.close()`). Returns the handles of the sockets that left.
    pub fn close_session(
        &self,
        session: &Arc<Session>,
        reason: CloseReason,
        detail: Option<String>,
        discard: bool,
    ) -> Vec<u64> {
        let left = Self::each_socket(session, |socket| {
            self.close_socket(socket, reason, detail.as_deref())
        });
        self.post_close(session, reason, detail, discard);
        left
    }

    /// Ends the sockets of a session one by one; the list is not locked meanwhile.
    fn each_socket(session: &Session, end: impl Fn(&Arc<Socket>) -> bool) -> Vec<u64> {
        let sockets = session.sockets.lock().clone();
        sockets
            .iter()
            .filter(|socket| end(socket))
            .map(|socket| socket.handle)
            .collect()
    }

    /// The body of a packet could not be decoded: its session ends with `parse error`, its sockets at once.
    pub fn fail_session(&self, session: &Arc<Session>, error: String, bytes: &[u8]) {
        Self::each_socket(session, |socket| {
            self.close_socket(socket, CloseReason::ParseError, Some(&error))
        });
        let excerpt = bytes[..bytes.len().min(crate::shard::EXCERPT)].to_vec();
        session.mailbox.post(
            Command::Fail {
                to: session.key,
                error,
                excerpt,
            },
            || self.sink.is_busy(),
        );
    }

    fn post_close(
        &self,
        session: &Session,
        reason: CloseReason,
        detail: Option<String>,
        discard: bool,
    ) {
        let command = Command::CloseSession {
            to: session.key,
            reason,
            detail,
            discard,
        };
        session.mailbox.post(command, || self.sink.is_busy());
    }

    fn leave_namespace(&self, socket: &Arc<Socket>, reason: CloseReason) -> bool {
        let left = self.close_socket(socket, reason, None);
        if left {
            self.post_leave(socket, packet::disconnect(&socket.namespace.name));
        }
        left
    }

    fn post_leave(&self, socket: &Socket, frame: Arc<crate::frame::Frame>) {
        let session = &socket.session;
        session
            .buffered
            .fetch_add(frame.wire_len(), Ordering::Relaxed);
        self.counters
            .bytes_queued
            .fetch_add(frame.wire_len(), Ordering::Relaxed);
        let command = Command::Leave {
            to: session.key,
            handle: socket.handle,
            frame,
        };
        session.mailbox.post(command, || self.sink.is_busy());
    }

    /// The one door through which a socket ends: removal is the gate, the first reason wins.
    pub(crate) fn close_socket(
        &self,
        socket: &Arc<Socket>,
        reason: CloseReason,
        detail: Option<&str>,
    ) -> bool {
        if let Some(detail) = detail {
            socket.session.set_detail(detail);
        }
        let mut rooms = socket.namespace.rooms.lock();
        let before = socket.state();
        if before == SocketState::Closed {
            return false;
        }
        if reason.by_server() {
            socket.dropped.store(true, Ordering::Release);
        }
        socket.set_closed(Some(reason));
        let names = rooms.remove(socket.slot());
        self.announce(&socket.namespace, rooms);
        socket.forget_all_acks();
        self.drop_held(socket);
        forget(socket);
        // A socket that was never let in has no handlers that could hear of its end.
        if before == SocketState::Connected {
            self.counters.sockets.fetch_sub(1, Ordering::Relaxed);
            self.sink.deliver(Notice::Disconnect {
                socket: Arc::clone(socket),
                reason,
                detail: socket.session.detail(),
                rooms: names,
            });
        }
        true
    }

    fn drop_held(&self, socket: &Socket) {
        let held: usize = socket
            .held
            .lock()
            .drain(..)
            .map(|frame| frame.wire_len())
            .sum();
        self.written(&socket.session, held);
    }

    // --- acks and inbound bounds

    /// An ack id for a packet to this socket, awaited from now on.
    pub fn expect_ack(&self, socket: &Socket) -> u64 {
        let id = socket.namespace.next_ack_id();
        self.await_ack(socket, id);
        id
    }

    pub(crate) fn await_ack(&self, socket: &Socket, id: u64) {
        socket.expect_ack(id);
        // A session that is not read cannot answer.
        if socket.session.paused.load(Ordering::SeqCst) {
            socket.session.mailbox.post(
                Command::Resume {
                    to: socket.session.key,
                },
                || self.sink.is_busy(),
            );
        }
    }

    /// The answer is no longer awaited.
    pub fn forget_ack(&self, socket: &Socket, id: u64) {
        socket.settle_ack(id);
    }

    /// Events of this session began to wait for their handlers.
    pub fn hold_events(&self, session: &Session, events: usize, bytes: usize) {
        session.waiting_events.fetch_add(events, Ordering::SeqCst);
        session.waiting_bytes.fetch_add(bytes, Ordering::SeqCst);
        self.counters
            .events_queued
            .fetch_add(events, Ordering::Relaxed);
    }

    /// They wait no more.
    pub fn release_events(&self, session: &Session, events: usize, bytes: usize) {
        self.counters
            .events_queued
            .fetch_sub(events, Ordering::Relaxed);
        session.waiting_events.fetch_sub(events, Ordering::SeqCst);
        session.waiting_bytes.fetch_sub(bytes, Ordering::SeqCst);
        if session.paused.load(Ordering::SeqCst) && self.has_caught_up(session) {
            session
                .mailbox
                .post(Command::Resume { to: session.key }, || self.sink.is_busy());
        }
    }

    pub(crate) fn has_caught_up(&self, session: &Session) -> bool {
        session.waiting_events.load(Ordering::SeqCst) <= self.config.max_queued_events / 2
            && session.waiting_bytes.load(Ordering::SeqCst) <= self.config.max_queued_bytes / 2
    }

    // --- the whole

    /// A token that comes back as [`Notice::Deadline`].
    pub fn start_deadline(&self, after: Duration) -> u64 {
        let token = self.next_number();
        self.post_first(Command::StartDeadline { token, after });
        token
    }

    pub fn cancel_deadline(&self, token: u64) {
        self.post_first(Command::CancelDeadline { token });
    }

    fn post_first(&self, command: Command) {
        if let Some(mailbox) = self.mailboxes.read().first() {
            mailbox.post(command, || self.sink.is_busy());
        }
    }

    /// Closes every session with `server shutting down`; no new one opens.
    pub fn shutdown(&self) {
        self.stopping.store(true, Ordering::SeqCst);
        for mailbox in &*self.mailboxes.read() {
            mailbox.post(Command::Shutdown, || self.sink.is_busy());
        }
        self.flush();
    }

    pub(crate) fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::SeqCst)
    }

    /// Wakes the owners of shards for which commands wait; to be called when the sink stops being busy.
    pub fn flush(&self) {
        for mailbox in &*self.mailboxes.read() {
            mailbox.flush();
        }
    }
}

fn forget(socket: &Arc<Socket>) {
    socket
        .session
        .sockets
        .lock()
        .retain(|known| !Arc::ptr_eq(known, socket));
}
