//! A shard that the event loop's thread owns, for servers that bring the bytes themselves (ASGI).
//!
//! The calls are those of [`Shard`], with Python's values on both sides; time comes in with each of them. Nothing is
//! decided here, and nothing waits: who waits for what stands in `driver.py`.

use std::{
    borrow::Cow,
    net::{IpAddr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicU8, Ordering},
    },
    time::Duration,
};

use parking_lot::Mutex;
use pyo3::{
    IntoPyObjectExt,
    prelude::*,
    types::{PyBytes, PyString, PyTuple},
};
use sio_hub::{
    Hub,
    frame::Frame,
    shard::{
        Dirty, LinkKey, LinkState, Message, Outgoing, PostVerdict, QuestionKey, Response, Resumed,
        SessionKey, Shard, Verdict,
    },
    time::Now,
    wake::Wake,
};
use sio_protocol::engineio::{
    reject::Headers,
    request::{Carried, Host, RequestHead},
};

use crate::{errors, wake::WakeDescriptor};

/// What `LoopShard.request` says, for the module.
pub const VERDICTS: [(&str, u8); 6] = [
    ("NOT_OURS", NOT_OURS),
    ("RESPOND", RESPOND),
    ("POLL", POLL),
    ("READ_BODY", READ_BODY),
    ("ACCEPT", ACCEPT),
    ("ASK", ASK),
];

const NOT_OURS: u8 = 0;
const RESPOND: u8 = 1;
const POLL: u8 = 2;
const READ_BODY: u8 = 3;
const ACCEPT: u8 = 4;
const ASK: u8 = 5;

/// States of a link, for the module; `UNSETTLED` may be added to each.
pub const STATES: [(&str, u8); 4] = [
    ("OPEN", OPEN),
    ("PAUSED", PAUSED),
    ("CLOSING", CLOSING),
    ("UNSETTLED", UNSETTLED),
];

const OPEN: u8 = 0;
const PAUSED: u8 = 1;
const CLOSING: u8 = 2;
const UNSETTLED: u8 = 4;

/// The code of a close frame without one: a host knows no empty close frame.
const NORMAL_CLOSURE: u16 = 1000;

/// The shard and what it has told of itself, shared with the core that must be able to end it.
#[derive(Debug)]
pub struct Owned {
    /// `None`: it has ended.
    state: Mutex<Option<State>>,
    wake: Arc<LoopWake>,
    /// 0: nobody asked; 1: end when nothing is left to do; 2: end now.
    stop: AtomicU8,
}

#[derive(Debug)]
struct State {
    shard: Shard,
    /// The deadline that the loop knows.
    armed: Option<Duration>,
}

#[derive(Debug)]
struct LoopWake(WakeDescriptor);

impl Wake for LoopWake {
    fn wake(&self) {
        self.0.signal();
    }
}

impl Owned {
    pub fn new(hub: &Arc<Hub>) -> std::io::Result<Arc<Self>> {
        let wake = Arc::new(LoopWake(WakeDescriptor::new()?));
        let shard = hub.shard(Arc::clone(&wake) as Arc<dyn Wake>);
        Ok(Arc::new(Self {
            state: Mutex::new(Some(State { shard, armed: None })),
            wake,
            stop: AtomicU8::new(0),
        }))
    }

    /// Asks the loop to end the shard: now, or when nothing is left to do. From any thread.
    pub fn stop(&self, now: bool) {
        self.stop.fetch_max(1 + u8::from(now), Ordering::SeqCst);
        self.wake.wake();
    }

    /// Ends it here. Its sockets leave, if any are left. `true`: it had not ended.
    pub fn end(&self) -> bool {
        self.state.lock().take().is_some()
    }
}

impl State {
    fn unsettled(&self) -> u8 {
        let nearer = match (self.shard.next_deadline(), self.armed) {
            (Some(next), Some(armed)) => next < armed,
            (Some(_), None) => true,
            (None, _) => false,
        };
        if nearer || !self.shard.is_settled() {
            UNSETTLED
        } else {
            0
        }
    }
}

#[pyclass(frozen, module = "sio_fast._core")]
#[derive(Debug)]
pub struct LoopShard {
    pub owned: Arc<Owned>,
}

impl LoopShard {
    /// One call into the shard, if it has not ended.
    fn with<T>(&self, call: impl FnOnce(&mut Shard) -> T) -> Option<T> {
        self.owned
            .state
            .lock()
            .as_mut()
            .map(|state| call(&mut state.shard))
    }

    /// A call that leaves a link in some state.
    fn link(&self, call: impl FnOnce(&mut Shard) -> LinkState) -> u8 {
        match self.owned.state.lock().as_mut() {
            None => CLOSING,
            Some(state) => {
                let link = match call(&mut state.shard) {
                    LinkState::Open => OPEN,
                    LinkState::Paused => PAUSED,
                    LinkState::Closing => CLOSING,
                };
                link | state.unsettled()
            }
        }
    }
}

type Pairs<'py> = Vec<(Bound<'py, PyBytes>, Bound<'py, PyBytes>)>;
type Answer<'py> = (u16, Pairs<'py>, Bound<'py, PyBytes>, bool);
type Work = (
    Vec<u64>,
    Vec<u64>,
    Vec<u64>,
    Vec<u64>,
    Vec<u64>,
    Vec<u64>,
    bool,
);

#[pymethods]
impl LoopShard {
    #[getter]
    fn fd(&self) -> i32 {
        self.owned.wake.0.fd()
    }

    #[getter]
    fn stop_asked(&self) -> u8 {
        self.owned.stop.load(Ordering::SeqCst)
    }

    fn wake(&self) {
        self.owned.wake.wake();
    }

    fn end(&self) {
        self.owned.end();
    }

    #[expect(
        clippy::too_many_arguments,
        clippy::needless_pass_by_value,
        reason = "the parts of a request as a scope has them"
    )]
    fn request<'py>(
        &self,
        py: Python<'py>,
        now: f64,
        question: Option<u64>,
        method: &str,
        target: &str,
        path: &str,
        root: &str,
        mounted: bool,
        websocket: bool,
        secure: bool,
        client: Option<(String, u16)>,
        scope: Py<PyAny>,
        headers: Vec<(Bound<'py, PyBytes>, Bound<'py, PyBytes>)>,
    ) -> PyResult<Bound<'py, PyTuple>> {
        let headers: Vec<(&str, &[u8])> = headers
            .iter()
            .filter_map(|(name, value)| {
                Some((std::str::from_utf8(name.as_bytes()).ok()?, value.as_bytes()))
            })
            .collect();
        let carried: Carried = Arc::new(scope);
        let head = RequestHead {
            method,
            target,
            headers: &headers,
            address: client.and_then(|(host, port)| {
                // A name instead of an address: a Unix socket, a test client.
                Some(SocketAddr::new(host.parse::<IpAddr>().ok()?, port))
            }),
            secure,
            host: Some(Host {
                path,
                root,
                mounted,
                websocket,
                carried: Some(&carried),
            }),
            forwarded_host: None,
        };
        let now = moment(now)?;
        let verdict = self.with(|shard| match question {
            Some(question) => shard.handle_decided(QuestionKey::from_bits(question), now, &head),
            None => shard.request(now, &head),
        });
        match verdict {
            // Elsewhere: this shard is the only one.
            None | Some(Verdict::NotOurs | Verdict::Elsewhere { .. }) => {
                (NOT_OURS,).into_pyobject(py)
            }
            Some(Verdict::Ask { question }) => (ASK, question.to_bits()).into_pyobject(py),
            Some(Verdict::Respond { response, close }) => {
                (RESPOND, answer(py, &response, close)).into_pyobject(py)
            }
            Some(Verdict::Poll { session }) => (POLL, session.to_bits()).into_pyobject(py),
            Some(Verdict::ReadBody { session, limit }) => {
                (READ_BODY, session.to_bits(), limit).into_pyobject(py)
            }
            Some(Verdict::Accept { link, headers, .. }) => {
                let subprotocol = headers
                    .iter()
                    .find(|(name, _)| *name == "sec-websocket-protocol")
                    .map(|(_, value)| value.clone().into_owned());
                let headers: Headers = headers
                    .into_iter()
                    .filter(|(name, _)| *name != "sec-websocket-protocol")
                    .collect();
                (ACCEPT, link.to_bits(), subprotocol, pairs(py, &headers)).into_pyobject(py)
            }
        }
    }

    fn request_aborted(&self, question: u64) {
        self.with(|shard| shard.handle_request_aborted(QuestionKey::from_bits(question)));
    }

    fn link_open(&self, now: f64, link: u64) -> PyResult<u8> {
        let now = moment(now)?;
        Ok(self.link(|shard| shard.handle_link_open(LinkKey::from_bits(link), now)))
    }

    fn link_text(&self, now: f64, link: u64, text: &str) -> PyResult<u8> {
        let now = moment(now)?;
        let key = LinkKey::from_bits(link);
        Ok(self.link(|shard| shard.handle_link_message(key, now, Message::Text(text))))
    }

    fn link_bytes(&self, now: f64, link: u64, data: &[u8]) -> PyResult<u8> {
        let now = moment(now)?;
        let key = LinkKey::from_bits(link);
        Ok(self.link(|shard| shard.handle_link_message(key, now, Message::Binary(data))))
    }

    fn link_ended(&self, now: f64, link: u64, code: Option<u16>) -> PyResult<()> {
        let now = moment(now)?;
        let key = LinkKey::from_bits(link);
        self.with(|shard| shard.handle_link_disconnected(key, now, code));
        Ok(())
    }

    fn link_state(&self, link: u64) -> u8 {
        self.link(|shard| shard.link_state(LinkKey::from_bits(link)))
    }

    fn take<'py>(&self, py: Python<'py>, link: u64) -> PyResult<Option<Bound<'py, PyAny>>> {
        let taken = self.with(|shard| shard.take_link_message(LinkKey::from_bits(link)));
        match taken.flatten() {
            None => Ok(None),
            Some(Outgoing::Message(frame, part)) => message(py, &frame, part),
            Some(Outgoing::Close(code)) => code
                .unwrap_or(NORMAL_CLOSURE)
                .into_bound_py_any(py)
                .map(Some),
        }
    }

    fn take_poll<'py>(
        &self,
        py: Python<'py>,
        now: f64,
        session: u64,
    ) -> PyResult<Option<Answer<'py>>> {
        let now = moment(now)?;
        let taken = self.with(|shard| shard.take_poll(SessionKey::from_bits(session), now));
        Ok(taken
            .flatten()
            .map(|(response, close)| answer(py, &response, close)))
    }

    fn poll_aborted(&self, now: f64, session: u64, by_host: bool) -> PyResult<()> {
        let now = moment(now)?;
        let key = SessionKey::from_bits(session);
        self.with(|shard| {
            if by_host {
                shard.handle_poll_cut(key, now);
            } else {
                shard.handle_poll_aborted(key, now);
            }
        });
        Ok(())
    }

    fn post<'py>(
        &self,
        py: Python<'py>,
        now: f64,
        session: u64,
        body: &[u8],
    ) -> PyResult<Option<(bool, Answer<'py>)>> {
        let now = moment(now)?;
        let verdict =
            self.with(|shard| shard.handle_post(SessionKey::from_bits(session), now, body));
        Ok(verdict.map(|verdict| match verdict {
            PostVerdict::Respond { response, close } => (false, answer(py, &response, close)),
            PostVerdict::Hold { response } => (true, answer(py, &response, false)),
        }))
    }

    fn post_too_large<'py>(
        &self,
        py: Python<'py>,
        now: f64,
        session: u64,
    ) -> PyResult<Option<Answer<'py>>> {
        let now = moment(now)?;
        let key = SessionKey::from_bits(session);
        let response = self.with(|shard| shard.handle_post_too_large(key, now));
        // The rest of the body is not worth reading.
        Ok(response.map(|response| answer(py, &response, true)))
    }

    fn post_aborted(&self, now: f64, session: u64) -> PyResult<()> {
        let now = moment(now)?;
        self.with(|shard| shard.handle_post_aborted(SessionKey::from_bits(session), now));
        Ok(())
    }

    fn run_commands(&self, now: f64) -> PyResult<()> {
        let now = moment(now)?;
        self.owned.wake.0.clear();
        self.with(|shard| shard.run_commands(now));
        Ok(())
    }

    fn expire(&self, now: f64) -> PyResult<()> {
        let now = moment(now)?;
        self.with(|shard| shard.expire(now));
        Ok(())
    }

    fn settle(&self, most: usize) -> Work {
        let mut state = self.owned.state.lock();
        let Some(State { shard, armed }) = state.as_mut() else {
            return Work::default();
        };
        let (mut readers, mut posts, mut decided) = (Vec::new(), Vec::new(), Vec::new());
        while let Some(resumed) = shard.next_resumed() {
            match resumed {
                Resumed::Link(link) => readers.push(link.to_bits()),
                Resumed::Post(session) => posts.push(session.to_bits()),
                Resumed::Request(question) => decided.push(question.to_bits()),
            }
        }
        let (mut writers, mut polls, mut over) = (Vec::new(), Vec::new(), Vec::new());
        while writers.len() + polls.len() < most
            && let Some(dirty) = shard.next_dirty()
        {
            match dirty {
                Dirty::Link(link) if shard.is_given_up(link) => over.push(link.to_bits()),
                Dirty::Link(link) => writers.push(link.to_bits()),
                Dirty::Poll(session) => polls.push(session.to_bits()),
            }
        }
        *armed = shard.next_deadline();
        let more = !shard.is_settled();
        (writers, polls, readers, posts, decided, over, more)
    }

    #[getter]
    fn next_deadline(&self) -> Option<f64> {
        self.with(|shard| shard.next_deadline())
            .flatten()
            .map(|deadline| deadline.as_secs_f64())
    }
}

/// The part of a frame as what a host sends.
fn message<'py>(
    py: Python<'py>,
    frame: &Frame,
    part: usize,
) -> PyResult<Option<Bound<'py, PyAny>>> {
    let Some(piece) = frame.part(part) else {
        return Ok(None);
    };
    let payload = piece.payload();
    Ok(Some(match part {
        0 => PyString::from_bytes(py, payload)?.into_any(),
        _ => PyBytes::new(py, payload).into_any(),
    }))
}

fn answer<'py>(py: Python<'py>, response: &Response, close: bool) -> Answer<'py> {
    (
        response.status,
        pairs(py, &response.headers),
        PyBytes::new(py, &response.body),
        close,
    )
}

fn pairs<'py>(py: Python<'py>, headers: &[(&'static str, Cow<'static, str>)]) -> Pairs<'py> {
    headers
        .iter()
        .map(|(name, value)| {
            (
                PyBytes::new(py, name.as_bytes()),
                PyBytes::new(py, value.as_bytes()),
            )
        })
        .collect()
}

/// A moment of the loop's clock, with the wall clock of this machine.
fn moment(monotonic: f64) -> PyResult<Now> {
    let monotonic = Duration::try_from_secs_f64(monotonic).map_err(|_| errors::clock(monotonic))?;
    Ok(Now {
        monotonic,
        unix_ms: sio_native::clock::now().unix_ms,
    })
}
