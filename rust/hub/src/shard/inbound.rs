//! From packets of a client to notices for the application.

use std::sync::{Arc, atomic::Ordering};

use bytes::Bytes;
use sio_protocol::{
    close::CloseReason,
    engineio::{
        packet::{self as engine_packet, PacketType},
        payload::{self, BINARY},
        session::Incoming,
    },
    socketio::client::{Fault, Limits, Order},
};

use super::{EXCERPT, Phase, SessionKey, Shard};
use crate::{
    namespaces::Wanted,
    packet,
    sink::{Level, Notice},
    socket::{Socket, SocketState},
    time::Now,
};

impl Shard {
    /// One Engine.IO text packet on the session's own transport. `false`: the session is over.
    pub(super) fn handle_text(&mut self, key: SessionKey, now: Now, text: &[u8]) -> bool {
        let timing = self.hub.config.timing;
        let limits = self.limits();
        let Some(entry) = self
            .entries
            .get_mut(key)
            .filter(|entry| entry.phase == Phase::Open)
        else {
            return false;
        };
        self.hub.counters.packets_in.fetch_add(1, Ordering::Relaxed);
        let (kind, data) = match engine_packet::decode(text) {
            Ok(packet) => packet,
            Err(_) if text.first() == Some(&BINARY) => {
                return match payload::decode_base64(&text[1..]) {
                    Ok(data) => self.handle_binary(key, now, &data),
                    Err(error) => self.fail(key, now, &error.to_string(), text),
                };
            }
            Err(error) => return self.fail(key, now, &error.to_string(), text),
        };
        match entry.machine.handle_packet(kind, &timing, now.monotonic) {
            Incoming::Handled => {
                if kind == PacketType::Pong {
                    self.schedule(key);
                }
                true
            }
            Incoming::Close(reason, detail) => {
                entry.peer_closed = reason == CloseReason::TransportClose;
                self.close(key, now, reason, Some(detail), true);
                false
            }
            Incoming::Message => {
                let order = entry.client.handle_text(data, &limits);
                self.carry_out(key, now, order, text)
            }
        }
    }

    /// One binary message.
    pub(super) fn handle_binary(&mut self, key: SessionKey, now: Now, data: &[u8]) -> bool {
        let timing = self.hub.config.timing;
        let limits = self.limits();
        let Some(entry) = self
            .entries
            .get_mut(key)
            .filter(|entry| entry.phase == Phase::Open)
        else {
            return false;
        };
        entry.machine.extend_pong(&timing, now.monotonic);
        let order = entry.client.handle_binary(data, &limits);
        self.carry_out(key, now, order, data)
    }

    /// Each attachment may be as large as a message.
    fn limits(&self) -> Limits {
        let config = &self.hub.config;
        Limits {
            max_attachments: config.max_attachments,
            max_bytes: config
                .max_http_buffer_size
                .saturating_mul(config.max_attachments + 1),
        }
    }

    fn carry_out(
        &mut self,
        key: SessionKey,
        now: Now,
        order: Result<Order<Arc<Socket>>, Fault>,
        text: &[u8],
    ) -> bool {
        match order {
            Ok(Order::Nothing) => true,
            Ok(Order::Connect { namespace, auth }) => {
                self.connect(key, now, namespace, auth);
                true
            }
            Ok(Order::Event {
                socket,
                ack_id,
                body,
                attachments,
            }) => {
                // The server may have ended it on another thread a moment ago. A client that answers its CONNECT packet
                // faster than the accepting thread returns finds it still connecting: that event counts.
                if socket.state() == SocketState::Closed {
                    return true;
                }
                self.hand_up(
                    key,
                    now,
                    Notice::Event {
                        socket,
                        ack_id,
                        body,
                        attachments,
                    },
                )
            }
            Ok(Order::Ack {
                socket,
                ack_id,
                body,
                attachments,
            }) => {
                if socket.settle_ack(ack_id) {
                    return self.hand_up(
                        key,
                        now,
                        Notice::Ack {
                            socket,
                            ack_id,
                            body,
                            attachments,
                        },
                    );
                }
                true
            }
            Ok(Order::Disconnect { socket }) => {
                self.hub
                    .close_socket(&socket, CloseReason::ClientNamespaceDisconnect, None);
                let by = now.monotonic + self.hub.config.connect_timeout;
                if let Some(entry) = self.entries.get_mut(key) {
                    entry.expect_namespace(by);
                }
                self.schedule(key);
                true
            }
            Err(fault) if fault.reason() == CloseReason::ParseError => {
                self.fail(key, now, &fault.to_string(), text)
            }
            Err(fault) => {
                self.close(key, now, fault.reason(), Some(&fault.to_string()), false);
                false
            }
        }
    }

    fn connect(&mut self, key: SessionKey, now: Now, name: Box<str>, auth: Bytes) {
        let Some(entry) = self.entries.get_mut(key) else {
            return;
        };
        let session = Arc::clone(&entry.shared);
        let (namespace, asked) = match self.hub.namespaces.wanted(&name) {
            Wanted::Known(namespace) => (namespace, false),
            // What a client may let wait is bounded, names that nobody has decided about among it.
            Wanted::Asked(namespace) if session.asking() < self.hub.config.max_queued_events => {
                (namespace, true)
            }
            Wanted::Asked(_) | Wanted::Unknown => {
                let body = b"{\"message\":\"Invalid namespace\"}";
                self.queue_uncounted(key, packet::connect_error(&name, body));
                return;
            }
        };
        let id = self.hub.new_id();
        let socket = Arc::new(Socket::new(
            id,
            self.hub.next_number(),
            now.unix_ms,
            Arc::clone(&namespace),
            Arc::clone(&session),
        ));
        if asked {
            socket.set_asked();
        }
        entry.client.joining(name, Arc::clone(&socket));
        let slot = namespace.rooms.lock().insert(Arc::clone(&socket));
        socket.slot.store(slot, Ordering::Release);
        session.sockets.lock().push(Arc::clone(&socket));
        self.hub.sink.deliver(Notice::Connect { socket, auth });
    }

    /// Hands an event or an answer to the application, within the bounds of the session. `false`: the session is over.
    fn hand_up(&mut self, key: SessionKey, now: Now, notice: Notice) -> bool {
        let Some(entry) = self.entries.get_mut(key) else {
            return false;
        };
        let session = Arc::clone(&entry.shared);
        self.hub.hold_events(&session, 1, notice.size());
        self.hub.sink.deliver(notice);

        let config = &self.hub.config;
        let over = |factor: usize| {
            session.waiting_events.load(Ordering::SeqCst)
                > config.max_queued_events.saturating_mul(factor)
                || (session.waiting_bytes.load(Ordering::SeqCst)
                    > config.max_queued_bytes.saturating_mul(factor)
                    && session.waiting_events.load(Ordering::SeqCst) > 1)
        };
        if !over(1) {
            return true;
        }
        if session.pending_acks.load(Ordering::SeqCst) > 0 {
            // The answer that a handler waits for is behind these events: go on reading, but not for ever.
            if over(4) {
                self.close(
                    key,
                    now,
                    CloseReason::TransportError,
                    Some("inbound queue full"),
                    true,
                );
                return false;
            }
            return true;
        }
        entry.machine.suspend();
        session.paused.store(true, Ordering::SeqCst);
        // The application may have caught up, or begun to await an answer, before it could see the flag.
        if self.hub.has_caught_up(&session) || session.pending_acks.load(Ordering::SeqCst) > 0 {
            self.resume(key, now);
        }
        true
    }

    /// The application caught up, or awaits an answer of this client: read on.
    pub(super) fn resume(&mut self, key: SessionKey, now: Now) {
        let timing = self.hub.config.timing;
        let Some(entry) = self.entries.get_mut(key) else {
            return;
        };
        if !entry.shared.paused.swap(false, Ordering::SeqCst) {
            return;
        }
        entry.machine.resume(&timing, now.monotonic);
        if let Some(link) = entry.link {
            self.resumed.push_back(super::Resumed::Link(link));
        }
        if std::mem::take(&mut entry.post_held) {
            self.resumed.push_back(super::Resumed::Post(key));
        }
        self.schedule(key);
    }

    /// Bytes of the client that are no packet: one line for the log, and the session ends. Always `false`.
    pub(super) fn fail(&mut self, key: SessionKey, now: Now, error: &str, bytes: &[u8]) -> bool {
        self.hub
            .counters
            .parse_errors
            .fetch_add(1, Ordering::Relaxed);
        if self.log_budget.take(now.monotonic) {
            let excerpt = bytes[..bytes.len().min(EXCERPT)].escape_ascii();
            let sid = self
                .entries
                .get(key)
                .map_or_else(String::new, |entry| entry.shared.sid.to_string());
            self.hub.log(
                Level::Warning,
                "sio_fast.engine",
                format!("session {sid} sent bad bytes: {error}: {excerpt}"),
            );
        }
        self.close(key, now, CloseReason::ParseError, Some(error), false);
        false
    }
}
