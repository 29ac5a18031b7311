//! Origins and CORS: who may connect, and which headers tell browsers so.

mod common;

use common::{HOST, Header, WEBSOCKET, answer, cors, find, head, intent, policy};
use sio_protocol::engineio::request::{
    Classified, CorsOrigins, ErrorCode, Headers, Reject, RequestPolicy, SessionView, classify,
};

/// What an origin meets: `true` if it passes.
fn passes(policy: &RequestPolicy, host: &'static [u8], origin: &'static [u8]) -> bool {
    let headers: [&[Header]; 2] = [&[], &WEBSOCKET[1..]];
    let [polling, websocket] = headers.map(|more| {
        let mut headers = vec![("host", host), ("origin", origin)];
        headers.extend_from_slice(more);
        let transport = if more.is_empty() {
            "polling"
        } else {
            "websocket"
        };
        let target = format!("/socket.io/?EIO=4&transport={transport}");
        match answer(policy, &head("GET", &target, &headers), None) {
            Ok(_) => true,
            Err(reject) => {
                assert_eq!(
                    (reject.status, reject.code),
                    (403, Some(ErrorCode::Forbidden))
                );
                assert!(reject.message.contains(&*String::from_utf8_lossy(origin)));
                assert!(reject.message.contains("cors_allowed_origins"));
                assert_eq!(find(&reject.headers, "access-control-allow-origin"), None);
                false
            }
        }
    });
    assert_eq!(polling, websocket, "both transports must agree");
    polling
}

#[test]
fn by_default_only_pages_of_the_same_host_connect() {
    let same: [(&[u8], &[u8]); 6] = [
        (b"app.example", b"http://app.example"),
        (b"app.example", b"https://app.example"),
        (b"App.Example", b"https://app.example"),
        (b"app.example:443", b"https://app.example"),
        (b"localhost:3000", b"http://localhost:3000"),
        (b"[::1]:3000", b"http://[::1]:3000"),
    ];
    for (host, origin) in same {
        assert!(passes(&policy(), host, origin), "{origin:?}");
    }
    let other: [(&[u8], &[u8]); 7] = [
        (b"app.example", b"https://evil.example"),
        (b"app.example", b"https://app.example.evil.example"),
        (b"app.example", b"https://app.example:8443"),
        (b"localhost:3000", b"http://localhost:3001"),
        (b"app.example", b"null"),
        (b"app.example", b"app.example"),
        (b"", b"https://"),
    ];
    for (host, origin) in other {
        assert!(!passes(&policy(), host, origin), "{origin:?}");
    }
}

#[test]
fn a_list_refuses_all_others() {
    let list = cors(CorsOrigins::List(vec!["https://app.example".to_owned()]));
    assert!(passes(&list, b"api.example", b"https://app.example"));
    assert!(!passes(&list, b"api.example", b"https://evil.example"));
    assert!(!passes(&list, b"api.example", b"https://api.example"));
    assert!(passes(&cors(CorsOrigins::Any), b"api.example", b"null"));
    assert!(passes(
        &cors(CorsOrigins::Off),
        b"api.example",
        b"https://evil.example"
    ));
}

#[test]
fn an_origin_of_impossible_characters_is_a_bad_request() {
    for origins in [
        CorsOrigins::SameOrigin,
        CorsOrigins::Off,
        CorsOrigins::Any,
        CorsOrigins::Ask,
    ] {
        let policy = cors(origins);
        for origin in [&b"a\x00b"[..], b"a\nb", b"\x7f", b"\xc3\xa9", b"\xff"] {
            for method in ["GET", "OPTIONS"] {
                let headers = [HOST, ("origin", origin)];
                let head = head(method, "/socket.io/?EIO=4&transport=polling", &headers);
                let reject = answer(&policy, &head, None).unwrap_err();
                assert_eq!(
                    (reject.status, reject.code),
                    (400, Some(ErrorCode::BadRequest))
                );
                assert_eq!(reject.context[0].1, "INVALID_ORIGIN");
                assert_eq!(find(&reject.headers, "access-control-allow-origin"), None);
            }
        }
    }
}

#[test]
fn an_undecided_origin_is_the_callers() {
    let headers = [HOST, ("origin", &b"https://a.example"[..])];
    let head = head("GET", "/socket.io/?EIO=4&transport=polling", &headers);
    let intent = intent(&cors(CorsOrigins::Ask), &head);
    assert!(intent.origin_undecided);
    assert_eq!(intent.origin, Some("https://a.example"));
    assert_eq!(
        find(&intent.headers, "access-control-allow-origin"),
        Some("https://a.example")
    );
    let reject = intent.refuse_origin();
    assert_eq!(reject.status, 403);
    assert_eq!(find(&reject.headers, "access-control-allow-origin"), None);
}

#[test]
fn a_refusal_of_the_application_can_be_read_by_the_page() {
    let headers = [HOST, ("origin", &b"https://a.example"[..])];
    let head = head("GET", "/socket.io/?EIO=4&transport=polling", &headers);
    let reject =
        intent(&cors(CorsOrigins::Any), &head).refuse(Reject::forbidden(Some("full".to_owned())));
    assert_eq!(reject.body(), br#"{"code":4,"message":"full"}"#);
    assert_eq!(
        find(&reject.headers, "access-control-allow-origin"),
        Some("*")
    );
}

fn preflight(policy: &RequestPolicy, headers: &[Header]) -> Headers {
    match classify(
        policy,
        &head("OPTIONS", "/socket.io/?EIO=4&transport=polling", headers),
    ) {
        Classified::Preflight(answer) => {
            assert_eq!(answer.status, 204);
            answer.headers
        }
        other => panic!("no preflight: {other:?}"),
    }
}

#[test]
fn a_preflight_is_answered_as_by_the_official_server() {
    let list = cors(CorsOrigins::List(vec!["https://a.example".to_owned()]));
    let headers = preflight(
        &list,
        &[
            HOST,
            ("origin", b"https://a.example"),
            ("access-control-request-headers", b"x-one, x-two"),
        ],
    );
    assert_eq!(
        find(&headers, "access-control-allow-origin"),
        Some("https://a.example")
    );
    assert_eq!(
        find(&headers, "vary"),
        Some("Origin, Access-Control-Request-Headers")
    );
    assert_eq!(
        find(&headers, "access-control-allow-methods"),
        Some("GET,HEAD,PUT,PATCH,POST,DELETE")
    );
    assert_eq!(
        find(&headers, "access-control-allow-headers"),
        Some("x-one, x-two")
    );
    assert_eq!(find(&headers, "access-control-allow-credentials"), None);
    assert_eq!(find(&headers, "access-control-max-age"), None);

    let other = [HOST, ("origin", &b"https://b.example"[..])];
    let reject = answer(
        &list,
        &head("OPTIONS", "/socket.io/?EIO=4&transport=polling", &other),
        None,
    )
    .unwrap_err();
    assert_eq!(
        (reject.status, reject.code),
        (403, Some(ErrorCode::Forbidden))
    );
}

#[test]
fn every_cors_option_reaches_its_header() {
    let mut policy = cors(CorsOrigins::Any);
    policy.cors.methods = vec!["GET".to_owned(), "POST".to_owned()];
    policy.cors.allowed_headers = Some(vec!["x-token".to_owned()]);
    policy.cors.exposed_headers = vec!["x-out".to_owned(), "x-more".to_owned()];
    policy.cors.credentials = true;
    policy.cors.max_age = Some(600);
    let origin: Header = ("origin", b"https://a.example");
    let headers = preflight(
        &policy,
        &[HOST, origin, ("access-control-request-headers", b"x-other")],
    );
    // With credentials browsers do not take `*`.
    assert_eq!(
        find(&headers, "access-control-allow-origin"),
        Some("https://a.example")
    );
    assert_eq!(find(&headers, "vary"), Some("Origin"));
    assert_eq!(
        find(&headers, "access-control-allow-credentials"),
        Some("true")
    );
    assert_eq!(
        find(&headers, "access-control-allow-methods"),
        Some("GET,POST")
    );
    assert_eq!(
        find(&headers, "access-control-allow-headers"),
        Some("x-token")
    );
    assert_eq!(
        find(&headers, "access-control-expose-headers"),
        Some("x-out,x-more")
    );
    assert_eq!(find(&headers, "access-control-max-age"), Some("600"));

    let simple = intent(
        &policy,
        &head(
            "GET",
            "/socket.io/?EIO=4&transport=polling",
            &[HOST, origin],
        ),
    )
    .headers;
    assert_eq!(
        find(&simple, "access-control-allow-origin"),
        Some("https://a.example")
    );
    assert_eq!(
        find(&simple, "access-control-expose-headers"),
        Some("x-out,x-more")
    );
    assert_eq!(find(&simple, "access-control-allow-methods"), None);
}

#[test]
fn a_star_needs_no_origin_and_varies_with_none() {
    let any = cors(CorsOrigins::Any);
    let simple = intent(
        &any,
        &head("GET", "/socket.io/?EIO=4&transport=polling", &[HOST]),
    )
    .headers;
    assert_eq!(find(&simple, "access-control-allow-origin"), Some("*"));
    assert_eq!(find(&simple, "vary"), None);
    let headers = preflight(&any, &[HOST]);
    assert_eq!(
        find(&headers, "vary"),
        Some("Access-Control-Request-Headers")
    );
    assert_eq!(find(&headers, "access-control-allow-headers"), None);
}

#[test]
fn errors_carry_cors_headers_so_that_pages_can_read_them() {
    let headers = [HOST, ("origin", &b"https://a.example"[..])];
    let any = cors(CorsOrigins::Any);
    for target in [
        "/socket.io/?transport=tobi",
        "/socket.io/?EIO=4&transport=polling&sid=x",
    ] {
        let reject = answer(
            &any,
            &head("GET", target, &headers),
            Some(SessionView::Unknown),
        )
        .unwrap_err();
        assert_eq!(
            find(&reject.headers, "access-control-allow-origin"),
            Some("*"),
            "{target}"
        );
    }
    let same = [HOST, ("origin", &b"https://app.example"[..])];
    let reject = answer(&policy(), &head("GET", "/socket.io/", &same), None).unwrap_err();
    assert_eq!(find(&reject.headers, "access-control-allow-origin"), None);
}
