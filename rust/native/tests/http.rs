//! The HTTP skin from outside: keep-alive, bodies, limits, broken requests, polls that wait and clients that leave.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::{
    thread,
    time::{Duration, Instant},
};

use common::{Server, client::Client, config, options, wait};
use sio_hub::config::Config;
use sio_native::ListenOptions;
use sio_protocol::close::CloseReason;

fn small_limit() -> Config {
    Config {
        max_http_buffer_size: 64,
        ..config()
    }
}

fn short_timeout() -> ListenOptions {
    ListenOptions {
        header_timeout: Duration::from_millis(200),
        ..options()
    }
}

#[test]
fn one_connection_carries_many_requests() {
    let server = Server::start();
    let mut client = Client::connect(server.port());
    let target = client.open_session();
    assert_eq!(client.post(&target, "40").text(), "ok");
    assert!(client.get(&target).text().starts_with("40{\"sid\":\""));
    assert_eq!(client.post(&target, "42[\"a\",1]").text(), "ok");
    assert_eq!(client.get(&target).text(), "42[\"a\",1]");
    assert_eq!(server.sessions(), 1);
    let seen = server.stop();
    assert_eq!(seen.events, 1);
    assert_eq!(seen.ended[0].0, CloseReason::ServerShuttingDown);
    assert!(seen.logs.is_empty(), "{:?}", seen.logs);
}

#[test]
fn an_answer_has_date_and_length() {
    let server = Server::start();
    let mut client = Client::connect(server.port());
    let answer = client.get("/socket.io/?EIO=4&transport=polling");
    assert!(answer.header("date").is_some(), "{}", answer.head);
    assert_eq!(
        answer.header("content-length"),
        Some(&*answer.body.len().to_string())
    );
}

#[test]
fn a_poll_waits_until_there_is_something_to_say() {
    let server = Server::start();
    let mut poller = Client::connect(server.port());
    let mut poster = Client::connect(server.port());
    let target = poller.open_session();
    assert_eq!(poster.post(&target, "40").text(), "ok");
    assert!(poller.get(&target).text().starts_with("40"));
    poller.send(format!("GET {target} HTTP/1.1\r\nHost: x\r\n\r\n"));
    assert_eq!(poster.post(&target, "42[\"later\"]").text(), "ok");
    assert_eq!(poller.answer().text(), "42[\"later\"]");
}

#[test]
fn packets_that_wait_leave_in_one_poll() {
    let server = Server::start();
    let mut client = Client::connect(server.port());
    let target = client.open_session();
    client.post(&target, "40");
    client.get(&target);
    client.post(&target, "42[1]\u{1e}42[2]\u{1e}42[3]");
    server.wait("three events", |seen| seen.events == 3);
    let mut text = client.get(&target).text().to_owned();
    while text.matches('\u{1e}').count() < 2 {
        text.push('\u{1e}');
        text.push_str(client.get(&target).text());
    }
    assert_eq!(text, "42[1]\u{1e}42[2]\u{1e}42[3]");
}

#[test]
fn a_client_that_leaves_its_poll_ends_its_session() {
    let server = Server::start();
    let mut client = Client::connect(server.port());
    let target = client.open_session();
    client.post(&target, "40");
    client.get(&target);
    client.send(format!("GET {target} HTTP/1.1\r\nHost: x\r\n\r\n"));
    thread::sleep(Duration::from_millis(50));
    drop(client);
    server.wait("the end of the session", |seen| !seen.ended.is_empty());
    let ended = server.seen.lock().unwrap().ended[0].clone();
    assert_eq!(ended.0, CloseReason::TransportError);
    assert_eq!(
        ended.1.as_deref(),
        Some("poll connection closed prematurely")
    );
    wait("no session", || server.sessions() == 0);
}

#[test]
fn a_half_closed_connection_counts_as_gone_while_it_polls() {
    let server = Server::start();
    let mut client = Client::connect(server.port());
    let target = client.open_session();
    client.send(format!("GET {target} HTTP/1.1\r\nHost: x\r\n\r\n"));
    // An end that comes together with the request makes hyper forget the request.
    thread::sleep(Duration::from_millis(50));
    client.end_writing();
    wait("no session", || server.sessions() == 0);
}

#[test]
fn a_second_poll_ends_the_session_and_releases_the_first() {
    let server = Server::start();
    let mut first = Client::connect(server.port());
    let target = first.open_session();
    first.send(format!("GET {target} HTTP/1.1\r\nHost: x\r\n\r\n"));
    thread::sleep(Duration::from_millis(50));
    let mut second = Client::connect(server.port());
    assert_eq!(second.get(&target).status, 400);
    let released = first.answer();
    assert_eq!((released.status, released.text()), (200, "1"));
}

#[test]
fn a_chunked_body_is_a_body() {
    let server = Server::start();
    let mut client = Client::connect(server.port());
    let target = client.open_session();
    client.send(format!(
        "POST {target} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n4\r\n"
    ));
    thread::sleep(Duration::from_millis(20));
    client.send("1\r\n0\r\n0\r\n\r\n");
    assert_eq!(client.answer().text(), "ok");
    assert!(client.get(&target).text().starts_with("40{"));
}

#[test]
fn an_announced_length_above_the_limit_is_refused_before_the_body() {
    let server = Server::with(small_limit(), &options());
    let mut client = Client::connect(server.port());
    let target = client.open_session();
    client.send(format!(
        "POST {target} HTTP/1.1\r\nHost: x\r\nContent-Length: 65\r\n\r\n"
    ));
    let answer = client.answer();
    assert_eq!(answer.status, 413);
    assert_eq!(answer.header("connection"), Some("close"));
    assert!(client.is_closed());
    // The session stays open, and a body of exactly the limit is taken.
    let mut client = Client::connect(server.port());
    let body = format!("42[\"{}\"]", "x".repeat(64 - 6));
    assert_eq!(body.len(), 64);
    assert_eq!(client.post(&target, "40").text(), "ok");
    assert!(client.get(&target).text().starts_with("40"));
    assert_eq!(client.post(&target, &body).text(), "ok");
    assert_eq!(client.get(&target).text(), body);
}

#[test]
fn a_chunked_body_is_counted() {
    let server = Server::with(small_limit(), &options());
    let mut client = Client::connect(server.port());
    let target = client.open_session();
    client.send(format!(
        "POST {target} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n41\r\n{}\r\n",
        "x".repeat(65)
    ));
    assert_eq!(client.answer().status, 413);
    assert_eq!(server.sessions(), 1);
}

#[test]
fn a_body_that_stalls_is_given_up() {
    let server = Server::with(config(), &short_timeout());
    let mut client = Client::connect(server.port());
    let target = client.open_session();
    let begun = Instant::now();
    client.send(format!(
        "POST {target} HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n42["
    ));
    assert!(client.is_closed());
    let took = begun.elapsed();
    assert!(took >= Duration::from_millis(590), "{took:?}");
    wait("no session", || server.sessions() == 0);
}

#[test]
fn a_client_that_leaves_its_post_ends_its_session() {
    let server = Server::start();
    let mut client = Client::connect(server.port());
    let target = client.open_session();
    client.post(&target, "40");
    client.send(format!(
        "POST {target} HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n42["
    ));
    thread::sleep(Duration::from_millis(50));
    drop(client);
    server.wait("the end of the session", |seen| !seen.ended.is_empty());
    let ended = server.seen.lock().unwrap().ended[0].clone();
    assert_eq!(
        ended.1.as_deref(),
        Some("data request connection closed prematurely")
    );
}

#[test]
fn a_slow_head_is_given_up() {
    let server = Server::with(config(), &short_timeout());
    let mut client = Client::connect(server.port());
    let begun = Instant::now();
    client.send("GET /socket.io/?EIO=4&trans");
    assert!(client.is_closed());
    assert!(begun.elapsed() >= Duration::from_millis(190));
    // The others are served.
    Client::connect(server.port()).open_session();
}

#[test]
fn a_head_too_large_is_refused() {
    let server = Server::start();
    let mut client = Client::connect(server.port());
    let large = "x".repeat(100_000);
    // The server may close before it has all.
    let request = format!("GET / HTTP/1.1\r\nHost: x\r\nX-Large: {large}\r\n\r\n");
    let _ = std::io::Write::write_all(&mut client.stream, request.as_bytes());
    assert_eq!(client.answer().status, 431);
    let mut client = Client::connect(server.port());
    let many = "X-Many: 1\r\n".repeat(101);
    assert_eq!(client.request("GET", "/", &many).status, 431);
}

#[test]
fn what_is_no_http_is_refused_and_closed() {
    let server = Server::start();
    let mut client = Client::connect(server.port());
    client.send("\x16\x03\x01\x02\x00\x01\x00\x01\r\n\r\n");
    assert_eq!(client.answer().status, 400);
    assert!(client.is_closed());
    // A client that says nothing at all harms nobody.
    drop(Client::connect(server.port()));
    assert_eq!(server.sessions(), 0);
    let seen = server.stop();
    assert!(seen.logs.is_empty(), "{:?}", seen.logs);
}

#[test]
fn other_paths_are_not_found() {
    let server = Server::start();
    let mut client = Client::connect(server.port());
    for target in ["/", "/socket.iox", "/other?transport=polling"] {
        let answer = client.get(target);
        assert_eq!(
            (answer.status, answer.text()),
            (404, "not found\n"),
            "{target}"
        );
    }
    let answer = client.get("/other?EIO=4&transport=polling");
    assert_eq!(answer.status, 404);
    assert!(answer.text().contains("/socket.io"), "{}", answer.text());
    assert_eq!(client.post("/", "x").status, 404);
    let answer = client.ask_for_websocket("/other", b"");
    assert_eq!(answer.status, 404);
}

#[test]
fn an_unknown_session_is_refused_in_json() {
    let server = Server::start();
    let mut client = Client::connect(server.port());
    let answer = client.get("/socket.io/?EIO=4&transport=polling&sid=AAAAAAAAAAAAAAAAAAAA");
    assert_eq!(answer.status, 400);
    assert_eq!(
        answer.text(),
        "{\"code\":1,\"message\":\"Session ID unknown\"}"
    );
    assert_eq!(answer.header("content-type"), Some("application/json"));
}

#[test]
fn a_refused_websocket_closes_the_connection() {
    let server = Server::start();
    let mut client = Client::connect(server.port());
    let answer = client.ask_for_websocket("/socket.io/?EIO=3&transport=websocket", b"");
    assert_eq!(answer.status, 400);
    assert_eq!(answer.header("connection"), Some("close"));
    assert!(client.is_closed());
}

#[test]
fn the_answer_of_a_post_waits_while_the_session_is_paused() {
    use std::sync::{Arc, atomic::AtomicBool, atomic::Ordering};

    let held = Arc::new(AtomicBool::new(true));
    let mut config = config();
    config.max_queued_events = 2;
    let server = Server::held(config, &held);
    let mut poller = Client::connect(server.port());
    let mut poster = Client::connect(server.port());
    let target = poller.open_session();
    poster.post(&target, "40");
    assert!(poller.get(&target).text().starts_with("40"));
    let body = ["42[\"x\"]"; 10].join("\u{1e}");
    poster.send(format!(
        "POST {target} HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    ));
    poster
        .stream
        .set_read_timeout(Some(Duration::from_millis(150)))
        .unwrap();
    let early = std::io::Read::read(&mut poster.stream, &mut [0; 16]);
    assert!(early.is_err(), "answered while paused: {early:?}");
    held.store(false, Ordering::SeqCst);
    poster
        .stream
        .set_read_timeout(Some(common::PATIENCE))
        .unwrap();
    assert_eq!(poster.answer().text(), "ok");
    server.wait("ten events", |seen| seen.events == 10);
}
