//! The queue from all threads to the one that works for the application, with one wake-up per batch.
//!
//! `busy` is the whole protocol. It is raised with the first item (whoever raises it must wake the consumer) and lowered
//! by [`Inbox::rest`], when the consumer has worked everything off. While it is up nobody wakes anybody: the consumer
//! looks again before it rests, and the owners of shards look every millisecond. Model-checked in `tests/loom.rs`.

use std::collections::VecDeque;

use crate::sync::{AtomicBool, AtomicU64, Mutex, Ordering};

#[derive(Debug)]
pub struct Inbox<T> {
    queue: Mutex<VecDeque<T>>,
    busy: AtomicBool,
    /// How often `busy` was raised.
    periods: AtomicU64,
}

impl<T> Default for Inbox<T> {
    fn default() -> Self {
        Self {
            queue: Mutex::new(VecDeque::new()),
            busy: AtomicBool::new(false),
            periods: AtomicU64::new(0),
        }
    }
}

impl<T> Inbox<T> {
    /// Appends an item. `true`: the caller must wake the consumer.
    #[must_use]
    pub fn push(&self, item: T) -> bool {
        self.queue.lock().push_back(item);
        self.raise()
    }

    /// `true`: it was down.
    fn raise(&self) -> bool {
        let raised = !self.busy.swap(true, Ordering::SeqCst);
        if raised {
            self.periods.fetch_add(1, Ordering::Relaxed);
        }
        raised
    }

    /// Whether the consumer is at work, or has been woken.
    pub fn is_busy(&self) -> bool {
        self.busy.load(Ordering::SeqCst)
    }

    /// Which of its busy periods the consumer is in; `None` while it rests. A number may be one too low for a moment, no two
    /// periods have the same for longer.
    pub fn period(&self) -> Option<u64> {
        self.is_busy().then(|| self.periods.load(Ordering::Relaxed))
    }

    /// Takes at most `max` items into `into`, which is empty. A pass begins, also when nothing waits: what is sent during
    /// a pass is joined.
    pub fn take(&self, max: usize, into: &mut VecDeque<T>) {
        self.raise();
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
        more || (!self.queue.lock().is_empty() && self.raise())
    }

    /// Forgets everything.
    pub fn clear(&self) {
        self.queue.lock().clear();
        self.busy.store(false, Ordering::SeqCst);
    }
}
