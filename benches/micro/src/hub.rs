//! Cases of `sio-hub`: rooms, and a broadcast from the call to the bytes that a driver would write, in virtual time.

use std::hint::black_box;
use std::io::IoSlice;
use std::sync::Arc;

use sio_hub::config::Config;
use sio_hub::delivery::Selection;
use sio_hub::shard::Dirty;
use sio_hub::socket::Socket;

use crate::Case;

/// The hub in virtual time that its own tests have.
#[path = "../../../rust/hub/tests/common/mod.rs"]
#[allow(
    unreachable_pub,
    unused_imports,
    missing_debug_implementations,
    clippy::pedantic,
    reason = "made for tests"
)]
mod common;
use common::World;

pub fn cases() -> Vec<Case> {
    let mut cases = vec![
        Case::new("hub/join and leave", || join(0)),
        Case::new("hub/join and leave with 10000 more rooms", || join(10_000)),
        Case::new("hub/event", event),
    ];
    for members in [1, 10, 100, 1000] {
        let name = format!("hub/broadcast to {members}");
        cases.push(Case::new(name, move || broadcast(members, 0, 0)));
    }
    for (name, rooms, outside) in [
        ("hub/broadcast among 10000 rooms", 10_000, 0),
        ("hub/broadcast beside 1000 sockets", 0, 1000),
    ] {
        cases.push(Case::new(name, move || broadcast(10, rooms, outside)));
    }
    cases
}

fn world() -> World {
    World::with(Config {
        max_buffered_bytes: 1_000_000,
        high_water_mark: 250_000,
        max_queued_events: 1000,
        max_queued_bytes: 1_000_000,
        ..common::config()
    })
}

/// One socket, which is in so many rooms, enters one and leaves it again, among a thousand rooms of another socket.
fn join(own: usize) -> impl FnMut() {
    let mut world = world();
    let (_, other) = world.join();
    let others: Vec<String> = (0..1000).map(|number| format!("other {number}")).collect();
    world.hub.join(&other, others.iter().map(String::as_str));
    let (_, socket) = world.join();
    let own: Vec<String> = (0..own).map(|number| format!("own {number}")).collect();
    world.hub.join(&socket, own.iter().map(String::as_str));
    move || {
        // All of it lives as long as the case, not its hub alone: with the shard the clients leave.
        let World { hub, .. } = &world;
        hub.join(&socket, [black_box("room")]);
        assert!(hub.is_in_room(&socket, "room"));
        hub.leave(&socket, [black_box("room")]);
    }
}

/// An event of a client, up to the notice for the application.
fn event() -> impl FnMut() {
    let mut world = world();
    let (link, socket) = world.join();
    let packet = format!("42[\"echo\",\"{}\"]", "x".repeat(64));
    move || {
        world.say(link, black_box(&packet));
        let notices = world.notices();
        assert_eq!(notices.len(), 1);
        let size = notices[0].size();
        // What the dispatcher does when it takes an event.
        world.hub.release_events(&socket.session, 1, size);
    }
}

/// A broadcast to a room of so many, in a server with further rooms and with further sockets.
fn broadcast(members: usize, rooms: usize, outside: usize) -> impl FnMut() {
    let mut world = world();
    let joined: Vec<Arc<Socket>> = (0..members).map(|_| world.join().1).collect();
    for socket in &joined {
        world.hub.join(socket, ["room"]);
    }
    let others: Vec<String> = (0..rooms).map(|number| format!("other {number}")).collect();
    let (_, other) = world.join();
    world.hub.join(&other, others.iter().map(String::as_str));
    for _ in 0..outside {
        world.join();
    }
    let namespace = world.hub.namespace("/");
    let frame = common::event(&format!("[\"news\",\"{}\"]", "x".repeat(128)));
    move || {
        let selection = Selection {
            rooms: &["room"],
            except: &[],
            sender: None,
        };
        world.hub.broadcast(&namespace, &selection, &frame, false);
        world.hub.flush();
        world.settle();
        assert_eq!(write_all(&mut world), members);
    }
}

/// What a driver does with dirty connections, without the system call; how many there were.
fn write_all(world: &mut World) -> usize {
    let mut count = 0;
    while let Some(dirty) = world.shard.next_dirty() {
        let Dirty::Link(link) = dirty else { continue };
        let mut slices = [IoSlice::new(&[]); 8];
        let filled = world.shard.link_slices(link, &mut slices);
        let written = slices[..filled].iter().map(|slice| slice.len()).sum();
        world.shard.link_wrote(link, black_box(written));
        count += 1;
    }
    count
}
