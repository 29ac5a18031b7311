//! What every thread may know of a session and of a socket: ids, counters and flags. Nothing here decides.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicUsize, Ordering},
    },
};

use hashbrown::HashSet;
use parking_lot::Mutex;
use sio_protocol::{
    close::CloseReason,
    engineio::request::{Carried, RequestHead, Transport},
    ids::Id,
};
use smallvec::SmallVec;

use crate::{frame::Frame, mailbox::Mailbox, namespace::Namespace, shard::SessionKey};

/// What is known of the first request of a session; kept as one compact blob for the life of the session.
#[derive(Debug)]
pub struct Request {
    /// `target\0name\0value\0name\0value\0…`
    head: Box<[u8]>,
    pub address: Option<SocketAddr>,
    pub xdomain: bool,
    pub secure: bool,
    /// What the host that brought it wants to find again.
    pub carried: Option<Carried>,
}

impl Request {
    pub fn new(request: &RequestHead<'_>) -> Self {
        let (headers, target) = (request.headers, request.target);
        let length = headers
            .iter()
            .map(|(name, value)| name.len() + value.len() + 2)
            .sum::<usize>()
            + target.len()
            + 1;
        let mut head = Vec::with_capacity(length);
        let mut push = |piece: &[u8]| {
            // A NUL cannot come out of an HTTP parser; if it does, it must not shift what follows.
            head.extend(piece.iter().copied().filter(|byte| *byte != 0));
            head.push(0);
        };
        push(target.as_bytes());
        for (name, value) in headers {
            push(name.as_bytes());
            push(value);
        }
        let xdomain = headers.iter().any(|(name, _)| *name == "origin");
        Self {
            head: head.into(),
            address: request.address,
            xdomain,
            secure: request.secure,
            carried: request.host.and_then(|host| host.carried.cloned()),
        }
    }

    /// The first value of a header.
    pub fn header(&self, name: &str) -> Option<&[u8]> {
        let mut pieces = self.pieces().skip(1);
        while let (Some(one), Some(value)) = (pieces.next(), pieces.next()) {
            if one == name.as_bytes() {
                return Some(value);
            }
        }
        None
    }

    /// Name and value of each header, in order, repeats kept. Values are read as Latin-1, as HTTP says.
    pub fn headers(&self) -> impl Iterator<Item = (String, String)> {
        let mut pieces = self.pieces().skip(1);
        std::iter::from_fn(move || {
            let name = pieces.next().filter(|name| !name.is_empty())?;
            let value = pieces.next()?;
            Some((latin1(name), latin1(value)))
        })
    }

    /// Path and query, as the request line had them.
    pub fn target(&self) -> String {
        let target = self.pieces().next().unwrap_or_default();
        String::from_utf8_lossy(target).into_owned()
    }

    fn pieces(&self) -> impl Iterator<Item = &[u8]> {
        self.head.split(|byte| *byte == 0)
    }
}

fn latin1(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| char::from(*byte)).collect()
}

/// `Session::ready_state`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReadyState {
    Open,
    Closing,
    Closed,
}

/// The part of an Engine.IO session that all threads see. Its owner is a shard.
#[derive(Debug)]
pub struct Session {
    /// Unique in the life of the hub.
    pub number: u64,
    pub(crate) mailbox: Arc<Mailbox>,
    pub key: SessionKey,
    pub sid: Id,
    pub request: Request,
    /// Bytes queued for the client: raised at the call, lowered when written.
    pub(crate) buffered: AtomicUsize,
    pub(crate) drain_wanted: AtomicBool,
    /// Its end as a slow consumer is on its way.
    pub(crate) overflowed: AtomicBool,
    /// Counted as a slow consumer.
    pub(crate) slow: AtomicBool,
    /// Events that wait for their handlers.
    pub(crate) waiting_events: AtomicUsize,
    pub(crate) waiting_bytes: AtomicUsize,
    pub(crate) paused: AtomicBool,
    pub(crate) pending_acks: AtomicU32,
    /// Sockets of namespaces that do not exist, about which the application has not said its word.
    asking: AtomicU32,
    flags: AtomicU8,
    detail: Mutex<Option<Arc<str>>>,
    /// The sockets of this session, for a close from another thread.
    pub(crate) sockets: Mutex<SmallVec<[Arc<Socket>; 1]>>,
}

const WEBSOCKET: u8 = 1;
const UPGRADED: u8 = 2;
const CLOSING: u8 = 4;
const CLOSED: u8 = 8;

impl Session {
    pub(crate) fn new(
        number: u64,
        mailbox: Arc<Mailbox>,
        key: SessionKey,
        sid: Id,
        transport: Transport,
        request: Request,
    ) -> Self {
        let flags = if transport == Transport::WebSocket {
            WEBSOCKET
        } else {
            0
        };
        Self {
            number,
            mailbox,
            key,
            sid,
            request,
            buffered: AtomicUsize::new(0),
            drain_wanted: AtomicBool::new(false),
            overflowed: AtomicBool::new(false),
            slow: AtomicBool::new(false),
            waiting_events: AtomicUsize::new(0),
            waiting_bytes: AtomicUsize::new(0),
            paused: AtomicBool::new(false),
            pending_acks: AtomicU32::new(0),
            asking: AtomicU32::new(0),
            flags: AtomicU8::new(flags),
            detail: Mutex::new(None),
            sockets: Mutex::new(SmallVec::new()),
        }
    }

    pub fn buffered(&self) -> usize {
        self.buffered.load(Ordering::Relaxed)
    }

    pub fn transport(&self) -> Transport {
        if self.flags.load(Ordering::Relaxed) & WEBSOCKET == 0 {
            Transport::Polling
        } else {
            Transport::WebSocket
        }
    }

    pub fn upgraded(&self) -> bool {
        self.flags.load(Ordering::Relaxed) & UPGRADED != 0
    }

    pub(crate) fn set_upgraded(&self) {
        self.flags.fetch_or(WEBSOCKET | UPGRADED, Ordering::Relaxed);
    }

    pub fn ready_state(&self) -> ReadyState {
        match self.flags.load(Ordering::Relaxed) {
            flags if flags & CLOSED != 0 => ReadyState::Closed,
            flags if flags & CLOSING != 0 => ReadyState::Closing,
            _ => ReadyState::Open,
        }
    }

    pub(crate) fn asking(&self) -> usize {
        self.asking.load(Ordering::Relaxed) as usize
    }

    pub(crate) fn set_closing(&self) {
        self.flags.fetch_or(CLOSING, Ordering::Relaxed);
    }

    pub(crate) fn set_closed(&self) {
        self.flags.fetch_or(CLOSED, Ordering::Relaxed);
    }

    /// Why the session ended, beside the reason.
    pub fn detail(&self) -> Option<Arc<str>> {
        self.detail.lock().clone()
    }

    /// The first detail stays.
    pub(crate) fn set_detail(&self, detail: &str) {
        self.detail.lock().get_or_insert_with(|| detail.into());
    }
}

/// Life of a socket. It only moves forward, under the lock of its namespace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SocketState {
    /// The middlewares decide; what is sent to it is held.
    Connecting,
    Connected,
    Closed,
}

// What `Socket::state` holds: one byte, of which each socket has one. From `LEFT` on it says why the socket left.
const CONNECTING: u8 = 0;
const CONNECTED: u8 = 1;
const REFUSED: u8 = 2;
const LEFT: u8 = 3;

/// One client in one namespace.
#[derive(Debug)]
pub struct Socket {
    id: Id,
    /// Unique in the life of the hub; the number by which the application knows it.
    pub handle: u64,
    pub issued_ms: u64,
    pub namespace: Arc<Namespace>,
    pub session: Arc<Session>,
    pub(crate) slot: AtomicU32,
    state: AtomicU8,
    pub(crate) dropped: AtomicBool,
    /// Its namespace does not exist, the application decides: counted in `Session::asking` until it has.
    asked: AtomicBool,
    /// Frames sent while the middlewares decide.
    pub(crate) held: Mutex<Vec<Arc<Frame>>>,
    /// Ack ids of ours that the client has not answered.
    pending: Mutex<Option<Box<HashSet<u64>>>>,
}

impl Socket {
    pub(crate) fn new(
        id: Id,
        handle: u64,
        issued_ms: u64,
        namespace: Arc<Namespace>,
        session: Arc<Session>,
    ) -> Self {
        Self {
            id,
            handle,
            issued_ms,
            namespace,
            session,
            slot: AtomicU32::new(u32::MAX),
            state: AtomicU8::new(CONNECTING),
            dropped: AtomicBool::new(false),
            asked: AtomicBool::new(false),
            held: Mutex::new(Vec::new()),
            pending: Mutex::new(None),
        }
    }

    pub const fn id(&self) -> &Id {
        &self.id
    }

    pub fn state(&self) -> SocketState {
        match self.state.load(Ordering::Acquire) {
            CONNECTING => SocketState::Connecting,
            CONNECTED => SocketState::Connected,
            _ => SocketState::Closed,
        }
    }

    /// Why it left; `None`: it has not, or was refused.
    pub fn reason(&self) -> Option<CloseReason> {
        let index = self.state.load(Ordering::Acquire).checked_sub(LEFT)?;
        CloseReason::ALL.get(usize::from(index)).copied()
    }

    /// The server ended it: events that have not started are dropped, as in the official server.
    pub fn drops_events(&self) -> bool {
        self.dropped.load(Ordering::Acquire)
    }

    pub(crate) fn set_connected(&self) {
        self.state.store(CONNECTED, Ordering::Release);
    }

    /// `None`: it was refused.
    pub(crate) fn set_closed(&self, reason: Option<CloseReason>) {
        let state = reason.map_or(REFUSED, |reason| LEFT + reason as u8);
        self.state.store(state, Ordering::Release);
    }

    pub(crate) fn set_asked(&self) {
        self.asked.store(true, Ordering::Relaxed);
        self.session.asking.fetch_add(1, Ordering::Relaxed);
    }

    /// The application has said its word, or will never.
    pub(crate) fn settle_asked(&self) {
        if self.asked.swap(false, Ordering::Relaxed) {
            self.session.asking.fetch_sub(1, Ordering::Relaxed);
        }
    }

    pub(crate) fn slot(&self) -> u32 {
        self.slot.load(Ordering::Acquire)
    }

    pub(crate) fn expect_ack(&self, id: u64) {
        self.pending.lock().get_or_insert_default().insert(id);
        self.session.pending_acks.fetch_add(1, Ordering::SeqCst);
    }

    /// Whether this ack was awaited; it no longer is.
    pub(crate) fn settle_ack(&self, id: u64) -> bool {
        let mut pending = self.pending.lock();
        let Some(ids) = pending.as_mut() else {
            return false;
        };
        let found = ids.remove(&id);
        if ids.is_empty() {
            *pending = None;
        }
        if found {
            self.session.pending_acks.fetch_sub(1, Ordering::SeqCst);
        }
        found
    }

    pub(crate) fn forget_all_acks(&self) {
        if let Some(ids) = self.pending.lock().take() {
            self.session
                .pending_acks
                .fetch_sub(ids.len() as u32, Ordering::SeqCst);
        }
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        self.settle_asked();
    }
}
