//! Requests that the application judges: what is asked and when, what an answer makes of the request, who never waits.

mod common;

use common::{World, config, sid, text};
use sio_hub::{
    config::Config,
    question::{Decision, Question, Topic},
    shard::{QuestionKey, Resumed, Verdict},
    sink::Notice,
};
use sio_protocol::engineio::request::{CorsOrigins, RequestHead};

const POLLING: &str = "/socket.io/?EIO=4&transport=polling";
const ORIGIN: (&str, &[u8]) = ("origin", b"https://app.example");

fn asking() -> World {
    World::with(Config {
        ask_about_handshakes: true,
        ..config()
    })
}

fn judging_origins() -> World {
    let mut config = config();
    config.request.cors.origins = CorsOrigins::Ask;
    World::with(config)
}

fn asked(verdict: &Verdict) -> QuestionKey {
    match verdict {
        Verdict::Ask { question } => *question,
        other => panic!("{other:?}"),
    }
}

fn question(world: &World) -> Question {
    match world.notices().pop() {
        Some(Notice::Request { question }) => question,
        other => panic!("{other:?}"),
    }
}

fn decided(
    world: &mut World,
    key: QuestionKey,
    method: &str,
    target: &str,
    headers: &[(&str, &[u8])],
) -> Verdict {
    assert_eq!(world.take_resumed(), [Resumed::Request(key)]);
    let head = RequestHead {
        method,
        target,
        headers,
        address: None,
        secure: false,
        host: None,
        forwarded_host: None,
    };
    let now = world.now();
    world.shard.handle_decided(key, now, &head)
}

fn answer(verdict: Verdict) -> (u16, String) {
    match verdict {
        Verdict::Respond { response, .. } => (response.status, text(&response)),
        other => panic!("{other:?}"),
    }
}

fn waiting(world: &World) -> usize {
    let counters = world.hub.counters();
    counters
        .requests_waiting
        .load(std::sync::atomic::Ordering::Relaxed)
}

#[test]
fn a_handshake_waits_for_the_answer_and_its_session_is_asked_nothing_more() {
    let mut world = asking();
    let key = asked(&world.request("GET", POLLING, &[("x-token", b"t")]));
    let question = question(&world);
    assert_eq!(
        (question.topic, &*question.method),
        (Topic::Handshake, "GET")
    );
    assert_eq!(question.request.target(), POLLING);
    assert_eq!(question.request.header("x-token"), Some(&b"t"[..]));
    assert_eq!((waiting(&world), world.gauges()[0]), (1, 0));
    assert!(world.take_resumed().is_empty());

    question.answer(Decision::Allow);
    let (status, body) = answer(decided(&mut world, key, "GET", POLLING, &[]));
    assert_eq!((status, waiting(&world)), (200, 0));
    assert!(world.poll(&sid(&body)).is_err(), "a poll that hangs");
    world.post(&sid(&body), "40");
    assert!(world.hub.accept(&world.asked()));
}

#[test]
fn refusals_say_why_and_a_question_that_is_dropped_refuses() {
    let rows = [
        (
            Some(Decision::Refuse(None)),
            403,
            r#"{"code":4,"message":"Forbidden"}"#,
        ),
        (
            Some(Decision::Refuse(Some("no \"guests\"".to_owned()))),
            403,
            r#"{"code":4,"message":"no \"guests\""}"#,
        ),
        (
            Some(Decision::Failed),
            400,
            r#"{"code":3,"message":"Bad request"}"#,
        ),
        (None, 400, r#"{"code":3,"message":"Bad request"}"#),
    ];
    for (decision, status, body) in rows {
        let mut world = asking();
        let key = asked(&world.request("GET", POLLING, &[]));
        let question = question(&world);
        match decision {
            Some(decision) => question.answer(decision),
            None => drop(question),
        }
        let verdict = decided(&mut world, key, "GET", POLLING, &[]);
        assert_eq!(answer(verdict), (status, body.to_owned()));
        assert_eq!((waiting(&world), world.gauges()), (0, [0; 4]));
    }
}

#[test]
fn what_is_refused_anyway_is_not_asked_about() {
    let mut world = asking();
    for (method, target) in [
        ("GET", "/socket.io/?EIO=4&transport=pigeon"),
        ("GET", "/socket.io/?EIO=3&transport=polling"),
        ("POST", POLLING),
        ("GET", "/socket.io/?EIO=4&transport=polling&sid=nobody"),
        ("GET", "/socket.io/?EIO=4&transport=websocket"),
    ] {
        assert_eq!(answer(world.request(method, target, &[])).0, 400);
    }
    assert!(world.notices().is_empty());
}

#[test]
fn nobody_waits_longer_than_the_time_to_connect() {
    let mut world = asking();
    let key = asked(&world.request("GET", POLLING, &[]));
    let question = question(&world);
    world.advance(44.0);
    assert!(world.take_resumed().is_empty());
    world.advance(2.0);
    let verdict = decided(&mut world, key, "GET", POLLING, &[]);
    assert_eq!(answer(verdict).0, 400);
    assert_eq!(waiting(&world), 1, "the application still thinks about it");
    question.answer(Decision::Allow);
    assert!(world.take_resumed().is_empty());
    assert_eq!((waiting(&world), world.gauges()), (0, [0; 4]));
}

#[test]
fn a_client_that_goes_away_leaves_nothing_behind() {
    let mut world = asking();
    let key = asked(&world.request("GET", POLLING, &[]));
    let question = question(&world);
    world.shard.handle_request_aborted(key);
    question.answer(Decision::Allow);
    assert!(world.take_resumed().is_empty());
    world.advance(60.0);
    assert!(world.take_resumed().is_empty());
    assert_eq!((waiting(&world), world.gauges()), (0, [0; 4]));
}

#[test]
fn a_server_that_stops_lets_nobody_wait() {
    let mut world = asking();
    let key = asked(&world.request("GET", POLLING, &[]));
    let late = question(&world);
    world.hub.shutdown();
    let verdict = decided(&mut world, key, "GET", POLLING, &[]);
    assert_eq!(answer(verdict).0, 503);
    late.answer(Decision::Allow);
    assert!(world.take_resumed().is_empty());
    assert_eq!(answer(world.request("GET", POLLING, &[])).0, 503);
}

#[test]
fn only_so_many_requests_wait_at_a_time() {
    let mut world = asking();
    let open: Vec<_> = std::iter::repeat_with(|| {
        let verdict = world.request("GET", POLLING, &[]);
        matches!(verdict, Verdict::Ask { .. }).then(|| question(&world))
    })
    .take_while(Option::is_some)
    .collect();
    assert_eq!(open.len(), 10_000);
    let (status, body) = answer(world.request("GET", POLLING, &[]));
    assert_eq!(status, 503);
    assert!(body.contains("too many requests wait"), "{body}");
    drop(open);
    asked(&world.request("GET", POLLING, &[]));
}

#[test]
fn an_origin_is_judged_once_for_a_session() {
    let mut world = judging_origins();
    let key = asked(&world.request("GET", POLLING, &[ORIGIN]));
    let asks = question(&world);
    assert_eq!(asks.topic, Topic::Origin);
    asks.answer(Decision::Allow);
    let verdict = decided(&mut world, key, "GET", POLLING, &[ORIGIN]);
    let Verdict::Respond { response, .. } = verdict else {
        panic!("{verdict:?}")
    };
    assert!(
        response
            .headers
            .contains(&("access-control-allow-origin", "https://app.example".into()))
    );
    let poll = format!("{POLLING}&sid={}", sid(&text(&response)));
    assert!(matches!(
        world.request("GET", &poll, &[ORIGIN]),
        Verdict::Poll { .. }
    ));
    assert!(world.notices().is_empty());
    // Somebody else's page that has learnt the id.
    asked(&world.request("GET", &poll, &[("origin", b"https://evil.example")]));
    // Without an origin nobody's page is behind it.
    assert_eq!(answer(world.request("GET", POLLING, &[])).0, 200);
}

#[test]
fn a_refused_origin_gets_no_headers_and_neither_does_its_preflight() {
    for (method, decision, status) in [
        ("GET", Decision::Refuse(None), 403),
        ("OPTIONS", Decision::Refuse(None), 403),
        ("GET", Decision::Failed, 400),
        ("OPTIONS", Decision::Allow, 204),
    ] {
        let mut world = judging_origins();
        let key = asked(&world.request(method, POLLING, &[ORIGIN]));
        question(&world).answer(decision.clone());
        let verdict = decided(&mut world, key, method, POLLING, &[ORIGIN]);
        let Verdict::Respond { response, .. } = verdict else {
            panic!("{verdict:?}")
        };
        assert_eq!(response.status, status);
        let admitted = response
            .headers
            .iter()
            .any(|(name, _)| name.starts_with("access-control"));
        assert_eq!(admitted, decision == Decision::Allow);
    }
}

#[test]
fn the_origin_comes_before_the_handshake() {
    let mut both = config();
    both.request.cors.origins = CorsOrigins::Ask;
    both.ask_about_handshakes = true;
    let mut world = World::with(both);
    let first = asked(&world.request("GET", POLLING, &[ORIGIN]));
    let asks = question(&world);
    assert_eq!(asks.topic, Topic::Origin);
    asks.answer(Decision::Allow);
    let second = asked(&decided(&mut world, first, "GET", POLLING, &[ORIGIN]));
    let asks = question(&world);
    assert_eq!(asks.topic, Topic::Handshake);
    asks.answer(Decision::Allow);
    assert_eq!(
        answer(decided(&mut world, second, "GET", POLLING, &[ORIGIN])).0,
        200
    );
}
