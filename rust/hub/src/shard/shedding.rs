//! A client that reads too slowly, where the application wants its oldest packets dropped instead of its end.
//!
//! Only the owner of an outbox can take something out of it, so callers let a packet pass above the limit (up to
//! [`ROOM_FOR_COMMANDS`] times) and the owner makes room when it arrives.

use std::sync::{Arc, atomic::Ordering::Relaxed};

use sio_protocol::close::CloseReason;

use super::{Phase, SessionKey, Shard};
use crate::{config::Overflow, delivery::slow_consumer, sink::Level, time::Now};

/// Above the limit times this the owner of the outbox does not keep up with the callers, and nothing more is queued.
pub(crate) const ROOM_FOR_COMMANDS: usize = 4;

impl Shard {
    /// Drops the oldest packets of a session until it is within its limit. The newest one stays, whatever its size, and so
    /// does everything that is no plain event; a client that does not even read that is disconnected.
    pub(super) fn shed(&mut self, key: SessionKey, now: Now) {
        let config = &self.hub.config;
        if config.on_overflow == Overflow::Disconnect {
            return;
        }
        let limit = config.max_buffered_bytes;
        let Some(entry) = self
            .entries
            .get_mut(key)
            .filter(|entry| entry.phase == Phase::Open && entry.shared.buffered() > limit)
        else {
            return;
        };
        let (packets, bytes) = entry.outbox.drop_oldest(entry.shared.buffered() - limit);
        let kept = entry.outbox.older_bytes();
        let shared = Arc::clone(&entry.shared);
        if packets > 0 {
            let counters = &self.hub.counters;
            counters.packets_dropped.fetch_add(packets as u64, Relaxed);
            counters.packets_out.fetch_sub(packets as u64, Relaxed);
            self.hub.written(&shared, bytes);
            if self.hub.count_slow_consumer(&shared) && self.log_budget.take(now.monotonic) {
                let text = format!(
                    "session {} reads too slowly: its oldest packets are dropped",
                    shared.sid
                );
                self.hub.log(Level::Warning, "sio_fast.engine", text);
            }
        }
        if kept > limit {
            let detail = slow_consumer(kept, limit);
            self.hub.count_slow_consumer(&shared);
            self.close(key, now, CloseReason::TransportError, Some(&detail), true);
        }
    }
}
