//! Cases of `sio-protocol`: heads of packets, WebSocket frames, payloads; each beside what a plain loop would cost.

use std::hint::black_box;
use std::ops::ControlFlow::Continue;

use sio_protocol::engineio::{packet as engine, payload};
use sio_protocol::socketio::packet::{self, PacketType};
use sio_protocol::websocket::frame::{MAX_HEADER, write_frame};
use sio_protocol::websocket::{Decoder, Opcode, write_header};

use crate::Case;

const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];
const LARGEST: usize = 1_000_000;
const SEPARATOR: u8 = 0x1e;

pub fn cases() -> Vec<Case> {
    let text = format!("42100007[\"echo\",\"{}\"]", "x".repeat(64));
    let event = text.clone().into_bytes();
    let body = event[8..].to_vec();
    let mut cases = vec![
        Case::new("packet/decode", move || {
            move || {
                let (_, data) = engine::decode(black_box(&event)).expect("a packet");
                black_box(packet::decode(data, 10).expect("an event"));
            }
        }),
        // The same text for a general parser.
        Case::new("packet/decode reference", move || {
            move || {
                let value: serde_json::Value =
                    serde_json::from_slice(black_box(&body)).expect("an array");
                black_box(value);
            }
        }),
        Case::new("packet/encode", || {
            || {
                let mut out = Vec::with_capacity(32);
                out.push(b'4');
                packet::encode_head(PacketType::Ack, 0, "/", black_box(Some(100_007)), &mut out);
                black_box(out);
            }
        }),
        Case::new("packet/encode reference", || {
            || {
                black_box(format!("43{}", black_box(100_007)));
            }
        }),
        Case::new("websocket/header", || {
            || {
                let mut out = [0; MAX_HEADER];
                black_box(write_header(Opcode::Text, black_box(128), &mut out));
                black_box(out);
            }
        }),
    ];
    for (size, count) in [(64, 16), (65_536, 1)] {
        cases.extend(frames(size, count));
    }
    cases.extend(payloads(&text));
    cases
}

/// So many masked frames in one read, and the loop over bytes that is the plainest way to read them.
fn frames(size: usize, count: usize) -> [Case; 2] {
    let frame = masked(&vec![b'x'; size]);
    let read = frame.repeat(count);
    let plain = read.clone();
    let head = frame.len() - size;
    let name = format!("websocket/{count} x {size} B");
    [
        Case::new(name.clone(), move || {
            move || {
                // Decoding unmasks in place.
                let mut bytes = read.clone();
                let mut seen = 0;
                let fed = Decoder::new().feed(black_box(&mut bytes), LARGEST, &mut |event| {
                    black_box(event);
                    seen += 1;
                    Continue(())
                });
                assert!(fed.is_ok() && seen == count);
            }
        }),
        Case::new(format!("{name} reference"), move || {
            move || {
                let mut bytes = plain.clone();
                for frame in black_box(&mut bytes).chunks_mut(head + size) {
                    let mut at = 0;
                    // A plain loop, which the compiler must not turn into vectors: it is what "byte by byte" means.
                    while at < size {
                        frame[head + at] ^= black_box(MASK[at % 4]);
                        at += 1;
                    }
                    black_box(String::from_utf8(frame[head..].to_vec()).is_ok());
                }
            }
        }),
    ]
}

fn payloads(text: &str) -> [Case; 3] {
    let body = vec![text; 16].join("\u{1e}").into_bytes();
    let plain = body.clone();
    let packet = text.as_bytes().to_vec();
    [
        Case::new("payload/split", move || {
            move || {
                let pieces = payload::decode(black_box(&body));
                assert_eq!(black_box(pieces).flatten().count(), 16);
            }
        }),
        Case::new("payload/split reference", move || {
            move || {
                let pieces = black_box(&plain).split(|byte| *byte == SEPARATOR);
                assert_eq!(
                    pieces.map(String::from_utf8_lossy).map(black_box).count(),
                    16
                );
            }
        }),
        Case::new("payload/join", move || {
            move || {
                let mut body = Vec::new();
                for _ in 0..16 {
                    payload::push_text(black_box(&packet), &mut body);
                }
                black_box(body);
            }
        }),
    ]
}

/// A masked text frame.
fn masked(payload: &[u8]) -> Vec<u8> {
    let mut frame = Vec::new();
    write_frame(Opcode::Text, payload, &mut frame);
    let head = frame.len() - payload.len();
    frame[1] |= 0x80;
    for (byte, key) in frame[head..].iter_mut().zip(MASK.iter().cycle()) {
        *byte ^= key;
    }
    frame.splice(head..head, MASK);
    frame
}
