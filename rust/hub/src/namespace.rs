//! A namespace: its name, its sockets and rooms, its counter of ack ids.

use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;

pub use crate::rooms::RoomChange;
use crate::rooms::Rooms;

/// Locking: `rooms` is a leaf for everybody but the mailbox of a shard, which may be taken inside it (never the other
/// way round). It is never held across a system call or a call into Python.
#[derive(Debug)]
pub struct Namespace {
    pub name: Box<str>,
    pub(crate) rooms: Mutex<Rooms>,
    next_ack: AtomicU64,
}

impl Namespace {
    pub(crate) fn new(name: &str) -> Self {
        Self {
            name: name.into(),
            rooms: Mutex::new(Rooms::default()),
            next_ack: AtomicU64::new(0),
        }
    }

    /// One counter for all sockets of the namespace, as in the official server.
    pub fn next_ack_id(&self) -> u64 {
        self.next_ack.fetch_add(1, Ordering::Relaxed)
    }

    /// Names of the rooms that have members, sockets' own among them.
    pub fn room_names(&self) -> Vec<Box<str>> {
        self.rooms.lock().names()
    }

    /// Ids of the members of a room.
    pub fn room_members(&self, name: &str) -> Vec<Box<str>> {
        self.rooms.lock().members_of(name)
    }

    /// Whether changes are kept for [`Namespace::take_room_changes`]; `Notice::Rooms` says when there are some.
    pub fn watch_rooms(&self, watched: bool) {
        self.rooms.lock().watch(watched);
    }

    /// What happened to the rooms since the last call, in order.
    pub fn take_room_changes(&self) -> Vec<RoomChange> {
        self.rooms.lock().take_changes()
    }

    /// How many members a room has; 0: there is no such room.
    pub fn room_size(&self, name: &str) -> usize {
        self.rooms.lock().size_of(name)
    }

    /// Ids of the sockets that are accepted or in a room.
    pub fn socket_ids(&self) -> Vec<Box<str>> {
        self.rooms.lock().ids()
    }

    /// Names of the rooms of a socket, its own first; `None`: there is no such socket.
    pub fn socket_rooms(&self, id: &str) -> Option<Vec<Box<str>>> {
        self.rooms.lock().of_id(id)
    }
}
