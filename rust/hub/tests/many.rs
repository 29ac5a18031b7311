//! Asking, moving and finding many sockets at once, in virtual time.

mod common;

use std::sync::Arc;

use common::{World, event};
use sio_hub::{
    delivery::Selection, frame::Frame, packet::PacketBuilder, shard::LinkKey, sink::Notice,
    socket::Socket,
};
use sio_protocol::{close::CloseReason, socketio::packet::PacketType};

const EVERYBODY: Selection<'static, &str> = Selection {
    rooms: &[],
    except: &[],
    sender: None,
};

fn to<'a>(rooms: &'a [&'a str]) -> Selection<'a, &'a str> {
    Selection { rooms, ..EVERYBODY }
}

fn question(ack_id: u64) -> Arc<Frame> {
    let mut builder = PacketBuilder::new("/");
    builder.body.extend_from_slice(b"[\"q\"]");
    builder.finish(PacketType::Event, Some(ack_id), Vec::new())
}

fn ask(world: &World, selection: &Selection<'_, &str>, volatile: bool) -> (u64, Vec<u64>) {
    let namespace = world.hub.namespace("/");
    let ack_id = namespace.next_ack_id();
    let asked =
        world
            .hub
            .broadcast_with_ack(&namespace, selection, &question(ack_id), ack_id, volatile);
    (ack_id, handles(&asked))
}

fn handles(sockets: &[Arc<Socket>]) -> Vec<u64> {
    let mut handles: Vec<u64> = sockets.iter().map(|socket| socket.handle).collect();
    handles.sort_unstable();
    handles
}

/// Handles of those who answered since the last look.
fn answers(world: &World) -> Vec<u64> {
    let answer = |notice: &Notice| match notice {
        Notice::Ack { socket, .. } => Some(socket.handle),
        _ => None,
    };
    world.notices().iter().filter_map(answer).collect()
}

fn join(world: &mut World, rooms: &[&str]) -> (LinkKey, Arc<Socket>) {
    let (link, socket) = world.join();
    world.hub.join(&socket, rooms.iter().copied());
    (link, socket)
}

#[test]
fn one_id_is_answered_once_by_each() {
    let mut world = World::new();
    let (first, one) = join(&mut world, &["r"]);
    let (second, two) = join(&mut world, &["r", "s"]);
    let (third, other) = join(&mut world, &[]);
    let (ack_id, asked) = ask(&world, &to(&["r", "s"]), false);
    assert_eq!(asked, [one.handle, two.handle]);
    for link in [first, second] {
        assert_eq!(world.heard(link), [format!("42{ack_id}[\"q\"]")]);
    }
    assert!(world.heard(third).is_empty());

    let answer = format!("43{ack_id}[1]");
    for link in [second, first, second, third] {
        world.say(link, &answer);
    }
    assert_eq!(answers(&world), [two.handle, one.handle]);
    assert_eq!(
        world
            .hub
            .members(&one.namespace, &to(&[other.id().as_str()]))
            .len(),
        1
    );
}

#[test]
fn what_is_forgotten_is_not_answered() {
    let mut world = World::new();
    let (first, one) = world.join();
    let (second, two) = world.join();
    let (ack_id, asked) = ask(&world, &EVERYBODY, false);
    assert_eq!(asked.len(), 2);
    world.hub.forget_ack(&one, ack_id);
    for link in [first, second] {
        world.say(link, &format!("43{ack_id}[]"));
    }
    assert_eq!(answers(&world), [two.handle]);
}

#[test]
fn a_socket_that_left_before_is_not_asked_and_one_that_leaves_says_so() {
    let mut world = World::new();
    let (_, gone) = world.join();
    let (link, leaving) = world.join();
    world.hub.disconnect(&gone);
    let (ack_id, asked) = ask(&world, &EVERYBODY, false);
    assert_eq!(asked, [leaving.handle]);
    world.notices();
    world.say(link, "41");
    world.say(link, &format!("43{ack_id}[]"));
    let notices = world.notices();
    assert!(
        matches!(&notices[..], [Notice::Disconnect { socket, .. }] if socket.handle == leaving.handle),
        "{notices:?}"
    );
}

#[test]
fn who_waits_for_the_middlewares_hears_the_question_and_is_not_awaited() {
    let mut world = World::new();
    let (_, member) = join(&mut world, &["r"]);
    let link = world.websocket(None);
    world.say(link, "40");
    let asking = world.asked();
    world.hub.join(&asking, ["r"]);
    world.heard(link);
    let (ack_id, asked) = ask(&world, &to(&["r"]), false);
    assert_eq!(asked, [member.handle]);
    assert_eq!(
        handles(&world.hub.members(&member.namespace, &to(&["r"]))),
        asked
    );
    assert!(world.hub.accept(&asking));
    assert_eq!(world.heard(link)[1], format!("42{ack_id}[\"q\"]"));
    world.notices();
    world.say(link, &format!("43{ack_id}[]"));
    assert!(answers(&world).is_empty());
}

#[test]
fn who_is_not_sent_a_volatile_question_is_not_awaited() {
    let mut world = World::new();
    let (_, busy) = world.join();
    let (_, idle) = world.join();
    world.hub.send(&busy, event("[\"unread\"]"), false);
    assert_eq!(ask(&world, &EVERYBODY, true).1, [idle.handle]);
}

#[test]
fn many_join_and_leave_at_once() {
    let mut world = World::new();
    let (_, one) = join(&mut world, &["r"]);
    let (_, two) = join(&mut world, &["r", "muted"]);
    let namespace = Arc::clone(&one.namespace);
    let audible = Selection {
        rooms: &["r"],
        except: &["muted"],
        sender: None,
    };
    world.hub.join_members(&namespace, &audible, &["a", "b"]);
    assert!(world.hub.is_in_room(&one, "a") && world.hub.is_in_room(&one, "b"));
    assert!(!world.hub.is_in_room(&two, "a"));
    world.hub.leave_members(&namespace, &EVERYBODY, &["r", "b"]);
    assert_eq!(namespace.room_size("r"), 0);
    assert_eq!(namespace.room_members("a"), [one.id().as_str().into()]);
    assert_eq!(
        namespace
            .socket_rooms(two.id().as_str())
            .expect("it is connected")
            .len(),
        2
    );
}

#[test]
fn the_views_show_whoever_is_accepted_or_in_a_room() {
    let mut world = World::new();
    let (_, member) = join(&mut world, &["r"]);
    let link = world.websocket(None);
    world.say(link, "40");
    let asking = world.asked();
    let namespace = Arc::clone(&member.namespace);
    let id = asking.id().as_str();
    assert_eq!(namespace.socket_ids(), [member.id().as_str().into()]);
    assert_eq!(
        (namespace.socket_rooms(id), namespace.room_size(id)),
        (None, 0)
    );
    world.hub.join(&asking, ["r"]);
    assert_eq!(namespace.socket_rooms(id), Some(vec!["r".into()]));
    assert_eq!(namespace.room_size("r"), 2);
    assert_eq!(namespace.socket_ids().len(), 2);
    world.hub.accept(&asking);
    assert_eq!(
        namespace.socket_rooms(id),
        Some(vec![id.into(), "r".into()])
    );
    assert_eq!(namespace.room_members(id), [id.into()]);
    world.hub.join(&member, [id]);
    assert_eq!(namespace.room_size(id), namespace.room_members(id).len());
    assert_eq!(namespace.room_size(id), 2);
    assert_eq!(namespace.room_names().len(), 3);
    world
        .hub
        .close_session(&asking.session, CloseReason::ForcedClose, None, false);
    assert_eq!(namespace.socket_rooms(id), None);
    assert_eq!(
        namespace.room_size(id),
        1,
        "another one is in the room of that name"
    );
}

#[test]
fn a_sender_that_left_excludes_nobody_else() {
    let mut world = World::new();
    let (_, gone) = world.join();
    world.hub.disconnect(&gone);
    let (link, heir) = world.join();
    let others = Selection {
        sender: Some(&*gone),
        ..EVERYBODY
    };
    assert_eq!(
        handles(&world.hub.members(&heir.namespace, &others)),
        [heir.handle]
    );
    world
        .hub
        .broadcast(&heir.namespace, &others, &event("[\"has left\"]"), false);
    assert_eq!(world.heard(link), ["42[\"has left\"]"]);
}
