//! A question about a request that only the application can answer: may this origin talk to us, may this client come?
//!
//! The question travels to the application in [`Notice::Request`](crate::sink::Notice::Request) and its answer comes back as
//! a command. One that is dropped unanswered is answered too, so nothing that goes wrong leaves a request waiting.

use std::sync::{
    Arc, Weak,
    atomic::Ordering::{Relaxed, SeqCst},
};

use crate::{
    hub::Hub,
    mailbox::{Command, Mailbox},
    shard::QuestionKey,
    socket::Request,
};

/// Questions that may be open in one process; as many as handlers may wait by default. Further requests are refused.
const MAX_OPEN: usize = 10_000;

/// What is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Topic {
    /// Is the `Origin` of this request allowed?
    Origin,
    /// May this handshake open a session?
    Handshake,
}

/// The answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    Allow,
    /// In the application's own words, or the usual ones.
    Refuse(Option<String>),
    /// The application failed, or took too long.
    Failed,
}

/// An open question.
#[derive(Debug)]
pub struct Question {
    pub topic: Topic,
    pub method: Box<str>,
    pub request: Request,
    key: QuestionKey,
    mailbox: Arc<Mailbox>,
    /// Weak: the question lies in the sink's queue, which the hub holds.
    hub: Weak<Hub>,
    decision: Decision,
}

impl Question {
    /// `None`: too many are open.
    pub(crate) fn new(
        hub: &Arc<Hub>,
        mailbox: Arc<Mailbox>,
        topic: Topic,
        method: &str,
        request: Request,
        key: QuestionKey,
    ) -> Option<Self> {
        if hub.counters.requests_waiting.fetch_add(1, SeqCst) >= MAX_OPEN {
            hub.counters.requests_waiting.fetch_sub(1, SeqCst);
            return None;
        }
        Some(Self {
            topic,
            method: method.into(),
            request,
            key,
            mailbox,
            hub: Arc::downgrade(hub),
            decision: Decision::Failed,
        })
    }

    /// Answers it. Callable from any thread; nothing happens if the client has gone away or the time was up.
    pub fn answer(mut self, decision: Decision) {
        self.decision = decision;
    }
}

impl Drop for Question {
    fn drop(&mut self) {
        let Some(hub) = self.hub.upgrade() else {
            return;
        };
        hub.counters.requests_waiting.fetch_sub(1, Relaxed);
        let command = Command::Decide {
            to: self.key,
            topic: self.topic,
            decision: std::mem::replace(&mut self.decision, Decision::Failed),
        };
        self.mailbox.post(command, || hub.sink.is_busy());
    }
}
