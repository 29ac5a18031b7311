//! Bounds and deadlines in virtual time: slow consumers, floods, paused sessions, a driver that was late.

mod common;

use std::{sync::Arc, time::Duration};

use common::{World, event};
use sio_hub::{
    delivery::Sent,
    shard::{LinkState, PostVerdict, Resumed},
    sink::Notice,
};

#[test]
fn a_slow_consumer_is_closed_and_only_that_one() {
    let mut world = World::new();
    let (slow, socket) = world.join();
    let (quick, other) = world.join();
    let frame = event(&format!("[\"{}\"]", "x".repeat(500)));
    let mut sent = Vec::new();
    for _ in 0..20 {
        sent.push(world.hub.send(&socket, Arc::clone(&frame), false));
        world.hub.send(&other, Arc::clone(&frame), false);
        world.heard(quick);
    }
    assert_eq!(sent[0], Sent::Accepted);
    assert!(
        sent.contains(&Sent::Congested),
        "an awaiting caller would have waited before"
    );
    assert_eq!(sent[19], Sent::Dropped);
    assert_eq!(world.disconnects(), ["transport error"]);
    let detail = socket.session.detail().expect("a detail");
    assert!(
        detail.starts_with("slow consumer: ") && detail.ends_with("> 4000 bytes"),
        "{detail}"
    );
    assert_eq!(
        world.heard(slow).last().map(String::as_str),
        Some("<close>")
    );
    world.shard.handle_link_closed(slow, world.now());
    assert_eq!(world.gauges(), [1, 1, 0, 0]);
}

#[test]
fn an_empty_buffer_accepts_a_packet_of_any_size() {
    let mut world = World::new();
    let (link, socket) = world.join();
    let frame = event(&format!("[\"{}\"]", "x".repeat(9_000)));
    assert_eq!(world.hub.send(&socket, frame, false), Sent::Congested);
    assert_eq!(world.heard(link).len(), 1);
}

#[test]
fn whoever_waits_for_a_congested_client_hears_once_that_it_drained() {
    let mut world = World::new();
    let (link, socket) = world.join();
    assert!(
        !world.hub.want_drained(&socket.session),
        "nothing to wait for"
    );
    world.hub.send(
        &socket,
        event(&format!("[\"{}\"]", "x".repeat(2_000))),
        false,
    );
    assert!(world.hub.want_drained(&socket.session));
    world.heard(link);
    assert!(
        matches!(&world.notices()[..], [Notice::Drained { session }] if *session == socket.session.number)
    );
    world.hub.send(
        &socket,
        event(&format!("[\"{}\"]", "x".repeat(2_000))),
        false,
    );
    assert!(world.hub.want_drained(&socket.session));
    world.shard.handle_link_closed(link, world.now());
    assert!(
        world
            .notices()
            .iter()
            .any(|notice| matches!(notice, Notice::Drained { .. })),
        "gone counts as drained"
    );
}

#[test]
fn volatile_packets_are_dropped_when_anything_waits() {
    let mut world = World::new();
    let (link, socket) = world.join();
    assert_eq!(world.hub.send(&socket, event("[1]"), true), Sent::Accepted);
    assert_eq!(world.hub.send(&socket, event("[2]"), true), Sent::Dropped);
    assert_eq!(world.hub.send(&socket, event("[3]"), false), Sent::Accepted);
    assert_eq!(world.heard(link), ["42[1]", "42[3]"]);
    let (sid, polling) = world.join_polling();
    world.hub.send(&polling, event("[4]"), true);
    let Err(poll) = world.poll(&sid) else {
        panic!("no poll hung, so it was dropped")
    };
    world.hub.send(&polling, event("[5]"), true);
    assert_eq!(world.hanging(poll).as_deref(), Some("42[5]"));
}

#[test]
fn a_flooding_client_is_not_read_until_the_application_caught_up() {
    let mut world = World::new();
    let (link, socket) = world.join();
    let states: Vec<_> = (0..11).map(|_| world.say(link, "42[\"flood\"]")).collect();
    assert_eq!(states[9], LinkState::Open);
    assert_eq!(states[10], LinkState::Paused);
    world.advance(300.0);
    assert!(
        world.disconnects().is_empty(),
        "no pong is missed while we do not read"
    );
    world.hub.release_events(&socket.session, 5, 0);
    assert!(world.take_resumed().is_empty());
    world.hub.release_events(&socket.session, 1, 6 * 9);
    assert_eq!(world.take_resumed(), [Resumed::Link(link)]);
    world.advance(21.0);
    assert_eq!(
        world.disconnects(),
        ["ping timeout"],
        "and its time starts anew"
    );
}

#[test]
fn a_flood_before_an_awaited_answer_is_read_up_to_four_times_the_bound() {
    let mut world = World::new();
    let (link, socket) = world.join();
    let id = world.hub.expect_ack(&socket);
    for _ in 0..40 {
        assert_eq!(world.say(link, "42[\"flood\"]"), LinkState::Open);
    }
    world.say(link, &format!("43{id}[]"));
    assert!(
        world
            .notices()
            .iter()
            .any(|notice| matches!(notice, Notice::Ack { .. }))
    );

    let (link, socket) = world.join();
    world.hub.expect_ack(&socket);
    let states: Vec<_> = (0..41).map(|_| world.say(link, "42[\"flood\"]")).collect();
    assert_eq!(states[40], LinkState::Closing);
    assert_eq!(
        socket.session.detail().as_deref(),
        Some("inbound queue full")
    );
}

#[test]
fn a_paused_session_is_read_again_when_an_answer_of_it_is_awaited() {
    let mut world = World::new();
    let (link, socket) = world.join();
    for _ in 0..11 {
        world.say(link, "42[\"flood\"]");
    }
    assert_eq!(world.shard.link_state(link), LinkState::Paused);
    world.hub.expect_ack(&socket);
    assert_eq!(world.take_resumed(), [Resumed::Link(link)]);
}

#[test]
fn a_paused_poster_waits_for_its_answer() {
    let mut world = World::new();
    let (sid, socket) = world.join_polling();
    let flood = ["42[\"flood\"]"; 12].join("\x1e");
    assert!(matches!(world.post(&sid, &flood), PostVerdict::Hold { .. }));
    world.hub.release_events(&socket.session, 12, 12 * 9);
    assert!(matches!(world.take_resumed()[..], [Resumed::Post(_)]));
}

#[test]
fn nobody_is_lost_when_the_driver_was_late() {
    let mut world = World::new();
    let (link, _) = world.join();
    world.advance(26.0);
    assert_eq!(world.heard(link), ["2"]);
    // Stopped for ten minutes, with the pong waiting in the kernel.
    world.clock += Duration::from_secs(600);
    world.shard.expire(world.now());
    world.say(link, "3");
    world.advance(20.0);
    assert!(world.disconnects().is_empty());
}

#[test]
fn a_session_without_a_namespace_ends_also_after_it_left_its_last() {
    let mut world = World::new();
    let idle = world.websocket(None);
    let (left, socket) = world.join();
    let (kicked, other) = world.join();
    world.notices();
    world.say(left, "41");
    world.hub.disconnect(&other);
    world.settle();
    for _ in 0..3 {
        world.advance(16.0);
        for link in [idle, left, kicked] {
            world.say(link, "3");
        }
    }
    for link in [idle, left, kicked] {
        assert_eq!(world.shard.link_state(link), LinkState::Closing);
    }
    assert!(
        socket
            .session
            .detail()
            .is_some_and(|detail| detail.contains("no namespace"))
    );
}

#[test]
fn deadlines_come_in_time_and_cancelled_ones_never() {
    let mut world = World::new();
    let first = world.hub.start_deadline(Duration::from_secs(2));
    let second = world.hub.start_deadline(Duration::from_secs(1));
    world.hub.cancel_deadline(first);
    world.settle();
    world.advance(5.0);
    assert!(matches!(&world.notices()[..], [Notice::Deadline { token }] if *token == second));
}
