//! The queue from all threads to the one that works for the application, with one wake-up per batch.
//!
//! `busy` is the whole protocol. It is raised with the first item (whoever raises it must wake the consumer) and lowered
//! by [`Inbox::rest`], when the consumer has worked everything off. While it is up nobody wakes anybody: the consumer
//! looks again before it rests, and the owners of shards look every millisecond. Model-checked in `tests/loom.rs`.

use std::collections::VecDeque;

use crate::sync::{AtomicBool, Mutex, Ordering};

#[derive(Debug)]
pub struct Inbox<T> {
    queue: Mutex<VecDeque<T>>,
    busy: AtomicBool,
}

impl<T> Default for Inbox<T> {
    fn default() -> Self {
        Self {
            queue: Mutex::new(VecDeque::new()),
            busy: AtomicBool::new(false),
        }
    }
}

impl<T> Inbox<T> {
    /// Appends an item. `true`: the caller must wake the consumer.
    #[must_use]
    pub fn push(&self, item: T) -> bool {
        self.queue.lock().push_back(item);
        !self.busy.swap(true, Ordering::SeqCst)
    }

    /// Whether the consumer is at work, or has been woken.
    pub fn is_busy(&self) -> bool {
        self.busy.load(Ordering::SeqCst)
    }

    /// Takes at most `max` items into `into`, which is empty. A pass begins, also when nothing waits: what is sent during
    /// a pass is joined.
    pub fn take(&self, max: usize, into: &mut VecDeque<T>) {
        self.busy.swap(true, Ordering::SeqCst);
        let mut queue = self.queue.lock();
        if queue.len() <= max {
            std::mem::swap(&mut *queue, into);
        } else {
            into.extend(queue.drain(..max));
        }
    }

    /// The pass ends; `flush` wakes whoever has waited for that. `true`: more has come, take again.
    pub fn rest(&self, flush: impl FnOnce()) -> bool {
        let more = !self.queue.lock().is_empty();
        if !more {
            self.busy.swap(false, Ordering::SeqCst);
        }
        flush();
        // Whoever pushed after the first look and raised the flag wakes us; otherwise the item is ours to see.
        more || (!self.queue.lock().is_empty() && !self.busy.swap(true, Ordering::SeqCst))
    }

    /// Forgets everything.
    pub fn clear(&self) {
        self.queue.lock().clear();
        self.busy.store(false, Ordering::SeqCst);
    }
}
