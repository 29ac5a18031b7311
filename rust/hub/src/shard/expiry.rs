//! Deadlines: heartbeats, unfinished upgrades, sessions without a namespace, and those that the application set.

use std::{sync::Arc, time::Duration};

use sio_protocol::{close::CloseReason, engineio::session::Due};

use super::{LATE, Phase, SessionKey, Shard};
use crate::{sink::Notice, time::Now, timers::Expired};

impl Shard {
    /// Does what is due. To be called when [`Shard::next_deadline`] has come, after what arrived before was handled.
    pub fn expire(&mut self, now: Now) {
        let late = self
            .timers
            .next()
            .map_or(Duration::ZERO, |due| now.monotonic.saturating_sub(due));
        if late > LATE {
            for (_, entry) in self.entries.iter_mut() {
                entry.machine.forgive(late, now.monotonic, LATE);
            }
        }
        while let Some((at, expired)) = self.timers.pop(now.monotonic) {
            match expired {
                Expired::Token(token) => self.hub.sink.deliver(Notice::Deadline { token }),
                Expired::Session(key) => self.expire_session(key, at, now),
                Expired::Question(key) => self.expire_question(key),
            }
        }
    }

    fn expire_session(&mut self, key: SessionKey, at: Duration, now: Now) {
        let timing = self.hub.config.timing;
        let Some(entry) = self.entries.get_mut(key) else {
            return;
        };
        if at != entry.timer_at {
            return;
        }
        entry.timer_at = Duration::MAX;
        if let Phase::Closing { until } = entry.phase {
            if until <= now.monotonic {
                self.remove(key, now);
                return;
            }
        } else if entry.connect_by.is_some_and(|by| by <= now.monotonic) {
            let detail = "no namespace was joined in time";
            self.close(key, now, CloseReason::ForcedServerClose, Some(detail), true);
            return;
        }
        let paused = entry
            .shared
            .paused
            .load(std::sync::atomic::Ordering::SeqCst);
        while let Some(entry) = self.entries.get_mut(key) {
            if entry.phase != Phase::Open {
                break;
            }
            match entry.machine.handle_timeout(&timing, now.monotonic, paused) {
                None => break,
                Some(Due::SendPing) => self.queue_uncounted(key, Arc::clone(&self.ping)),
                Some(Due::SendNoop) => self.release_poll(key),
                Some(Due::UpgradeAbandoned) => self.drop_candidate(key),
                Some(Due::PongMissing) => {
                    self.close(
                        key,
                        now,
                        CloseReason::PingTimeout,
                        Some("no pong came in time"),
                        true,
                    );
                }
            }
        }
        self.schedule(key);
    }

    /// Answers a poll that hangs during an upgrade, so that the client can go on.
    pub(super) fn release_poll(&mut self, key: SessionKey) {
        let hanging = self
            .entries
            .get(key)
            .is_some_and(|entry| entry.poll.is_some() && entry.outbox.is_empty());
        if hanging {
            self.queue_uncounted(key, Arc::clone(&self.noop));
        }
    }
}
