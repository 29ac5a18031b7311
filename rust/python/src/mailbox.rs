//! The sink of the hub: an inbox, and the descriptor that wakes the event loop.

use std::{
    collections::VecDeque,
    io,
    sync::atomic::{AtomicBool, Ordering},
};

use parking_lot::Mutex;
use sio_hub::{
    inbox::Inbox,
    sink::{EventSink, Notice},
};

use crate::wake::WakeDescriptor;

#[derive(Debug, Default)]
pub struct Mailbox {
    inbox: Inbox<Notice>,
    /// The descriptor is readable, or about to be.
    signalled: AtomicBool,
    /// Locked while it is written, too: who is woken on the same core stumbles over that and lets the writer finish what it
    /// has begun, so that it finds more than one notice (measured in docs/decisions/0007).
    wake: Mutex<Option<WakeDescriptor>>,
}

impl Mailbox {
    /// Opens the descriptor. `None`: it is open already.
    pub fn open(&self) -> io::Result<Option<i32>> {
        let mut wake = self.wake.lock();
        if wake.is_some() {
            return Ok(None);
        }
        let descriptor = WakeDescriptor::new()?;
        let fd = descriptor.fd();
        *wake = Some(descriptor);
        drop(wake);
        if self.inbox.is_busy() {
            self.signal();
        }
        Ok(Some(fd))
    }

    /// Closes the descriptor and forgets what nobody took.
    pub fn close(&self) {
        *self.wake.lock() = None;
        self.inbox.clear();
        self.signalled.store(false, Ordering::SeqCst);
    }

    /// Takes at most `max` notices into `into`, which is empty; a pass begins.
    pub fn take(&self, max: usize, into: &mut VecDeque<Notice>) {
        // From here on nobody signals, until the pass has ended.
        self.inbox.take(max, into);
        // Nothing to take means woken for nothing: the flag was seen before the descriptor was written.
        if (self.signalled.swap(false, Ordering::SeqCst) || into.is_empty())
            && let Some(wake) = &*self.wake.lock()
        {
            wake.clear();
        }
    }

    /// The pass ends. `true`: more has come, begin another.
    pub fn rest(&self, flush: impl FnOnce()) -> bool {
        self.inbox.rest(flush)
    }

    fn signal(&self) {
        if let Some(wake) = &*self.wake.lock() {
            // The flag first: the loop may run on this core before the write returns, and must not find it unset.
            self.signalled.store(true, Ordering::SeqCst);
            wake.signal();
        }
    }
}

impl EventSink for Mailbox {
    fn deliver(&self, notice: Notice) {
        if self.inbox.push(notice) {
            self.signal();
        }
    }

    fn busy_period(&self) -> Option<u64> {
        self.inbox.period()
    }
}
