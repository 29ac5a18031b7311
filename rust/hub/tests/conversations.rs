//! Whole conversations in virtual time: what a client says, what it hears, what the application is told.

mod common;

use common::{World, event};
use sio_hub::{
    delivery::{Selection, Sent},
    shard::{LinkState, PostVerdict, Verdict},
    sink::Notice,
};
use sio_protocol::close::CloseReason;

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
fn an_upgrade_keeps_the_order_and_releases_the_poll() {
    let mut world = World::new();
    let (sid, socket) = world.join_polling();
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
fn a_cookie_comes_with_the_polling_handshake_alone() {
    let mut config = common::config();
    config.cookie = Some(("io".to_owned(), "; Path=/".to_owned()));
    let mut world = World::with(config);
    let cookies = |verdict: &Verdict| match verdict {
        Verdict::Respond { response, .. } => {
            let sid = common::sid(&common::text(response));
            let found = response
                .headers
                .iter()
                .filter(|(name, _)| *name == "set-cookie");
            (
                sid,
                found
                    .map(|(_, value)| value.to_string())
                    .collect::<Vec<_>>(),
            )
        }
        other => panic!("{other:?}"),
    };
    let (sid, found) = cookies(&world.request("GET", "/socket.io/?EIO=4&transport=polling", &[]));
    assert_eq!(found, [format!("io={sid}; Path=/")]);
    world.post(&sid, "40/unknown,");
    assert!(world.poll(&sid).is_ok());
    let target = format!("/socket.io/?EIO=4&transport=polling&sid={sid}");
    world.post(&sid, "40/unknown,");
    let verdict = world.request("GET", &target, &[]);
    assert!(matches!(verdict, Verdict::Respond { response, .. }
        if response.headers.iter().all(|(name, _)| *name != "set-cookie")));
}

#[test]
fn the_last_word_on_polling_stands_alone() {
    let mut world = World::new();
    let (sid, socket) = world.join_polling();
    world.hub.disconnect_session(&socket.session);
    assert_eq!(world.poll(&sid), Ok((200, "41".to_owned())));
    assert_eq!(world.poll(&sid), Ok((200, "1".to_owned())));
    assert!(world.shard.is_empty());
}

#[test]
fn a_client_that_says_goodbye_is_not_told_so() {
    let mut world = World::new();
    let sid = world.open_polling();
    let Err(poll) = world.poll(&sid) else {
        panic!()
    };
    world.post(&sid, "1");
    assert_eq!(world.hanging(poll).as_deref(), Some("6"));
    assert!(world.shard.is_empty());
    assert_eq!(world.gauges(), [0; 4]);
}
