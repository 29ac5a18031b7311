//! The WebSocket decoder against every cut, limit and violation.

use std::ops::ControlFlow::{Break, Continue};

use proptest::prelude::*;
use sio_protocol::websocket::{Decoder, Event, Violation};

const MAX: usize = 1_000_000;

/// An event that owns its data.
#[derive(Clone, Debug, PartialEq)]
enum Got {
    Text(String),
    Binary(Vec<u8>),
    Ping(Vec<u8>),
    Pong,
    Close(Option<u16>, String),
}

impl From<Event<'_>> for Got {
    fn from(event: Event<'_>) -> Self {
        match event {
            Event::Text(text) => Self::Text(text.to_owned()),
            Event::Binary(data) => Self::Binary(data.to_vec()),
            Event::Ping(data) => Self::Ping(data.to_vec()),
            Event::Pong => Self::Pong,
            Event::Close(code, reason) => Self::Close(code, reason.to_owned()),
        }
    }
}

fn text(text: &str) -> Got {
    Got::Text(text.to_owned())
}

/// A masked frame: first byte (FIN, RSV, opcode), payload.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    frame_with_mask(first, payload, [0x37, 0xfa, 0x21, 0x3d])
}

fn frame_with_mask(first: u8, payload: &[u8], mask: [u8; 4]) -> Vec<u8> {
    let mut out = vec![first];
    match payload.len() {
        len @ 0..126 => out.push(0x80 | len as u8),
        len @ 126..=0xffff => {
            out.push(0x80 + 126);
            out.extend((len as u16).to_be_bytes());
        }
        len => {
            out.push(0x80 + 127);
            out.extend((len as u64).to_be_bytes());
        }
    }
    out.extend(mask);
    out.extend(
        payload
            .iter()
            .zip(mask.iter().cycle())
            .map(|(byte, key)| byte ^ key),
    );
    out
}

/// Feeds pieces one after the other.
fn feed<'a>(
    decoder: &mut Decoder,
    pieces: impl IntoIterator<Item = &'a [u8]>,
    max: usize,
) -> (Vec<Got>, Option<Violation>) {
    let mut got = Vec::new();
    for piece in pieces {
        let mut piece = piece.to_vec();
        let result = decoder.feed(&mut piece, max, &mut |event| {
            got.push(event.into());
            Continue(())
        });
        if let Err(violation) = result {
            return (got, Some(violation));
        }
    }
    (got, None)
}

fn whole(bytes: &[u8]) -> (Vec<Got>, Option<Violation>) {
    feed(&mut Decoder::new(), [bytes], MAX)
}

fn bytewise(bytes: &[u8]) -> (Vec<Got>, Option<Violation>) {
    feed(&mut Decoder::new(), bytes.chunks(1), MAX)
}

fn code(bytes: &[u8]) -> Option<u16> {
    let (whole, bytewise) = (whole(bytes), bytewise(bytes));
    assert_eq!(whole, bytewise, "a cut changes nothing");
    whole.1.map(|violation| violation.code)
}

#[test]
fn messages_of_every_length_form() {
    // The example of RFC 6455, 5.7.
    assert_eq!(
        whole(b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58").0,
        [text("Hello")]
    );
    for len in [0, 1, 7, 8, 9, 125, 126, 127, 65_535, 65_536, 200_000] {
        let data: Vec<u8> = (0_u8..251).cycle().take(len).collect();
        let bytes = frame(0x82, &data);
        assert_eq!(
            whole(&bytes),
            (vec![Got::Binary(data.clone())], None),
            "{len}"
        );
        let (got, violation) = feed(&mut Decoder::new(), bytes.chunks(1009), MAX);
        assert_eq!(
            (got, violation),
            (vec![Got::Binary(data)], None),
            "{len} in pieces"
        );
    }
}

#[test]
fn several_frames_of_one_read_come_in_order() {
    let bytes = [
        frame(0x81, b"42[\"a\"]"),
        frame(0x89, b"hi"),
        frame(0x82, &[1, 2, 3]),
        frame(0x8a, b""),
        frame(0x88, &[0x03, 0xe8, b'b', b'y', b'e']),
        frame(0x81, b"after the close"),
    ]
    .concat();
    let expected = [
        text("42[\"a\"]"),
        Got::Ping(b"hi".to_vec()),
        Got::Binary(vec![1, 2, 3]),
        Got::Pong,
        Got::Close(Some(1000), "bye".to_owned()),
    ];
    assert_eq!(whole(&bytes), (expected.to_vec(), None));
    assert_eq!(bytewise(&bytes), (expected.to_vec(), None));
}

#[test]
fn fragments_become_one_message_and_control_frames_may_stand_between() {
    let bytes = [
        frame(0x01, b"4h\xc3"),
        frame(0x89, b"x"),
        frame(0x00, b""),
        frame(0x00, b"\xa9l"),
        frame(0x80, b"lo"),
        frame(0x02, b""),
        frame(0x80, b""),
    ]
    .concat();
    let expected = [
        Got::Ping(b"x".to_vec()),
        text("4héllo"),
        Got::Binary(vec![]),
    ];
    assert_eq!(whole(&bytes), (expected.to_vec(), None));
    assert_eq!(bytewise(&bytes), (expected.to_vec(), None));
}

#[test]
fn close_frames_are_read() {
    let rows: [(&[u8], Got); 4] = [
        (&[], Got::Close(None, String::new())),
        (&[0x03, 0xe9], Got::Close(Some(1001), String::new())),
        (&[0x0f, 0xa0, b'x'], Got::Close(Some(4000), "x".to_owned())),
        (&[0x03, 0xf6], Got::Close(Some(1014), String::new())),
    ];
    for (payload, expected) in rows {
        assert_eq!(whole(&frame(0x88, payload)), (vec![expected], None));
    }
}

#[test]
fn violations_have_their_code() {
    let close = |code: u16| frame(0x88, &code.to_be_bytes());
    let protocol = [
        frame(0xc1, b"rsv1"),
        frame(0xa1, b"rsv2"),
        frame(0x91, b"rsv3"),
        frame(0x83, b"reserved data"),
        frame(0x8b, b"reserved control"),
        b"\x81\x05Hello".to_vec(),
        b"\x89\x00".to_vec(),
        frame(0x09, b"fragmented ping"),
        frame(0x89, &[0; 126]),
        frame(0x80, b"continues nothing"),
        [frame(0x01, b"a"), frame(0x81, b"b")].concat(),
        [frame(0x01, b"a"), frame(0x02, b"b")].concat(),
        b"\x82\xff\x80\0\0\0\0\0\0\0mask".to_vec(),
        frame(0x88, &[3]),
        close(0),
        close(999),
        close(1004),
        close(1005),
        close(1006),
        close(1015),
        close(1016),
        close(2999),
        close(5000),
    ];
    for bytes in protocol {
        assert_eq!(code(&bytes), Some(1002), "{bytes:02x?}");
    }
    let utf8 = [
        frame(0x81, b"\xff"),
        frame(0x81, b"\xed\xa0\x80"),
        frame(0x81, b"cut \xc3"),
        [frame(0x01, b"cut \xc3"), frame(0x80, b"")].concat(),
        [frame(0x01, b"\xc3"), frame(0x80, b"(")].concat(),
        frame(0x88, &[0x03, 0xe8, 0xff]),
    ];
    for bytes in utf8 {
        assert_eq!(code(&bytes), Some(1007), "{bytes:02x?}");
    }
}

#[test]
fn what_came_before_a_violation_counts_and_nothing_after() {
    let mut decoder = Decoder::new();
    let bytes = [
        frame(0x81, b"good"),
        frame(0xf1, b"bad"),
        frame(0x81, b"late"),
    ]
    .concat();
    let (got, violation) = feed(&mut decoder, [&bytes[..]], MAX);
    assert_eq!(got, [text("good")]);
    let violation = violation.unwrap();
    assert!(
        violation.to_string().contains("1002") && violation.to_string().contains("reserved bit")
    );
    let more = frame(0x81, b"more");
    assert_eq!(feed(&mut decoder, [&more[..]], MAX), (vec![], None));
    assert!(decoder.is_idle());
}

#[test]
fn bad_utf8_is_refused_before_the_message_is_complete() {
    let bytes = [frame(0x01, b"good"), frame(0x00, b"\xff")].concat();
    assert_eq!(whole(&bytes).1.unwrap().code, 1007);
    let long = frame(0x81, &[&[0xff][..], &[b'a'; 1000]].concat());
    assert_eq!(whole(&long[..20]).1.unwrap().code, 1007);
}

#[test]
fn the_limit_is_inclusive_and_judged_by_the_header() {
    let fits = frame(0x82, &[0; 100]);
    assert!(feed(&mut Decoder::new(), [&fits[..]], 100).1.is_none());
    let header = &frame(0x82, &[0; 101])[..6];
    assert_eq!(
        feed(&mut Decoder::new(), [header], 100).1.unwrap().code,
        1009
    );
    let huge = b"\x82\xff\x7f\xff\xff\xff\xff\xff\xff\xffmask";
    assert_eq!(whole(huge).1.unwrap().code, 1009);
    // The fragments of a message count together.
    let fragments = [
        frame(0x02, &[0; 60]),
        frame(0x00, &[0; 40]),
        frame(0x80, &[0; 1]),
    ]
    .concat();
    let (got, violation) = feed(&mut Decoder::new(), [&fragments[..]], 100);
    assert_eq!((got, violation.unwrap().code), (vec![], 1009));
    // Control frames do not count.
    let ping = frame(0x89, &[0; 125]);
    assert!(feed(&mut Decoder::new(), [&ping[..]], 10).1.is_none());
}

#[test]
fn between_messages_nothing_is_kept() {
    let mut decoder = Decoder::new();
    assert!(size_of::<Decoder>() <= 40, "{}", size_of::<Decoder>());
    let bytes = [
        frame(0x81, b"one"),
        frame(0x02, &[0; 500]),
        frame(0x80, &[0; 500]),
    ]
    .concat();
    for cut in 0..bytes.len() {
        let (first, second) = bytes.split_at(cut);
        let (got, violation) = feed(&mut decoder, [first, second], MAX);
        assert_eq!((got.len(), violation), (2, None));
        assert!(decoder.is_idle());
    }
}

#[test]
fn a_receiver_that_breaks_goes_on_later_where_it_stopped() {
    let bytes = [
        frame(0x81, b"one"),
        frame(0x01, b"tw"),
        frame(0x89, b"ping"),
        frame(0x80, b"o"),
        frame(0x82, &[7; 300]),
        frame(0x81, b"end"),
    ]
    .concat();
    let expected = whole(&bytes).0;
    for cut in 0..=bytes.len() {
        let mut decoder = Decoder::new();
        let mut got: Vec<Got> = Vec::new();
        let (first, second) = bytes.split_at(cut);
        for piece in [first, second] {
            let mut piece = piece.to_vec();
            // One event a call, as a paused session would take them.
            loop {
                let before = got.len();
                decoder
                    .feed(&mut piece, MAX, &mut |event| {
                        got.push(event.into());
                        Break(())
                    })
                    .unwrap();
                piece.clear();
                if got.len() == before {
                    break;
                }
                assert_eq!(got.len(), before + 1, "nothing comes after a break");
            }
        }
        assert_eq!(got, expected, "cut at {cut}");
        assert!(decoder.is_idle());
    }
}

/// A frame of a valid stream.
#[derive(Clone, Debug)]
enum Sent {
    Text(String, usize),
    Binary(Vec<u8>, usize),
    Ping(Vec<u8>),
    Pong,
}

fn sent() -> impl Strategy<Value = Sent> {
    prop_oneof![
        (any::<String>(), 1_usize..4).prop_map(|(text, parts)| Sent::Text(text, parts)),
        (proptest::collection::vec(any::<u8>(), 0..300), 1_usize..4)
            .prop_map(|(data, parts)| Sent::Binary(data, parts)),
        proptest::collection::vec(any::<u8>(), 0..125).prop_map(Sent::Ping),
        Just(Sent::Pong),
    ]
}

fn encode(sent: &Sent, mask: [u8; 4], out: &mut Vec<u8>) -> Got {
    let mut parts = |opcode: u8, data: &[u8], parts: usize| {
        let size = data.len().div_ceil(parts).max(1);
        let mut pieces: Vec<&[u8]> = data.chunks(size).collect();
        if pieces.is_empty() {
            pieces.push(&[]);
        }
        let last = pieces.len() - 1;
        for (at, piece) in pieces.iter().enumerate() {
            let first = if at == 0 { opcode } else { 0 } | if at == last { 0x80 } else { 0 };
            out.extend(frame_with_mask(first, piece, mask));
        }
    };
    match sent {
        Sent::Text(text, count) => {
            parts(1, text.as_bytes(), *count);
            Got::Text(text.clone())
        }
        Sent::Binary(data, count) => {
            parts(2, data, *count);
            Got::Binary(data.clone())
        }
        Sent::Ping(data) => {
            parts(9, data, 1);
            Got::Ping(data.clone())
        }
        Sent::Pong => {
            parts(10, b"x", 1);
            Got::Pong
        }
    }
}

fn pieces<'a>(bytes: &'a [u8], cuts: &[prop::sample::Index]) -> Vec<&'a [u8]> {
    let mut at: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
    at.push(0);
    at.push(bytes.len());
    at.sort_unstable();
    at.windows(2).map(|pair| &bytes[pair[0]..pair[1]]).collect()
}

proptest! {
    #[test]
    fn a_valid_stream_is_read_however_it_is_cut(
        stream in proptest::collection::vec((sent(), any::<[u8; 4]>()), 0..12),
        cuts: Vec<prop::sample::Index>,
    ) {
        let mut bytes = Vec::new();
        let expected: Vec<Got> = stream.iter().map(|(sent, mask)| encode(sent, *mask, &mut bytes)).collect();
        let mut decoder = Decoder::new();
        let (got, violation) = feed(&mut decoder, pieces(&bytes, &cuts), MAX);
        prop_assert_eq!(violation, None);
        prop_assert_eq!(got, expected);
        prop_assert!(decoder.is_idle());
    }

    #[test]
    fn any_bytes_mean_the_same_however_they_are_cut(
        bytes in proptest::collection::vec(any::<u8>(), 0..400),
        cuts: Vec<prop::sample::Index>,
    ) {
        let cut = feed(&mut Decoder::new(), pieces(&bytes, &cuts), 200);
        let one = feed(&mut Decoder::new(), [&bytes[..]], 200);
        prop_assert_eq!(cut, one);
    }

    #[test]
    fn noise_behind_plausible_headers_is_judged_alike_however_it_is_cut(
        frames in proptest::collection::vec(
            (prop::sample::select(&[0x81_u8, 0x82, 0x01, 0x02, 0x00, 0x80, 0x88, 0x89, 0x8a, 0x09, 0xc1][..]),
             proptest::collection::vec(any::<u8>(), 0..140)), 0..8),
        cuts: Vec<prop::sample::Index>,
    ) {
        let bytes: Vec<u8> = frames.iter().flat_map(|(first, payload)| frame(*first, payload)).collect();
        let cut = feed(&mut Decoder::new(), pieces(&bytes, &cuts), 200);
        let one = feed(&mut Decoder::new(), [&bytes[..]], 200);
        prop_assert_eq!(cut, one);
    }
}
