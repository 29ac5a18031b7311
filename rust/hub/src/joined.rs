//! The rooms of one socket, each with the socket's position in it. Knows numbers; what a room is, `rooms.rs` knows.
//!
//! A short list for the many sockets that are in few rooms. Whoever is in many has an index of the list beside it, so that
//! joining or leaving ten thousand rooms does not look through all of them each time.

use hashbrown::HashMap;
use smallvec::SmallVec;

/// With more rooms there is an index. A list of 32 pairs is four cache lines: looking through it costs about a lookup.
const INDEXED: usize = 32;

/// With fewer it is given up: half, so that a socket which joins and leaves at the edge does not build it each time.
const UNINDEXED: usize = INDEXED / 2;

#[derive(Debug, Default)]
pub(crate) struct Joined {
    /// Room slot and the position of this socket in that room.
    rooms: SmallVec<[(u32, u32); 2]>,
    /// Where each room slot stands in `rooms`.
    index: Option<Box<HashMap<u32, u32>>>,
}

impl Joined {
    pub(crate) fn len(&self) -> usize {
        self.rooms.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.rooms.is_empty()
    }

    /// Room slots with the positions in them.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u32, u32)> {
        self.rooms.iter().copied()
    }

    pub(crate) fn contains(&self, room: u32) -> bool {
        self.find(room).is_some()
    }

    /// Adds a room that it has not.
    pub(crate) fn push(&mut self, room: u32, position: u32) {
        let at = self.rooms.len();
        self.rooms.push((room, position));
        if let Some(index) = &mut self.index {
            index.insert(room, at as u32);
        } else if at >= INDEXED {
            let entries = self.rooms.iter().zip(0..);
            self.index = Some(Box::new(
                entries.map(|(&(room, _), at)| (room, at)).collect(),
            ));
        }
    }

    /// Takes a room out. Returns the position in it.
    pub(crate) fn remove(&mut self, room: u32) -> Option<u32> {
        let at = self.find(room)?;
        let (_, position) = self.rooms.swap_remove(at);
        if self.rooms.len() < UNINDEXED {
            self.index = None;
        } else if let Some(index) = &mut self.index {
            index.remove(&room);
            if let Some(&(moved, _)) = self.rooms.get(at) {
                index.insert(moved, at as u32);
            }
        }
        Some(position)
    }

    /// The socket stands elsewhere in a room now.
    pub(crate) fn reposition(&mut self, room: u32, position: u32) {
        if let Some(at) = self.find(room) {
            self.rooms[at].1 = position;
        }
    }

    fn find(&self, room: u32) -> Option<usize> {
        match &self.index {
            Some(index) => index.get(&room).map(|&at| at as usize),
            None => self.rooms.iter().position(|&(one, _)| one == room),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    #[derive(Clone, Debug)]
    enum Act {
        Join(u32, u32),
        Leave(u32),
        Reposition(u32, u32),
    }

    fn acts() -> impl Strategy<Value = Vec<Act>> {
        let room = || 0..(3 * INDEXED as u32);
        let act = prop_oneof![
            3 => (room(), any::<u32>()).prop_map(|(room, at)| Act::Join(room, at)),
            2 => room().prop_map(Act::Leave),
            1 => (room(), any::<u32>()).prop_map(|(room, at)| Act::Reposition(room, at)),
        ];
        // Joins first and leaves last, so that most scripts cross both edges.
        let crowd = room().prop_map(|count| (0..count).map(|room| Act::Join(room, room)).collect());
        let exodus = room().prop_map(|count| (0..count).map(Act::Leave).collect());
        (crowd, prop::collection::vec(act, 0..200), exodus)
            .prop_map(|(crowd, acts, exodus): (Vec<_>, _, Vec<_>)| [crowd, acts, exodus].concat())
    }

    proptest! {
        #[test]
        fn with_an_index_and_without_it_is_a_map(acts in acts()) {
            let mut joined = Joined::default();
            let mut model = BTreeMap::new();
            for act in acts {
                match act {
                    Act::Join(room, position) => {
                        prop_assert_eq!(joined.contains(room), model.contains_key(&room));
                        if !joined.contains(room) {
                            joined.push(room, position);
                            model.insert(room, position);
                        }
                    }
                    Act::Leave(room) => prop_assert_eq!(joined.remove(room), model.remove(&room)),
                    Act::Reposition(room, position) => {
                        joined.reposition(room, position);
                        if let Some(kept) = model.get_mut(&room) {
                            *kept = position;
                        }
                    }
                }
                prop_assert_eq!(joined.len(), model.len());
                prop_assert_eq!(joined.is_empty(), model.is_empty());
                prop_assert_eq!(&joined.iter().collect::<BTreeMap<_, _>>(), &model);
                // Each layout where it belongs; between the edges either.
                prop_assert!(joined.index.is_some() || joined.len() <= INDEXED);
                prop_assert!(joined.index.is_none() || joined.len() >= UNINDEXED);
                if let Some(index) = &joined.index {
                    prop_assert_eq!(index.len(), joined.len());
                }
            }
        }
    }
}
