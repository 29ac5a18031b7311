//! How waiting output leaves: the mailbox task, and the settling after every call into the shard.
//!
//! Links that are dirty are written at once, by whichever task runs; polls are answered; readers go on; the timer hears
//! of a nearer deadline. It decides the turns, never what is sent.

use std::{cell::Cell, time::Duration};

use sio_hub::{
    shard::{Dirty, LinkKey, Resumed, SessionKey, Shard},
    time::Now,
    wake::Wake,
};

use super::Driver;
use crate::{
    clock,
    websocket::link::{Link, Written},
};

/// After so many writes in one go, reads and deadlines have their turn: 512 sends are about 2.5 ms.
const WRITES_PER_TURN: usize = 512;

/// The same while a broadcast to more clients than this is being written: what the application sends meanwhile is joined to
/// what is left of it, so it pays to look early (docs/decisions/0007).
const WRITES_PER_WIDE_TURN: usize = 128;

/// While Python is at work its commands come without a wake; this is how long one may lie.
const POLL_INTERVAL: Duration = Duration::from_millis(1);

impl Driver {
    /// Writes what waits for a link, until nothing does or the socket is full.
    pub(crate) fn write_link(&self, key: LinkKey, link: &Link) -> Written {
        link.write(key, &self.shard)
    }

    /// The mailbox task: takes the hub's commands when it is woken and writes what they made dirty.
    pub(crate) async fn run_mailbox(&self) {
        loop {
            let poll = self.shard.borrow_mut().must_poll();
            if poll {
                tokio::select! {
                    () = self.mailbox.0.notified() => {}
                    () = tokio::time::sleep(POLL_INTERVAL) => {}
                }
            } else {
                self.mailbox.0.notified().await;
            }
            self.take_commands().await;
        }
    }

    /// Runs the commands that wait and writes what became dirty, in turns with the other tasks.
    pub(crate) async fn take_commands(&self) {
        // Whoever leaves in the middle (a panic below, a cancelled stop) must not leave the mark behind.
        let _flushing = Flushing::begin(&self.flushing);
        loop {
            let now = clock::now();
            self.shard.borrow_mut().run_commands(now);
            self.resume_readers();
            let wide = self.ask(Shard::widest_broadcast) > WRITES_PER_WIDE_TURN;
            let writes = if wide {
                WRITES_PER_WIDE_TURN
            } else {
                WRITES_PER_TURN
            };
            if self.flush(now, writes) {
                break;
            }
            tokio::task::yield_now().await;
            if wide && self.hub.is_application_busy() {
                // If it waits for this core, it has it now; otherwise this returns at once.
                std::thread::yield_now();
            }
        }
        self.notice_deadline();
    }

    pub(super) fn settle(&self, now: Now) {
        self.resume_readers();
        if !self.flushing.get() && !self.flush(now, WRITES_PER_TURN) {
            self.mailbox.wake();
        }
        self.notice_deadline();
    }

    /// False: the number of writes is used up, and more may wait.
    fn flush(&self, now: Now, writes: usize) -> bool {
        for _ in 0..writes {
            let Some(dirty) = self.shard.borrow_mut().next_dirty() else {
                return true;
            };
            match dirty {
                Dirty::Link(key) => {
                    if let Some(link) = self.links.borrow().find(key.slot, key.generation) {
                        link.write_dirty(key, &self.shard);
                    }
                }
                Dirty::Poll(session) => self.answer_poll(session, now),
            }
        }
        false
    }

    fn answer_poll(&self, session: SessionKey, now: Now) {
        let (slot, generation) = (session.slot, session.generation);
        if self.polls.borrow().find(slot, generation).is_none() {
            return;
        }
        let Some(answer) = self.shard.borrow_mut().take_poll(session, now) else {
            return;
        };
        if let Some(waiting) = self.polls.borrow_mut().remove(slot, generation) {
            // A receiver that is gone has its drop guard, which tells the shard.
            let _ = waiting.send(answer);
        }
    }

    fn resume_readers(&self) {
        loop {
            let Some(resumed) = self.shard.borrow_mut().next_resumed() else {
                return;
            };
            match resumed {
                Resumed::Link(key) => {
                    if let Some(link) = self.links.borrow().find(key.slot, key.generation) {
                        link.kick.kick();
                    }
                }
                Resumed::Request(question) => {
                    let asked = self
                        .questions
                        .borrow_mut()
                        .remove(question.slot, question.generation);
                    if let Some(asked) = asked {
                        // A receiver that is gone has its drop guard, which tells the shard.
                        let _ = asked.send(());
                    }
                }
                Resumed::Post(session) => {
                    let held = self
                        .posts
                        .borrow_mut()
                        .remove(session.slot, session.generation);
                    if let Some(held) = held {
                        // A receiver that is gone needs no answer.
                        let _ = held.send(());
                    }
                }
            }
        }
    }

    fn notice_deadline(&self) {
        let nearer = match (self.ask(Shard::next_deadline), self.armed.get()) {
            (Some(next), Some(armed)) => next < armed,
            (Some(_), None) => true,
            (None, _) => false,
        };
        if nearer {
            self.nearer_deadline.notify_one();
        }
    }
}

/// A mark that is taken back however the function is left.
struct Flushing<'a>(&'a Cell<bool>);

impl<'a> Flushing<'a> {
    fn begin(flag: &'a Cell<bool>) -> Self {
        flag.set(true);
        Self(flag)
    }
}

impl Drop for Flushing<'_> {
    fn drop(&mut self) {
        self.0.set(false);
    }
}
