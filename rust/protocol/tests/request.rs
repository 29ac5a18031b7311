//! What requests mean: every status and code of the HTTP side, as tables.

mod common;

use common::{HOST, Header, POLLING, UPGRADED, WEBSOCKET, answer, find, head, intent, policy};
use proptest::prelude::*;
use sio_protocol::engineio::request::{
    Classified, ErrorCode, Host, RequestHead, RequestPolicy, SessionView, Step, Transport,
    Transports, classify, decide, normalise_path, query_pairs,
};

/// Method, target, headers, session, and what comes of them.
type Row<T> = (
    &'static str,
    &'static str,
    &'static [Header],
    Option<SessionView>,
    T,
);

type Context = &'static [(&'static str, &'static str)];

const SID: &str = "bpvH4QJRLii9-9iaAAAA";

#[test]
fn the_path_or_something_below_it_is_ours() {
    let ours = [
        "/socket.io",
        "/socket.io/",
        "/socket.io?EIO=4&transport=polling",
        "/socket.io/?EIO=4&transport=polling",
        "/socket.io/anything/below",
        "http://app.example/socket.io/?EIO=4",
    ];
    for target in ours {
        assert_ne!(
            classify(&policy(), &head("GET", target, &[])),
            Classified::NotOurs,
            "{target}"
        );
    }
    let others = [
        "",
        "/",
        "*",
        "/socket.iox",
        "/socket.iox/",
        "/socket",
        "/a/socket.io/",
        "/?x=/socket.io/",
        "http://x",
    ];
    for target in others {
        assert_eq!(
            classify(&policy(), &head("GET", target, &[])),
            Classified::NotOurs,
            "{target}"
        );
    }
}

#[test]
fn paths_are_normalised() {
    for path in ["/socket.io", "socket.io", "/socket.io/", "//socket.io//"] {
        assert_eq!(normalise_path(path), "/socket.io/");
    }
    assert_eq!(normalise_path("/a/b"), "/a/b/");
    assert_eq!(normalise_path("/"), "/");
    let everywhere = RequestPolicy {
        path: normalise_path(""),
        ..policy()
    };
    assert_ne!(
        classify(&everywhere, &head("GET", "/x", &[])),
        Classified::NotOurs
    );
}

#[test]
fn good_requests_have_their_step() {
    let plain: &'static [Header] = &[HOST];
    #[rustfmt::skip]
    let rows: [Row<Step>; 7] = [
        ("GET", "/socket.io/?EIO=4&transport=polling", plain, None, Step::OpenPolling),
        ("GET", "/socket.io/?EIO=4&transport=websocket", &WEBSOCKET, None, Step::OpenWebSocket),
        ("GET", "/socket.io/?EIO=4&transport=polling&sid=x", plain, Some(POLLING), Step::Poll),
        ("POST", "/socket.io/?EIO=4&transport=polling&sid=x", plain, Some(POLLING), Step::Post),
        ("GET", "/socket.io/?EIO=4&transport=websocket&sid=x", &WEBSOCKET, Some(POLLING), Step::Upgrade),
        // The second link is opened and then closed by the session.
        ("GET", "/socket.io/?EIO=4&transport=websocket&sid=x", &WEBSOCKET, Some(UPGRADED), Step::Upgrade),
        // The Upgrade header on a poll is only an offer.
        ("GET", "/socket.io/?EIO=4&transport=polling", &WEBSOCKET, None, Step::OpenPolling),
    ];
    for (method, target, headers, session, step) in rows {
        assert_eq!(
            answer(&policy(), &head(method, target, headers), session),
            Ok(step),
            "{method} {target}"
        );
    }
}

#[test]
fn bad_requests_have_their_status_and_code() {
    use ErrorCode::{
        BadHandshakeMethod, BadRequest, UnknownSid, UnknownTransport, UnsupportedProtocolVersion,
    };
    let plain: &'static [Header] = &[HOST];
    #[rustfmt::skip]
    let rows: [Row<ErrorCode>; 29] = [
        ("GET", "?EIO=4", plain, None, UnknownTransport),
        ("GET", "?EIO=4&transport=", plain, None, UnknownTransport),
        ("GET", "?EIO=4&transport=tobi", plain, None, UnknownTransport),
        ("GET", "?EIO=4&transport=constructor", plain, None, UnknownTransport),
        ("GET", "?EIO=4&transport=__proto__", plain, None, UnknownTransport),
        ("GET", "?EIO=4&transport=webtransport", plain, None, UnknownTransport),
        ("GET", "?EIO=4&transport=Polling", plain, None, UnknownTransport),
        ("GET", "?EIO=4&transport=tobi", &WEBSOCKET, None, UnknownTransport),
        // The last value of a repeated key counts.
        ("GET", "?EIO=4&transport=polling&transport=x", plain, None, UnknownTransport),
        // The transport is checked before the session.
        ("GET", "?EIO=4&transport=tobi&sid=x", plain, Some(SessionView::Unknown), UnknownTransport),
        ("GET", "?EIO=4&transport=polling&sid=x", plain, Some(SessionView::Unknown), UnknownSid),
        ("POST", "?EIO=4&transport=polling&sid=x", plain, Some(SessionView::Unknown), UnknownSid),
        ("GET", "?EIO=4&transport=websocket&sid=x", &WEBSOCKET, Some(SessionView::Unknown), UnknownSid),
        ("GET", "?EIO=4&transport=polling&sid=x", plain, None, UnknownSid),
        // The session is checked before the handshake.
        ("GET", "?EIO=4&transport=websocket&sid=x", plain, Some(SessionView::Unknown), UnknownSid),
        ("POST", "?EIO=4&transport=polling", plain, None, BadHandshakeMethod),
        ("PUT", "?EIO=4&transport=polling", plain, None, BadHandshakeMethod),
        ("OPTIONS", "?EIO=4&transport=polling", plain, None, BadHandshakeMethod),
        ("HEAD", "?EIO=4&transport=polling", plain, None, BadHandshakeMethod),
        // An empty sid is none.
        ("POST", "?EIO=4&transport=polling&sid=", plain, None, BadHandshakeMethod),
        ("GET", "?EIO=4&transport=websocket", plain, None, BadRequest),
        ("GET", "?EIO=4&transport=websocket&sid=x", plain, Some(POLLING), BadRequest),
        ("GET", "?EIO=4&transport=websocket&sid=x", plain, Some(UPGRADED), BadRequest),
        ("GET", "?EIO=4&transport=polling&sid=x", plain, Some(UPGRADED), BadRequest),
        ("POST", "?EIO=4&transport=polling&sid=x", plain, Some(UPGRADED), BadRequest),
        ("GET", "?EIO=3&transport=polling&sid=x", plain, Some(POLLING), BadRequest),
        ("GET", "?transport=polling", plain, None, UnsupportedProtocolVersion),
        ("GET", "?EIO=3&transport=polling", plain, None, UnsupportedProtocolVersion),
        ("GET", "?EIO=3&transport=websocket", &WEBSOCKET, None, UnsupportedProtocolVersion),
    ];
    for (method, query, headers, session, code) in rows {
        let target = format!("/socket.io/{query}");
        let reject = answer(&policy(), &head(method, &target, headers), session).unwrap_err();
        assert_eq!(
            (reject.code, reject.status),
            (Some(code), 400),
            "{method} {target}"
        );
        assert_eq!(reject.message, code.message());
        assert_eq!(
            find(&reject.headers, "content-type"),
            Some("application/json")
        );
    }
}

#[test]
fn a_method_that_sessions_do_not_know_is_an_empty_500() {
    for method in ["PUT", "DELETE", "HEAD", "OPTIONS"] {
        let head = head(method, "/socket.io/?EIO=4&transport=polling&sid=x", &[HOST]);
        let reject = answer(&policy(), &head, Some(POLLING)).unwrap_err();
        assert_eq!((reject.status, reject.body().len()), (500, 0), "{method}");
    }
}

#[test]
fn a_transport_that_is_off_is_unknown() {
    for (transports, target, headers) in [
        (
            Transports {
                polling: false,
                websocket: true,
            },
            "/socket.io/?EIO=4&transport=polling",
            &[HOST][..],
        ),
        (
            Transports {
                polling: true,
                websocket: false,
            },
            "/socket.io/?EIO=4&transport=websocket",
            &WEBSOCKET[..],
        ),
    ] {
        let policy = RequestPolicy {
            transports,
            ..policy()
        };
        let reject = answer(&policy, &head("GET", target, headers), None).unwrap_err();
        assert_eq!(reject.code, Some(ErrorCode::UnknownTransport));
    }
}

#[test]
fn refusals_say_for_the_log_what_was_wrong() {
    #[rustfmt::skip]
    let rows: [(&str, Option<SessionView>, Context); 5] = [
        ("?EIO=4&transport=tobi", None, &[("transport", "tobi")]),
        ("?EIO=4&transport=polling&sid=nobody", Some(SessionView::Unknown), &[("sid", "nobody")]),
        ("?EIO=2&transport=polling", None, &[("protocol", "2")]),
        ("?EIO=4&transport=polling&sid=x", Some(UPGRADED), &[("name", "TRANSPORT_MISMATCH"), ("transport", "polling"), ("previousTransport", "websocket")]),
        ("?EIO=3&transport=polling&sid=x", Some(POLLING), &[("name", "PROTOCOL_MISMATCH"), ("protocol", "3"), ("previousProtocol", "4")]),
    ];
    for (query, session, context) in rows {
        let target = format!("/socket.io/{query}");
        let reject = answer(&policy(), &head("GET", &target, &[HOST]), session).unwrap_err();
        let told: Vec<_> = reject
            .context
            .iter()
            .map(|(key, value)| (*key, value.as_str()))
            .collect();
        assert_eq!(told, context, "{query}");
    }
    let long = format!("/socket.io/?EIO=4&transport={}", "x".repeat(5000));
    let reject = answer(&policy(), &head("GET", &long, &[HOST]), None).unwrap_err();
    assert!(reject.context[0].1.len() < 80);
}

#[test]
fn only_a_refused_websocket_closes_the_connection() {
    let refused = |target: &str, headers: &[Header], session| {
        let reject = answer(&policy(), &head("GET", target, headers), session).unwrap_err();
        find(&reject.headers, "connection").map(str::to_owned)
    };
    let close = Some("close".to_owned());
    assert_eq!(
        refused("/socket.io/?EIO=3&transport=websocket", &WEBSOCKET, None),
        close
    );
    assert_eq!(
        refused("/socket.io/?EIO=4&transport=tobi", &WEBSOCKET, None),
        close
    );
    let unknown = Some(SessionView::Unknown);
    assert_eq!(
        refused(
            "/socket.io/?EIO=4&transport=websocket&sid=x",
            &WEBSOCKET,
            unknown
        ),
        close
    );
    assert_eq!(
        refused(
            "/socket.io/?EIO=4&transport=polling&sid=x",
            &WEBSOCKET,
            unknown
        ),
        None
    );
    assert_eq!(
        refused(
            "/socket.io/?EIO=4&transport=polling&sid=x",
            &[HOST],
            unknown
        ),
        None
    );
    assert_eq!(
        refused("/socket.io/?EIO=4&transport=websocket", &[HOST], None),
        None
    );
}

#[test]
fn a_bad_handshake_says_which_header() {
    let mut headers = WEBSOCKET;
    headers[3].1 = b"8";
    let head = head("GET", "/socket.io/?EIO=4&transport=websocket", &headers);
    let reject = answer(&policy(), &head, None).unwrap_err();
    assert_eq!(
        (reject.status, reject.code),
        (400, Some(ErrorCode::BadRequest))
    );
    assert!(reject.context[1].1.contains("Sec-WebSocket-Version"));
    assert_eq!(find(&reject.headers, "sec-websocket-version"), Some("13"));
}

#[test]
fn an_intent_carries_what_the_answer_needs() {
    let mut headers = WEBSOCKET.to_vec();
    headers.push(("sec-websocket-protocol", b"foo, bar"));
    let target = format!("/socket.io/?EIO=4&transport=websocket&sid={SID}&t=abc");
    let intent = intent(&policy(), &head("GET", &target, &headers));
    assert_eq!(intent.sid.as_deref(), Some(SID));
    assert_eq!(intent.eio.as_deref(), Some("4"));
    assert_eq!(intent.transport, Transport::WebSocket);
    assert_eq!(intent.websocket_key, Some("dGhlIHNhbXBsZSBub25jZQ=="));
    assert_eq!(intent.subprotocol, Some("foo"));
    assert_eq!(intent.origin, None);
    assert!(intent.headers.is_empty());
}

#[test]
fn of_a_repeated_query_key_the_last_value_wins_in_place() {
    let pairs = query_pairs("EIO=4&a=1&b=%C3%A9+x&a=2&flag&=3");
    let pairs: Vec<_> = pairs
        .iter()
        .map(|(key, value)| (&**key, &**value))
        .collect();
    assert_eq!(
        pairs,
        [
            ("EIO", "4"),
            ("a", "2"),
            ("b", "é x"),
            ("flag", ""),
            ("", "3")
        ]
    );
    assert!(query_pairs("").is_empty());
}

#[test]
fn the_parts_of_a_target() {
    let head = head("GET", "/socket.io/?a=1?b", &[HOST]);
    assert_eq!((head.path(), head.query()), ("/socket.io/", "a=1?b"));
    assert_eq!(head.header("host"), Some("app.example"));
    assert_eq!(head.header("origin"), None);
}

fn method() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec!["GET", "POST", "OPTIONS", "PUT", ""])
}

proptest! {
    #[test]
    fn whatever_is_asked_there_is_an_answer(
        method in method(),
        target in "(/socket.io)?/?[?]?((transport|EIO|sid|t)(=(polling|websocket|4|3|x|%[0-9a-z]{0,2}))?[&=]?){0,6}.{0,10}",
        origin: Option<Vec<u8>>,
        known: bool,
    ) {
        let mut headers: Vec<(&str, &[u8])> = vec![HOST];
        headers.extend(origin.as_deref().map(|origin| ("origin", origin)));
        let head = head(method, &target, &headers);
        let session = Some(if known { POLLING } else { SessionView::Unknown });
        match classify(&policy(), &head) {
            Classified::NotOurs => prop_assert!(!target.starts_with("/socket.io/")),
            Classified::Preflight(_) => prop_assert!(false, "CORS is off"),
            Classified::Reject(reject) => prop_assert!([400, 403].contains(&reject.status)),
            Classified::Intent(intent) => {
                prop_assert!(origin.is_none(), "no page of another origin gets this far");
                if let Err(reject) = decide(&intent, session) {
                    prop_assert!([400, 500].contains(&reject.status));
                }
            }
        }
    }
}

fn hosted<'a>(
    path: &'a str,
    root: &'a str,
    mounted: bool,
    websocket: bool,
    query: &'a str,
) -> RequestHead<'a> {
    RequestHead {
        host: Some(Host {
            path,
            root,
            mounted,
            websocket,
            carried: None,
        }),
        ..head("GET", query, &[])
    }
}

#[test]
fn below_a_host_the_path_is_ours_with_or_without_its_root() {
    const QUERY: &str = "?EIO=4&transport=polling";
    let rows = [
        ("/socket.io/", "", true, true),
        ("/socket.io", "", true, true),
        ("/socket.io/", "/socket.io", true, true),
        ("/app/socket.io/", "/app", false, true),
        ("/app/socket.io/", "/app/", false, true),
        ("/app/socket.io/", "", false, false),
        ("/ws/", "/ws", true, true),
        ("/ws", "/ws", true, true),
        ("/ws/", "/ws", false, false),
        ("/wsx/", "/ws", true, false),
        ("/", "", true, true),
        ("/", "", false, false),
        ("/elsewhere/", "", true, false),
        ("/ws/elsewhere", "/ws", true, false),
    ];
    for (path, root, mounted, ours) in rows {
        let found = classify(&policy(), &hosted(path, root, mounted, false, QUERY));
        assert_eq!(
            found != Classified::NotOurs,
            ours,
            "{path} below {root}, mounted: {mounted}"
        );
    }
    let page = classify(&policy(), &hosted("/ws/", "/ws", true, false, ""));
    assert_eq!(page, Classified::NotOurs, "a person looks, no client");
}

#[test]
fn a_host_has_checked_the_handshake() {
    let websocket = "/socket.io/?EIO=4&transport=websocket";
    let head = hosted("/socket.io/", "", false, true, websocket);
    assert_eq!(answer(&policy(), &head, None), Ok(Step::OpenWebSocket));
    let plain = hosted("/socket.io/", "", false, false, websocket);
    let reject = answer(&policy(), &plain, None).unwrap_err();
    assert_eq!(
        (reject.status, reject.code),
        (400, Some(ErrorCode::BadRequest))
    );
    let polling = "/socket.io/?EIO=4&transport=polling";
    let confused = hosted("/socket.io/", "", false, true, polling);
    match classify(&policy(), &confused) {
        Classified::Reject(reject) => assert_eq!(reject.code, Some(ErrorCode::BadRequest)),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_forwarded_host_is_what_an_origin_is_compared_with() {
    let headers: &[Header] = &[("host", b"inside:8000"), ("origin", b"https://app.example")];
    let plain = head("GET", "/socket.io/?EIO=4&transport=polling", headers);
    assert_eq!(
        answer(&policy(), &plain, None).unwrap_err().code,
        Some(ErrorCode::Forbidden)
    );
    let forwarded = RequestHead {
        forwarded_host: Some("app.example"),
        ..plain
    };
    assert_eq!(answer(&policy(), &forwarded, None), Ok(Step::OpenPolling));
}
