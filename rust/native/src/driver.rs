//! The owner of a shard: what the tasks of one I/O thread share, and how they call it.
//!
//! Every task calls the shard through [`Driver::with`], which afterwards settles what the call left behind (see
//! `output.rs`). The driver knows no packet and no frame.

mod output;

use std::{
    cell::{Cell, RefCell},
    rc::Rc,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use sio_hub::{
    Hub,
    place::Place,
    shard::{LinkKey, QuestionKey, Response, SessionKey, Shard},
    sink::Level,
    time::Now,
    wake::Wake,
};
use tokio::sync::{Notify, oneshot};

use crate::{clock, slots::Slots, websocket::link::Link};

/// One read buffer for all connections of the thread: an idle one holds none. 64 KiB is the most that one turn of a
/// flooding client may take.
pub(crate) const READ_BUFFER: usize = 64 * 1024;

/// Where the lines of this crate stand in the log.
pub(crate) const LOG_TARGET: &str = "sio_fast.native";

/// The answer to a long poll, and whether the connection closes after it.
type PollAnswer = (Response, bool);

#[derive(Debug)]
pub(crate) struct Driver {
    pub(crate) hub: Arc<Hub>,
    pub(crate) read_buffer: RefCell<Box<[u8]>>,
    /// Set once, when the stop begins.
    pub(crate) stopping: Cell<bool>,
    /// Told once, when the stop begins.
    pub(crate) stop: Notify,
    /// Told whenever the number of open connections fell.
    pub(crate) connection_ended: Notify,
    /// Told when a deadline is nearer than the one the timer sleeps for.
    pub(crate) nearer_deadline: Notify,
    /// What the timer sleeps for.
    pub(crate) armed: Cell<Option<Duration>>,
    shard: RefCell<Shard>,
    links: RefCell<Slots<Rc<Link>>>,
    polls: RefCell<Slots<oneshot::Sender<PollAnswer>>>,
    posts: RefCell<Slots<oneshot::Sender<()>>>,
    questions: RefCell<Slots<oneshot::Sender<()>>>,
    mailbox: Arc<Mailbox>,
    /// The mailbox task is inside a large fan-out; what becomes dirty meanwhile stands in the same queue.
    flushing: Cell<bool>,
    connections: Cell<usize>,
    /// The same of all threads.
    all_connections: Arc<AtomicUsize>,
}

impl Driver {
    /// `all_connections` counts those of all threads of the listener.
    pub(crate) fn new(hub: Arc<Hub>, place: Place, all_connections: Arc<AtomicUsize>) -> Self {
        let mailbox = Arc::new(Mailbox(Notify::new()));
        let shard = hub.shard_at(place, Arc::clone(&mailbox) as Arc<dyn Wake>);
        Self {
            hub,
            read_buffer: RefCell::new(vec![0; READ_BUFFER].into_boxed_slice()),
            stopping: Cell::new(false),
            stop: Notify::new(),
            connection_ended: Notify::new(),
            nearer_deadline: Notify::new(),
            armed: Cell::new(None),
            shard: RefCell::new(shard),
            links: RefCell::new(Slots::new()),
            polls: RefCell::new(Slots::new()),
            posts: RefCell::new(Slots::new()),
            questions: RefCell::new(Slots::new()),
            mailbox,
            flushing: Cell::new(false),
            connections: Cell::new(0),
            all_connections,
        }
    }

    /// One call, or several that belong together, into the shard; then everything they left behind is seen to.
    pub(crate) fn with<T>(&self, call: impl FnOnce(&mut Shard, Now) -> T) -> T {
        let now = clock::now();
        let result = call(&mut self.shard.borrow_mut(), now);
        self.settle(now);
        result
    }

    /// A question to the shard that changes nothing.
    pub(crate) fn ask<T>(&self, question: impl FnOnce(&Shard) -> T) -> T {
        question(&self.shard.borrow())
    }

    pub(crate) fn log(&self, level: Level, message: String) {
        self.hub.log(level, LOG_TARGET, message);
    }

    // --- what waits for the shard

    pub(crate) fn add_link(&self, key: LinkKey, link: Rc<Link>) {
        self.links
            .borrow_mut()
            .insert(key.slot, key.generation, link);
    }

    pub(crate) fn remove_link(&self, key: LinkKey) {
        self.links.borrow_mut().remove(key.slot, key.generation);
    }

    /// The answer comes through the receiver as soon as the session has something to say.
    pub(crate) fn add_poll(&self, session: SessionKey) -> oneshot::Receiver<PollAnswer> {
        let (sender, receiver) = oneshot::channel();
        self.polls
            .borrow_mut()
            .insert(session.slot, session.generation, sender);
        receiver
    }

    pub(crate) fn remove_poll(&self, session: SessionKey) {
        self.polls
            .borrow_mut()
            .remove(session.slot, session.generation);
    }

    /// The receiver completes when the session reads on; it fails when the session is gone.
    pub(crate) fn add_held_post(&self, session: SessionKey) -> oneshot::Receiver<()> {
        let (sender, receiver) = oneshot::channel();
        self.posts
            .borrow_mut()
            .insert(session.slot, session.generation, sender);
        receiver
    }

    pub(crate) fn remove_held_post(&self, session: SessionKey) {
        self.posts
            .borrow_mut()
            .remove(session.slot, session.generation);
    }

    /// The receiver completes when the application has judged the request, or will not.
    pub(crate) fn add_question(&self, question: QuestionKey) -> oneshot::Receiver<()> {
        let (sender, receiver) = oneshot::channel();
        self.questions
            .borrow_mut()
            .insert(question.slot, question.generation, sender);
        receiver
    }

    pub(crate) fn remove_question(&self, question: QuestionKey) {
        self.questions
            .borrow_mut()
            .remove(question.slot, question.generation);
    }

    // --- connections

    pub(crate) fn connections(&self) -> usize {
        self.connections.get()
    }

    /// Those of all threads.
    pub(crate) fn all_connections(&self) -> usize {
        self.all_connections.load(Ordering::Relaxed)
    }

    /// Counts a new connection for as long as the returned value lives, unless there are `limit` already, on whichever
    /// threads.
    pub(crate) fn count_up_to(self: &Rc<Self>, limit: usize) -> Option<Counted> {
        self.all_connections
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |count| {
                (count < limit).then_some(count + 1)
            })
            .ok()?;
        self.connections.set(self.connections.get() + 1);
        Some(Counted(Rc::clone(self)))
    }

    /// Counts one that was let in already, and has changed its form.
    pub(crate) fn count_connection(self: &Rc<Self>) -> Counted {
        self.connections.set(self.connections.get() + 1);
        self.all_connections.fetch_add(1, Ordering::Relaxed);
        Counted(Rc::clone(self))
    }

    /// Begins the stop: the accept loops end, idle keep-alive connections close.
    pub(crate) fn begin_stop(&self) {
        self.stopping.set(true);
        self.stop.notify_waiters();
    }

    /// Completes when the stop begins, at once if it has.
    pub(crate) async fn stopped(&self) {
        let notified = self.stop.notified();
        if !self.stopping.get() {
            notified.await;
        }
    }
}

/// An open connection, counted.
#[derive(Debug)]
pub(crate) struct Counted(Rc<Driver>);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.connections.set(self.0.connections.get() - 1);
        self.0.all_connections.fetch_sub(1, Ordering::Relaxed);
        self.0.connection_ended.notify_waiters();
    }
}

/// What the hub wakes, from any thread: one permit, however often it is called before the mailbox task looks.
#[derive(Debug)]
struct Mailbox(Notify);

impl Wake for Mailbox {
    fn wake(&self) {
        self.0.notify_one();
    }
}
