//! Bounds and deadlines in virtual time: slow consumers, floods, paused sessions, a driver that was late.

mod common;

use std::{
    sync::{Arc, atomic::Ordering::Relaxed},
    time::Duration,
};

use common::{World, config, event};
use sio_hub::{
    config::{Config, Overflow},
    delivery::{Selection, Sent},
    frame::HEADROOM,
    packet::PacketBuilder,
    shard::{LinkState, PostVerdict, Resumed},
    sink::Notice,
};
use sio_protocol::socketio::packet::PacketType;

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

fn shedding() -> World {
    World::with(Config {
        on_overflow: Overflow::DropOldest,
        ..config()
    })
}

fn long(number: usize) -> String {
    format!("[{number},\"{}\"]", "x".repeat(100))
}

fn dropped(world: &World) -> [u64; 2] {
    let counters = world.hub.counters();
    [&counters.packets_dropped, &counters.slow_consumers].map(|counter| counter.load(Relaxed))
}

#[test]
fn a_slow_consumer_keeps_the_newest_packets_if_the_application_wants_that() {
    let mut world = shedding();
    let (link, socket) = world.join();
    for number in 0..1_000 {
        assert_ne!(
            world.hub.send(&socket, event(&long(number)), false),
            Sent::Dropped
        );
        world.settle();
        assert!(socket.session.buffered() <= 4_000);
    }
    let heard = world.heard(link);
    let numbers: Vec<_> = (1_000 - heard.len()..1_000)
        .map(|number| format!("42{}", long(number)))
        .collect();
    assert_eq!(heard, numbers);
    assert!(heard.len() > 30, "as many as fit: {}", heard.len());
    assert_eq!(dropped(&world), [1_000 - heard.len() as u64, 1]);
    assert_eq!(world.gauges(), [1, 1, 0, 0]);
    assert!(world.disconnects().is_empty());
    let sent = world.hub.counters().packets_out.load(Relaxed);
    assert_eq!(
        sent as usize,
        1 + heard.len(),
        "what was dropped is not sent"
    );
}

#[test]
fn what_is_no_plain_event_is_never_dropped() {
    let mut world = shedding();
    let (sid, socket) = world.join_polling();
    let question = {
        let mut builder = PacketBuilder::new("/");
        builder.body.extend_from_slice(long(7).as_bytes());
        builder.finish(PacketType::Event, Some(7), Vec::new())
    };
    let answer = {
        let mut builder = PacketBuilder::new("/");
        builder.body.extend_from_slice(b"[]");
        builder.finish(PacketType::Ack, Some(1), Vec::new())
    };
    world.hub.send(&socket, question, false);
    world.hub.send(&socket, answer, false);
    world.settle();
    world.advance(26.0);
    for number in 0..100 {
        world.hub.send(&socket, event(&long(number)), false);
        world.settle();
    }
    world.hub.disconnect(&socket);
    let Ok((200, body)) = world.poll(&sid) else {
        panic!("nothing waits")
    };
    let heard: Vec<&str> = body.split('\x1e').collect();
    let question = format!("427{}", long(7));
    assert_eq!(&heard[..3], [question.as_str(), "431[]", "2"]);
    assert_eq!(heard.last(), Some(&"41"));
    assert_eq!(heard[heard.len() - 2], format!("42{}", long(99)));
}

#[test]
fn a_packet_goes_with_its_attachments() {
    let mut world = shedding();
    let (link, socket) = world.join();
    for number in 0..100 {
        let mut builder = PacketBuilder::new("/");
        builder
            .body
            .extend_from_slice(format!("[{number}]").as_bytes());
        let attachment = vec![0; HEADROOM + 100];
        let frame = builder.finish(PacketType::Event, None, vec![attachment; 2]);
        world.hub.send(&socket, frame, false);
        world.settle();
    }
    let heard = world.heard(link);
    assert_eq!(heard.len() % 3, 0);
    for packet in heard.chunks(3) {
        assert!(packet[0].starts_with("452-["), "{packet:?}");
        assert_eq!(packet[1..], ["<binary 100>", "<binary 100>"]);
    }
    assert_eq!(heard[heard.len() - 3], "452-[99]");
    assert_eq!(world.gauges()[2], 0);
}

#[test]
fn a_client_that_reads_not_even_answers_is_disconnected() {
    let mut world = shedding();
    let (_, socket) = world.join();
    for number in 0..100 {
        let mut builder = PacketBuilder::new("/");
        builder.body.extend_from_slice(long(7).as_bytes());
        let answer = builder.finish(PacketType::Ack, Some(number), Vec::new());
        world.hub.send(&socket, answer, false);
        world.settle();
    }
    assert_eq!(world.disconnects(), ["transport error"]);
    let detail = socket.session.detail().expect("a detail");
    assert!(detail.starts_with("slow consumer: "), "{detail}");
    assert_eq!(dropped(&world), [0, 1]);
}

#[test]
fn commands_that_nobody_takes_are_bounded_too() {
    let mut world = shedding();
    let (link, socket) = world.join();
    let sent: Vec<_> = (0..1_000)
        .map(|number| world.hub.send(&socket, event(&long(number)), false))
        .collect();
    assert!(socket.session.buffered() <= 4 * 4_000);
    let lost = sent.iter().filter(|sent| **sent == Sent::Dropped).count();
    let heard = world.heard(link);
    assert_eq!(
        heard.last().map(String::as_str),
        Some(format!("42{}", long(999 - lost)).as_str())
    );
    assert_eq!(dropped(&world), [1_000 - heard.len() as u64, 1]);
}

#[test]
fn the_owner_knows_how_wide_the_broadcasts_are_that_it_has_not_written() {
    let mut world = World::new();
    let links = [world.join().0, world.join().0, world.join().0];
    let widest = |world: &World| world.shard.widest_broadcast();
    let everybody: Selection<'_, &str> = Selection {
        rooms: &[],
        except: &[],
        sender: None,
    };
    let namespace = world.hub.namespace("/");
    let sent = world
        .hub
        .broadcast(&namespace, &everybody, &event("[\"a\"]"), false);
    assert_eq!(sent, Sent::Accepted);
    assert_eq!(widest(&world), 0, "nobody has looked at the mailbox yet");
    world.shard.run_commands(world.now());
    assert_eq!(widest(&world), 3);
    for left in [3, 3, 3, 0] {
        assert_eq!(widest(&world), 3, "until nothing is left");
        assert_eq!(world.shard.next_dirty().is_some(), left > 0);
    }
    assert_eq!(widest(&world), 0);
    for link in links {
        assert_eq!(
            world.heard(link).last().map(String::as_str),
            Some("42[\"a\"]")
        );
    }
}
