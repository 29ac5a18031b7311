//! What is fuzzed: any bytes give a value or a documented error, and what can be checked without knowing the answer holds.
//!
//! Shared by cargo-fuzz (`fuzz_targets/`) and by the bounded replay in `rust/hub/tests/fuzz.rs`. Decides no inputs.
#![allow(dead_code, reason = "each fuzz target uses its function")]

use std::ops::ControlFlow;

use sio_protocol::{
    engineio,
    socketio::{
        client::{Client, Limits, Order},
        packet::{PacketError, decode, encode_head},
    },
    websocket::{Decoder, Event, Violation},
};

use crate::common::model::{Act, play};

const MAX_ATTACHMENTS: usize = 10;
/// Small, so that a fuzzer finds what is beyond it.
const MAX_MESSAGE: usize = 200;

/// One Engine.IO packet, and as the Socket.IO packet in it.
pub fn packet(data: &[u8]) {
    if let Ok((kind, rest)) = engineio::packet::decode(data) {
        let mut written = Vec::new();
        engineio::packet::encode(kind, rest, &mut written);
        assert_eq!(
            written, data,
            "an Engine.IO packet is its digit and its data"
        );
    }
    match decode(data, MAX_ATTACHMENTS) {
        Ok(head) => {
            assert!(head.attachments <= MAX_ATTACHMENTS);
            assert_eq!(head.kind.is_binary(), head.attachments > 0);
            let mut written = Vec::new();
            encode_head(
                head.kind,
                head.attachments,
                head.namespace,
                head.ack_id,
                &mut written,
            );
            written.extend_from_slice(head.body);
            assert_eq!(decode(&written, MAX_ATTACHMENTS), Ok(head));
        }
        Err(error) => {
            assert!(!error.to_string().is_empty());
            if let PacketError::UnknownType(byte) = error {
                assert_eq!(data.first(), Some(&byte));
            }
        }
    }
}

/// The body of a POST, then what its packets mean to a session that joined a namespace.
pub fn payload(data: &[u8]) {
    let limits = Limits {
        max_attachments: MAX_ATTACHMENTS,
        max_bytes: MAX_MESSAGE,
    };
    let mut client: Client<u8> = Client::default();
    client.joining("/".into(), 1);
    client.joined(|_| true);
    let mut written = Vec::new();
    let mut pieces = engineio::payload::decode(data);
    let mut read = Vec::new();
    for piece in pieces.by_ref() {
        let Ok(piece) = piece else { break };
        let order = match &piece {
            engineio::payload::Piece::Text(text) => {
                engineio::payload::push_text(text.as_bytes(), &mut written);
                client.handle_text(text.as_bytes(), &limits)
            }
            engineio::payload::Piece::Binary(data) => {
                engineio::payload::push_binary(data, &mut written);
                client.handle_binary(data, &limits)
            }
        };
        read.push(piece);
        match order {
            Ok(Order::Event { attachments, .. } | Order::Ack { attachments, .. }) => {
                assert!(attachments.len() <= MAX_ATTACHMENTS);
                assert!(attachments.iter().fold(0, |sum, bytes| sum + bytes.len()) <= MAX_MESSAGE);
            }
            Ok(Order::Connect { namespace, .. }) => client.joining(namespace, 2),
            Ok(Order::Nothing | Order::Disconnect { .. }) => {}
            Err(fault) => {
                assert!(!fault.to_string().is_empty());
                break;
            }
        }
    }
    if !read.is_empty() {
        let again: Result<Vec<_>, _> = engineio::payload::decode(&written).collect();
        assert_eq!(again.as_ref(), Ok(&read), "what was written reads back");
    }
    assert!(
        pieces.count() <= data.len(),
        "an iterator that does not end"
    );
}

#[derive(Debug, PartialEq, Eq)]
enum Seen {
    Text(String),
    Binary(Vec<u8>),
    Ping(Vec<u8>),
    Pong,
    Close(Option<u16>, String),
}

fn feed(
    decoder: &mut Decoder,
    bytes: &mut [u8],
    breaking: bool,
    seen: &mut Vec<Seen>,
) -> Result<(), Violation> {
    decoder.feed(bytes, MAX_MESSAGE, &mut |event| {
        seen.push(match event {
            Event::Text(text) => Seen::Text(text.to_owned()),
            Event::Binary(data) => Seen::Binary(data.to_owned()),
            Event::Ping(data) => Seen::Ping(data.to_owned()),
            Event::Pong => Seen::Pong,
            Event::Close(code, reason) => Seen::Close(code, reason.to_owned()),
        });
        if breaking {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    })
}

/// Bytes of a connection: however they are cut, and however often the receiver breaks off, the same messages come out and
/// the same violation ends them. The first byte says how they are cut.
pub fn websocket(data: &[u8]) {
    let Some((&cut, data)) = data.split_first() else {
        return;
    };
    let mut whole = Vec::new();
    let expected = feed(&mut Decoder::new(), &mut data.to_owned(), false, &mut whole);
    for message in &whole {
        let length = match message {
            Seen::Text(text) => text.len(),
            Seen::Binary(bytes) | Seen::Ping(bytes) => bytes.len(),
            Seen::Close(_, reason) => reason.len(),
            Seen::Pong => 0,
        };
        assert!(length <= MAX_MESSAGE);
    }

    for breaking in [false, true] {
        let mut decoder = Decoder::new();
        let mut pieces = Vec::new();
        let mut result = Ok(());
        for chunk in data.chunks(usize::from(cut % 16) + 1) {
            let mut received = chunk.to_owned();
            // A receiver that breaks off calls again, with nothing new, until nothing more comes.
            loop {
                let before = pieces.len();
                result = feed(&mut decoder, &mut received, breaking, &mut pieces);
                received.clear();
                if result.is_err() || pieces.len() == before {
                    break;
                }
            }
            if result.is_err() {
                break;
            }
        }
        assert_eq!(pieces, whole);
        assert_eq!(result, expected);
    }
}

/// Acts, two bytes each, and words of clients between them; the model insists on its promises.
pub fn session(data: &[u8]) {
    let mut script = Vec::new();
    let mut rest = data;
    while let [kind, number, tail @ ..] = rest {
        rest = tail;
        let number = *number;
        // A word ends at the next line break.
        let mut word = || {
            let end = rest
                .iter()
                .position(|byte| *byte == b'\n')
                .unwrap_or(rest.len());
            let word = &rest[..end];
            rest = rest.get(end + 1..).unwrap_or_default();
            word
        };
        script.push(match kind {
            b'p' => Act::OpenPolling,
            b'w' => Act::OpenWebSocket,
            b'u' => Act::Upgrade(number),
            b's' => Act::Say(number, String::from_utf8_lossy(word()).into_owned()),
            b'b' => Act::SayBytes(number, word().to_owned()),
            b'P' => Act::Post(number, String::from_utf8_lossy(word()).into_owned()),
            b'n' => Act::Answer(number, number),
            b'g' => Act::Poll(number),
            b'G' => Act::AbortPoll(number),
            b'k' => Act::BreakPost(number / 2, number % 2 == 0),
            b'c' => Act::CloseFrame(number),
            b'v' => Act::Violate(number),
            b'x' => Act::Cut(number),
            b'r' => Act::Write,
            b'a' => Act::Accept(number),
            b'A' => Act::Refuse(number),
            b'd' => Act::Disconnect(number),
            b'D' => Act::DisconnectSession(number),
            b'C' => Act::CloseSession(number),
            b'f' => Act::FailSession(number),
            b'e' => Act::Emit(number / 2, number % 2 == 0),
            b'B' => Act::Broadcast,
            b'j' => Act::Join(number),
            b'l' => Act::Leave(number),
            b'q' => Act::Ask(number),
            b'Q' => Act::Forget(number),
            b'h' => Act::CatchUp,
            b't' => Act::Wait(u32::from(number) * 300),
            b'S' => Act::Shutdown,
            _ => continue,
        });
        if script.len() == 300 {
            break;
        }
    }
    play(&script);
}
