//! One queue of deadlines: sessions, questions and tokens. An entry per session, moved lazily: an entry that comes too early is
//! put back, so that a pong costs nothing here.

use std::{cmp::Reverse, collections::BinaryHeap, time::Duration};

use hashbrown::HashSet;

use crate::shard::{QuestionKey, SessionKey};

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Entry {
    Session { slot: u32, generation: u32 },
    Question { slot: u32, generation: u32 },
    Token(u64),
}

/// What is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expired {
    Session(SessionKey),
    Question(QuestionKey),
    Token(u64),
}

#[derive(Debug, Default)]
pub struct Timers {
    heap: BinaryHeap<Reverse<(Duration, Entry)>>,
    tokens: HashSet<u64>,
    /// Cancelled tokens that are still in the heap.
    stale: usize,
}

impl Timers {
    pub fn schedule_session(&mut self, key: SessionKey, at: Duration) {
        self.heap.push(Reverse((
            at,
            Entry::Session {
                slot: key.slot,
                generation: key.generation,
            },
        )));
    }

    /// One that was answered or given up meanwhile comes all the same, and finds nothing.
    pub fn schedule_question(&mut self, key: QuestionKey, at: Duration) {
        self.heap.push(Reverse((
            at,
            Entry::Question {
                slot: key.slot,
                generation: key.generation,
            },
        )));
    }

    pub fn start_token(&mut self, token: u64, at: Duration) {
        self.tokens.insert(token);
        self.heap.push(Reverse((at, Entry::Token(token))));
    }

    pub fn cancel_token(&mut self, token: u64) {
        if !self.tokens.remove(&token) {
            return;
        }
        self.stale += 1;
        // A program that times out every ack would otherwise keep each entry for the whole of its timeout.
        if self.stale > 1024 && self.stale * 2 > self.heap.len() {
            let tokens = &self.tokens;
            self.heap.retain(|Reverse((_, entry))| match entry {
                Entry::Token(token) => tokens.contains(token),
                Entry::Session { .. } | Entry::Question { .. } => true,
            });
            self.stale = 0;
        }
    }

    /// When [`Timers::pop`] has something.
    pub fn next(&self) -> Option<Duration> {
        self.heap.peek().map(|Reverse((at, _))| *at)
    }

    /// One entry that is due at `now`, with its time.
    pub fn pop(&mut self, now: Duration) -> Option<(Duration, Expired)> {
        loop {
            if self.next()? > now {
                return None;
            }
            let Reverse((at, entry)) = self.heap.pop()?;
            match entry {
                Entry::Session { slot, generation } => {
                    return Some((at, Expired::Session(SessionKey::new(slot, generation))));
                }
                Entry::Question { slot, generation } => {
                    return Some((at, Expired::Question(QuestionKey::new(slot, generation))));
                }
                Entry::Token(token) if self.tokens.remove(&token) => {
                    return Some((at, Expired::Token(token)));
                }
                Entry::Token(_) => self.stale = self.stale.saturating_sub(1),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_expire_in_order_and_once() {
        let mut timers = Timers::default();
        timers.start_token(1, Duration::from_secs(2));
        timers.start_token(2, Duration::from_secs(1));
        assert_eq!(timers.pop(Duration::from_millis(500)), None);
        assert_eq!(
            timers.pop(Duration::from_secs(3)),
            Some((Duration::from_secs(1), Expired::Token(2)))
        );
        assert_eq!(
            timers.pop(Duration::from_secs(3)),
            Some((Duration::from_secs(2), Expired::Token(1)))
        );
        assert_eq!(timers.pop(Duration::from_secs(3)), None);
    }

    #[test]
    fn cancelled_tokens_do_not_pile_up() {
        let mut timers = Timers::default();
        for token in 0..100_000 {
            timers.start_token(token, Duration::from_secs(60));
            timers.cancel_token(token);
        }
        assert!(timers.heap.len() < 5_000, "{}", timers.heap.len());
    }
}
