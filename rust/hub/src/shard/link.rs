//! WebSocket connections: messages in, bytes out, the candidate of an upgrade.

use std::{io::IoSlice, sync::Arc};

use sio_protocol::{
    close::CloseReason,
    engineio::session::{Candidate, PROBE_ANSWER},
    websocket::{Opcode, Violation},
};

use super::{Dirty, Link, LinkKey, LinkState, Message, Outgoing, Phase, SessionKey, Shard};
use crate::{
    frame::{Frame, Kind},
    outbox::Outbox,
    time::Now,
};

/// Status of the close frame when the server goes away (RFC 6455, 7.4.1).
const GOING_AWAY: u16 = 1001;

/// Code with which a host says that it is going to stop (IANA's registry of close codes: Service Restart).
const SERVICE_RESTART: u16 = 1012;

/// Control frames of one link that may wait.
const MAX_OWN: usize = 64;

impl Shard {
    /// The 101 was sent.
    pub fn handle_link_open(&mut self, key: LinkKey, now: Now) -> LinkState {
        let Some(session) = self.session_of(key) else {
            return LinkState::Closing;
        };
        let timing = self.hub.config.timing;
        let Some(entry) = self.entries.get_mut(session) else {
            return self.end_link(key, None);
        };
        if entry.phase != Phase::Open {
            return self.end_link(key, None);
        }
        if entry.link.is_none() && entry.machine.transport() == super::Transport::WebSocket {
            entry.link = Some(key);
            self.mark_dirty(session);
            return LinkState::Open;
        }
        if !entry.machine.begin_upgrade(&timing, now.monotonic) {
            return self.end_link(key, None);
        }
        entry.candidate = Some(key);
        self.schedule(session);
        LinkState::Open
    }

    pub fn handle_link_message(
        &mut self,
        key: LinkKey,
        now: Now,
        message: Message<'_>,
    ) -> LinkState {
        let Some(session) = self.session_of(key) else {
            return LinkState::Closing;
        };
        let Some(entry) = self.entries.get(session) else {
            return self.end_link(key, None);
        };
        if message.len() > self.hub.config.max_http_buffer_size {
            // A host has limits of its own; our decoder has ours.
            let Violation { code, detail } = Violation::TOO_BIG;
            return self.handle_link_violation(key, now, code, detail);
        }
        if entry.link == Some(key) {
            match message {
                Message::Text(text) => self.handle_text(session, now, text.as_bytes()),
                Message::Binary(data) => self.handle_binary(session, now, data),
            };
        } else if entry.candidate == Some(key) {
            self.handle_candidate(key, session, message);
        }
        self.link_state(key)
    }

    fn handle_candidate(&mut self, key: LinkKey, session: SessionKey, message: Message<'_>) {
        let Some(entry) = self.entries.get_mut(session) else {
            return;
        };
        let meaning = match message {
            Message::Text(text) => entry.machine.handle_candidate(text.as_bytes()),
            Message::Binary(_) => Candidate::Refuse,
        };
        match meaning {
            Candidate::Probe => {
                self.push_own(key, Frame::engine(PROBE_ANSWER));
                self.release_poll(session);
            }
            Candidate::Complete => {
                entry.candidate = None;
                entry.link = Some(key);
                entry.shared.set_upgraded();
                // What polling had to say travels on the WebSocket now; a poll that hangs gets a noop of its own.
                if entry.poll.is_some() {
                    self.dirty.push_back(Dirty::Poll(session));
                }
                entry.dirty = false;
                self.mark_dirty(session);
            }
            Candidate::Refuse => self.drop_candidate(session),
        }
        self.schedule(session);
    }

    /// The candidate of an upgrade is not wanted any more; polling lives on.
    pub(super) fn drop_candidate(&mut self, session: SessionKey) {
        let Some(entry) = self.entries.get_mut(session) else {
            return;
        };
        entry.machine.abandon_upgrade();
        if let Some(key) = entry.candidate.take() {
            self.end_link(key, None);
        }
    }

    /// The peer sent a close frame: it is answered with the same code.
    pub fn handle_link_close_frame(
        &mut self,
        key: LinkKey,
        now: Now,
        code: Option<u16>,
    ) -> LinkState {
        // The close frame first: the end of the session would queue an empty one.
        let state = self.end_link(key, code);
        self.link_gone(key, now, CloseReason::TransportClose, None);
        state
    }

    /// The peer broke the WebSocket protocol; `code` says how.
    pub fn handle_link_violation(
        &mut self,
        key: LinkKey,
        now: Now,
        code: u16,
        detail: &'static str,
    ) -> LinkState {
        let state = self.end_link(key, Some(code));
        self.link_gone(key, now, CloseReason::TransportError, Some(detail));
        state
    }

    /// A WebSocket ping: the pong carries its data.
    pub fn handle_link_ping(&mut self, key: LinkKey, _now: Now, data: &[u8]) -> LinkState {
        // A peer that pings without reading must not fill our memory; the latest pongs are optional (RFC 6455, 5.5.3).
        if self
            .links
            .get(key)
            .is_some_and(|link| link.own.len() < MAX_OWN)
        {
            self.push_own(key, Frame::control(Opcode::Pong, data));
        }
        self.link_state(key)
    }

    /// The host says that the connection has ended, with this code. The key is dead afterwards.
    pub fn handle_link_disconnected(&mut self, key: LinkKey, now: Now, code: Option<u16>) {
        if code == Some(SERVICE_RESTART) {
            self.link_gone(key, now, CloseReason::ServerShuttingDown, None);
        }
        self.handle_link_closed(key, now);
    }

    /// The TCP connection ended, or everything was written after [`LinkState::Closing`]. The key is dead afterwards.
    pub fn handle_link_closed(&mut self, key: LinkKey, now: Now) {
        self.link_gone(key, now, CloseReason::TransportClose, None);
        let Some(link) = self.links.remove(key) else {
            return;
        };
        // The session of a link that had the last word is over.
        let over = self
            .entries
            .get(link.session)
            .is_some_and(|entry| entry.link == Some(key));
        if over {
            self.remove(link.session, now);
        }
    }

    fn link_gone(&mut self, key: LinkKey, now: Now, reason: CloseReason, detail: Option<&str>) {
        let Some(session) = self.session_of(key) else {
            return;
        };
        let Some(entry) = self.entries.get_mut(session) else {
            return;
        };
        if entry.candidate == Some(key) {
            entry.candidate = None;
            entry.machine.abandon_upgrade();
            self.schedule(session);
        } else if entry.link == Some(key)
            || entry.link.is_none() && entry.machine.transport() == super::Transport::WebSocket
        {
            self.close(session, now, reason, detail, true);
        }
    }

    pub fn link_state(&self, key: LinkKey) -> LinkState {
        let Some(link) = self.links.get(key) else {
            return LinkState::Closing;
        };
        if link.closing {
            return LinkState::Closing;
        }
        let paused = self.entries.get(link.session).is_some_and(|entry| {
            entry.link == Some(key)
                && entry
                    .shared
                    .paused
                    .load(std::sync::atomic::Ordering::SeqCst)
        });
        if paused {
            LinkState::Paused
        } else {
            LinkState::Open
        }
    }

    /// Fills `slices` with what is to be written next; returns how many were filled. 0: nothing waits.
    pub fn link_slices<'a>(&'a self, key: LinkKey, slices: &mut [IoSlice<'a>]) -> usize {
        let Some(link) = self.links.get(key) else {
            return 0;
        };
        let session = self
            .entries
            .get(link.session)
            .filter(|entry| entry.link == Some(key));
        let Some(entry) = session else {
            return link.own.slices(slices);
        };
        if link.session_first(&entry.outbox) {
            entry.outbox.slices(slices)
        } else {
            link.own.slices(slices)
        }
    }

    /// `written` bytes of those went out. `false`: nothing else waits.
    pub fn link_wrote(&mut self, key: LinkKey, written: usize) -> bool {
        let Some(link) = self.links.get_mut(key) else {
            return false;
        };
        let entry = self
            .entries
            .get_mut(link.session)
            .filter(|entry| entry.link == Some(key));
        let Some(entry) = entry else {
            link.own.advance(written);
            return !link.own.is_empty();
        };
        if link.session_first(&entry.outbox) {
            let released = entry.outbox.advance(written);
            self.hub.written(&entry.shared, released);
        } else {
            link.own.advance(written);
        }
        !(entry.outbox.is_empty() && link.own.is_empty())
    }

    /// For a host that frames by itself: the next message, once the one before it is written. `None`: nothing waits.
    pub fn take_link_message(&mut self, key: LinkKey) -> Option<Outgoing> {
        let link = self.links.get_mut(key)?;
        link.own.finish();
        let entry = self
            .entries
            .get_mut(link.session)
            .filter(|entry| entry.link == Some(key));
        let outbox = match entry {
            None => &mut link.own,
            Some(entry) => {
                let released = entry.outbox.finish();
                if released > 0 {
                    self.hub.written(&entry.shared, released);
                }
                if link.session_first(&entry.outbox) {
                    &mut entry.outbox
                } else {
                    &mut link.own
                }
            }
        };
        let (frame, part) = outbox.take_part()?;
        Some(match frame.kind() {
            Kind::Packet => Outgoing::Message(frame, part),
            Kind::Control => Outgoing::Close(match frame.text().payload() {
                [high, low, ..] => Some(u16::from_be_bytes([*high, *low])),
                _ => None,
            }),
        })
    }

    /// The session of this link has ended long ago and is forgotten: whatever its writer still does is in vain.
    pub fn is_given_up(&self, key: LinkKey) -> bool {
        self.links.get(key).is_some_and(|link| link.given_up)
    }

    fn session_of(&self, key: LinkKey) -> Option<SessionKey> {
        self.links.get(key).map(|link| link.session)
    }

    fn push_own(&mut self, key: LinkKey, frame: Arc<Frame>) {
        if let Some(link) = self.links.get_mut(key)
            && !link.closing
        {
            link.own.push(frame);
            self.dirty.push_back(Dirty::Link(key));
        }
    }

    /// Queues the close frame as the link's last word. Without a code it is empty, as the official server's.
    pub(super) fn end_link(&mut self, key: LinkKey, code: Option<u16>) -> LinkState {
        let code = code.map_or_else(Vec::new, |code| code.to_be_bytes().to_vec());
        self.push_own(key, Frame::control(Opcode::Close, &code));
        if let Some(link) = self.links.get_mut(key) {
            link.closing = true;
        }
        LinkState::Closing
    }

    /// The close frame of a session that ends for this reason.
    pub(super) fn close_code(reason: CloseReason) -> Option<u16> {
        (reason == CloseReason::ServerShuttingDown).then_some(GOING_AWAY)
    }
}

impl Link {
    /// The last word of a closing link comes after the packets; otherwise its own frames go first, but never into the
    /// middle of a packet.
    fn session_first(&self, outbox: &Outbox) -> bool {
        self.own.is_empty() || outbox.has_begun() || (self.closing && !outbox.is_empty())
    }
}
