//! A shard: the sessions that one thread owns, and what a transport skin calls.
//!
//! A skin moves bytes and waits; every decision is taken here or below. The pattern is always the same: call
//! `request` / `handle_*` / `run_commands` / `expire`, then empty [`Shard::next_dirty`] and [`Shard::next_resumed`], then
//! sleep until there is input, a wake, or [`Shard::next_deadline`]. Nothing in here blocks or looks at a clock.
//!
//! `skin.rs` has the words of that conversation, `http.rs` answers requests, `asking.rs` those that the application judges,
//! `link.rs` serves `WebSockets`, `inbound.rs` hands packets up, `expiry.rs` does what is due, `closing.rs` ends sessions,
//! `shedding.rs` keeps slow ones within their bound.

mod asking;
mod closing;
mod expiry;
mod http;
mod inbound;
mod link;
mod shedding;
mod skin;

use std::{collections::VecDeque, sync::Arc, time::Duration};

use hashbrown::HashMap;
use sio_protocol::{
    engineio::{reject::Headers, request::Transport, session::Session as Machine},
    ids::Id,
    socketio::client::Client,
};

use crate::{
    frame::Frame,
    hub::Hub,
    log_budget::LogBudget,
    mailbox::{Command, Mailbox},
    outbox::Outbox,
    place::Place,
    slots::{Key, Slots},
    socket::{Session, Socket},
    time::Now,
    timers::Timers,
};

pub use skin::{Dirty, LinkState, Message, Outgoing, PostVerdict, Response, Resumed, Verdict};

/// A session of this shard: slot and generation, so that a stale key is harmless.
pub type SessionKey = Key<Entry>;

/// A WebSocket connection of this shard: the transport of a session, or a candidate for its upgrade.
pub type LinkKey = Key<Link>;

pub use asking::QuestionKey;
pub(crate) use shedding::ROOM_FOR_COMMANDS;

/// Later than this and the driver was blocked: what peers sent meanwhile could not be seen.
const LATE: Duration = Duration::from_millis(500);

/// Bytes of a bad packet that the log shows.
pub(crate) const EXCERPT: usize = 64;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Open,
    /// Nothing is taken in any more; what is queued may still go out, until the deadline.
    Closing {
        until: Duration,
    },
}

/// The owner's half of a session.
#[derive(Debug)]
pub struct Entry {
    shared: Arc<Session>,
    machine: Machine,
    client: Client<Arc<Socket>>,
    outbox: Outbox,
    phase: Phase,
    link: Option<LinkKey>,
    candidate: Option<LinkKey>,
    /// Headers of the answer to the poll that hangs.
    poll: Option<Headers>,
    /// Headers of the answer to the POST whose body is being read.
    post: Option<Headers>,
    post_held: bool,
    /// The client said goodbye: its poll is released, not told.
    peer_closed: bool,
    dirty: bool,
    /// A namespace must be joined by then.
    connect_by: Option<Duration>,
    /// The entry in `timers` that counts; others of this session are stale.
    timer_at: Duration,
}

/// One WebSocket connection.
#[derive(Debug)]
pub struct Link {
    session: SessionKey,
    /// Frames for this connection alone: a probe's answer, control frames, the close frame.
    own: Outbox,
    closing: bool,
    /// Its last word has waited too long to be written.
    given_up: bool,
}

#[derive(Debug)]
pub struct Shard {
    hub: Arc<Hub>,
    mailbox: Arc<Mailbox>,
    place: Place,
    entries: Slots<Entry>,
    links: Slots<Link>,
    questions: Slots<asking::Waiting>,
    sids: HashMap<Id, SessionKey>,
    timers: Timers,
    dirty: VecDeque<Dirty>,
    /// Receivers of the largest broadcast since `dirty` was empty.
    widest: usize,
    resumed: VecDeque<Resumed>,
    ping: Arc<Frame>,
    noop: Arc<Frame>,
    /// The application's busy period when commands were taken last.
    seen_period: Option<u64>,
    /// The vector that commands are taken into; its memory is used again.
    taken: Vec<Command>,
    log_budget: LogBudget,
}

impl Shard {
    pub(crate) fn new(hub: Arc<Hub>, mailbox: Arc<Mailbox>, place: Place) -> Self {
        Self {
            hub,
            mailbox,
            place,
            entries: Slots::default(),
            links: Slots::default(),
            questions: Slots::default(),
            sids: HashMap::default(),
            timers: Timers::default(),
            dirty: VecDeque::new(),
            widest: 0,
            resumed: VecDeque::new(),
            ping: Frame::engine("2"),
            noop: Frame::engine("6"),
            seen_period: None,
            taken: Vec::new(),
            log_budget: LogBudget::default(),
        }
    }

    /// Something to write. Call until `None` after every other call.
    pub fn next_dirty(&mut self) -> Option<Dirty> {
        let Some(dirty) = self.dirty.pop_front() else {
            self.widest = 0;
            return None;
        };
        let session = match dirty {
            Dirty::Poll(session) => Some(session),
            Dirty::Link(link) => self.links.get(link).map(|link| link.session),
        };
        if let Some(entry) = session.and_then(|session| self.entries.get_mut(session)) {
            entry.dirty = false;
        }
        Some(dirty)
    }

    /// How many receivers the largest of those broadcasts has that are not written out yet.
    pub const fn widest_broadcast(&self) -> usize {
        self.widest
    }

    /// Something that may go on reading. Call until `None` after every other call.
    pub fn next_resumed(&mut self) -> Option<Resumed> {
        self.resumed.pop_front()
    }

    /// Whether [`Shard::next_dirty`] and [`Shard::next_resumed`] have nothing to tell.
    pub fn is_settled(&self) -> bool {
        self.dirty.is_empty() && self.resumed.is_empty()
    }

    /// When [`Shard::expire`] must be called next.
    pub fn next_deadline(&self) -> Option<Duration> {
        self.timers.next()
    }

    /// The application is at work for longer: commands may wait without a wake; look at them every millisecond. To be asked
    /// after commands were taken.
    ///
    /// The first command of a busy period always wakes, and only if a second one does are more expected: most periods of a
    /// server that is not under load are one event and its answer, and setting a timer for each costs more than a wake.
    pub fn must_poll(&mut self) -> bool {
        let period = self.hub.sink.busy_period();
        let poll = period.is_some() && period == self.seen_period;
        self.seen_period = period;
        self.mailbox.set_polled(poll);
        poll
    }

    /// No session and no link is left.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty() && self.links.is_empty()
    }

    /// Carries out what other threads asked for.
    pub fn run_commands(&mut self, now: Now) {
        let mut commands = std::mem::take(&mut self.taken);
        self.mailbox.take(&mut commands);
        for command in commands.drain(..) {
            self.run(command, now);
        }
        if commands.capacity() <= 4096 {
            self.taken = commands;
        }
    }

    fn run(&mut self, command: Command, now: Now) {
        match command {
            Command::Send {
                to,
                frame,
                volatile,
            } => self.queue(to, now, frame, volatile),
            Command::Broadcast {
                to,
                frame,
                volatile,
            } => {
                self.widest = self.widest.max(to.len());
                for &key in &to {
                    self.queue(key, now, Arc::clone(&frame), volatile);
                }
            }
            Command::Accept { to, handle, frames } => {
                if let Some(entry) = self.entries.get_mut(to) {
                    entry.client.joined(|socket| socket.handle == handle);
                    entry.connect_by = None;
                }
                for frame in frames {
                    self.queue(to, now, frame, false);
                }
            }
            Command::Leave { to, handle, frame } => {
                let connect_timeout = self.hub.config.connect_timeout;
                if let Some(entry) = self.entries.get_mut(to) {
                    entry.client.left(|socket| socket.handle == handle);
                    entry.expect_namespace(now.monotonic + connect_timeout);
                }
                self.queue(to, now, frame, false);
                self.schedule(to);
            }
            Command::CloseSession {
                to,
                reason,
                detail,
                discard,
            } => {
                self.close(to, now, reason, detail.as_deref(), discard);
            }
            Command::Fail { to, error, excerpt } => {
                self.fail(to, now, &error, &excerpt);
            }
            Command::Resume { to } => self.resume(to, now),
            Command::Decide {
                to,
                topic,
                decision,
            } => self.decide(to, topic, decision),
            Command::StartDeadline { token, after } => {
                self.timers.start_token(token, now.monotonic + after);
            }
            Command::CancelDeadline { token } => self.timers.cancel_token(token),
            Command::Shutdown => self.close_all(now),
        }
    }

    /// Puts a packet into the outbox of a session; its bytes are counted already.
    fn queue(&mut self, key: SessionKey, now: Now, frame: Arc<Frame>, volatile: bool) {
        let Some(entry) = self.entries.get_mut(key) else {
            self.hub
                .counters
                .bytes_queued
                .fetch_sub(frame.wire_len(), std::sync::atomic::Ordering::Relaxed);
            return;
        };
        let writable = entry.link.is_some() || entry.poll.is_some();
        if entry.phase != Phase::Open || (volatile && !(writable && entry.outbox.is_empty())) {
            self.hub.written(&entry.shared, frame.wire_len());
            return;
        }
        self.hub
            .counters
            .packets_out
            .fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        entry.outbox.push(frame);
        self.mark_dirty(key);
        self.shed(key, now);
    }

    /// Queues a packet of the engine's own, which nobody has counted.
    fn queue_uncounted(&mut self, key: SessionKey, frame: Arc<Frame>) {
        if let Some(entry) = self.entries.get_mut(key) {
            entry.count(&self.hub, frame.wire_len());
            entry.outbox.push(frame);
            self.mark_dirty(key);
        }
    }

    fn mark_dirty(&mut self, key: SessionKey) {
        let Some(entry) = self.entries.get_mut(key) else {
            return;
        };
        if entry.dirty {
            return;
        }
        let dirty = match entry.machine.transport() {
            Transport::WebSocket => entry.link.map(Dirty::Link),
            Transport::Polling => entry.poll.is_some().then_some(Dirty::Poll(key)),
        };
        if let Some(dirty) = dirty {
            entry.dirty = true;
            self.dirty.push_back(dirty);
        }
    }

    /// Sees to it that `expire` comes in time for this session.
    fn schedule(&mut self, key: SessionKey) {
        let Some(entry) = self.entries.get_mut(key) else {
            return;
        };
        if let Some(at) = entry.deadline()
            && at < entry.timer_at
        {
            entry.timer_at = at;
            self.timers.schedule_session(key, at);
        }
    }
}

impl Entry {
    fn deadline(&self) -> Option<Duration> {
        if let Phase::Closing { until } = self.phase {
            return Some(until);
        }
        let machine = self.machine.deadline();
        match (machine, self.connect_by) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        }
    }

    /// Without a namespace the connection has until `by`; the official server arms this only once per connection.
    fn expect_namespace(&mut self, by: Duration) {
        if self.client.is_empty() && self.connect_by.is_none() {
            self.connect_by = Some(by);
        }
    }

    fn count(&self, hub: &Hub, size: usize) {
        use std::sync::atomic::Ordering::Relaxed;
        self.shared.buffered.fetch_add(size, Relaxed);
        hub.counters.bytes_queued.fetch_add(size, Relaxed);
    }
}
