//! An echo server over the framing of this crate, for the Autobahn suite (`make autobahn`): what it sees there is the
//! decoder and the frame writer that serve our clients, with a blocking socket around them.
//!
//! Prints the port it listens on. A thread per connection, the messages of one connection in memory: not for production.

use std::{
    io::{self, Read, Write},
    net::{TcpListener, TcpStream},
    ops::ControlFlow,
    thread,
};

use sio_protocol::websocket::{Decoder, Event, Opcode, accept_key, frame};

/// The suite's largest message has 16 MiB.
const MAX_MESSAGE: usize = 16 << 20;

fn main() -> io::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    println!("{}", listener.local_addr()?.port());
    for stream in listener.incoming() {
        let stream = stream?;
        thread::spawn(move || {
            // A connection that breaks off is what many of the cases are about.
            let _ = serve(stream);
        });
    }
    Ok(())
}

fn serve(mut stream: TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut rest = handshake(&mut stream)?;
    let mut decoder = Decoder::new();
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let mut answer = Vec::new();
        let mut closed = false;
        let fed = decoder.feed(&mut rest, MAX_MESSAGE, &mut |event| {
            match event {
                Event::Text(text) => frame::write_frame(Opcode::Text, text.as_bytes(), &mut answer),
                Event::Binary(data) => frame::write_frame(Opcode::Binary, data, &mut answer),
                Event::Ping(data) => frame::write_frame(Opcode::Pong, data, &mut answer),
                Event::Pong => {}
                Event::Close(code, _) => {
                    frame::write_close(code, "", &mut answer);
                    closed = true;
                }
            }
            ControlFlow::Continue(())
        });
        if let Err(violation) = fed {
            frame::write_close(Some(violation.code), violation.detail, &mut answer);
            closed = true;
        }
        stream.write_all(&answer)?;
        if closed {
            return stream.shutdown(std::net::Shutdown::Write);
        }
        let count = stream.read(&mut buffer)?;
        if count == 0 {
            return Ok(());
        }
        rest.clear();
        rest.extend_from_slice(&buffer[..count]);
    }
}

/// Answers the upgrade and returns what came behind its head.
fn handshake(stream: &mut TcpStream) -> io::Result<Vec<u8>> {
    let mut head = Vec::new();
    let end = loop {
        if let Some(at) = head.windows(4).position(|bytes| bytes == b"\r\n\r\n") {
            break at + 4;
        }
        let mut chunk = [0; 1024];
        let count = stream.read(&mut chunk)?;
        if count == 0 || head.len() > 16 * 1024 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        head.extend_from_slice(&chunk[..count]);
    };
    let text = String::from_utf8_lossy(&head[..end]);
    let key = text
        .lines()
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.eq_ignore_ascii_case("sec-websocket-key"))
        .map_or("", |(_, value)| value.trim());
    let answer = format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {}\r\n\r\n",
        accept_key(key)
    );
    stream.write_all(answer.as_bytes())?;
    Ok(head.split_off(end))
}
