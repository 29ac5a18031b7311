//! Requests to ask about, and shortcuts through the two steps.

// Every test crate uses its own part of this.
#![allow(dead_code)]

use sio_protocol::engineio::proxies::Networks;
use sio_protocol::engineio::request::{
    Classified, CorsOrigins, CorsPolicy, Headers, Intent, Reject, RequestHead, RequestPolicy,
    SessionView, Step, Transport, Transports, classify, decide, normalise_path,
};

pub type Header = (&'static str, &'static [u8]);

pub const HOST: Header = ("host", b"app.example");
pub const WEBSOCKET: [Header; 5] = [
    HOST,
    ("upgrade", b"websocket"),
    ("connection", b"Upgrade"),
    ("sec-websocket-version", b"13"),
    ("sec-websocket-key", b"dGhlIHNhbXBsZSBub25jZQ=="),
];

pub const POLLING: SessionView = SessionView::Known {
    transport: Transport::Polling,
    upgraded: false,
};
pub const UPGRADED: SessionView = SessionView::Known {
    transport: Transport::WebSocket,
    upgraded: true,
};

pub fn policy() -> RequestPolicy {
    RequestPolicy {
        trusted_proxies: Networks::default(),
        path: normalise_path("/socket.io"),
        transports: Transports::ALL,
        cors: CorsPolicy::default(),
    }
}

pub fn cors(origins: CorsOrigins) -> RequestPolicy {
    RequestPolicy {
        cors: CorsPolicy {
            origins,
            ..CorsPolicy::default()
        },
        ..policy()
    }
}

pub fn head<'a>(
    method: &'a str,
    target: &'a str,
    headers: &'a [(&'a str, &'a [u8])],
) -> RequestHead<'a> {
    RequestHead {
        method,
        target,
        headers,
        address: None,
        secure: false,
        host: None,
        forwarded_host: None,
    }
}

pub fn intent<'a>(policy: &RequestPolicy, head: &RequestHead<'a>) -> Intent<'a> {
    match classify(policy, head) {
        Classified::Intent(intent) => intent,
        other => panic!("no intent: {other:?}"),
    }
}

/// Both steps in one.
pub fn answer(
    policy: &RequestPolicy,
    head: &RequestHead<'_>,
    session: Option<SessionView>,
) -> Result<Step, Reject> {
    match classify(policy, head) {
        Classified::Intent(intent) => decide(&intent, session),
        Classified::Reject(reject) => Err(reject),
        other => panic!("neither intent nor refusal: {other:?}"),
    }
}

pub fn find<'a>(headers: &'a Headers, name: &str) -> Option<&'a str> {
    let mut values = headers.iter().filter(|(one, _)| *one == name);
    let value = values.next().map(|(_, value)| &**value);
    assert!(values.next().is_none(), "{name} twice in {headers:?}");
    value
}
