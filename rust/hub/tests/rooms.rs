//! Changes of rooms, for whoever watches them: each once, in order, and none for anybody else.

mod common;

use common::World;
use sio_hub::{
    delivery::Selection,
    namespace::RoomChange::{self, Created, Deleted, Joined, Left},
    sink::Notice,
};
use sio_protocol::ids::Id;

fn changes(world: &World) -> Vec<RoomChange> {
    world.hub.namespace("/").take_room_changes()
}

fn announced(world: &World) -> usize {
    let rooms = |notice: &Notice| matches!(notice, Notice::Rooms { .. });
    world
        .notices()
        .iter()
        .filter(|notice| rooms(notice))
        .count()
}

fn watching() -> World {
    let world = World::new();
    world.hub.namespace("/").watch_rooms(true);
    world
}

fn came(room: &str, id: Id) -> [RoomChange; 2] {
    [Created(room.into()), Joined(room.into(), id)]
}

fn went(room: &str, id: Id) -> [RoomChange; 2] {
    [Left(room.into(), id), Deleted(room.into())]
}

#[test]
fn a_socket_comes_into_its_own_room_and_leaves_every_room_at_its_end() {
    let mut world = watching();
    let link = world.websocket(None);
    world.say(link, "40");
    let socket = world.asked();
    let id = *socket.id();
    assert!(changes(&world).is_empty(), "it is not in yet");
    world.hub.join(&socket, ["early"]);
    assert!(world.hub.accept(&socket));
    assert_eq!(announced(&world), 1, "once until they are taken");
    assert_eq!(
        changes(&world),
        [came("early", id), came(id.as_str(), id)].concat()
    );
    world.hub.leave(&socket, ["early"]);
    world.hub.join(&socket, ["late"]);
    assert_eq!(announced(&world), 1);
    assert_eq!(
        changes(&world),
        [went("early", id), came("late", id)].concat()
    );
    world.say(link, "41");
    assert!(matches!(
        &world.notices()[..],
        [Notice::Rooms { .. }, Notice::Disconnect { .. }]
    ));
    assert_eq!(
        changes(&world),
        [went(id.as_str(), id), went("late", id)].concat()
    );
}

#[test]
fn duplicates_and_strangers_change_nothing() {
    let mut world = watching();
    let (_, socket) = world.join();
    let id = *socket.id();
    changes(&world);
    world.hub.join(&socket, ["a", "a", id.as_str()]);
    world.hub.join(&socket, ["a"]);
    world.hub.leave(&socket, ["b"]);
    assert_eq!(changes(&world), came("a", id));
    world.hub.leave(&socket, [id.as_str(), id.as_str()]);
    assert_eq!(changes(&world), went(id.as_str(), id));
    world.hub.join(&socket, [id.as_str()]);
    assert_eq!(changes(&world), came(id.as_str(), id));
}

#[test]
fn a_room_is_created_by_its_first_member_and_deleted_by_its_last() {
    let mut world = watching();
    let (_, one) = world.join();
    let (_, two) = world.join();
    changes(&world);
    let everybody: Selection<'_, &str> = Selection {
        rooms: &[],
        except: &[],
        sender: None,
    };
    let namespace = world.hub.namespace("/");
    world.hub.join_members(&namespace, &everybody, &["r"]);
    let (a, b) = (*one.id(), *two.id());
    assert_eq!(
        changes(&world),
        [
            Created("r".into()),
            Joined("r".into(), a),
            Joined("r".into(), b)
        ]
    );
    world.hub.leave_members(&namespace, &everybody, &["r"]);
    assert_eq!(
        changes(&world),
        [
            Left("r".into(), a),
            Left("r".into(), b),
            Deleted("r".into())
        ]
    );
    // Somebody else's own room lives until both have left it.
    world.hub.join(&two, [a.as_str()]);
    assert_eq!(changes(&world), [Joined(a.as_str().into(), b)]);
    world.hub.disconnect(&one);
    assert_eq!(changes(&world), [Left(a.as_str().into(), a)]);
    world.hub.disconnect(&two);
    assert_eq!(
        changes(&world),
        [went(b.as_str(), b), went(a.as_str(), b)].concat()
    );
}

#[test]
fn a_socket_that_is_refused_leaves_what_it_had_joined() {
    let mut world = watching();
    let link = world.websocket(None);
    world.say(link, "40");
    let socket = world.asked();
    let id = *socket.id();
    world.hub.join(&socket, ["early"]);
    world.hub.refuse(&socket, b"{}");
    assert_eq!(
        changes(&world),
        [came("early", id), went("early", id)].concat()
    );
    assert_eq!(announced(&world), 1);
}

#[test]
fn nobody_who_does_not_watch_hears_anything() {
    let mut world = World::new();
    let (_, socket) = world.join();
    world.hub.join(&socket, ["a"]);
    assert_eq!((announced(&world), changes(&world).len()), (0, 0));
    world.hub.namespace("/").watch_rooms(true);
    world.hub.join(&socket, ["b"]);
    world.hub.namespace("/").watch_rooms(false);
    assert!(changes(&world).is_empty());
}
