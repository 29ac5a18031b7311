//! The application beside Socket.IO, from outside: what reaches it, what comes back, and what happens when one side goes.

#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::{
    cell::Cell,
    net::Shutdown,
    time::{Duration, Instant},
};

use common::{
    Server,
    app::{App, PIECE},
    client::Client,
    config, options,
};
use sio_hub::sink::Level;
use sio_native::ListenOptions;

fn serve(app: &App) -> Server {
    let options = ListenOptions {
        app: Some(app.path.clone()),
        ..options()
    };
    Server::with(config(), &options)
}

#[test]
fn what_is_not_socket_io_is_the_applications() {
    let app = App::start("paths");
    let server = serve(&app);
    let mut client = Client::connect(server.port());
    let answer = client.get("/missing");
    assert_eq!(
        (answer.status, answer.text()),
        (404, "the application's 404")
    );
    assert_eq!(client.get("/socket.io/?EIO=3").status, 400);
    client.open_session();
    let mut joined = Client::joined(server.port());
    joined.send(common::client::frame(1, b"42[\"a\"]"));
    assert_eq!(joined.text_frame(), "42[\"a\"]");
    assert_eq!(app.notes(), ["connection"]);
    assert_eq!(
        client.request("CONNECT", "x:80", "").text(),
        "not found\n",
        "nobody's proxy"
    );
}

#[test]
fn a_file_goes_first() {
    let app = App::start("files");
    let folder = std::env::temp_dir().join(format!("sio-forward-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("head"), "a file").unwrap();
    let options = ListenOptions {
        app: Some(app.path.clone()),
        static_files: vec![("/".to_owned(), folder.clone())],
        ..options()
    };
    let server = Server::with(config(), &options);
    let mut client = Client::connect(server.port());
    assert_eq!(client.get("/head").text(), "a file");
    assert!(client.post("/head", "").text().starts_with("POST /head\n"));
    assert_eq!(client.get("/missing").text(), "the application's 404");
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn heads_are_passed_on_and_nobody_else_says_who_the_client_is() {
    let app = App::start("heads");
    let server = serve(&app);
    let mut client = Client::connect(server.port());
    let port = client.stream.local_addr().unwrap().port();
    let answer = client.request(
        "GET",
        "http://elsewhere/head?a=%20b",
        "Sio-Fast-Peer: https 1.2.3.4 5\r\nX-Forwarded-For: 6.7.8.9\r\nConnection: X-Mine\r\nX-Mine: 1\r\n\
         Keep-Alive: 5\r\nUpgrade: h2c\r\nExpect: 100-continue\r\n",
    );
    assert_eq!(
        answer.text(),
        format!(
            "GET /head?a=%20b\nhost: elsewhere\nsio-fast-peer: http 127.0.0.1 {port}\nx-forwarded-for: 6.7.8.9\n"
        )
    );
    assert_eq!(answer.header("x-app"), Some("1"));
    assert_eq!(answer.header("keep-alive"), None);
    // A client of HTTP/1.0 without a host.
    client.send("GET /head HTTP/1.0\r\n\r\n");
    let answer = client.answer();
    assert!(answer.text().contains("\nhost: \n"), "{}", answer.text());
}

#[test]
fn a_body_has_one_length() {
    let app = App::start("length");
    let server = serve(&app);
    for method in ["POST", "GET"] {
        let mut client = Client::connect(server.port());
        client.send(format!(
            "{method} /head HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
        ));
        let answer = client.answer();
        let text = answer.text();
        assert!(text.contains("\ntransfer-encoding: chunked\n"), "{text}");
        assert!(!text.contains("content-length"), "{text}");
    }
}

#[test]
fn one_connection_serves_many_requests() {
    let app = App::start("kept");
    let server = serve(&app);
    for _ in 0..3 {
        let mut client = Client::connect(server.port());
        for _ in 0..3 {
            assert_eq!(client.post("/count", "abc").text(), "3");
        }
    }
    assert_eq!(app.connections(), 1);
}

#[test]
fn bodies_pass_piece_by_piece_in_both_directions() {
    let app = App::start("pieces");
    let server = serve(&app);
    let mut client = Client::connect(server.port());
    // GET too: chunked is what says that there is a body.
    for method in ["POST", "GET"] {
        client.send(format!(
            "{method} /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
        ));
        let answer = client.answer();
        assert_eq!(answer.header("transfer-encoding"), Some("chunked"));
        for piece in ["one", "two"] {
            client.send(format!("3\r\n{piece}\r\n"));
            assert_eq!(client.chunk(), piece.as_bytes());
        }
        client.send("0\r\n\r\n");
        assert_eq!(client.chunk(), b"");
    }
    let body = "b".repeat(3_000_000);
    let mut writer = client.stream.try_clone().unwrap();
    let request = format!(
        "POST /count HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    std::io::Write::write_all(&mut writer, request.as_bytes()).unwrap();
    assert_eq!(client.answer().text(), "3000000");
}

#[test]
fn a_client_that_reads_nothing_stops_the_application() {
    let app = App::start("slow");
    let server = serve(&app);
    let mut client = Client::connect(server.port());
    client.send("GET /endless HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_eq!(client.answer().status, 200);
    // Buffers fill up, then nothing moves any more.
    let before = Cell::new(usize::MAX);
    common::wait("the application to be stopped", || {
        std::thread::sleep(Duration::from_millis(200));
        let now = app.notes().len();
        before.replace(now) == now
    });
    let pieces = before.get() * 16;
    assert!(pieces * PIECE < 64 << 20, "{pieces} pieces");
    assert!(!app.notes().contains(&"gone".to_owned()));
    drop(client);
    app.wait_for("gone");
}

#[test]
fn an_application_that_reads_nothing_stops_the_client() {
    let app = App::start("deaf");
    let server = serve(&app);
    let mut client = Client::connect(server.port());
    client.send("POST /never HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n");
    app.wait_for("asked");
    let patience = Duration::from_millis(500);
    client.stream.set_write_timeout(Some(patience)).unwrap();
    let piece = [&b"10000\r\n"[..], &vec![b'.'; 0x10000], b"\r\n"].concat();
    let mut sent = 0;
    while std::io::Write::write_all(&mut client.stream, &piece).is_ok() {
        sent += piece.len();
        assert!(sent < 64 << 20, "{sent} bytes");
    }
    assert!(!app.notes().contains(&"gone".to_owned()));
}

#[test]
fn a_client_that_goes_takes_its_request_along() {
    let app = App::start("gone");
    let server = serve(&app);
    let mut client = Client::connect(server.port());
    client.send("GET /never HTTP/1.1\r\nHost: x\r\n\r\n");
    app.wait_for("asked");
    drop(client);
    app.wait_for("gone");
    let mut client = Client::connect(server.port());
    client.send("POST /count HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nabc");
    app.wait_for("piece");
    drop(client);
    app.wait_for("broken body");
    let errors = server.stop().logs;
    assert!(errors.is_empty(), "{errors:?}");
}

#[test]
fn an_answer_that_breaks_off_breaks_off_for_the_client() {
    let app = App::start("broken");
    let server = serve(&app);
    let mut client = Client::connect(server.port());
    client.send("GET /abort HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_eq!(client.answer().status, 200);
    // What had been sent may have come, the end of the body has not.
    let mut rest = Vec::new();
    let _ = std::io::Read::read_to_end(&mut client.stream, &mut rest);
    assert!(!rest.ends_with(b"0\r\n\r\n"), "{rest:?}");
}

#[test]
fn an_application_that_is_not_there_is_a_page_and_a_line() {
    let mut app = App::start("dead");
    let server = serve(&app);
    let mut client = Client::connect(server.port());
    assert_eq!(client.get("/").status, 404);
    let answer = client.get("/away");
    assert_eq!(answer.status, 502);
    assert!(
        answer.text().contains("gave no answer"),
        "{}",
        answer.text()
    );
    assert!(client.is_closed());
    app.die();
    for _ in 0..20 {
        let answer = Client::connect(server.port()).get("/");
        assert_eq!(answer.status, 502);
        assert!(
            answer.text().contains("cannot be reached"),
            "{}",
            answer.text()
        );
    }
    let answer = Client::connect(server.port()).get("/switch");
    assert_eq!(answer.status, 502);
    // Socket.IO does not mind, and the next application is found.
    Client::joined(server.port());
    let next = App::at(&app.path);
    assert_eq!(Client::connect(server.port()).get("/").status, 404);
    let answer = Client::connect(server.port()).get("/switch");
    assert_eq!(answer.status, 502);
    drop(next);
    let logs = server.stop().logs;
    let lines = logs
        .iter()
        .filter(|(level, text)| *level == Level::Error && text.ends_with("; answered 502"))
        .count();
    assert!((2..24).contains(&lines), "{logs:?}");
}

#[test]
fn a_websocket_is_a_pipe_with_two_ends() {
    let app = App::start("pipe");
    let server = serve(&app);
    let mut client = Client::connect(server.port());
    // What comes right behind the head belongs to the pipe too.
    let answer = client.ask_for_websocket("/upgrade", b"early");
    assert_eq!(answer.status, 101);
    assert_eq!(answer.header("upgrade"), Some("websocket"));
    assert_eq!(answer.header("sec-websocket-accept"), Some("accepted"));
    assert_eq!(client.take(12), b"welcomeearly");
    let body = vec![b'x'; 500_000];
    let mut writer = client.stream.try_clone().unwrap();
    let writing = std::thread::spawn(move || {
        std::io::Write::write_all(&mut writer, &body).unwrap();
        // One direction ends, the other one goes on.
        writer.shutdown(Shutdown::Write).unwrap();
    });
    assert_eq!(client.take(500_000), vec![b'x'; 500_000]);
    writing.join().unwrap();
    app.wait_for("end");
    assert_eq!(client.take(8), b"farewell");
    assert!(client.is_closed());
    // Refused: the application's own answer, and a connection that is not used again.
    let mut client = Client::connect(server.port());
    for _ in 0..2 {
        assert_eq!(client.ask_for_websocket("/missing", b"").status, 404);
    }
    assert_eq!(app.connections(), 3);
}

#[test]
fn a_stop_waits_for_requests_and_no_longer_than_its_grace() {
    let app = App::start("stop");
    let mut server = serve(&app);
    let port = server.port();
    let mut client = Client::connect(port);
    client.send("POST /count HTTP/1.1\r\nHost: x\r\nContent-Length: 6\r\n\r\nabc");
    app.wait_for("piece");
    server.native.stop(Duration::from_secs(10));
    common::wait("the listener to be closed", || {
        std::net::TcpStream::connect(("127.0.0.1", port)).is_err()
    });
    client.send("def");
    assert_eq!(client.answer().text(), "6");
    assert!(client.is_closed());
    server.native.join();
    drop(server);

    let mut server = serve(&app);
    let mut client = Client::connect(server.port());
    client.send("GET /never HTTP/1.1\r\nHost: x\r\n\r\n");
    app.wait_for("asked");
    let mut pipe = Client::connect(server.port());
    assert_eq!(pipe.ask_for_websocket("/upgrade", b"").status, 101);
    assert_eq!(pipe.take(7), b"welcome");
    let begun = Instant::now();
    server.native.stop(Duration::from_millis(100));
    server.native.join();
    assert!(
        begun.elapsed() < Duration::from_secs(5),
        "{:?}",
        begun.elapsed()
    );
    assert!(client.is_closed());
    assert!(pipe.is_closed());
    app.wait_for("gone");
}
