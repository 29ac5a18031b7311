//! Whole conversations in virtual time: what a client says, what it hears, what the application is told.

mod common;

use std::{sync::Arc, time::Duration};

use common::World;
use sio_hub::{
    delivery::{Selection, Sent},
    frame::Frame,
    packet::PacketBuilder,
    shard::{LinkState, PostVerdict, Resumed, Verdict},
    sink::Notice,
};
use sio_protocol::{close::CloseReason, socketio::packet::PacketType};

fn event(body: &str) -> Arc<Frame> {
    let mut builder = PacketBuilder::new("/");
    builder.body.extend_from_slice(body.as_bytes());
    builder.finish(PacketType::Event, None, Vec::new())
}

fn to<'a>(rooms: &'a [&'a str]) -> Selection<'a, &'a str> {
    Selection {
        rooms,
        except: &[],
        sender: None,
    }
}

#[test]
fn a_client_connects_speaks_and_leaves() {
    let mut world = World::new();
    let link = world.websocket(None);
    assert!(world.heard(link)[0].starts_with("0{\"sid\":"));
    world.say(link, "40{\"token\":1}");
    let socket = world.asked();
    assert!(world.hub.accept(&socket));
    assert_eq!(
        world.heard(link),
        [format!("40{{\"sid\":\"{}\"}}", socket.id())]
    );

    world.say(link, "421[\"hello\"]");
    assert!(matches!(
        &world.notices()[..],
        [Notice::Event {
            ack_id: Some(1),
            ..
        }]
    ));
    world.say(link, "41");
    assert_eq!(world.disconnects(), ["client namespace disconnect"]);
    assert_eq!(
        world.say(link, "42[\"late\"]"),
        LinkState::Closing,
        "the client knows that it left"
    );
}

#[test]
fn gauges_return_to_zero_however_a_session_ends() {
    let mut world = World::new();
    let (closed, _) = world.join();
    let (garbage, _) = world.join();
    let (silent, _) = world.join();
    let (kicked, socket) = world.join();
    let polling = world.open_polling();
    world.notices();
    world.hub.send(&socket, event("[\"unread\"]"), false);
    world.shard.handle_link_closed(closed, world.now());
    world.say(garbage, "x");
    world.hub.disconnect_session(&socket.session);
    assert_eq!(
        world.heard(kicked).last().map(String::as_str),
        Some("<close>")
    );
    world.shard.handle_link_closed(kicked, world.now());
    world.shard.handle_link_closed(garbage, world.now());
    world.advance(120.0);
    let mut reasons = world.disconnects();
    reasons.sort_unstable();
    assert_eq!(
        reasons,
        [
            "parse error",
            "ping timeout",
            "server namespace disconnect",
            "transport close"
        ]
    );
    assert!(
        matches!(world.poll(&polling), Ok((400, _))),
        "a silent polling session is unknown after the timeout"
    );
    world.shard.handle_link_closed(silent, world.now());
    assert_eq!(world.gauges(), [0; 4]);
    assert!(world.shard.is_empty());
}

#[test]
fn what_is_sent_while_the_middlewares_decide_follows_the_connect_packet() {
    let mut world = World::new();
    let link = world.websocket(None);
    world.heard(link);
    world.say(link, "40");
    let socket = world.asked();
    world.hub.join(&socket, ["early"]);
    assert_eq!(
        world.hub.send(&socket, event("[\"one\"]"), false),
        Sent::Accepted
    );
    world.hub.broadcast(
        &socket.namespace,
        &to(&["early"]),
        &event("[\"two\"]"),
        false,
    );
    world.hub.broadcast(
        &socket.namespace,
        &to(&[]),
        &event("[\"not for those who are not in\"]"),
        false,
    );
    assert!(world.heard(link).is_empty());
    world.hub.accept(&socket);
    assert_eq!(world.heard(link)[1..], ["42[\"one\"]", "42[\"two\"]"]);
    assert_eq!(world.gauges(), [1, 1, 0, 0]);
}

#[test]
fn a_refused_socket_leaves_nothing_behind() {
    let mut world = World::new();
    let link = world.websocket(None);
    world.heard(link);
    world.say(link, "40");
    let socket = world.asked();
    world.hub.join(&socket, ["early"]);
    world.hub.send(&socket, event("[\"one\"]"), false);
    world.hub.refuse(&socket, b"{\"message\":\"no\"}");
    assert_eq!(world.heard(link), ["44{\"message\":\"no\"}"]);
    assert_eq!(world.hub.rooms_count(), 0);
    assert!(
        world.notices().is_empty(),
        "nobody who was not in can leave"
    );
    assert_eq!(world.gauges(), [1, 0, 0, 0]);
    world.say(link, "40");
    assert!(world.hub.accept(&world.asked()), "and it may try again");
}

#[test]
fn a_room_reaches_each_member_once_and_not_the_sender() {
    let mut world = World::new();
    let (link_a, a) = world.join();
    let (link_b, b) = world.join();
    let (link_c, c) = world.join();
    world.hub.join(&a, ["r", "s"]);
    world.hub.join(&b, ["r", "s", "quiet"]);
    world.hub.join(&c, ["s"]);
    let selection = Selection {
        rooms: &["r", "s"],
        except: &[] as &[&str],
        sender: Some(&*a),
    };
    world
        .hub
        .broadcast(&a.namespace, &selection, &event("[1]"), false);
    assert_eq!(
        (
            world.heard(link_a).len(),
            world.heard(link_b).len(),
            world.heard(link_c).len()
        ),
        (0, 1, 1)
    );
    let selection = Selection {
        rooms: &["s"],
        except: &["quiet"],
        sender: None,
    };
    world
        .hub
        .broadcast(&a.namespace, &selection, &event("[2]"), false);
    assert_eq!(
        (
            world.heard(link_a).len(),
            world.heard(link_b).len(),
            world.heard(link_c).len()
        ),
        (1, 0, 1)
    );
}

#[test]
fn the_own_id_is_a_room_that_others_may_join_and_one_may_leave() {
    let mut world = World::new();
    let (link_a, a) = world.join();
    let (link_b, b) = world.join();
    let id = a.id().to_string();
    world.hub.join(&b, [&*id]);
    world
        .hub
        .broadcast(&a.namespace, &to(&[&id]), &event("[1]"), false);
    assert_eq!(
        (world.heard(link_a).len(), world.heard(link_b).len()),
        (1, 1)
    );
    world.hub.leave(&a, [&*id]);
    world
        .hub
        .broadcast(&a.namespace, &to(&[&id]), &event("[2]"), false);
    assert_eq!(
        (world.heard(link_a).len(), world.heard(link_b).len()),
        (0, 1)
    );
    world.hub.disconnect(&a);
    world
        .hub
        .broadcast(&b.namespace, &to(&[&id]), &event("[3]"), false);
    assert_eq!(
        world.heard(link_b).len(),
        1,
        "the room outlives the socket of that name"
    );
}

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
    let sid = world.open_polling();
    world.post(&sid, "40");
    let polling = world.asked();
    world.hub.accept(&polling);
    assert!(world.poll(&sid).is_ok());
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
    let sid = world.open_polling();
    world.post(&sid, "40");
    let socket = world.asked();
    world.hub.accept(&socket);
    assert!(world.poll(&sid).is_ok());
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
fn an_upgrade_keeps_the_order_and_releases_the_poll() {
    let mut world = World::new();
    let sid = world.open_polling();
    world.post(&sid, "40");
    let socket = world.asked();
    world.hub.accept(&socket);
    assert!(world.poll(&sid).is_ok());
    let Err(poll) = world.poll(&sid) else {
        panic!()
    };
    let link = world.websocket(Some(&sid));
    let second = world.websocket(Some(&sid));
    assert_eq!(world.heard(second), ["<close>"], "one candidate at a time");
    world.say(link, "2probe");
    assert_eq!(world.hanging(poll).as_deref(), Some("6"));
    assert_eq!(world.heard(link), ["3probe"]);
    world.hub.send(&socket, event("[1]"), false);
    world.say(link, "5");
    world.hub.send(&socket, event("[2]"), false);
    assert_eq!(world.heard(link), ["42[1]", "42[2]"]);
    assert!(matches!(world.poll(&sid), Ok((400, body)) if body.contains("\"code\":3")));
    assert!(socket.session.upgraded());
}

#[test]
fn an_abandoned_upgrade_leaves_polling_alive() {
    let mut world = World::new();
    let sid = world.open_polling();
    world.post(&sid, "40");
    let socket = world.asked();
    world.hub.accept(&socket);
    let link = world.websocket(Some(&sid));
    world.say(link, "4hello");
    assert_eq!(world.heard(link), ["<close>"]);
    world.shard.handle_link_closed(link, world.now());
    let link = world.websocket(Some(&sid));
    world.advance(10.0);
    assert_eq!(world.heard(link), ["<close>"], "the upgrade timeout");
    world.shard.handle_link_closed(link, world.now());
    assert!(matches!(world.poll(&sid), Ok((200, _))));
}

#[test]
fn overlapping_polls_end_the_session() {
    let mut world = World::new();
    let sid = world.open_polling();
    let Err(first) = world.poll(&sid) else {
        panic!()
    };
    assert!(matches!(world.poll(&sid), Ok((400, body)) if body.is_empty()));
    assert_eq!(world.hanging(first).as_deref(), Some("1"));
    assert!(world.shard.is_empty());
}

#[test]
fn overlapping_posts_end_the_session() {
    let mut world = World::new();
    let sid = world.open_polling();
    let first = world.begin_post(&sid);
    let target = format!("/socket.io/?EIO=4&transport=polling&sid={sid}");
    assert!(
        matches!(world.request("POST", &target, &[]), Verdict::Respond { response, .. } if response.status == 400)
    );
    let verdict = world.shard.handle_post(first, world.now(), b"40");
    assert!(
        matches!(verdict, PostVerdict::Respond { response, close: true } if response.status == 400)
    );
    assert!(world.shard.is_empty());
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
fn a_shutdown_closes_sessions_and_says_no_goodbye_in_socket_io() {
    let mut world = World::new();
    let (link, _) = world.join();
    let sid = world.open_polling();
    let Err(poll) = world.poll(&sid) else {
        panic!()
    };
    world.hub.shutdown();
    assert_eq!(world.heard(link), ["<close 1001>"]);
    assert_eq!(world.disconnects(), ["server shutting down"]);
    assert!(matches!(
        world.request("GET", "/socket.io/?EIO=4&transport=polling", &[]),
        Verdict::Respond { response, .. } if response.status == 503
    ));
    world.settle();
    let (response, _) = world.shard.take_poll(poll, world.now()).expect("an answer");
    assert_eq!(common::text(&response), "1");
}

#[test]
fn the_end_of_the_owner_ends_everything() {
    let mut world = World::new();
    let (_, socket) = world.join();
    world.hub.send(&socket, event("[1]"), false);
    let World {
        hub, shard, sink, ..
    } = world;
    drop(shard);
    let notices = std::mem::take(&mut *sink.notices.lock());
    assert!(matches!(
        &notices[..],
        [
            ..,
            Notice::Disconnect {
                reason: CloseReason::ServerShuttingDown,
                ..
            },
            Notice::Stopped
        ]
    ));
    assert_eq!(hub.send(&socket, event("[2]"), false), Sent::Dropped);
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
