//! The one door through which a session ends.

use std::sync::{Arc, atomic::Ordering};

use sio_protocol::{close::CloseReason, engineio::request::Transport};

use super::{Dirty, Phase, SessionKey, Shard};
use crate::time::Now;

impl Shard {
    /// Ends a session: idempotent, the first reason wins. Its sockets leave at once; what is queued may still go out
    /// unless `discard`.
    pub(super) fn close(
        &mut self,
        key: SessionKey,
        now: Now,
        reason: CloseReason,
        detail: Option<&str>,
        discard: bool,
    ) {
        let Some(entry) = self
            .entries
            .get_mut(key)
            .filter(|entry| entry.phase == Phase::Open)
        else {
            return;
        };
        let until = Self::farewell(now);
        entry.phase = Phase::Closing { until };
        entry.shared.set_closing();
        if let Some(detail) = detail {
            entry.shared.set_detail(detail);
        }
        let shared = Arc::clone(&entry.shared);
        let sockets = entry.client.drain();
        if discard {
            let dropped = entry.outbox.discard();
            self.hub.written(&shared, dropped);
        }
        for socket in sockets {
            self.hub.close_socket(&socket, reason, detail);
        }
        self.drop_candidate(key);
        self.hub.counters.sessions.fetch_sub(1, Ordering::Relaxed);

        let Some(entry) = self.entries.get_mut(key) else {
            return;
        };
        // A POST whose answer is held back is answered; one whose body is still coming is cut off.
        if std::mem::take(&mut entry.post_held) || entry.post.is_some() {
            self.resumed.push_back(super::Resumed::Post(key));
        }
        match (entry.machine.transport(), entry.link) {
            (Transport::WebSocket, Some(link)) => {
                let was_paused = entry.shared.paused.swap(false, Ordering::SeqCst);
                if self.links.get(link).is_some_and(|link| !link.closing) {
                    self.end_link(link, Self::close_code(reason));
                }
                if was_paused {
                    // Whoever waits to read must see that there is nothing to read any more.
                    self.resumed.push_back(super::Resumed::Link(link));
                }
                self.dirty.push_back(Dirty::Link(link));
                self.schedule_closing(key);
            }
            (Transport::Polling, _) if entry.poll.is_some() => {
                self.dirty.push_back(Dirty::Poll(key));
            }
            // The next poll takes what is left; whoever is known to be gone will not ask.
            (Transport::Polling, _) if !discard => self.schedule_closing(key),
            (Transport::WebSocket, None) | (Transport::Polling, _) => self.remove(key, now),
        }
    }

    fn schedule_closing(&mut self, key: SessionKey) {
        if let Some(entry) = self.entries.get_mut(key) {
            // The deadline of a closing session counts alone.
            entry.timer_at = std::time::Duration::MAX;
        }
        self.schedule(key);
    }

    /// Forgets a session that is closed.
    pub(super) fn remove(&mut self, key: SessionKey, now: Now) {
        self.close(key, now, CloseReason::TransportClose, None, true);
        let Some(mut entry) = self.entries.remove(key) else {
            return;
        };
        self.sids.remove(&entry.shared.sid);
        entry.shared.set_closed();
        let left = entry.outbox.discard() + entry.outbox.packet_bytes();
        self.hub.written(&entry.shared, left);
        self.hub.report_drained(&entry.shared);
        if let Some(link) = entry.link
            && self.links.get(link).is_some_and(|link| !link.closing)
        {
            self.end_link(link, None);
        }
        if let Some(key) = entry.link
            && let Some(link) = self.links.get_mut(key)
        {
            // A writer that is stuck learns that it is in vain.
            link.given_up = true;
            self.dirty.push_back(Dirty::Link(key));
        }
    }

    pub(super) fn close_all(&mut self, now: Now) {
        for key in self.entries.keys() {
            self.close(key, now, CloseReason::ServerShuttingDown, None, false);
        }
        self.release_questions();
    }
}

impl Drop for Shard {
    /// The owner ends, also if it ends badly: no socket stays connected, nobody waits for bytes in vain.
    fn drop(&mut self) {
        for (_, entry) in self.entries.iter_mut() {
            let sockets = entry.client.drain();
            for socket in sockets {
                self.hub
                    .close_socket(&socket, CloseReason::ServerShuttingDown, None);
            }
            entry.shared.set_closed();
            let left = entry.outbox.discard() + entry.outbox.packet_bytes();
            self.hub.written(&entry.shared, left);
            self.hub.report_drained(&entry.shared);
            if entry.phase == Phase::Open {
                self.hub.counters.sessions.fetch_sub(1, Ordering::Relaxed);
            }
        }
        self.hub.forget_shard(&self.mailbox);
    }
}
