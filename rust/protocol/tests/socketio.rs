//! Socket.IO packets: the table of what a client may send, and the assembling of attachments.

use bytes::Bytes;
use proptest::prelude::*;
use sio_protocol::socketio::attachments::{Assembler, AssemblyError};
use sio_protocol::socketio::packet::{
    Head, PacketError, PacketType, RESERVED_EVENTS, decode, encode_head,
};

const LIMIT: usize = 10;

fn read(text: &str) -> Result<Head<'_>, PacketError> {
    decode(text.as_bytes(), LIMIT)
}

fn head<'a>(
    kind: PacketType,
    namespace: &'a str,
    ack_id: Option<u64>,
    attachments: usize,
    body: &'a str,
) -> Head<'a> {
    Head {
        kind,
        namespace,
        ack_id,
        attachments,
        body: body.as_bytes(),
    }
}

#[test]
fn what_clients_may_send() {
    use PacketType::{Ack, BinaryAck, BinaryEvent, Connect, Disconnect, Event};
    #[rustfmt::skip]
    let rows = [
        ("0", head(Connect, "/", None, 0, "")),
        ("0{\"token\":\"x\"}", head(Connect, "/", None, 0, "{\"token\":\"x\"}")),
        ("0/", head(Connect, "/", None, 0, "")),
        ("0/,", head(Connect, "/", None, 0, "")),
        ("0/foo", head(Connect, "/foo", None, 0, "")),
        ("0/foo,", head(Connect, "/foo", None, 0, "")),
        ("0/foo,{}", head(Connect, "/foo", None, 0, "{}")),
        // A query belongs to the name: no namespace is called that.
        ("0/a?x=1,", head(Connect, "/a?x=1", None, 0, "")),
        ("0/é,{}", head(Connect, "/é", None, 0, "{}")),
        ("1", head(Disconnect, "/", None, 0, "")),
        ("1/foo,", head(Disconnect, "/foo", None, 0, "")),
        ("2[\"e\"]", head(Event, "/", None, 0, "[\"e\"]")),
        ("2[1,2]", head(Event, "/", None, 0, "[1,2]")),
        ("2[-1.5]", head(Event, "/", None, 0, "[-1.5]")),
        ("2[ \"e\" ] ", head(Event, "/", None, 0, "[ \"e\" ]")),
        ("2/foo,[\"e\",1]", head(Event, "/foo", None, 0, "[\"e\",1]")),
        ("212[\"e\",1]", head(Event, "/", Some(12), 0, "[\"e\",1]")),
        ("2/foo,0[\"e\"]", head(Event, "/foo", Some(0), 0, "[\"e\"]")),
        ("2007[\"e\"]", head(Event, "/", Some(7), 0, "[\"e\"]")),
        ("218446744073709551615[\"e\"]", head(Event, "/", Some(u64::MAX), 0, "[\"e\"]")),
        ("2[\"error\"]", head(Event, "/", None, 0, "[\"error\"]")),
        ("2[\"connection\"]", head(Event, "/", None, 0, "[\"connection\"]")),
        ("2[\"connect \"]", head(Event, "/", None, 0, "[\"connect \"]")),
        ("2[\"\"]", head(Event, "/", None, 0, "[\"\"]")),
        ("312[1]", head(Ack, "/", Some(12), 0, "[1]")),
        ("3/foo,1[]", head(Ack, "/foo", Some(1), 0, "[]")),
        ("3[]", head(Ack, "/", None, 0, "[]")),
        ("30", head(Ack, "/", Some(0), 0, "")),
        ("3", head(Ack, "/", None, 0, "")),
        ("51-[\"e\",{}]", head(BinaryEvent, "/", None, 1, "[\"e\",{}]")),
        ("52-/foo,7[\"e\"]", head(BinaryEvent, "/foo", Some(7), 2, "[\"e\"]")),
        ("510-[\"e\"]", head(BinaryEvent, "/", None, 10, "[\"e\"]")),
        ("61-12[{}]", head(BinaryAck, "/", Some(12), 1, "[{}]")),
    ];
    for (text, expected) in rows {
        assert_eq!(read(text), Ok(expected), "{text}");
    }
}

#[test]
fn what_clients_may_not_send() {
    use PacketError::{
        AckBody, AckId, ConnectBody, ConnectErrorFromClient, DisconnectBody, Empty, EventBody,
        IllegalAttachments, ReservedEvent, TooManyAttachments, UnknownType,
    };
    #[rustfmt::skip]
    let rows = [
        ("", Empty),
        ("8", UnknownType(b'8')),
        ("7[\"e\"]", UnknownType(b'7')),
        ("[\"e\"]", UnknownType(b'[')),
        ("0[1]", ConnectBody),
        ("0\"abc\"", ConnectBody),
        ("0null", ConnectBody),
        ("0,", ConnectBody),
        ("0{", ConnectBody),
        ("1{}", DisconnectBody),
        ("1,", DisconnectBody),
        ("2", EventBody),
        ("2/foo", EventBody),
        ("2/foo,", EventBody),
        ("21", EventBody),
        ("2[]", EventBody),
        ("2[ ]", EventBody),
        ("2{}", EventBody),
        ("2\"e\"", EventBody),
        ("2[\"a\"", EventBody),
        ("2[null]", EventBody),
        ("2[{}]", EventBody),
        ("2[[\"e\"]]", EventBody),
        ("2 [\"e\"]", EventBody),
        ("2[\"connect\"]", ReservedEvent("connect")),
        ("2[\"disconnect\",1]", ReservedEvent("disconnect")),
        ("2[ \"newListener\" ]", ReservedEvent("newListener")),
        ("2[\"\\u0063onnect\"]", ReservedEvent("connect")),
        ("2[\"connect\\u005Ferror\"]", ReservedEvent("connect_error")),
        ("51-[\"disconnecting\"]", ReservedEvent("disconnecting")),
        ("218446744073709551616[\"e\"]", AckId),
        ("312{}", AckBody),
        ("312[", AckBody),
        ("3null", AckBody),
        ("4{\"message\":\"x\"}", ConnectErrorFromClient),
        ("4", ConnectErrorFromClient),
        ("5", IllegalAttachments),
        ("5[\"e\"]", IllegalAttachments),
        ("51[\"e\"]", IllegalAttachments),
        ("5-[\"e\"]", IllegalAttachments),
        ("5-1-[\"e\"]", IllegalAttachments),
        ("50-[\"e\"]", IllegalAttachments),
        ("500-[\"e\"]", IllegalAttachments),
        ("60-1[]", IllegalAttachments),
        ("5/foo,1-[\"e\"]", IllegalAttachments),
        ("511-[\"e\"]", TooManyAttachments { limit: 10 }),
        ("599999999999999999999-[\"e\"]", TooManyAttachments { limit: 10 }),
        ("51-", EventBody),
    ];
    for (text, expected) in rows {
        assert_eq!(read(text), Err(expected), "{text}");
        assert!(expected.to_string().len() > 20);
    }
    assert_eq!(
        decode(b"2/\xff,[\"e\"]", LIMIT),
        Err(PacketError::Namespace)
    );
}

#[test]
fn every_reserved_name_is_refused_however_it_is_spelled() {
    for name in RESERVED_EVENTS {
        let escapes = name.chars().map(|c| format!("\\u{:04x}", u32::from(c)));
        let all_escaped = escapes.collect::<Vec<_>>().concat();
        for spelling in [name, &all_escaped] {
            let text = format!("2[\"{spelling}\",1]");
            assert_eq!(read(&text), Err(PacketError::ReservedEvent(name)), "{text}");
        }
    }
    for name in [
        "a\\\"b",
        "\\n",
        "connect\\u00",
        "\\ud83e\\udd80",
        "connect\\\\",
        "connect\\u0000",
    ] {
        assert!(read(&format!("2[\"{name}\"]")).is_ok(), "{name}");
    }
}

#[test]
fn heads_are_written_as_the_protocol_has_them() {
    let written = |kind, attachments, namespace: &str, ack_id| {
        let mut out = Vec::new();
        encode_head(kind, attachments, namespace, ack_id, &mut out);
        String::from_utf8(out).unwrap()
    };
    assert_eq!(written(PacketType::Connect, 0, "/", None), "0");
    assert_eq!(written(PacketType::ConnectError, 0, "/foo", None), "4/foo,");
    assert_eq!(written(PacketType::Event, 0, "/", Some(0)), "20");
    assert_eq!(written(PacketType::Ack, 0, "/a", Some(12)), "3/a,12");
    assert_eq!(written(PacketType::BinaryEvent, 2, "/", None), "52-");
    assert_eq!(
        written(PacketType::BinaryAck, 1, "/a", Some(12)),
        "61-/a,12"
    );
    assert_eq!(written(PacketType::Disconnect, 0, "/a", None), "1/a,");
}

fn announced(count: usize) -> String {
    format!("5{count}-/a,7[\"e\",{{\"_placeholder\":true,\"num\":0}}]")
}

#[test]
fn a_packet_without_attachments_passes_through() {
    let mut assembler = Assembler::new();
    let head = read("2[\"e\"]").unwrap();
    assert_eq!(assembler.text(head), Ok(Some(head)));
    assert!(!assembler.is_waiting());
}

#[test]
fn a_packet_waits_for_all_it_announced() {
    let mut assembler = Assembler::new();
    let text = announced(2);
    assert_eq!(assembler.text(read(&text).unwrap()), Ok(None));
    assert!(assembler.is_waiting());
    let body = "[\"e\",{\"_placeholder\":true,\"num\":0}]";
    assert_eq!(assembler.held_bytes(), body.len());
    assert_eq!(
        assembler.binary(Bytes::from_static(&[1, 2]), 1000),
        Ok(None)
    );
    assert_eq!(assembler.held_bytes(), body.len() + 2);
    let packet = assembler.binary(Bytes::new(), 1000).unwrap().unwrap();
    assert_eq!(packet.kind, PacketType::BinaryEvent);
    assert_eq!(&*packet.namespace, "/a");
    assert_eq!(packet.ack_id, Some(7));
    assert_eq!(packet.body, body.as_bytes());
    assert_eq!(
        packet.attachments,
        [Bytes::from_static(&[1, 2]), Bytes::new()]
    );
    assert!(!assembler.is_waiting());
    assert_eq!(assembler.held_bytes(), 0);
}

#[test]
fn what_does_not_fit_is_an_error_and_frees_what_was_held() {
    let text = announced(3);
    let waiting = || {
        let mut assembler = Assembler::new();
        assembler.text(read(&text).unwrap()).unwrap();
        assembler.binary(Bytes::from_static(b"x"), 1000).unwrap();
        assembler
    };

    let mut assembler = waiting();
    let error = assembler.text(read("2[\"e\"]").unwrap()).unwrap_err();
    assert_eq!(error, AssemblyError::TextWhileWaiting { missing: 2 });
    assert!(error.to_string().contains("2 binary attachments"));
    assert_eq!(assembler.held_bytes(), 0);

    let error = Assembler::new().binary(Bytes::new(), 1000).unwrap_err();
    assert_eq!(error, AssemblyError::UnexpectedBinary);
    assert!(error.to_string().contains("binary message"));

    let mut assembler = waiting();
    let room = 100 - assembler.held_bytes();
    assert_eq!(assembler.binary(vec![0; room].into(), 100), Ok(None));
    let error = assembler.binary(Bytes::from_static(b"x"), 100).unwrap_err();
    assert_eq!(error, AssemblyError::TooLarge { limit: 100 });
    assert!(error.to_string().contains("100 bytes"));
    assert!(!assembler.is_waiting());
}

fn kinds() -> impl Strategy<Value = (PacketType, &'static str)> {
    prop::sample::select(vec![
        (PacketType::Connect, ""),
        (PacketType::Connect, "{\"a\":1}"),
        (PacketType::Disconnect, ""),
        (PacketType::Event, "[\"e\",1]"),
        (PacketType::Event, "[0]"),
        (PacketType::Ack, "[]"),
        (
            PacketType::BinaryEvent,
            "[\"e\",{\"_placeholder\":true,\"num\":0}]",
        ),
        (PacketType::BinaryAck, "[{\"_placeholder\":true,\"num\":0}]"),
    ])
}

proptest! {
    #[test]
    fn what_is_written_is_read(
        (kind, body) in kinds(),
        name in "[^,]{0,20}",
        ack_id: Option<u64>,
        count in 1_usize..=LIMIT,
    ) {
        let attachments = if kind.is_binary() { count } else { 0 };
        let namespace = format!("/{name}");
        // An id before an object or nothing would be no packet of these types, but the head is read alike.
        let mut text = Vec::new();
        encode_head(kind, attachments, &namespace, ack_id, &mut text);
        text.extend_from_slice(body.as_bytes());
        prop_assert_eq!(decode(&text, LIMIT), Ok(head(kind, &namespace, ack_id, attachments, body)));
    }

    #[test]
    fn any_bytes_are_a_packet_or_a_documented_error(text: Vec<u8>, limit in 0_usize..20) {
        if let Ok(head) = decode(&text, limit) {
            prop_assert!(head.namespace.starts_with('/'));
            prop_assert!(head.attachments <= limit);
            prop_assert_eq!(head.attachments > 0, head.kind.is_binary());
        }
    }

    #[test]
    fn anything_that_looks_like_a_packet_is_read_or_refused(text in "[0-9]{0,3}-?(/[a-z?,]{0,6})?[0-9]{0,22}[\\[{]?[\"a-z0-9\\\\,]{0,12}[\\]}]? ?") {
        match read(&text) {
            Ok(head) => prop_assert!(text.trim_end().as_bytes().ends_with(head.body)),
            Err(error) => prop_assert!(!error.to_string().is_empty()),
        }
    }

    #[test]
    fn attachments_come_back_in_order(sizes in proptest::collection::vec(0_usize..50, 1..=LIMIT)) {
        let mut assembler = Assembler::new();
        let text = announced(sizes.len());
        prop_assert_eq!(assembler.text(read(&text).unwrap()), Ok(None));
        let mut done = None;
        for (at, size) in sizes.iter().enumerate() {
            prop_assert!(done.is_none());
            done = assembler.binary(vec![at as u8; *size].into(), 10_000).unwrap();
        }
        let packet = done.unwrap();
        prop_assert_eq!(packet.attachments.len(), sizes.len());
        for (at, (data, size)) in packet.attachments.iter().zip(&sizes).enumerate() {
            prop_assert_eq!(&data[..], &vec![at as u8; *size][..]);
        }
    }
}
