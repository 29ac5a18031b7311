//! A server that frames by itself: what it takes from a shard, and what it tells it.

mod common;

use common::{World, config, event};
use sio_hub::{
    config::Config,
    frame::Frame,
    shard::{Dirty, LinkKey, LinkState, Message, Outgoing},
};
use std::sync::Arc;

/// What a host would send on a link until nothing waits: texts, `<3 bytes>` and `<close 1001>`.
fn taken(world: &mut World, link: LinkKey) -> Vec<String> {
    world.settle();
    let mut sent = Vec::new();
    while let Some(message) = world.shard.take_link_message(link) {
        sent.push(match message {
            Outgoing::Message(frame, 0) => {
                String::from_utf8_lossy(frame.text().payload()).into_owned()
            }
            Outgoing::Message(frame, part) => {
                format!("<{} bytes>", frame.attachments()[part - 1].payload().len())
            }
            Outgoing::Close(code) => format!("<close {code:?}>"),
        });
    }
    sent
}

fn with_attachments() -> Arc<Frame> {
    let mut text = vec![0; 10];
    text.extend_from_slice(b"452-[\"files\",{\"_placeholder\":true,\"num\":0}]");
    Arc::new(Frame::packet(
        text,
        10,
        vec![[0; 10 + 3].into(), [0; 10 + 4].into()],
    ))
}

#[test]
fn messages_come_one_by_one_and_count_until_they_are_sent() {
    let mut world = World::new();
    let (link, socket) = world.join();
    world.hub.send(&socket, event("[\"a\"]"), false);
    world.hub.send(&socket, event("[\"b\"]"), false);
    world.settle();
    assert!(matches!(
        world.shard.take_link_message(link),
        Some(Outgoing::Message(_, 0))
    ));
    let [_, _, queued, _] = world.gauges();
    assert!(queued > 0, "the first is on its way, the second waits");
    assert_eq!(taken(&mut world, link), ["42[\"b\"]"]);
    assert_eq!(socket.session.buffered(), 0);
}

#[test]
fn attachments_follow_their_packet_as_messages_of_their_own() {
    let mut world = World::new();
    let (link, socket) = world.join();
    world.hub.send(&socket, with_attachments(), false);
    let sent = taken(&mut world, link);
    assert!(sent[0].starts_with("452-"));
    assert_eq!(sent[1..], ["<3 bytes>", "<4 bytes>"]);
}

#[test]
fn the_close_comes_last_and_half_a_packet_is_finished_first() {
    let mut world = World::new();
    let (link, socket) = world.join();
    world.hub.send(&socket, with_attachments(), false);
    world.settle();
    assert!(world.shard.take_link_message(link).is_some());
    world.hub.shutdown();
    assert_eq!(
        taken(&mut world, link),
        ["<3 bytes>", "<4 bytes>", "<close Some(1001)>"]
    );
    assert_eq!(world.disconnects(), ["server shutting down"]);
}

#[test]
fn what_was_dropped_while_a_message_was_sent_is_not_counted_twice() {
    let mut world = World::new();
    let (link, socket) = world.join();
    for _ in 0..3 {
        world.hub.send(&socket, event("[\"a\"]"), false);
    }
    world.settle();
    assert!(world.shard.take_link_message(link).is_some());
    world.say(link, "1");
    assert_eq!(taken(&mut world, link), ["<close None>"]);
    world
        .shard
        .handle_link_disconnected(link, world.now(), None);
    assert_eq!(world.gauges()[..3], [0, 0, 0]);
}

#[test]
fn a_host_that_stops_is_no_client_that_leaves() {
    let rows = [
        (Some(1012), "server shutting down"),
        (Some(1001), "transport close"),
        (Some(1000), "transport close"),
        (None, "transport close"),
    ];
    for (code, reason) in rows {
        let mut world = World::new();
        let (link, _) = world.join();
        world
            .shard
            .handle_link_disconnected(link, world.now(), code);
        assert_eq!(world.disconnects(), [reason], "{code:?}");
    }
}

#[test]
fn a_poll_that_the_host_cuts_is_its_stop() {
    let mut world = World::new();
    let (sid, _) = world.join_polling();
    let session = world.poll(&sid).unwrap_err();
    world.shard.handle_poll_cut(session, world.now());
    assert_eq!(world.disconnects(), ["server shutting down"]);
}

#[test]
fn a_message_over_the_limit_ends_the_link_with_its_code() {
    let mut world = World::with(Config {
        max_http_buffer_size: 100,
        ..config()
    });
    let (link, _) = world.join();
    let long = "4".repeat(101);
    let state = world
        .shard
        .handle_link_message(link, world.now(), Message::Text(&long));
    assert_eq!(state, LinkState::Closing);
    assert_eq!(taken(&mut world, link), ["<close Some(1009)>"]);
    assert_eq!(world.disconnects(), ["transport error"]);
}

#[test]
fn a_writer_that_is_stuck_is_given_up_in_the_end() {
    let mut world = World::new();
    let (link, socket) = world.join();
    world.hub.send(&socket, event("[\"a\"]"), false);
    world.settle();
    assert!(world.shard.take_link_message(link).is_some());
    world.hub.shutdown();
    world.settle();
    assert!(!world.shard.is_given_up(link));
    while world.shard.next_dirty().is_some() {}
    world.advance(31.0);
    assert!(world.shard.is_given_up(link));
    assert_eq!(world.shard.next_dirty(), Some(Dirty::Link(link)));
}
