//! The whole program against a server that misbehaves in one way at a time: whatever is wrong must end the run with
//! an error and no figure.
//!
//! The server here is a thread for each connection, right about the protocol and slow; it knows only what the
//! workloads need.

#![allow(clippy::unwrap_used, reason = "an unwrap in a test is an assertion")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::thread;

use serde_json::Value;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    None,
    RefusedHandshake,
    SameSocketId,
    ChangedPayload,
    ChangedAttachment,
    WrongRoom,
    LostAnswer,
    AnswerTwice,
    ClosedEarly,
}

/// Events that are answered as they should be before the fault shows.
const GOOD_EVENTS: usize = 50;

/// Everybody's stream, with the room it joined.
type Peers = Arc<Mutex<Vec<(String, TcpStream)>>>;

fn serve(fault: Fault) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let peers = Peers::default();
    thread::spawn(move || {
        for (number, stream) in listener.incoming().map_while(Result::ok).enumerate() {
            let peers = Arc::clone(&peers);
            // An error here is a client that left: the run is over.
            thread::spawn(move || client(stream, number, fault, &peers).ok());
        }
    });
    port
}

fn client(
    mut stream: TcpStream,
    number: usize,
    fault: Fault,
    peers: &Peers,
) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut line = String::new();
    while reader.read_line(&mut line)? > 2 {
        line.clear();
    }
    if fault == Fault::RefusedHandshake {
        return stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\nTransport unknown");
    }
    stream.write_all(
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
          Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n",
    )?;
    send(
        &mut stream,
        "0{\"sid\":\"engine\",\"upgrades\":[],\"pingInterval\":25000}",
    )?;
    let mut events = 0;
    let mut place = 0;
    while let Some(text) = receive(&mut reader, 0x81)? {
        if text == b"40" {
            let sid = if fault == Fault::SameSocketId {
                0
            } else {
                number
            };
            let mut peers = peers.lock().unwrap();
            place = peers.len();
            peers.push((String::new(), stream.try_clone()?));
            send(&mut stream, &format!("40{{\"sid\":\"socket{sid}\"}}"))?;
            send(&mut stream, "2")?;
        } else if text != b"3" {
            let text = String::from_utf8(text).unwrap();
            if let Some(room) = text.strip_prefix("420[\"join\",") {
                let joined = &mut peers.lock().unwrap()[place].0;
                if joined.is_empty() {
                    // The first is that of its group; nobody sends to the others.
                    *joined = format!("\"room\",{}", room.trim_end_matches(']'));
                }
                send(&mut stream, &format!("430[{room}"))?;
                continue;
            }
            events += 1;
            let shown = if events > GOOD_EVENTS {
                fault
            } else {
                Fault::None
            };
            if text.starts_with("451-") {
                let attachment = receive(&mut reader, 0x82)?.unwrap();
                answer_binary(&mut stream, &text, attachment, shown)?;
            } else {
                answer(&mut stream, &text, shown, peers)?;
            }
        }
    }
    Ok(())
}

fn answer(stream: &mut TcpStream, text: &str, fault: Fault, peers: &Peers) -> std::io::Result<()> {
    let mut reply = match text.split_once("[\"echo\",") {
        Some((head, argument)) => format!("43{}[{argument}", &head[2..]),
        None => text.to_owned(),
    };
    match fault {
        Fault::ChangedPayload => reply = reply.replace("abc", "abd"),
        Fault::LostAnswer => return Ok(()),
        Fault::AnswerTwice => send(stream, &reply)?,
        Fault::ClosedEarly => return stream.shutdown(std::net::Shutdown::Both),
        _ => {}
    }
    let mut peers = peers.lock().unwrap();
    if text.contains("\"bcast\"") {
        return peers
            .iter_mut()
            .try_for_each(|(_, peer)| send(peer, &reply));
    }
    if text.contains("\"room\"") {
        let everybody = fault == Fault::WrongRoom;
        for (room, peer) in peers.iter_mut() {
            if everybody || text.contains(room.as_str()) {
                let argument = text.rsplit(',').next().unwrap();
                let mut broadcast = format!("42[\"room\",{argument}");
                if fault == Fault::ChangedPayload {
                    broadcast = broadcast.replace("abc", "abd");
                }
                send(peer, &broadcast)?;
            }
        }
        return Ok(());
    }
    send(stream, &reply)
}

fn answer_binary(
    stream: &mut TcpStream,
    text: &str,
    mut attachment: Vec<u8>,
    fault: Fault,
) -> std::io::Result<()> {
    let reply = text.replacen("451-", "461-", 1).replace("\"echo\",", "");
    send(stream, &reply)?;
    match fault {
        Fault::LostAnswer => return Ok(()),
        Fault::ChangedAttachment => *attachment.last_mut().unwrap() ^= 1,
        _ => {}
    }
    send_as(stream, 0x82, &attachment)
}

/// Texts here are shorter than 126 bytes.
fn send(stream: &mut TcpStream, text: &str) -> std::io::Result<()> {
    send_as(stream, 0x81, text.as_bytes())
}

fn send_as(stream: &mut TcpStream, head: u8, payload: &[u8]) -> std::io::Result<()> {
    assert!(payload.len() < 126);
    let mut frame = vec![head, payload.len() as u8];
    frame.extend_from_slice(payload);
    stream.write_all(&frame)
}

/// The next message of that kind, or `None` after a close frame.
fn receive(reader: &mut impl Read, kind: u8) -> std::io::Result<Option<Vec<u8>>> {
    let mut head = [0; 6];
    reader.read_exact(&mut head)?;
    let size = usize::from(head[1] & 0x7f);
    assert!(head[1] & 0x80 != 0 && size < 126, "masked and short");
    let mut payload = vec![0; size];
    reader.read_exact(&mut payload)?;
    for (byte, key) in payload.iter_mut().zip(head[2..].iter().cycle()) {
        *byte ^= key;
    }
    Ok((head[0] == kind).then_some(payload))
}

/// Runs the program and returns whether it succeeded, with its report.
fn load(mode: &str, fault: Fault) -> (bool, Value) {
    let port = serve(fault).to_string();
    // The server's threads live in this process.
    let pid = std::process::id().to_string();
    let output = Command::new(env!("CARGO_BIN_EXE_sio-load"))
        .args([mode, "--port", &port, "--pid", &pid])
        .args(["--connections", "5", "--in-flight", "3", "--bytes", "32"])
        .args(["--rate", "1000", "--rooms", "2", "--idle-rooms", "9"])
        .args(["--seconds", "0.2", "--warm-up", "0.1", "--patience", "1"])
        .output()
        .unwrap();
    let report = serde_json::from_slice(&output.stdout).unwrap();
    (output.status.success(), report)
}

const MODES: [&str; 8] = [
    "echo-ack",
    "echo-emit",
    "echo-binary",
    "open-loop",
    "fanout",
    "rooms",
    "connect",
    "idle",
];

#[test]
fn a_correct_server_gets_figures() {
    for mode in MODES {
        let (success, report) = load(mode, Fault::None);
        assert!(success, "{mode}: {report}");
        assert!(report["error"].is_null(), "{mode}: {report}");
        assert!(
            report["operations"].as_u64().unwrap() >= 5,
            "{mode}: {report}"
        );
        // The waves of a connect run are shorter than the run.
        let least = if mode == "connect" { 0.0 } else { 0.2 };
        let wall = report["wall_s"].as_f64().unwrap();
        assert!(wall >= least, "{mode}: {report}");
    }
}

#[test]
fn every_fault_ends_the_run() {
    for (mode, fault, word) in [
        ("echo-ack", Fault::RefusedHandshake, "Transport unknown"),
        ("connect", Fault::SameSocketId, "socket0"),
        ("echo-ack", Fault::ChangedPayload, "abd"),
        ("echo-emit", Fault::ChangedPayload, "abd"),
        ("fanout", Fault::ChangedPayload, "abd"),
        ("open-loop", Fault::ChangedPayload, "abd"),
        ("rooms", Fault::ChangedPayload, "abd"),
        ("rooms", Fault::WrongRoom, "expected"),
        ("echo-binary", Fault::ChangedAttachment, "expected"),
        ("echo-binary", Fault::LostAnswer, "an attachment"),
        ("open-loop", Fault::LostAnswer, "no "),
        ("rooms", Fault::LostAnswer, "no "),
        ("echo-ack", Fault::AnswerTwice, "in flight"),
        ("echo-emit", Fault::AnswerTwice, "in flight"),
        ("fanout", Fault::AnswerTwice, "expected"),
        ("echo-ack", Fault::LostAnswer, "no "),
        ("fanout", Fault::LostAnswer, "no "),
        ("echo-ack", Fault::ClosedEarly, "connection "),
    ] {
        let (success, report) = load(mode, fault);
        assert!(!success, "{mode} {fault:?}: {report}");
        let error = report["error"].as_str().unwrap();
        assert!(error.contains(word), "{mode} {fault:?}: {error}");
        assert!(report.get("per_cpu_second").is_none(), "{mode} {fault:?}");
    }
}
