//! Commands for the owner of a shard, in one order for all threads.

use std::sync::Arc;

use sio_protocol::close::CloseReason;

use crate::{
    frame::Frame,
    question::{Decision, Topic},
    shard::{QuestionKey, SessionKey},
    sync::{AtomicBool, Mutex, Ordering},
    wake::Wake,
};

/// What the owner is to do. Everything that is sent passes here, so that per connection the calls of one thread arrive
/// in call order.
#[derive(Debug)]
pub(crate) enum Command {
    Send {
        to: SessionKey,
        frame: Arc<Frame>,
        volatile: bool,
    },
    Broadcast {
        to: Box<[SessionKey]>,
        frame: Arc<Frame>,
        volatile: bool,
    },
    /// The middlewares let the socket in: its CONNECT packet and what was held.
    Accept {
        to: SessionKey,
        handle: u64,
        frames: Vec<Arc<Frame>>,
    },
    /// The socket is gone from its namespace: `CONNECT_ERROR` after a refusal, DISCONNECT after the server's decision.
    Leave {
        to: SessionKey,
        handle: u64,
        frame: Arc<Frame>,
    },
    /// The session sent a body that the application's codec refused.
    Fail {
        to: SessionKey,
        error: String,
        excerpt: Vec<u8>,
    },
    CloseSession {
        to: SessionKey,
        reason: CloseReason,
        detail: Option<String>,
        discard: bool,
    },
    /// The application caught up, or awaits an answer: read on.
    Resume {
        to: SessionKey,
    },
    /// The application has answered a question.
    Decide {
        to: QuestionKey,
        topic: Topic,
        decision: Decision,
    },
    StartDeadline {
        token: u64,
        after: std::time::Duration,
    },
    CancelDeadline {
        token: u64,
    },
    Shutdown,
}

pub(crate) type Mailbox = CommandQueue<Command>;

/// A queue with many writers and one owner. `is_busy` below is [`EventSink::is_busy`](crate::sink::EventSink::is_busy).
/// Model-checked in `tests/loom.rs`, which is why it does not care what a command is.
pub struct CommandQueue<C> {
    commands: Mutex<Vec<C>>,
    /// A wake is on its way: no second one. Cleared before the commands are taken, so that none is lost.
    woken: AtomicBool,
    /// The owner looks every millisecond by itself (see `Shard::must_poll`).
    polled: AtomicBool,
    wake: Arc<dyn Wake>,
}

impl<C> std::fmt::Debug for CommandQueue<C> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CommandQueue")
            .field("woken", &self.woken)
            .finish_non_exhaustive()
    }
}

impl<C> CommandQueue<C> {
    pub fn new(wake: Arc<dyn Wake>) -> Self {
        Self {
            commands: Mutex::new(Vec::new()),
            woken: AtomicBool::new(false),
            polled: AtomicBool::new(false),
            wake,
        }
    }

    /// Queues a command. While the application is at work and the owner looks by itself nobody is woken: `flush`
    /// follows when the work is done.
    pub fn post(&self, command: C, is_busy: impl FnOnce() -> bool) {
        self.commands.lock().push(command);
        if !(self.polled.load(Ordering::SeqCst) && is_busy()) {
            self.wake_once();
        }
    }

    /// The owner says whether it looks by itself.
    pub fn set_polled(&self, polled: bool) {
        self.polled.store(polled, Ordering::SeqCst);
    }

    /// Wakes the owner if something waits.
    pub fn flush(&self) {
        if !self.commands.lock().is_empty() {
            self.wake_once();
        }
    }

    fn wake_once(&self) {
        if !self.woken.swap(true, Ordering::SeqCst) {
            self.wake.wake();
        }
    }

    /// Takes all commands; `taken` is an empty vector whose memory is used again.
    pub fn take(&self, taken: &mut Vec<C>) {
        self.woken.store(false, Ordering::SeqCst);
        std::mem::swap(&mut *self.commands.lock(), taken);
    }
}
