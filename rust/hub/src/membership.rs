//! Joining rooms, leaving them and looking: what any thread may ask for of one socket.
//!
//! How rooms are kept is the matter of `rooms.rs`; here stands when they may change, and who is told that they did.

use std::sync::Arc;

use parking_lot::MutexGuard;

use crate::{
    hub::Hub,
    namespace::Namespace,
    rooms::Rooms,
    sink::Notice,
    socket::{Socket, SocketState},
};

impl Hub {
    /// Rooms that were joined by name, in all namespaces.
    pub fn rooms_count(&self) -> usize {
        self.namespaces
            .all()
            .iter()
            .map(|namespace| namespace.rooms.lock().count())
            .sum()
    }

    /// Joins rooms; nothing happens after the socket has left.
    pub fn join<'a>(&self, socket: &Socket, names: impl IntoIterator<Item = &'a str>) {
        let mut rooms = socket.namespace.rooms.lock();
        if socket.state() != SocketState::Closed {
            names
                .into_iter()
                .for_each(|name| rooms.join(socket.slot(), name));
        }
        self.announce(&socket.namespace, rooms);
    }

    /// Rooms may have changed: unlocks them, and tells whoever watches them.
    pub(crate) fn announce(&self, namespace: &Arc<Namespace>, mut rooms: MutexGuard<'_, Rooms>) {
        let changed = rooms.must_announce();
        drop(rooms);
        if changed {
            self.sink.deliver(Notice::Rooms {
                namespace: Arc::clone(namespace),
            });
        }
    }

    pub fn leave<'a>(&self, socket: &Socket, names: impl IntoIterator<Item = &'a str>) {
        let mut rooms = socket.namespace.rooms.lock();
        if socket.state() != SocketState::Closed {
            names
                .into_iter()
                .for_each(|name| rooms.leave(socket.slot(), name));
        }
        self.announce(&socket.namespace, rooms);
    }

    /// Names of the rooms of a socket, its own id first; empty after it has left.
    pub fn rooms_of(&self, socket: &Socket) -> Vec<Box<str>> {
        let rooms = socket.namespace.rooms.lock();
        if socket.state() == SocketState::Closed {
            Vec::new()
        } else {
            rooms.of_socket(socket.slot())
        }
    }

    pub fn is_in_room(&self, socket: &Socket, name: &str) -> bool {
        let rooms = socket.namespace.rooms.lock();
        socket.state() != SocketState::Closed && rooms.contains(socket.slot(), name)
    }
}
