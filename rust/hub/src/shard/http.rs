//! HTTP requests: handshakes, polls and posts.

use std::{borrow::Cow, sync::Arc};

use bytes::Bytes;
use sio_protocol::{
    close::CloseReason,
    engineio::{
        handshake::Handshake,
        payload::{self, Piece},
        reject::{ErrorCode, Headers, Reject},
        request::{self, Classified, Intent, RequestHead, SessionView, Step, Transport},
        session::Session as Machine,
    },
    socketio::client::Client,
    websocket::accept_key,
};

use super::{
    Entry, Link, Phase, PostVerdict, Response, SessionKey, Shard, Verdict,
    asking::{Said, refusal, unavailable},
};
use crate::{
    outbox::Outbox,
    question::{Decision, Topic},
    socket::{Request, Session},
    time::Now,
};

/// A closing polling session waits this long for the poll that takes what is left, as the official server does.
const FAREWELL: std::time::Duration = std::time::Duration::from_secs(30);

impl Shard {
    /// The head of an HTTP request arrived.
    pub fn request(&mut self, now: Now, head: &RequestHead<'_>) -> Verdict {
        self.judge(now, head, &Said::default())
    }

    /// What is to be done with a request, given what the application has said about it.
    pub(super) fn judge(&mut self, now: Now, head: &RequestHead<'_>, told: &Said) -> Verdict {
        let head = &self.hub.config.request.trusted_proxies.look_through(head);
        let intent = match request::classify(&self.hub.config.request, head) {
            Classified::NotOurs => return Verdict::NotOurs,
            Classified::Preflight(answer) => {
                if let Some(verdict) = self.judge_origin(now, head, None, false, told) {
                    return verdict;
                }
                let response = Response {
                    status: answer.status,
                    headers: answer.headers,
                    body: Bytes::new(),
                };
                return Verdict::Respond {
                    response,
                    close: false,
                };
            }
            Classified::Reject(reject) => return refused(reject),
            Classified::Intent(intent) => intent,
        };
        let sid = intent.sid.as_deref();
        if let Some(shard) = sid.and_then(|sid| self.place.elsewhere(sid)) {
            return Verdict::Elsewhere { shard };
        }
        if let Some(verdict) = self.judge_origin(now, head, sid, intent.upgrade, told) {
            return verdict;
        }
        let key = intent.sid.as_deref().and_then(|sid| self.find(sid));
        let view = intent
            .sid
            .as_ref()
            .map(|_| match key.and_then(|key| self.entries.get(key)) {
                Some(entry) => SessionView::Known {
                    transport: entry.machine.transport(),
                    upgraded: entry.machine.upgraded(),
                },
                None => SessionView::Unknown,
            });
        match (request::decide(&intent, view), key) {
            (Err(reject), _) => refused(reject),
            (Ok(Step::OpenPolling | Step::OpenWebSocket), _) => {
                self.open_if_allowed(now, head, intent, told)
            }
            (Ok(Step::Poll), Some(key)) => self.poll(key, now, intent.headers),
            (Ok(Step::Post), Some(key)) => self.post(key, now, head, intent),
            (Ok(Step::Upgrade), Some(key)) => self.accept_link(key, &intent),
            // `decide` answers these only for a session that is known.
            (Ok(Step::Poll | Step::Post | Step::Upgrade), None) => {
                refused(intent.refuse(Reject::new(ErrorCode::UnknownSid)))
            }
        }
    }

    /// A handshake that nothing is wrong with, unless the application finds something.
    fn open_if_allowed(
        &mut self,
        now: Now,
        head: &RequestHead<'_>,
        intent: Intent<'_>,
        told: &Said,
    ) -> Verdict {
        if self.hub.is_stopping() {
            return refused(intent.refuse(unavailable("server shutting down")));
        }
        match &told.handshake {
            None if self.hub.config.ask_about_handshakes => self
                .ask(now, head, Topic::Handshake, told)
                .unwrap_or_else(|reject| refused(intent.refuse(reject))),
            Some(decision) if *decision != Decision::Allow => {
                refused(intent.refuse(refusal(decision)))
            }
            _ => match intent.transport {
                Transport::Polling => self.open_polling(now, head, intent),
                Transport::WebSocket => {
                    let session = self.open(now, head, Transport::WebSocket);
                    self.accept_link(session, &intent)
                }
            },
        }
    }

    /// `None`: the origin may talk to us, as far as the application is concerned.
    fn judge_origin(
        &mut self,
        now: Now,
        head: &RequestHead<'_>,
        sid: Option<&str>,
        close: bool,
        told: &Said,
    ) -> Option<Verdict> {
        match &told.origin {
            Some(Decision::Allow) => None,
            Some(decision) => Some(self.refuse_origin(head, decision, close)),
            None if self.must_judge_origin(head, sid) => Some(
                self.ask(now, head, Topic::Origin, told)
                    .unwrap_or_else(refused),
            ),
            None => None,
        }
    }

    pub(super) fn find(&self, sid: &str) -> Option<SessionKey> {
        self.sids.get(&sio_protocol::ids::Id::parse(sid)?).copied()
    }

    /// A new session; its open packet is the first thing in its outbox.
    fn open(&mut self, now: Now, head: &RequestHead<'_>, transport: Transport) -> SessionKey {
        use std::sync::atomic::Ordering::Relaxed;

        let hub = Arc::clone(&self.hub);
        let config = &hub.config;
        let sid = hub.new_id_at(self.place);
        let request = Request::new(head);
        let mailbox = Arc::clone(&self.mailbox);
        let key = self.entries.insert_with(|key| Entry {
            shared: Arc::new(Session::new(
                hub.next_number(),
                mailbox,
                key,
                sid,
                transport,
                request,
            )),
            machine: Machine::new(transport, &config.timing, now.monotonic),
            client: Client::default(),
            outbox: Outbox::default(),
            phase: Phase::Open,
            link: None,
            candidate: None,
            poll: None,
            post: None,
            post_held: false,
            peer_closed: false,
            dirty: false,
            connect_by: Some(now.monotonic + config.connect_timeout),
            timer_at: std::time::Duration::MAX,
        });
        self.sids.insert(sid, key);
        hub.counters.sessions.fetch_add(1, Relaxed);
        hub.counters.sessions_opened.fetch_add(1, Relaxed);
        let upgrade = transport == Transport::Polling
            && config.allow_upgrades
            && config.request.transports.websocket;
        let open = Handshake {
            sid: sid.as_str(),
            upgrade_to_websocket: upgrade,
            ping_interval: config.timing.ping_interval.as_millis() as u64,
            ping_timeout: config.timing.ping_timeout.as_millis() as u64,
            max_payload: config.max_http_buffer_size as u64,
        };
        let text = open.to_packet();
        self.queue_uncounted(
            key,
            crate::frame::Frame::engine(&String::from_utf8_lossy(&text)),
        );
        self.schedule(key);
        key
    }

    fn open_polling(&mut self, now: Now, head: &RequestHead<'_>, intent: Intent<'_>) -> Verdict {
        let key = self.open(now, head, Transport::Polling);
        // The open packet waits, so the poll is answered at once.
        let mut verdict = self.poll(key, now, intent.headers);
        if let Verdict::Respond { response, .. } = &mut verdict
            && let Some((name, attributes)) = &self.hub.config.cookie
            && let Some(entry) = self.entries.get(key)
        {
            let cookie = format!("{name}={}{attributes}", entry.shared.sid);
            response.headers.push(("set-cookie", Cow::Owned(cookie)));
        }
        verdict
    }

    fn accept_link(&mut self, session: SessionKey, intent: &Intent<'_>) -> Verdict {
        let link = self.links.insert_with(|_| Link {
            session,
            own: Outbox::default(),
            closing: false,
            given_up: false,
        });
        let mut headers = intent.headers.clone();
        if let Some(subprotocol) = intent.subprotocol {
            headers.push(("sec-websocket-protocol", Cow::Owned(subprotocol.to_owned())));
        }
        let accept = accept_key(intent.websocket_key.unwrap_or_default());
        Verdict::Accept {
            link,
            accept,
            headers,
        }
    }

    fn poll(&mut self, key: SessionKey, now: Now, headers: Headers) -> Verdict {
        let Some(entry) = self.entries.get_mut(key) else {
            return plain(400, headers, true);
        };
        if entry.poll.is_some() {
            let detail = "overlap from client: a second poll while one was pending";
            self.close(key, now, CloseReason::TransportError, Some(detail), true);
            return plain(400, headers, true);
        }
        entry.poll = Some(headers);
        if !entry.outbox.is_empty() || matches!(entry.phase, Phase::Closing { .. }) {
            return match self.take_poll(key, now) {
                Some((response, close)) => Verdict::Respond { response, close },
                None => Verdict::Poll { session: key },
            };
        }
        entry.machine.handle_hanging_poll(now.monotonic);
        self.schedule(key);
        Verdict::Poll { session: key }
    }

    /// The answer to the poll that hangs, if there is something to say.
    pub fn take_poll(&mut self, key: SessionKey, now: Now) -> Option<(Response, bool)> {
        let max = self.hub.config.max_http_buffer_size;
        let entry = self.entries.get_mut(key)?;
        let closing = matches!(entry.phase, Phase::Closing { .. });
        if entry.machine.upgraded() {
            // The session moved on; its packets travel there.
            let cors = entry.poll.take()?;
            return Some((poll_answer(Bytes::from_static(b"6"), cors), false));
        }
        if entry.poll.is_none() || (entry.outbox.is_empty() && !closing) {
            return None;
        }
        let cors = entry.poll.take()?;
        if entry.outbox.is_empty() {
            // Nothing but the last word: a client that finds it beside packets forgets those.
            let last = if entry.peer_closed { "6" } else { "1" };
            self.remove(key, now);
            return Some((
                poll_answer(Bytes::from_static(last.as_bytes()), cors),
                false,
            ));
        }
        let mut body = Vec::new();
        let released = entry.outbox.take_payload(&mut body, max);
        self.hub.written(&entry.shared, released);
        Some((poll_answer(body.into(), cors), false))
    }

    /// The client went away while its poll hung.
    pub fn handle_poll_aborted(&mut self, key: SessionKey, now: Now) {
        let hanging = self
            .entries
            .get_mut(key)
            .is_some_and(|entry| entry.poll.take().is_some());
        if hanging {
            let detail = "poll connection closed prematurely";
            self.close(key, now, CloseReason::TransportError, Some(detail), true);
        }
    }

    /// The host gave the poll up, because it is going to stop.
    pub fn handle_poll_cut(&mut self, key: SessionKey, now: Now) {
        let hanging = self
            .entries
            .get_mut(key)
            .is_some_and(|entry| entry.poll.take().is_some());
        if hanging {
            self.close(key, now, CloseReason::ServerShuttingDown, None, true);
        }
    }

    fn post(
        &mut self,
        key: SessionKey,
        now: Now,
        head: &RequestHead<'_>,
        intent: Intent<'_>,
    ) -> Verdict {
        let Some(entry) = self.entries.get_mut(key) else {
            return plain(400, intent.headers, true);
        };
        if entry.phase != Phase::Open {
            return refused(intent.refuse(Reject::new(ErrorCode::UnknownSid)));
        }
        let fault = if entry.post.is_some() {
            Some("data request overlap from client: a second post while one was running")
        } else if head
            .header("content-type")
            .is_some_and(|kind| kind.starts_with("application/octet-stream"))
        {
            Some("invalid content: binary payloads belong to revision 3")
        } else {
            None
        };
        if let Some(detail) = fault {
            self.close(key, now, CloseReason::TransportError, Some(detail), true);
            return plain(400, intent.headers, true);
        }
        entry.post = Some(intent.headers);
        Verdict::ReadBody {
            session: key,
            limit: self.hub.config.max_http_buffer_size,
        }
    }

    /// The whole body of a POST arrived.
    pub fn handle_post(&mut self, key: SessionKey, now: Now, body: &[u8]) -> PostVerdict {
        let Some(mut headers) = self
            .entries
            .get_mut(key)
            .and_then(|entry| entry.post.take())
        else {
            // The session ended while the body was on its way.
            return PostVerdict::Respond {
                response: empty(400, Headers::new()),
                close: true,
            };
        };
        for piece in payload::decode(body) {
            let open = match piece {
                Ok(Piece::Text(text)) => self.handle_text(key, now, text.as_bytes()),
                Ok(Piece::Binary(data)) => self.handle_binary(key, now, &data),
                Err(error) => {
                    self.fail(key, now, &error.to_string(), body);
                    false
                }
            };
            if !open {
                break;
            }
        }
        self.schedule(key);
        headers.push(("content-type", Cow::Borrowed("text/html")));
        headers.push(("cache-control", Cow::Borrowed("no-store")));
        let response = Response {
            status: 200,
            headers,
            body: Bytes::from_static(b"ok"),
        };
        let paused = self.entries.get_mut(key).filter(|entry| {
            entry.phase == Phase::Open
                && entry
                    .shared
                    .paused
                    .load(std::sync::atomic::Ordering::SeqCst)
        });
        match paused {
            Some(entry) => {
                entry.post_held = true;
                PostVerdict::Hold { response }
            }
            None => PostVerdict::Respond {
                response,
                close: false,
            },
        }
    }

    /// The body of a POST is larger than allowed: the session stays open, as in the official server.
    pub fn handle_post_too_large(&mut self, key: SessionKey, _now: Now) -> Response {
        let headers = self
            .entries
            .get_mut(key)
            .and_then(|entry| entry.post.take());
        empty(413, headers.unwrap_or_default())
    }

    /// The body of a POST broke off.
    pub fn handle_post_aborted(&mut self, key: SessionKey, now: Now) {
        let posting = self
            .entries
            .get_mut(key)
            .is_some_and(|entry| entry.post.take().is_some());
        if posting {
            let detail = "data request connection closed prematurely";
            self.close(key, now, CloseReason::TransportError, Some(detail), true);
        }
    }

    /// What a session that closes while polling still has to say waits for one more poll until then.
    pub(super) fn farewell(now: Now) -> std::time::Duration {
        now.monotonic + FAREWELL
    }
}

fn poll_answer(body: Bytes, cors: Headers) -> Response {
    let mut headers: Headers = vec![
        ("content-type", Cow::Borrowed("text/plain; charset=UTF-8")),
        ("cache-control", Cow::Borrowed("no-store")),
    ];
    headers.extend(cors);
    Response {
        status: 200,
        headers,
        body,
    }
}

fn empty(status: u16, headers: Headers) -> Response {
    Response {
        status,
        headers,
        body: Bytes::new(),
    }
}

fn plain(status: u16, headers: Headers, close: bool) -> Verdict {
    Verdict::Respond {
        response: empty(status, headers),
        close,
    }
}

pub(super) fn refused(reject: Reject) -> Verdict {
    let close = reject.headers.iter().any(|(name, _)| *name == "connection");
    let body = Bytes::from(reject.body());
    Verdict::Respond {
        response: Response {
            status: reject.status,
            headers: reject.headers,
            body,
        },
        close,
    }
}
