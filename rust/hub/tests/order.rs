//! Scripts from two threads at once: each receiver sees what each thread sent in that thread's order, whether it was
//! sent to one, to a room or to all.

mod common;

use std::{sync::Arc, thread};

use common::{World, event};
use proptest::prelude::*;
use sio_hub::{Hub, delivery::Selection, socket::Socket};

const SOCKETS: usize = 3;

#[derive(Clone, Debug)]
enum Act {
    One(usize),
    Room(usize),
    All,
    Join(usize, usize),
    Leave(usize, usize),
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        4 => (0..SOCKETS).prop_map(Act::One),
        2 => (0..2_usize).prop_map(Act::Room),
        2 => Just(Act::All),
        1 => (0..SOCKETS, 0..2_usize).prop_map(|(socket, room)| Act::Join(socket, room)),
        1 => (0..SOCKETS, 0..2_usize).prop_map(|(socket, room)| Act::Leave(socket, room)),
    ]
}

const ROOMS: [&str; 2] = ["a", "b"];

fn play(hub: &Hub, sockets: &[Arc<Socket>], thread: usize, script: &[Act]) {
    for (number, act) in script.iter().enumerate() {
        let frame = || event(&format!("[{thread},{number}]"));
        let broadcast = |rooms: &[&str]| {
            let selection = Selection {
                rooms,
                except: &[],
                sender: None,
            };
            hub.broadcast(&sockets[0].namespace, &selection, &frame(), false);
        };
        match act {
            Act::One(socket) => {
                hub.send(&sockets[*socket], frame(), false);
            }
            Act::Room(room) => broadcast(&[ROOMS[*room]]),
            Act::All => broadcast(&[]),
            Act::Join(socket, room) => hub.join(&sockets[*socket], [ROOMS[*room]]),
            Act::Leave(socket, room) => hub.leave(&sockets[*socket], [ROOMS[*room]]),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn each_receiver_sees_each_threads_order(
        first in prop::collection::vec(act(), 1..60),
        second in prop::collection::vec(act(), 1..60),
    ) {
        let mut config = common::config();
        config.max_buffered_bytes = 1_000_000;
        config.high_water_mark = 1_000_000;
        let mut world = World::with(config);
        let (links, sockets): (Vec<_>, Vec<_>) = (0..SOCKETS).map(|_| world.join()).unzip();
        let hub = Arc::clone(&world.hub);
        thread::scope(|scope| {
            scope.spawn(|| play(&hub, &sockets, 0, &first));
            scope.spawn(|| play(&hub, &sockets, 1, &second));
            // The owner works meanwhile: the order must not depend on when it looks.
            for _ in 0..20 {
                world.settle();
                thread::yield_now();
            }
        });
        for (place, link) in links.into_iter().enumerate() {
            let mut last = [None, None];
            let mut direct = [0, 0];
            for text in world.heard(link) {
                let numbers = text.strip_prefix("42[").and_then(|rest| rest.strip_suffix(']'));
                let (thread, number) = numbers.and_then(|pair| pair.split_once(',')).expect("an event of ours");
                let (thread, number): (usize, usize) = (thread.parse().unwrap(), number.parse().unwrap());
                prop_assert!(last[thread].is_none_or(|last| last < number), "{text} after {last:?}");
                last[thread] = Some(number);
                let script = [&first, &second][thread];
                direct[thread] += usize::from(matches!(script[number], Act::One(_) | Act::All));
            }
            for (thread, script) in [&first, &second].into_iter().enumerate() {
                let meant = script.iter().filter(|act| match act {
                    Act::One(socket) => *socket == place,
                    Act::All => true,
                    _ => false,
                });
                prop_assert_eq!(direct[thread], meant.count(), "and nothing is lost");
            }
        }
        prop_assert_eq!(world.gauges()[2], 0);
    }
}
