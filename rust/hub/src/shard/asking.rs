//! Requests that wait until the application has said whether they may go on.
//!
//! A skin keeps the request meanwhile and shows it again with the key of its question: nothing of a head is kept here but
//! what the application has said. What is refused for another reason never waits.

use std::sync::Arc;

use sio_protocol::engineio::{
    reject::{ErrorCode, Reject},
    request::{CorsOrigins, RequestHead},
};

use super::{Resumed, Shard, Verdict, http::refused};
use crate::{
    question::{Decision, Question, Topic},
    sink::Notice,
    slots::Key,
    socket::Request,
    time::Now,
};

/// A request of this shard that waits for the application.
pub type QuestionKey = Key<Waiting>;

/// What the application has said about a request so far.
#[derive(Clone, Debug, Default)]
pub(super) struct Said {
    pub(super) origin: Option<Decision>,
    pub(super) handshake: Option<Decision>,
}

impl Said {
    fn place(&mut self, topic: Topic) -> &mut Option<Decision> {
        match topic {
            Topic::Origin => &mut self.origin,
            Topic::Handshake => &mut self.handshake,
        }
    }
}

#[derive(Debug)]
pub struct Waiting {
    topic: Topic,
    said: Said,
}

impl Shard {
    /// The shard listed [`Resumed::Request`]: the same request again, with what the application has said.
    pub fn handle_decided(
        &mut self,
        key: QuestionKey,
        now: Now,
        head: &RequestHead<'_>,
    ) -> Verdict {
        let said = self.questions.remove(key).map(|waiting| waiting.said);
        self.judge(now, head, &said.unwrap_or_default())
    }

    /// The client went away while the application decided.
    pub fn handle_request_aborted(&mut self, key: QuestionKey) {
        self.questions.remove(key);
    }

    /// Asks, unless nobody is to be asked any more.
    pub(super) fn ask(
        &mut self,
        now: Now,
        head: &RequestHead<'_>,
        topic: Topic,
        said: &Said,
    ) -> Result<Verdict, Reject> {
        if self.hub.is_stopping() {
            return Err(unavailable("server shutting down"));
        }
        let key = self.questions.insert_with(|_| Waiting {
            topic,
            said: said.clone(),
        });
        let request = Request::new(head);
        let mailbox = Arc::clone(&self.mailbox);
        let Some(question) = Question::new(&self.hub, mailbox, topic, head.method, request, key)
        else {
            self.questions.remove(key);
            return Err(unavailable("too many requests wait for the application"));
        };
        self.timers
            .schedule_question(key, now.monotonic + self.hub.config.connect_timeout);
        self.hub.sink.deliver(Notice::Request { question });
        Ok(Verdict::Ask { question: key })
    }

    /// An answer, or the end of the time for one: the first counts.
    pub(super) fn decide(&mut self, key: QuestionKey, topic: Topic, decision: Decision) {
        let Some(waiting) = self.questions.get_mut(key) else {
            return;
        };
        if waiting.topic == topic && waiting.said.place(topic).is_none() {
            *waiting.said.place(topic) = Some(decision);
            self.resumed.push_back(Resumed::Request(key));
        }
    }

    pub(super) fn expire_question(&mut self, key: QuestionKey) {
        if let Some(topic) = self.questions.get(key).map(|waiting| waiting.topic) {
            self.decide(key, topic, Decision::Failed);
        }
    }

    /// The server stops: whoever waits is told so.
    pub(super) fn release_questions(&mut self) {
        for key in self.questions.keys() {
            self.expire_question(key);
        }
    }

    /// Whether the application must judge the origin of this request. A session's own origin has been judged.
    pub(super) fn must_judge_origin(&self, head: &RequestHead<'_>, sid: Option<&str>) -> bool {
        if self.hub.config.request.cors.origins != CorsOrigins::Ask {
            return false;
        }
        let Some(origin) = head.header("origin") else {
            return false;
        };
        let judged = sid
            .and_then(|sid| self.find(sid))
            .and_then(|key| self.entries.get(key))
            .and_then(|entry| entry.shared.request.header("origin"));
        judged != Some(origin.as_bytes())
    }

    /// An origin that the application does not want, or could not judge: without CORS headers, which would admit it.
    pub(super) fn refuse_origin(
        &self,
        head: &RequestHead<'_>,
        decision: &Decision,
        close: bool,
    ) -> Verdict {
        let mut reject = match decision {
            Decision::Failed if self.hub.is_stopping() => unavailable("server shutting down"),
            Decision::Failed => undecided(),
            Decision::Allow | Decision::Refuse(_) => {
                Reject::origin(head.header("origin").unwrap_or(""))
            }
        };
        if close {
            reject.headers.push(("connection", "close".into()));
        }
        refused(reject)
    }
}

/// What a decision against a handshake is answered by.
pub(super) fn refusal(decision: &Decision) -> Reject {
    match decision {
        Decision::Allow | Decision::Failed => undecided(),
        Decision::Refuse(message) => Reject::forbidden(message.clone()),
    }
}

/// Nobody decided: as the official server answers when one of its own hooks fails.
fn undecided() -> Reject {
    Reject::new(ErrorCode::BadRequest).with("name", "UNDECIDED_REQUEST")
}

/// The client may try again later.
pub(super) fn unavailable(message: &'static str) -> Reject {
    let mut reject = Reject::new(ErrorCode::Forbidden);
    reject.status = 503;
    reject.message = message.into();
    reject
}
