//! What an HTTP request means: open, poll, post, upgrade, preflight, or a refusal with status, code and headers.
//!
//! Every carrier asks here, so none of them can answer differently. The request's head is the whole input; whether a
//! session of that id lives is the caller's knowledge, which is why there are two steps: [`classify`], then [`decide`].
//! Bodies, sockets and the session's own state are not known here.

use std::any::Any;
use std::borrow::Cow;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::net::SocketAddr;
use std::sync::Arc;

use super::cors::Verdict;
pub use super::cors::{CorsOrigins, CorsPolicy};
use super::proxies::Networks;
pub use super::reject::{ErrorCode, Headers, Reject};
use crate::websocket::handshake;

/// The revision of Engine.IO that is spoken.
pub const PROTOCOL: &str = "4";

/// The head of a request, as received.
#[derive(Clone, Copy, Debug)]
pub struct RequestHead<'a> {
    pub method: &'a str,
    /// Path and query.
    pub target: &'a str,
    /// Names in lower case, repeated headers kept.
    pub headers: &'a [(&'a str, &'a [u8])],
    pub address: Option<SocketAddr>,
    pub secure: bool,
    /// The server that carries us, if it is not a listener of our own.
    pub host: Option<Host<'a>>,
    /// What the client wrote as `Host`, if a believed proxy says so.
    pub forwarded_host: Option<&'a str>,
}

/// What a foreign server (ASGI) has found out about a request before it came to us.
#[derive(Clone, Copy, Debug)]
pub struct Host<'a> {
    /// The whole path, decoded.
    pub path: &'a str,
    /// The part of it that belongs to whoever routed the request here; empty if nobody did, or did not say.
    pub root: &'a str,
    /// Somebody did: nothing need be left of the path.
    pub mounted: bool,
    /// The request is a WebSocket handshake, checked; without it none can come of it.
    pub websocket: bool,
    /// What it wants to find again at a session that begins with this request; nobody here looks at it.
    pub carried: Option<&'a Carried>,
}

/// Something of a host's own, for the life of a session.
pub type Carried = Arc<dyn Any + Send + Sync>;

impl<'a> RequestHead<'a> {
    /// The first value of a header, if it is UTF-8.
    pub fn header(&self, name: &str) -> Option<&'a str> {
        let (_, value) = self.headers.iter().find(|(one, _)| *one == name)?;
        std::str::from_utf8(value).ok()
    }

    /// All values of a header that are UTF-8.
    pub fn values(&self, name: &str) -> impl Iterator<Item = &'a str> {
        self.headers
            .iter()
            .filter(move |(one, _)| *one == name)
            .filter_map(|(_, value)| std::str::from_utf8(value).ok())
    }

    /// The path without the query.
    pub fn path(&self) -> &'a str {
        split_target(self.target).0
    }

    /// The query without its question mark; empty if there is none.
    pub fn query(&self) -> &'a str {
        split_target(self.target).1
    }
}

impl Host<'_> {
    /// The policy's path, from the beginning or below the root; or nothing, where a mount is the path.
    fn is_ours(&self, root: &str, query: &str) -> bool {
        let rest = below(self.path, self.root);
        is_under(self.path, root)
            || is_under(rest, root)
            || (self.mounted && matches!(rest, "" | "/") && Query::read(query).eio.is_some())
    }
}

/// How packets travel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Transport {
    Polling,
    WebSocket,
}

impl Transport {
    /// The name in queries and in `socket.conn.transport`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Polling => "polling",
            Self::WebSocket => "websocket",
        }
    }
}

/// The transports that are switched on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Transports {
    pub polling: bool,
    pub websocket: bool,
}

impl Transports {
    pub const ALL: Self = Self {
        polling: true,
        websocket: true,
    };

    /// Whether this one is.
    pub const fn allow(self, transport: Transport) -> bool {
        match transport {
            Transport::Polling => self.polling,
            Transport::WebSocket => self.websocket,
        }
    }

    fn named(self, name: &str) -> Option<Transport> {
        [Transport::Polling, Transport::WebSocket]
            .into_iter()
            .find(|transport| transport.as_str() == name && self.allow(*transport))
    }
}

/// The options that decide about requests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestPolicy {
    /// As [`normalise_path`] gives it: with a slash at both ends.
    pub path: String,
    pub transports: Transports,
    pub cors: CorsPolicy,
    pub trusted_proxies: Networks,
}

/// A path with exactly one slash at both ends.
pub fn normalise_path(path: &str) -> String {
    match path.trim_matches('/') {
        "" => "/".to_owned(),
        inner => format!("/{inner}/"),
    }
}

/// What a request is, as far as its head tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Classified<'a> {
    /// Another path: somebody else's request.
    NotOurs,
    /// A CORS preflight, answered.
    Preflight(Answer),
    Reject(Reject),
    Intent(Intent<'a>),
}

/// A complete answer without a body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    pub status: u16,
    pub headers: Headers,
}

/// A request for us that nothing is wrong with yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Intent<'a> {
    pub method: &'a str,
    pub transport: Transport,
    pub sid: Option<Cow<'a, str>>,
    /// The query's `EIO`.
    pub eio: Option<Cow<'a, str>>,
    /// Present if this is a valid WebSocket handshake and the transport is WebSocket; empty if a host has answered it.
    pub websocket_key: Option<&'a str>,
    /// Why it is none, when WebSocket was asked for.
    pub websocket_fault: Option<handshake::Fault>,
    /// The first sub-protocol that was offered; it is to be echoed in the 101, as the official server does.
    pub subprotocol: Option<&'a str>,
    pub origin: Option<&'a str>,
    /// The policy is [`CorsOrigins::Ask`] and there is an origin: the caller answers [`Intent::refuse_origin`] or goes on.
    pub origin_undecided: bool,
    /// CORS headers for the answer, whichever it will be, the 101 included.
    pub headers: Headers,
    /// The head asked for WebSocket: a refusal ends the TCP connection.
    pub upgrade: bool,
}

impl Intent<'_> {
    /// Adds what every answer to this request carries to a refusal made elsewhere (`allow_request`, a full server).
    #[must_use]
    pub fn refuse(&self, mut reject: Reject) -> Reject {
        reject.headers.extend(self.headers.iter().cloned());
        finish(reject, self.upgrade)
    }

    /// The refusal of an undecided origin that the caller does not want: without CORS headers, which would admit it.
    pub fn refuse_origin(&self) -> Reject {
        finish(Reject::origin(self.origin.unwrap_or("")), self.upgrade)
    }
}

/// What is known of the session that a request names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SessionView {
    /// No session has that id.
    Unknown,
    Known {
        /// The transport that carries the session now.
        transport: Transport,
        /// Whether it began on another one.
        upgraded: bool,
    },
}

/// What to do with a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Open a session and answer with the handshake.
    OpenPolling,
    /// Answer 101 and open a session.
    OpenWebSocket,
    /// Answer with packets, now or when there are some.
    Poll,
    /// Take the packets of the body.
    Post,
    /// Answer 101; the link is a candidate for the session. A session that is upgrading, has been upgraded or began on
    /// WebSocket closes it at once with an empty close frame: the protocol's test suite wants to see the link open first.
    Upgrade,
}

/// Says what a request is, without knowing any session.
///
/// The order of the checks is the official server's: path, preflight, transport, origin.
pub fn classify<'a>(policy: &RequestPolicy, head: &RequestHead<'a>) -> Classified<'a> {
    let (path, query) = split_target(head.target);
    let ours = match &head.host {
        None => is_under(path, &policy.path),
        Some(host) => host.is_ours(&policy.path, query),
    };
    if !ours {
        return Classified::NotOurs;
    }
    let cors = &policy.cors;
    let raw_origin = raw_header(head, "origin");
    let origin = raw_origin.and_then(header_text);
    let origin_is_text = raw_origin.is_some() == origin.is_some();
    let verdict = cors.judge(origin, head.forwarded_host.or_else(|| head.header("host")));
    let admitted = origin_is_text && verdict != Verdict::Refused;

    if head.method == "OPTIONS" && cors.is_on() && admitted {
        return Classified::Preflight(Answer {
            status: 204,
            headers: cors.preflight_headers(origin, head.header("access-control-request-headers")),
        });
    }

    let headers = if admitted {
        cors.headers(origin)
    } else {
        Headers::new()
    };
    let query = Query::read(query);
    let asks_for_websocket = head
        .host
        .map_or_else(|| handshake::asks(head.headers), |host| host.websocket);
    let name = query.transport.as_deref().unwrap_or("");
    let refuse = |mut reject: Reject, upgrade| {
        reject.headers.extend(headers.iter().cloned());
        Classified::Reject(finish(reject, upgrade))
    };
    let Some(transport) = policy.transports.named(name) else {
        let reject = Reject::new(ErrorCode::UnknownTransport).with("transport", name);
        return refuse(reject, asks_for_websocket);
    };
    // `transport=polling` with an Upgrade header is a poll: the header is only an offer (RFC 9110 7.8).
    let upgrade = asks_for_websocket && transport == Transport::WebSocket;
    if !origin_is_text {
        let shown = raw_origin.unwrap_or_default().escape_ascii().to_string();
        let reject = bad_request("INVALID_ORIGIN").with("origin", &shown);
        return refuse(reject, upgrade);
    }
    if let (Verdict::Refused, Some(origin)) = (verdict, origin) {
        return refuse(Reject::origin(origin), upgrade);
    }

    let websocket = match (transport, head.host) {
        (Transport::Polling, Some(host)) if host.websocket => {
            let reject = bad_request("TRANSPORT_MISMATCH").with("transport", name);
            return refuse(reject, true);
        }
        (Transport::Polling, _) => None,
        (Transport::WebSocket, None) => Some(handshake::check(head.method, head.headers)),
        (Transport::WebSocket, Some(host)) if host.websocket => Some(Ok("")),
        (Transport::WebSocket, Some(_)) => Some(Err(handshake::Fault::Upgrade)),
    };
    Classified::Intent(Intent {
        method: head.method,
        transport,
        sid: query.sid.filter(|sid| !sid.is_empty()),
        eio: query.eio,
        websocket_key: websocket.and_then(Result::ok),
        websocket_fault: websocket.and_then(Result::err),
        subprotocol: head.header("sec-websocket-protocol").and_then(|offered| {
            offered
                .split(',')
                .map(str::trim)
                .find(|one| !one.is_empty())
        }),
        origin,
        origin_undecided: verdict == Verdict::Undecided,
        headers,
        upgrade,
    })
}

/// Says what to do, once the session behind `sid` is known.
///
/// Without a `sid` the `session` is not looked at. `allow_request` is asked after this: a request that could not open a
/// session anyway does not trouble the application.
pub fn decide(intent: &Intent<'_>, session: Option<SessionView>) -> Result<Step, Reject> {
    let step = match &intent.sid {
        None => open(intent),
        Some(sid) => match session {
            Some(SessionView::Known { transport, .. }) => enter(intent, transport),
            Some(SessionView::Unknown) | None => {
                Err(Reject::new(ErrorCode::UnknownSid).with("sid", sid))
            }
        },
    };
    step.map_err(|reject| intent.refuse(reject))
}

fn open(intent: &Intent<'_>) -> Result<Step, Reject> {
    if intent.method != "GET" {
        return Err(Reject::new(ErrorCode::BadHandshakeMethod).with("method", intent.method));
    }
    if let Some(fault) = intent.websocket_fault {
        return Err(bad_handshake(fault));
    }
    if intent.eio.as_deref() != Some(PROTOCOL) {
        let eio = intent.eio.as_deref().unwrap_or("");
        return Err(Reject::version(eio));
    }
    Ok(match intent.transport {
        Transport::Polling => Step::OpenPolling,
        Transport::WebSocket => Step::OpenWebSocket,
    })
}

fn enter(intent: &Intent<'_>, current: Transport) -> Result<Step, Reject> {
    if intent.transport != current && !intent.upgrade {
        return Err(bad_request("TRANSPORT_MISMATCH")
            .with("transport", intent.transport.as_str())
            .with("previousTransport", current.as_str()));
    }
    if intent.eio.as_deref() != Some(PROTOCOL) {
        return Err(bad_request("PROTOCOL_MISMATCH")
            .with("protocol", intent.eio.as_deref().unwrap_or(""))
            .with("previousProtocol", PROTOCOL));
    }
    if let Some(fault) = intent.websocket_fault {
        return Err(bad_handshake(fault));
    }
    match (intent.transport, intent.method) {
        (Transport::WebSocket, _) => Ok(Step::Upgrade),
        (Transport::Polling, "GET") => Ok(Step::Poll),
        (Transport::Polling, "POST") => Ok(Step::Post),
        (Transport::Polling, method) => Err(Reject::unknown_method(method)),
    }
}

fn bad_request(name: &str) -> Reject {
    Reject::new(ErrorCode::BadRequest).with("name", name)
}

fn bad_handshake(fault: handshake::Fault) -> Reject {
    let mut reject = bad_request("TRANSPORT_HANDSHAKE_ERROR").with("detail", fault.as_str());
    if fault == handshake::Fault::Version {
        // RFC 6455 4.2.2: say which version would do.
        reject
            .headers
            .push(("sec-websocket-version", Cow::Borrowed("13")));
    }
    reject
}

fn finish(mut reject: Reject, upgrade: bool) -> Reject {
    if upgrade {
        reject.headers.push(("connection", Cow::Borrowed("close")));
    }
    reject
}

/// The pairs of a query, decoded; of a repeated key the last value, at the place of the first, as in `handshake.query`.
pub fn query_pairs(query: &str) -> Vec<(Cow<'_, str>, Cow<'_, str>)> {
    let mut pairs: Vec<(Cow<'_, str>, Cow<'_, str>)> = Vec::new();
    // An index, because a head of 16 KiB holds thousands of keys.
    let mut places: HashMap<Cow<'_, str>, usize> = HashMap::new();
    for (key, value) in form_urlencoded::parse(query.as_bytes()) {
        match places.entry(key) {
            Entry::Occupied(place) => pairs[*place.get()].1 = value,
            Entry::Vacant(place) => {
                pairs.push((place.key().clone(), value));
                place.insert(pairs.len() - 1);
            }
        }
    }
    pairs
}

/// The three keys that decide.
#[derive(Default)]
struct Query<'a> {
    transport: Option<Cow<'a, str>>,
    sid: Option<Cow<'a, str>>,
    eio: Option<Cow<'a, str>>,
}

impl<'a> Query<'a> {
    fn read(query: &'a str) -> Self {
        let mut read = Self::default();
        for (key, value) in form_urlencoded::parse(query.as_bytes()) {
            match &*key {
                "transport" => read.transport = Some(value),
                "sid" => read.sid = Some(value),
                "EIO" => read.eio = Some(value),
                _ => {}
            }
        }
        read
    }
}

/// Path and query of a target; of an absolute one (RFC 9112 3.2.2) too.
fn split_target(target: &str) -> (&str, &str) {
    let local = match target.split_once("://") {
        Some((scheme, rest)) if scheme.bytes().all(|byte| byte.is_ascii_alphabetic()) => {
            rest.find(['/', '?']).map_or("/", |at| &rest[at..])
        }
        _ => target,
    };
    local.split_once('?').unwrap_or((local, ""))
}

/// The path itself, with or without its slash, or something below it.
fn is_under(path: &str, root: &str) -> bool {
    path.starts_with(root) || root.strip_suffix('/') == Some(path)
}

/// What is left of a path below a root that ends at a segment; the path itself if it lies elsewhere.
fn below<'a>(path: &'a str, root: &str) -> &'a str {
    path.strip_prefix(root.trim_end_matches('/'))
        .filter(|rest| rest.is_empty() || rest.starts_with('/'))
        .unwrap_or(path)
}

fn raw_header<'a>(head: &RequestHead<'a>, name: &str) -> Option<&'a [u8]> {
    let (_, value) = head.headers.iter().find(|(one, _)| *one == name)?;
    Some(value)
}

/// The text of a header value that may be sent back in a header.
fn header_text(value: &[u8]) -> Option<&str> {
    value
        .iter()
        .all(|&byte| byte == b'\t' || matches!(byte, 0x20..=0x7e))
        .then(|| std::str::from_utf8(value).ok())
        .flatten()
}
