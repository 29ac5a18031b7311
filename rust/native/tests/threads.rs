//! Several I/O threads behind one address: whichever accepts a connection, a session is served by its own.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::{collections::BTreeMap, time::Duration};

use common::{
    Server,
    client::{Client, frame},
    config, options, wait,
};
use sio_native::ListenOptions;

fn server() -> Server {
    let options = ListenOptions {
        io_threads: 3,
        ..options()
    };
    Server::with(config(), &options)
}

/// The thread of the session behind a target: the first character of its id.
fn thread(target: &str) -> char {
    target.rsplit('=').next().unwrap().chars().next().unwrap()
}

/// A connection that each thread has accepted, and the target of a session that was opened over it.
fn one_of_each(port: u16) -> BTreeMap<char, (Client, String)> {
    let mut found = BTreeMap::new();
    for _ in 0..5000 {
        let mut client = Client::connect(port);
        let target = client.open_session();
        found.entry(thread(&target)).or_insert((client, target));
        if found.len() == 3 {
            return found;
        }
    }
    panic!("only the threads {:?} accept", found.keys());
}

fn targets(found: &BTreeMap<char, (Client, String)>) -> Vec<String> {
    found.values().map(|(_, target)| target.clone()).collect()
}

#[test]
fn every_thread_accepts_and_ids_tell_whose_they_are() {
    let server = server();
    let found = one_of_each(server.port());
    assert_eq!(found.keys().copied().collect::<String>(), "ABC");
    server.stop();
}

#[test]
fn a_session_is_reached_over_every_connection() {
    let server = server();
    let mut found = one_of_each(server.port());
    for target in targets(&found) {
        for (accepted_by, (client, _)) in &mut found {
            // The answer says that the packet was read: nobody has that namespace.
            let name = format!("/{accepted_by}");
            assert_eq!(client.post(&target, &format!("40{name},")).text(), "ok");
            let answer = client.get(&target);
            let expected = format!("44{name},{{\"message\":\"Invalid namespace\"}}");
            assert_eq!((answer.status, answer.text()), (200, &*expected));
        }
    }
    server.stop();
}

#[test]
fn a_poll_that_hangs_is_answered_across_threads() {
    let server = server();
    let mut found = one_of_each(server.port());
    for target in targets(&found) {
        for (client, _) in found.values_mut() {
            client.send(format!("GET {target} HTTP/1.1\r\nHost: x\r\n\r\n"));
            // Over any thread; the answer to a POST comes when its packets were handled.
            assert_eq!(
                Client::connect(server.port())
                    .post(&target, "40/nowhere,")
                    .text(),
                "ok"
            );
            assert!(client.answer().text().starts_with("44/nowhere,"));
        }
    }
    server.stop();
}

#[test]
fn a_client_that_goes_away_is_missed_by_the_other_thread() {
    let server = server();
    let mut found = one_of_each(server.port());
    let target = found[&'A'].1.clone();
    let before = server.sessions();
    let (client, _) = found.get_mut(&'B').unwrap();
    client.send(format!("GET {target} HTTP/1.1\r\nHost: x\r\n\r\n"));
    // Nothing tells that the poll hangs but a second one, and that would end the session.
    std::thread::sleep(Duration::from_millis(100));
    found.remove(&'B');
    wait("the session has ended with its poll", || {
        server.sessions() == before - 1
    });
    server.stop();
}

#[test]
fn an_upgrade_moves_to_the_thread_of_its_session() {
    let server = server();
    let large = format!("42[\"x\",\"{}\"]", "y".repeat(90_000));
    for (events, accepted_by) in (1..).zip(['A', 'B', 'C']) {
        let mut found = one_of_each(server.port());
        let (mut client, _) = found.remove(&accepted_by).unwrap();
        let (_, (_, target)) = found.pop_first().unwrap();
        assert_ne!(thread(&target), accepted_by);
        let target = target.replace("polling", "websocket");
        assert_eq!(
            client
                .ask_for_websocket(&target, &frame(1, b"2probe"))
                .status,
            101
        );
        assert_eq!(client.text_frame(), "3probe");
        client.send(frame(1, b"5"));
        client.send(frame(1, b"40"));
        assert!(client.text_frame().starts_with("40{"));
        client.send(frame(1, large.as_bytes()));
        wait("the event", || server.seen.lock().unwrap().events == events);
    }
    server.stop();
}

#[test]
fn an_id_that_nobody_has_is_unknown_wherever_it_points() {
    let server = server();
    for first in ['A', 'B', 'C', 'D', '_'] {
        let target = format!("/socket.io/?EIO=4&transport=polling&sid={first}AAAAAAAAAAAAAAAAAAA");
        let answer = Client::connect(server.port()).get(&target);
        assert_eq!(
            answer.text(),
            r#"{"code":1,"message":"Session ID unknown"}"#
        );
    }
    server.stop();
}

#[test]
fn the_limit_of_connections_is_that_of_all_threads() {
    let options = ListenOptions {
        io_threads: 3,
        max_connections: Some(4),
        ..options()
    };
    let server = Server::with(config(), &options);
    let open = || {
        let mut client = Client::connect(server.port());
        client.open_session();
        client
    };
    let mut held: Vec<Client> = (0..4).map(|_| open()).collect();
    let mut fifth = Client::connect(server.port());
    fifth.send("GET /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: x\r\n\r\n");
    let patience = fifth.stream.read_timeout().unwrap();
    fifth
        .stream
        .set_read_timeout(Some(Duration::from_millis(300)))
        .unwrap();
    assert!(
        fifth.stream.peek(&mut [0]).is_err(),
        "a fifth connection was served"
    );
    fifth.stream.set_read_timeout(patience).unwrap();
    held.pop();
    assert_eq!(fifth.answer().status, 200);
    server.stop();
}

#[test]
fn too_many_threads_are_refused() {
    let options = ListenOptions {
        io_threads: 65,
        ..options()
    };
    let server = Server::start();
    let error = sio_native::Native::start(&server.hub, &options).unwrap_err();
    assert!(error.to_string().contains("io_threads is 65"), "{error}");
    server.stop();
}
