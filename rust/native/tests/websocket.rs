//! The WebSocket skin from outside: upgrades, leftovers, fragments, bounds, closing in both directions.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::{
    io::{ErrorKind, Read, Write},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use common::{
    PATIENCE, Server,
    client::{Client, frame},
    config, options, wait,
};
use sio_protocol::close::CloseReason;

#[test]
fn events_come_back() {
    let server = Server::start();
    let mut client = Client::joined(server.port());
    client.send(frame(1, b"42[\"hello\",1]"));
    assert_eq!(client.text_frame(), "42[\"hello\",1]");
    client.send(frame(1, b"4217[\"ask\"]"));
    assert_eq!(client.text_frame(), "4317[\"ask\"]");
    let seen = server.stop();
    assert_eq!(seen.events, 2);
    assert!(seen.logs.is_empty(), "{:?}", seen.logs);
}

#[test]
fn the_answer_to_the_handshake_is_complete() {
    let server = Server::start();
    let mut client = Client::connect(server.port());
    let answer = client.ask_for_websocket("/socket.io/?EIO=4&transport=websocket", b"");
    assert_eq!(answer.status, 101);
    assert_eq!(answer.header("upgrade"), Some("websocket"));
    assert_eq!(answer.header("connection"), Some("Upgrade"));
    // The example of RFC 6455, 1.3.
    assert_eq!(
        answer.header("sec-websocket-accept"),
        Some("s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")
    );
}

#[test]
fn frames_that_came_with_the_handshake_are_not_lost() {
    let server = Server::start();
    let mut client = Client::connect(server.port());
    let mut more = frame(1, b"40");
    more.extend(frame(1, b"42[\"early\"]"));
    let cut = more.split_off(more.len() - 3);
    let answer = client.ask_for_websocket("/socket.io/?EIO=4&transport=websocket", &more);
    assert_eq!(answer.status, 101);
    assert!(client.text_frame().starts_with("0{"));
    assert!(client.text_frame().starts_with("40{"));
    client.send(cut);
    assert_eq!(client.text_frame(), "42[\"early\"]");
}

#[test]
fn a_frame_may_come_byte_by_byte() {
    let server = Server::start();
    let mut client = Client::joined(server.port());
    for byte in frame(1, b"42[\"slow\"]") {
        client.send([byte]);
        thread::sleep(Duration::from_millis(1));
    }
    assert_eq!(client.text_frame(), "42[\"slow\"]");
}

#[test]
fn a_message_larger_than_the_read_buffer_comes_whole() {
    let server = Server::start();
    let mut client = Client::joined(server.port());
    let text = format!("42[\"{}\"]", "x".repeat(90_000));
    client.send(frame(1, text.as_bytes()));
    assert_eq!(client.text_frame(), text);
}

#[test]
fn many_messages_in_one_packet_keep_their_order() {
    let server = Server::start();
    let mut client = Client::joined(server.port());
    let count = 5_000;
    let all: Vec<u8> = (0..count)
        .flat_map(|n| frame(1, format!("42[\"n\",{n}]").as_bytes()))
        .collect();
    let mut writer = client.stream.try_clone().unwrap();
    let writing = thread::spawn(move || writer.write_all(&all).unwrap());
    for n in 0..count {
        assert_eq!(client.text_frame(), format!("42[\"n\",{n}]"));
    }
    writing.join().unwrap();
}

#[test]
fn commands_of_a_busy_application_are_taken_without_a_wake() {
    let server = Server::busy();
    let mut client = Client::joined(server.port());
    for n in 0..20 {
        let text = format!("42[\"n\",{n}]");
        client.send(frame(1, text.as_bytes()));
        assert_eq!(client.text_frame(), text);
    }
}

#[test]
fn a_websocket_ping_is_answered_with_its_data() {
    let server = Server::start();
    let mut client = Client::websocket(server.port());
    client.send(frame(9, b"are you there"));
    assert_eq!(client.frame(), (10, b"are you there".to_vec()));
}

#[test]
fn a_close_frame_is_answered_and_the_connection_ends() {
    let server = Server::start();
    let mut client = Client::joined(server.port());
    client.send(frame(8, &1000_u16.to_be_bytes()));
    assert_eq!(client.frame(), (8, 1000_u16.to_be_bytes().to_vec()));
    assert!(client.is_closed());
    server.wait("the end of the socket", |seen| !seen.ended.is_empty());
    let ended = server.seen.lock().unwrap().ended[0].clone();
    assert_eq!(ended.0, CloseReason::TransportClose);
    server.wait_sessions(0);
}

#[test]
fn a_client_that_vanishes_ends_its_session() {
    let server = Server::start();
    let client = Client::joined(server.port());
    drop(client);
    server.wait("the end of the socket", |seen| !seen.ended.is_empty());
    server.wait_sessions(0);
}

#[test]
fn a_half_closed_websocket_is_gone() {
    let server = Server::start();
    let client = Client::joined(server.port());
    client.end_writing();
    server.wait_sessions(0);
}

#[test]
fn an_unmasked_frame_breaks_the_protocol() {
    let server = Server::start();
    let mut client = Client::joined(server.port());
    client.send([0x81, 0x02, b'4', b'0']);
    assert_eq!(client.frame(), (8, 1002_u16.to_be_bytes().to_vec()));
    assert!(client.is_closed());
    server.wait_sessions(0);
}

#[test]
fn a_message_above_the_limit_is_refused_by_its_header() {
    let server = Server::start();
    let mut client = Client::joined(server.port());
    let header = &frame(1, &vec![b'x'; 100_001])[..14];
    client.send(header);
    assert_eq!(client.frame(), (8, 1009_u16.to_be_bytes().to_vec()));
    assert!(client.is_closed());
}

#[test]
fn bytes_behind_a_violation_do_not_destroy_the_close_frame() {
    let server = Server::start();
    let mut client = Client::joined(server.port());
    let mut bytes = vec![0xff; 1];
    bytes.extend(vec![0xaa; 1 << 20]);
    let mut writer = client.stream.try_clone().unwrap();
    // The server may have closed before everything is written.
    let writing = thread::spawn(move || drop(writer.write_all(&bytes)));
    assert_eq!(client.frame(), (8, 1002_u16.to_be_bytes().to_vec()));
    writing.join().unwrap();
    server.wait_sessions(0);
}

#[test]
fn polling_becomes_a_websocket() {
    let server = Server::start();
    let mut poller = Client::connect(server.port());
    let target = poller.open_session();
    poller.post(&target, "40");
    assert!(poller.get(&target).text().starts_with("40"));
    poller.send(format!("GET {target} HTTP/1.1\r\nHost: x\r\n\r\n"));
    let mut client = Client::connect(server.port());
    let target = target.replace("transport=polling", "transport=websocket");
    assert_eq!(client.ask_for_websocket(&target, b"").status, 101);
    client.send(frame(1, b"2probe"));
    assert_eq!(client.text_frame(), "3probe");
    assert_eq!(poller.answer().text(), "6");
    client.send(frame(1, b"5"));
    client.send(frame(1, b"42[\"after\"]"));
    assert_eq!(client.text_frame(), "42[\"after\"]");
    assert_eq!(server.sessions(), 1);
}

#[test]
fn a_client_that_floods_is_not_read_while_its_session_is_paused() {
    let held = Arc::new(AtomicBool::new(true));
    let mut config = config();
    config.max_queued_events = 16;
    let server = Server::held(config, &held);
    let mut client = Client::joined(server.port());
    let text = format!("42[\"{}\"]", "x".repeat(1000));
    let message = frame(1, text.as_bytes());
    client
        .stream
        .set_write_timeout(Some(Duration::from_millis(300)))
        .unwrap();
    let flood = message.repeat(1000);
    // The kernel's buffers are filled, and then nothing goes any more.
    let mut sent = 0;
    loop {
        match client.stream.write(&flood[sent % message.len()..]) {
            Ok(count) => sent += count,
            Err(error) => {
                assert!(matches!(
                    error.kind(),
                    ErrorKind::WouldBlock | ErrorKind::TimedOut
                ));
                break;
            }
        }
        assert!(sent < 64 << 20, "the server reads on");
    }
    held.store(false, Ordering::SeqCst);
    // Reading and writing go on, and everything complete comes back.
    let complete = sent / message.len();
    let mut writer = client.stream.try_clone().unwrap();
    writer.set_write_timeout(Some(PATIENCE)).unwrap();
    let rest = message[sent % message.len()..].to_vec();
    let writing = thread::spawn(move || writer.write_all(&rest).unwrap());
    for _ in 0..complete {
        assert_eq!(client.text_frame(), text);
    }
    writing.join().unwrap();
    drop(client);
    server.wait_sessions(0);
}

#[test]
fn what_the_socket_does_not_take_is_written_when_it_does() {
    let server = Server::start();
    let mut client = Client::joined(server.port());
    let text = format!("42[\"{}\"]", "y".repeat(50_000));
    let message = frame(1, text.as_bytes());
    // 10 MB of answers, of which the kernel holds a part only.
    let mut writer = client.stream.try_clone().unwrap();
    let writing = thread::spawn(move || {
        for _ in 0..200 {
            writer.write_all(&message).unwrap();
        }
    });
    server.wait("all events", |seen| seen.events == 200);
    for _ in 0..200 {
        assert_eq!(client.text_frame(), text);
    }
    writing.join().unwrap();
}

#[test]
fn a_client_that_never_reads_does_not_hold_its_end_up() {
    let mut config = config();
    config.max_buffered_bytes = 2 << 20;
    let server = Server::with(config, &options());
    let client = Client::joined(server.port());
    let text = format!("42[\"{}\"]", "z".repeat(50_000));
    let message = frame(1, text.as_bytes());
    let mut writer = client.stream.try_clone().unwrap();
    writer
        .set_write_timeout(Some(Duration::from_secs(2)))
        .unwrap();
    for _ in 0..400 {
        if writer.write_all(&message).is_err() {
            break;
        }
    }
    server.wait("the slow consumer's end", |seen| !seen.ended.is_empty());
    let ended = server.seen.lock().unwrap().ended[0].clone();
    assert_eq!(ended.0, CloseReason::TransportError);
    assert!(ended.1.unwrap().contains("slow consumer"));
    server.wait_sessions(0);
}

#[test]
fn a_stop_says_going_away_and_closes() {
    let mut server = Server::start();
    let mut clients: Vec<Client> = (0..20).map(|_| Client::joined(server.port())).collect();
    let mut poller = Client::connect(server.port());
    let target = poller.open_session();
    poller.send(format!("GET {target} HTTP/1.1\r\nHost: x\r\n\r\n"));
    // A poll that hangs is answered; one that has not been read yet is not.
    thread::sleep(Duration::from_millis(50));
    let port = server.port();
    let reading = thread::spawn(move || {
        for client in &mut clients {
            assert_eq!(client.frame(), (8, 1001_u16.to_be_bytes().to_vec()));
            assert!(client.is_closed());
        }
        assert_eq!(poller.answer().text(), "1");
        assert!(poller.is_closed());
    });
    let begun = std::time::Instant::now();
    server.hub.shutdown();
    server.native.stop(Duration::from_secs(5));
    server.native.join();
    assert!(
        begun.elapsed() < Duration::from_secs(3),
        "{:?}",
        begun.elapsed()
    );
    reading.join().unwrap();
    wait("a closed port", || {
        std::net::TcpStream::connect(("127.0.0.1", port)).is_err()
    });
    let seen = server.stop();
    assert_eq!(seen.ended.len(), 20);
    assert!(
        seen.ended
            .iter()
            .all(|(reason, _)| *reason == CloseReason::ServerShuttingDown)
    );
}

#[test]
fn a_fan_out_reaches_everybody() {
    let server = Server::start();
    let mut clients: Vec<Client> = (0..1200).map(|_| Client::joined(server.port())).collect();
    let namespace = server.hub.namespace("/");
    for n in 0..3 {
        let mut packet = sio_hub::packet::PacketBuilder::new("/");
        packet
            .body
            .extend_from_slice(format!("[\"news\",{n}]").as_bytes());
        let frame = packet.finish(
            sio_protocol::socketio::packet::PacketType::Event,
            None,
            Vec::new(),
        );
        broadcast(&server, &namespace, &frame);
    }
    for client in &mut clients {
        for n in 0..3 {
            assert_eq!(client.text_frame(), format!("42[\"news\",{n}]"));
        }
    }
    let mut byte = [0];
    clients[0].stream.set_nonblocking(true).unwrap();
    assert_eq!(
        clients[0].stream.read(&mut byte).unwrap_err().kind(),
        ErrorKind::WouldBlock
    );
}

fn broadcast(
    server: &Server,
    namespace: &Arc<sio_hub::namespace::Namespace>,
    frame: &Arc<sio_hub::frame::Frame>,
) {
    let everybody = sio_hub::delivery::Selection::<&str> {
        rooms: &[],
        except: &[],
        sender: None,
    };
    server.hub.broadcast(namespace, &everybody, frame, false);
}
