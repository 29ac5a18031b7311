//! Which socket is in which room: dense vectors both ways, so that a join, a leave and a broadcast cost what they touch.
//!
//! Sockets and rooms are slots (u32). A socket's room of its own id is virtual: a flag of the socket, found through the
//! index of ids. Others may join a room of that name; `to(id)` is the union of both. This file knows no session.

use std::sync::Arc;

use hashbrown::HashMap;
use slab::Slab;

use sio_protocol::ids::Id;

use crate::{joined::Joined, socket::Socket};

#[derive(Debug)]
struct Member {
    socket: Arc<Socket>,
    /// Takes part in broadcasts to everybody: accepted, not merely asking.
    joined: bool,
    in_own_room: bool,
    rooms: Joined,
}

#[derive(Debug)]
struct Room {
    name: Box<str>,
    members: Vec<u32>,
}

impl Member {
    const fn is_in_own_room(&self) -> bool {
        self.joined && self.in_own_room
    }
}

/// What happened to a room; a room exists while it has members.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RoomChange {
    Created(Box<str>),
    Joined(Box<str>, Id),
    Left(Box<str>, Id),
    Deleted(Box<str>),
}

/// Changes that somebody wants to hear of, in order.
#[derive(Debug, Default)]
struct Record {
    changes: Vec<RoomChange>,
    /// Whoever takes them has been told.
    announced: bool,
}

/// The rooms of one namespace.
#[derive(Debug, Default)]
pub struct Rooms {
    sockets: Slab<Member>,
    ids: HashMap<[u8; 20], u32>,
    slots: Slab<Room>,
    names: HashMap<Box<str>, u32>,
    /// Broadcast de-duplication: a socket's stamp equals `epoch` once it has been visited.
    stamps: Vec<u32>,
    epoch: u32,
    /// `None` while nobody listens.
    record: Option<Record>,
}

impl Rooms {
    /// Adds a socket that is not yet accepted. Returns its slot.
    pub fn insert(&mut self, socket: Arc<Socket>) -> u32 {
        let id = *socket.id().as_bytes();
        let slot = self.sockets.insert(Member {
            socket,
            joined: false,
            in_own_room: true,
            rooms: Joined::default(),
        });
        let slot = slot as u32;
        self.ids.insert(id, slot);
        if self.stamps.len() <= slot as usize {
            self.stamps.resize(slot as usize + 1, 0);
        }
        slot
    }

    /// From now on broadcasts to everybody reach it.
    pub fn admit(&mut self, slot: u32) {
        if let Some(member) = self.sockets.get_mut(slot as usize) {
            member.joined = true;
            if member.in_own_room {
                let id = *member.socket.id();
                self.record_join(id.as_str(), id);
            }
        }
    }

    /// Takes the socket out of everything. Returns the names of its rooms, its own first.
    pub fn remove(&mut self, slot: u32) -> Vec<Box<str>> {
        let Some(member) = self.sockets.try_remove(slot as usize) else {
            return Vec::new();
        };
        self.ids.remove(member.socket.id().as_bytes());
        let mut names = Vec::with_capacity(1 + member.rooms.len());
        if member.in_own_room {
            names.push(member.socket.id().as_str().into());
        }
        for (room, position) in member.rooms.iter() {
            names.push(self.slots[room as usize].name.clone());
            self.take_from_room(room, position);
        }
        if self.sockets.is_empty() {
            self.sockets = Slab::new();
            self.stamps = Vec::new();
        }
        if self.record.is_some() {
            let id = *member.socket.id();
            for name in &names {
                if member.joined || **name != *id.as_str() {
                    self.record_leave(name, id);
                }
            }
        }
        names
    }

    pub fn join(&mut self, slot: u32, name: &str) {
        let Some(member) = self.sockets.get_mut(slot as usize) else {
            return;
        };
        let id = *member.socket.id();
        if id.as_str() == name {
            let was = std::mem::replace(&mut member.in_own_room, true);
            if !was && member.joined {
                self.record_join(name, id);
            }
            return;
        }
        let room = if let Some(&room) = self.names.get(name) {
            room
        } else {
            let room = self.slots.insert(Room {
                name: name.into(),
                members: Vec::new(),
            }) as u32;
            self.names.insert(name.into(), room);
            room
        };
        if member.rooms.contains(room) {
            return;
        }
        let members = &mut self.slots[room as usize].members;
        member.rooms.push(room, members.len() as u32);
        members.push(slot);
        self.record_join(name, id);
    }

    pub fn leave(&mut self, slot: u32, name: &str) {
        let Some(member) = self.sockets.get_mut(slot as usize) else {
            return;
        };
        let id = *member.socket.id();
        if id.as_str() == name {
            let was = std::mem::replace(&mut member.in_own_room, false);
            if was && member.joined {
                self.record_leave(name, id);
            }
            return;
        }
        let Some(&room) = self.names.get(name) else {
            return;
        };
        if let Some(position) = member.rooms.remove(room) {
            self.take_from_room(room, position);
            self.record_leave(name, id);
        }
    }

    /// From now on changes are recorded, or no more.
    pub fn watch(&mut self, watched: bool) {
        if watched {
            self.record.get_or_insert_default();
        } else {
            self.record = None;
        }
    }

    /// Whether changes wait that nobody has been told of. True once, until they are taken.
    pub fn must_announce(&mut self) -> bool {
        self.record.as_mut().is_some_and(|record| {
            !record.changes.is_empty() && !std::mem::replace(&mut record.announced, true)
        })
    }

    pub fn take_changes(&mut self) -> Vec<RoomChange> {
        self.record
            .as_mut()
            .map(std::mem::take)
            .unwrap_or_default()
            .changes
    }

    /// To be called after the socket is in.
    fn record_join(&mut self, name: &str, id: Id) {
        let first = self.record.is_some() && self.size_of(name) == 1;
        if let Some(record) = &mut self.record {
            if first {
                record.changes.push(RoomChange::Created(name.into()));
            }
            record.changes.push(RoomChange::Joined(name.into(), id));
        }
    }

    /// To be called after the socket is out.
    fn record_leave(&mut self, name: &str, id: Id) {
        let last = self.record.is_some() && self.size_of(name) == 0;
        if let Some(record) = &mut self.record {
            record.changes.push(RoomChange::Left(name.into(), id));
            if last {
                record.changes.push(RoomChange::Deleted(name.into()));
            }
        }
    }

    /// Swap-removes a position of a room, mends the moved member's back pointer, drops an empty room.
    fn take_from_room(&mut self, room: u32, position: u32) {
        let members = &mut self.slots[room as usize].members;
        members.swap_remove(position as usize);
        if let Some(&moved) = members.get(position as usize) {
            let member = &mut self.sockets[moved as usize];
            member.rooms.reposition(room, position);
        } else if members.is_empty() {
            let room = self.slots.remove(room as usize);
            self.names.remove(&room.name);
        } else if members.capacity() > 64 && members.len() * 4 < members.capacity() {
            members.shrink_to(members.len() * 2);
        }
    }

    /// Calls `visit` once for each target: the union of `rooms` (everybody accepted if empty) minus the members of
    /// `except` and minus the slot `sender`.
    pub fn select(
        &mut self,
        rooms: &[impl AsRef<str>],
        except: &[impl AsRef<str>],
        sender: Option<u32>,
        mut visit: impl FnMut(&Arc<Socket>),
    ) {
        let epoch = self.next_epoch();
        if let Some(slot) = sender.and_then(|slot| self.stamps.get_mut(slot as usize)) {
            *slot = epoch;
        }
        for name in except {
            self.each_in_room(name.as_ref(), |stamps, slot, _| {
                stamps[slot as usize] = epoch;
            });
        }
        if rooms.is_empty() {
            for (slot, member) in &self.sockets {
                if member.joined && self.stamps[slot] != epoch {
                    visit(&member.socket);
                }
            }
            return;
        }
        for name in rooms {
            self.each_in_room(name.as_ref(), |stamps, slot, socket| {
                if stamps[slot as usize] != epoch {
                    stamps[slot as usize] = epoch;
                    visit(socket);
                }
            });
        }
    }

    fn each_in_room(&mut self, name: &str, mut visit: impl FnMut(&mut [u32], u32, &Arc<Socket>)) {
        if let Some(slot) = self.find(name) {
            let member = &self.sockets[slot as usize];
            if member.in_own_room {
                visit(&mut self.stamps, slot, &member.socket);
            }
        }
        if let Some(&room) = self.names.get(name) {
            for &slot in &self.slots[room as usize].members {
                visit(&mut self.stamps, slot, &self.sockets[slot as usize].socket);
            }
        }
    }

    fn next_epoch(&mut self) -> u32 {
        self.epoch = self.epoch.wrapping_add(1);
        if self.epoch == 0 {
            self.stamps.fill(0);
            self.epoch = 1;
        }
        self.epoch
    }

    /// Names of the rooms of one socket, its own first.
    pub fn of_socket(&self, slot: u32) -> Vec<Box<str>> {
        let Some(member) = self.sockets.get(slot as usize) else {
            return Vec::new();
        };
        let own = member
            .in_own_room
            .then(|| member.socket.id().as_str().into());
        own.into_iter().chain(self.names_of(member)).collect()
    }

    pub fn contains(&self, slot: u32, name: &str) -> bool {
        self.sockets.get(slot as usize).is_some_and(|member| {
            if member.socket.id().as_str() == name {
                return member.in_own_room;
            }
            self.names
                .get(name)
                .is_some_and(|&room| member.rooms.contains(room))
        })
    }

    /// Ids of the members of a room, whoever has been accepted or joined it by name.
    pub fn members_of(&self, name: &str) -> Vec<Box<str>> {
        let named = self
            .names
            .get(name)
            .into_iter()
            .flat_map(|&room| &self.slots[room as usize].members)
            .map(|&slot| &self.sockets[slot as usize]);
        self.own_room(name)
            .into_iter()
            .chain(named)
            .map(|member| member.socket.id().as_str().into())
            .collect()
    }

    /// How many members a room has; 0: there is no such room.
    pub fn size_of(&self, name: &str) -> usize {
        let named = self
            .names
            .get(name)
            .map_or(0, |&room| self.slots[room as usize].members.len());
        named + usize::from(self.own_room(name).is_some())
    }

    /// The socket of that id, if it is accepted and has not left the room of its own id.
    fn own_room(&self, id: &str) -> Option<&Member> {
        self.find(id)
            .map(|slot| &self.sockets[slot as usize])
            .filter(|member| member.is_in_own_room())
    }

    fn find(&self, id: &str) -> Option<u32> {
        let id = <&[u8; 20]>::try_from(id.as_bytes()).ok()?;
        self.ids.get(id).copied()
    }

    /// Names of the rooms of the socket of that id, its own first. `None`: it is in none and not accepted.
    pub fn of_id(&self, id: &str) -> Option<Vec<Box<str>>> {
        let slot = self.find(id)?;
        let member = &self.sockets[slot as usize];
        if member.joined {
            return Some(self.of_socket(slot));
        }
        (!member.rooms.is_empty()).then(|| self.names_of(member).collect())
    }

    /// Ids of all sockets that are accepted or in a room.
    pub fn ids(&self) -> Vec<Box<str>> {
        self.sockets
            .iter()
            .filter(|(_, member)| member.joined || !member.rooms.is_empty())
            .map(|(_, member)| member.socket.id().as_str().into())
            .collect()
    }

    fn names_of<'a>(&'a self, member: &'a Member) -> impl Iterator<Item = Box<str>> + 'a {
        member
            .rooms
            .iter()
            .map(|(room, _)| self.slots[room as usize].name.clone())
    }

    /// Names of all rooms that have members, those of accepted sockets' own among them.
    pub fn names(&self) -> Vec<Box<str>> {
        let own = self
            .sockets
            .iter()
            .filter(|(_, member)| {
                member.is_in_own_room() && !self.names.contains_key(member.socket.id().as_str())
            })
            .map(|(_, member)| member.socket.id().as_str().into());
        own.chain(self.slots.iter().map(|(_, room)| room.name.clone()))
            .collect()
    }

    /// Rooms that were joined by name; the sockets' own are not counted.
    pub fn count(&self) -> usize {
        self.slots.len()
    }
}
