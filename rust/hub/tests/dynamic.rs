//! Namespaces that exist once the application says so, in virtual time.

mod common;

use std::sync::{Arc, atomic::Ordering};

use common::{World, event};
use sio_hub::{
    delivery::Selection,
    shard::{LinkKey, LinkState},
    socket::Socket,
};

const INVALID: &str = "44/room-1,{\"message\":\"Invalid namespace\"}";

/// A connection that has asked for `/room-1`.
fn asking(world: &mut World) -> (LinkKey, Arc<Socket>) {
    let link = world.websocket(None);
    world.heard(link);
    world.say(link, "40/room-1,{\"a\":1}");
    let socket = world.asked();
    (link, socket)
}

fn refuse(world: &World, socket: &Arc<Socket>) {
    world
        .hub
        .refuse(socket, b"{\"message\":\"Invalid namespace\"}");
}

fn dynamic() -> World {
    let world = World::new();
    world.hub.set_dynamic(true);
    world
}

#[test]
fn without_parents_nothing_is_asked() {
    let mut world = World::new();
    let link = world.websocket(None);
    world.heard(link);
    world.say(link, "40/room-1,");
    assert_eq!(world.heard(link), [INVALID]);
    assert!(world.notices().is_empty());
}

#[test]
fn a_yes_lets_the_client_in() {
    let mut world = dynamic();
    let (link, socket) = asking(&mut world);
    assert_eq!(&*socket.namespace.name, "/room-1");
    assert!(world.heard(link).is_empty(), "nobody has decided");
    let made = world.hub.namespace("/room-1");
    assert!(Arc::ptr_eq(&made, &socket.namespace));
    assert!(world.hub.accept(&socket));
    assert_eq!(
        world.heard(link),
        [format!("40/room-1,{{\"sid\":\"{}\"}}", socket.id())]
    );
    world.say(link, "42/room-1,[\"hello\"]");
    assert_eq!(world.notices().len(), 1);
    world.shard.handle_link_closed(link, world.now());
    assert_eq!(world.disconnects(), ["transport close"]);
}

#[test]
fn a_no_leaves_the_connection_open() {
    let mut world = dynamic();
    let (link, socket) = asking(&mut world);
    refuse(&world, &socket);
    assert_eq!(world.heard(link), [INVALID]);
    world.say(link, "40");
    let main = world.asked();
    assert!(world.hub.accept(&main));
    assert_eq!(world.heard(link).len(), 1);
    world.say(link, "40/room-1,");
    assert_eq!(
        &*world.asked().namespace.name,
        "/room-1",
        "and it may ask again"
    );
}

#[test]
fn two_that_ask_at_once_meet_in_one_namespace() {
    let mut world = dynamic();
    let (first_link, first) = asking(&mut world);
    let (second_link, second) = asking(&mut world);
    assert!(Arc::ptr_eq(&first.namespace, &second.namespace));
    let made = world.hub.namespace("/room-1");
    assert!(world.hub.accept(&second));
    assert!(world.hub.accept(&first));
    world.heard(first_link);
    world.heard(second_link);
    let everybody = Selection {
        rooms: &[] as &[&str],
        except: &[],
        sender: None,
    };
    world
        .hub
        .broadcast(&made, &everybody, &event("[\"x\"]"), false);
    assert_eq!(world.heard(first_link).len(), 1);
    assert_eq!(world.heard(second_link).len(), 1);
}

#[test]
fn one_no_refuses_nobody_else() {
    let mut world = dynamic();
    let (first_link, first) = asking(&mut world);
    let (second_link, second) = asking(&mut world);
    world.hub.namespace("/room-1");
    refuse(&world, &first);
    assert!(world.hub.accept(&second));
    assert_eq!(world.heard(first_link), [INVALID]);
    assert!(world.heard(second_link)[0].starts_with("40/room-1,"));
}

#[test]
fn asking_twice_is_a_protocol_error() {
    let mut world = dynamic();
    let (link, socket) = asking(&mut world);
    assert_eq!(world.say(link, "40/room-1,"), LinkState::Closing);
    assert!(world.disconnects().is_empty(), "it was never connected");
    assert!(!world.hub.accept(&socket), "and the answer comes too late");
}

#[test]
fn leaving_while_asking_is_a_change_of_mind() {
    let mut world = dynamic();
    let (link, socket) = asking(&mut world);
    assert_eq!(world.say(link, "41/room-1,"), LinkState::Open);
    world.hub.namespace("/room-1");
    assert!(!world.hub.accept(&socket));
    assert!(world.heard(link).is_empty());
    assert!(world.disconnects().is_empty());
}

#[test]
fn the_time_to_join_goes_on_while_the_application_thinks() {
    let mut world = dynamic();
    let (link, socket) = asking(&mut world);
    world.advance(20.0);
    world.advance(6.0);
    world.say(link, "3");
    world.advance(20.0);
    assert_eq!(
        world.heard(link).last().map(String::as_str),
        Some("<close>")
    );
    assert!(!world.hub.accept(&socket));
    world.shard.handle_link_closed(link, world.now());
    assert_eq!(world.gauges(), [0, 0, 0, 0]);
}

#[test]
fn what_is_undecided_is_bounded_also_for_those_who_come_and_go() {
    let mut world = dynamic();
    let link = world.websocket(None);
    world.heard(link);
    let bound = world.hub.config().max_queued_events;
    let mut waiting = Vec::new();
    for number in 0..bound {
        world.say(link, &format!("40/{number},"));
        world.say(link, &format!("41/{number},"));
        waiting.push(world.asked());
    }
    world.say(link, "40/one-more,");
    assert_eq!(
        world.heard(link),
        ["44/one-more,{\"message\":\"Invalid namespace\"}"]
    );
    assert!(world.notices().is_empty());

    refuse(&world, &waiting[0]);
    drop(waiting.pop());
    for name in ["/a", "/b"] {
        world.say(link, &format!("40{name},"));
        waiting.push(world.asked());
    }
    world.say(link, "40/c,");
    assert_eq!(world.heard(link).len(), 1);
    world.shard.handle_link_closed(link, world.now());
    assert_eq!(world.hub.counters().sockets.load(Ordering::Relaxed), 0);
}
