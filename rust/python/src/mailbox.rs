//! The one queue from all threads to Python: notices, and one wake-up of the loop per batch.
//!
//! `busy` is the whole protocol. It is raised with the first notice (whoever raises it wakes the loop) and lowered by
//! `rest`, when the loop has worked everything off. While it is up nobody wakes anybody: the loop looks again before
//! it rests, and the owners of shards look every millisecond.

use std::{
    collections::VecDeque,
    io,
    sync::atomic::{AtomicBool, Ordering},
};

use parking_lot::Mutex;
use sio_hub::sink::{EventSink, Notice};

use crate::wake::WakeDescriptor;

#[derive(Debug, Default)]
pub struct Mailbox {
    queue: Mutex<VecDeque<Notice>>,
    busy: AtomicBool,
    /// The descriptor is readable: set after it was written, so that a reader who misses it only comes once more.
    signalled: AtomicBool,
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
        if self.busy.load(Ordering::SeqCst) {
            descriptor.signal();
            self.signalled.store(true, Ordering::SeqCst);
        }
        *wake = Some(descriptor);
        Ok(Some(fd))
    }

    /// Closes the descriptor and forgets what nobody took.
    pub fn close(&self) {
        *self.wake.lock() = None;
        self.queue.lock().clear();
        self.busy.store(false, Ordering::SeqCst);
    }

    /// Takes at most `max` notices; a pass begins.
    pub fn take(&self, max: usize, into: &mut VecDeque<Notice>) {
        // Raised even when nothing waits: what is sent during a pass is joined.
        self.busy.store(true, Ordering::SeqCst);
        if self.signalled.swap(false, Ordering::SeqCst)
            && let Some(wake) = &*self.wake.lock()
        {
            wake.clear();
        }
        let mut queue = self.queue.lock();
        if queue.len() <= max {
            std::mem::swap(&mut *queue, into);
        } else {
            into.extend(queue.drain(..max));
        }
    }

    /// The pass ends. `true`: more has come, begin another.
    pub fn rest(&self, flush: impl FnOnce()) -> bool {
        if !self.queue.lock().is_empty() {
            flush();
            return true;
        }
        self.busy.store(false, Ordering::SeqCst);
        flush();
        !self.queue.lock().is_empty() && !self.busy.swap(true, Ordering::SeqCst)
    }
}

impl EventSink for Mailbox {
    fn deliver(&self, notice: Notice) {
        self.queue.lock().push_back(notice);
        if !self.busy.swap(true, Ordering::SeqCst)
            && let Some(wake) = &*self.wake.lock()
        {
            wake.signal();
            self.signalled.store(true, Ordering::SeqCst);
        }
    }

    fn is_busy(&self) -> bool {
        self.busy.load(Ordering::SeqCst)
    }
}
