//! Start, stop and what is in between: errors at the start, limits, Unix sockets, a second life.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::{
    io::{ErrorKind, Read, Write},
    time::{Duration, Instant},
};

use common::{Server, client::Client, config, options, wait};
use sio_native::{ListenOptions, Native};

#[test]
fn a_busy_port_is_an_error_with_its_address() {
    let server = Server::start();
    let taken = ListenOptions {
        port: server.port(),
        ..options()
    };
    let error = Native::start(&server.hub, &taken).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AddrInUse);
    assert!(
        error
            .to_string()
            .contains(&format!("127.0.0.1:{}", server.port())),
        "{error}"
    );
}

#[test]
fn a_port_is_free_again_at_once() {
    let server = Server::start();
    let port = server.port();
    let client = Client::joined(port);
    server.stop();
    drop(client);
    let again = ListenOptions { port, ..options() };
    let server = Server::with(config(), &again);
    Client::joined(port);
    server.stop();
}

#[test]
fn a_header_timeout_beyond_all_clocks_stands_for_ever() {
    let patient = ListenOptions {
        header_timeout: Duration::MAX,
        ..options()
    };
    let server = Server::with(config(), &patient);
    Client::joined(server.port());
    server.stop();
}

#[test]
fn a_hub_may_be_served_twice_one_after_the_other() {
    let mut server = Server::start();
    let first = Client::joined(server.port());
    server.native.stop(Duration::ZERO);
    server.native.join();
    drop(first);
    wait("no session", || server.sessions() == 0);
    server.native = Native::start(&server.hub, &options()).unwrap();
    let mut client = Client::connect(server.port());
    client.open_session();
}

#[test]
fn a_stop_without_grace_does_not_wait_for_anyone() {
    let mut server = Server::start();
    let _silent = Client::joined(server.port());
    let _idle = Client::connect(server.port());
    let begun = Instant::now();
    server.native.stop(Duration::ZERO);
    server.native.join();
    assert!(
        begun.elapsed() < Duration::from_secs(1),
        "{:?}",
        begun.elapsed()
    );
}

#[test]
fn the_shorter_grace_counts() {
    let mut server = Server::start();
    let _silent = Client::joined(server.port());
    let begun = Instant::now();
    server.native.stop(Duration::MAX);
    server.native.stop(Duration::from_millis(100));
    server.native.join();
    let took = begun.elapsed();
    assert!(took >= Duration::from_millis(100), "{took:?}");
    assert!(took < Duration::from_secs(2), "{took:?}");
}

#[test]
fn idle_connections_close_when_the_stop_begins() {
    let server = Server::start();
    let mut fresh = Client::connect(server.port());
    let mut used = Client::connect(server.port());
    assert_eq!(used.get("/").status, 404);
    let begun = Instant::now();
    server.stop();
    assert!(
        begun.elapsed() < Duration::from_secs(2),
        "{:?}",
        begun.elapsed()
    );
    assert!(fresh.is_closed());
    assert!(used.is_closed());
}

#[test]
fn a_session_between_two_polls_does_not_hold_the_stop_up() {
    let server = Server::start();
    let mut client = Client::connect(server.port());
    let target = client.open_session();
    client.post(&target, "40");
    assert!(client.get(&target).text().starts_with("40"));
    let begun = Instant::now();
    let seen = server.stop();
    assert!(
        begun.elapsed() < Duration::from_secs(2),
        "{:?}",
        begun.elapsed()
    );
    assert_eq!(seen.ended.len(), 1);
    assert_eq!(
        seen.ended[0].0,
        sio_protocol::close::CloseReason::ServerShuttingDown
    );
}

#[test]
fn above_the_limit_connections_wait() {
    let limited = ListenOptions {
        max_connections: Some(2),
        ..options()
    };
    let server = Server::with(config(), &limited);
    let first = Client::joined(server.port());
    let mut second = Client::connect(server.port());
    assert_eq!(second.get("/").status, 404);
    let mut third = Client::connect(server.port());
    third.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    third
        .stream
        .set_read_timeout(Some(Duration::from_millis(100)))
        .unwrap();
    assert!(
        third.stream.read(&mut [0; 1]).is_err(),
        "served above the limit"
    );
    third
        .stream
        .set_read_timeout(Some(common::PATIENCE))
        .unwrap();
    drop(first);
    assert_eq!(third.answer().status, 404);
}

#[test]
fn a_name_is_served_on_all_its_addresses() {
    let everywhere = ListenOptions {
        host: String::new(),
        ..options()
    };
    let server = Server::with(config(), &everywhere);
    for address in server.native.addresses() {
        let host = if address.is_ipv4() {
            "127.0.0.1"
        } else {
            "::1"
        };
        let mut stream = std::net::TcpStream::connect((host, address.port())).unwrap();
        stream.write_all(b"GET / HTTP/1.0\r\n\r\n").unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        assert!(text.contains(" 404 "), "{text}");
    }
}

#[cfg(unix)]
#[test]
fn a_unix_socket_is_served_and_removed() {
    let path = std::env::temp_dir().join(format!("sio-uds-{}", std::process::id()));
    let unix = ListenOptions {
        uds: Some(path.clone()),
        ..options()
    };
    let server = Server::with(config(), &unix);
    assert!(server.native.addresses().is_empty());
    let mut stream = std::os::unix::net::UnixStream::connect(&path).unwrap();
    stream
        .write_all(
            b"GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\n\
              Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
        )
        .unwrap();
    let mut bytes = [0; 4096];
    let mut text = String::new();
    while !text.contains("0{\"sid\"") {
        let count = stream.read(&mut bytes).unwrap();
        assert_ne!(count, 0, "{text}");
        text.push_str(&String::from_utf8_lossy(&bytes[..count]));
    }
    assert!(text.starts_with("HTTP/1.1 101 "), "{text}");
    server.stop();
    assert!(!path.exists());
}

#[test]
fn deadlines_come_in_time() {
    let mut fast = config();
    fast.timing.ping_interval = Duration::from_millis(100);
    fast.timing.ping_timeout = Duration::from_millis(200);
    let server = Server::with(fast, &options());
    let mut client = Client::joined(server.port());
    let begun = Instant::now();
    for _ in 0..3 {
        assert_eq!(client.text_frame(), "2");
        client.send(common::client::frame(1, b"3"));
    }
    let took = begun.elapsed();
    assert!(took >= Duration::from_millis(290), "{took:?}");
    assert!(took < Duration::from_secs(2), "{took:?}");
    // Without an answer the session ends.
    assert_eq!(client.text_frame(), "2");
    assert_eq!(client.frame().0, 8);
    server.wait("the ping timeout", |seen| {
        seen.ended
            .iter()
            .any(|(reason, _)| *reason == sio_protocol::close::CloseReason::PingTimeout)
    });
}
