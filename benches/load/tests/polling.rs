//! The whole program over long-polling, against a server that is right or errs in one way.
//!
//! The server here is a thread for each connection with a queue for each session; it knows only what an echo needs.

#![allow(clippy::unwrap_used, reason = "an unwrap in a test is an assertion")]

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::Command;
use std::sync::{Arc, Condvar, Mutex};
use std::thread;

use serde_json::Value;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    None,
    ChangedPayload,
    LostAnswer,
    RefusedPost,
}

#[derive(Debug, Default)]
struct Sessions {
    /// What waits for the next GET of a session.
    queues: Mutex<HashMap<String, Vec<String>>>,
    filled: Condvar,
}

fn serve(fault: Fault) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let sessions = Arc::new(Sessions::default());
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let sessions = Arc::clone(&sessions);
            // An error here is a client that left: the run is over.
            thread::spawn(move || connection(stream, fault, &sessions).ok());
        }
    });
    port
}

fn connection(mut stream: TcpStream, fault: Fault, sessions: &Sessions) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let mut reader = BufReader::new(stream.try_clone()?);
    loop {
        let (mut target, mut length) = (String::new(), 0);
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line)? == 0 {
                return Ok(());
            }
            if target.is_empty() {
                target.clone_from(&line);
            }
            if let Some(value) = line.strip_prefix("Content-Length: ") {
                length = value.trim().parse().unwrap();
            }
            if line == "\r\n" {
                break;
            }
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body)?;
        let sid = target.split_once("&sid=").map(|(_, rest)| rest);
        let sid = sid.map(|rest| rest.split(' ').next().unwrap().to_owned());
        let answer = match sid {
            None => sessions.open(),
            Some(sid) if target.starts_with("POST") => {
                sessions.post(&sid, &String::from_utf8(body).unwrap(), fault)
            }
            Some(sid) => sessions.poll(&sid),
        };
        let length = answer.len();
        write!(
            stream,
            "HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n{answer}"
        )?;
    }
}

impl Sessions {
    fn open(&self) -> String {
        let mut queues = self.queues.lock().unwrap();
        let sid = format!("session{}", queues.len());
        queues.insert(sid.clone(), Vec::new());
        format!("0{{\"sid\":\"{sid}\",\"upgrades\":[]}}")
    }

    fn post(&self, sid: &str, body: &str, fault: Fault) -> String {
        let mut queues = self.queues.lock().unwrap();
        let queue = queues.get_mut(sid).unwrap();
        for packet in body.split('\u{1e}') {
            if packet == "40" {
                queue.push(format!("40{{\"sid\":\"socket-{sid}\"}}"));
                queue.push("2".to_owned());
            } else if let Some((head, argument)) = packet.split_once("[\"echo\",") {
                let answer = format!("43{}[{argument}", &head[2..]);
                match fault {
                    Fault::LostAnswer => {}
                    Fault::ChangedPayload => queue.push(answer.replace("abc", "abd")),
                    Fault::RefusedPost => return "no".to_owned(),
                    Fault::None => queue.push(answer),
                }
            }
        }
        self.filled.notify_all();
        "ok".to_owned()
    }

    fn poll(&self, sid: &str) -> String {
        let mut queues = self.queues.lock().unwrap();
        loop {
            let queue = queues.get_mut(sid).unwrap();
            if !queue.is_empty() {
                return std::mem::take(queue).join("\u{1e}");
            }
            queues = self.filled.wait(queues).unwrap();
        }
    }
}

fn load(mode: &str, fault: Fault) -> (bool, Value) {
    let port = serve(fault).to_string();
    let pid = std::process::id().to_string();
    let output = Command::new(env!("CARGO_BIN_EXE_sio-load"))
        .args([mode, "--transport", "polling", "--port", &port])
        .args(["--pid", &pid, "--connections", "5", "--in-flight", "3"])
        .args(["--bytes", "32", "--seconds", "0.2", "--warm-up", "0.1"])
        .args(["--patience", "1"])
        .output()
        .unwrap();
    let report = serde_json::from_slice(&output.stdout).unwrap();
    (output.status.success(), report)
}

#[test]
fn a_correct_server_gets_figures() {
    for mode in ["echo-ack", "open-loop", "connect", "idle"] {
        let (success, report) = load(mode, Fault::None);
        assert!(success, "{mode}: {report}");
        assert_eq!(report["transport"], "polling");
        assert!(report["operations"].as_u64().unwrap() >= 5, "{report}");
    }
}

#[test]
fn every_fault_ends_the_run() {
    for (fault, word) in [
        (Fault::ChangedPayload, "abd"),
        (Fault::LostAnswer, "no answer"),
        (Fault::RefusedPost, "\"ok\""),
    ] {
        let (success, report) = load("echo-ack", fault);
        assert!(!success, "{fault:?}: {report}");
        let error = report["error"].as_str().unwrap();
        assert!(error.contains(word), "{fault:?}: {error}");
        assert!(report.get("per_cpu_second").is_none(), "{fault:?}");
    }
}
