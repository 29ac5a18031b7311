//! A slab whose keys carry a generation, so that a key outlives its value harmlessly.

use std::{fmt, marker::PhantomData};

use slab::Slab;

/// Slot and generation.
pub struct Key<T> {
    pub slot: u32,
    pub generation: u32,
    of: PhantomData<fn() -> T>,
}

impl<T> Clone for Key<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Key<T> {}

impl<T> PartialEq for Key<T> {
    fn eq(&self, other: &Self) -> bool {
        (self.slot, self.generation) == (other.slot, other.generation)
    }
}

impl<T> Eq for Key<T> {}

impl<T> std::hash::Hash for Key<T> {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        (self.slot, self.generation).hash(state);
    }
}

impl<T> fmt::Debug for Key<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.slot, self.generation)
    }
}

impl<T> Key<T> {
    pub(crate) const fn new(slot: u32, generation: u32) -> Self {
        Self {
            slot,
            generation,
            of: PhantomData,
        }
    }

    /// One number for whoever cannot hold a key.
    pub const fn to_bits(self) -> u64 {
        (self.generation as u64) << 32 | self.slot as u64
    }

    /// The key of such a number. One that never was a key is as harmless as a stale one.
    pub const fn from_bits(bits: u64) -> Self {
        Self::new(bits as u32, (bits >> 32) as u32)
    }
}

#[derive(Debug)]
pub struct Slots<T> {
    slab: Slab<(u32, T)>,
    generation: u32,
}

impl<T> Default for Slots<T> {
    fn default() -> Self {
        Self {
            slab: Slab::new(),
            generation: 0,
        }
    }
}

impl<T> Slots<T> {
    /// Inserts what `make` builds from its own key.
    pub fn insert_with(&mut self, make: impl FnOnce(Key<T>) -> T) -> Key<T> {
        self.generation = self.generation.wrapping_add(1);
        let generation = self.generation;
        let vacant = self.slab.vacant_entry();
        let key = Key::new(vacant.key() as u32, generation);
        vacant.insert((generation, make(key)));
        key
    }

    pub fn get(&self, key: Key<T>) -> Option<&T> {
        match self.slab.get(key.slot as usize) {
            Some((generation, value)) if *generation == key.generation => Some(value),
            _ => None,
        }
    }

    pub fn get_mut(&mut self, key: Key<T>) -> Option<&mut T> {
        match self.slab.get_mut(key.slot as usize) {
            Some((generation, value)) if *generation == key.generation => Some(value),
            _ => None,
        }
    }

    pub fn remove(&mut self, key: Key<T>) -> Option<T> {
        self.get(key)?;
        let (_, value) = self.slab.remove(key.slot as usize);
        if self.slab.is_empty() {
            self.slab = Slab::new();
        }
        Some(value)
    }

    pub fn is_empty(&self) -> bool {
        self.slab.is_empty()
    }

    pub fn keys(&self) -> Vec<Key<T>> {
        self.slab
            .iter()
            .map(|(slot, (generation, _))| Key::new(slot as u32, *generation))
            .collect()
    }

    pub fn iter_mut(&mut self) -> impl Iterator<Item = (Key<T>, &mut T)> {
        self.slab
            .iter_mut()
            .map(|(slot, (generation, value))| (Key::new(slot as u32, *generation), value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stale_key_finds_nothing() {
        let mut slots = Slots::default();
        let first = slots.insert_with(|_| "a");
        assert_eq!(slots.remove(first), Some("a"));
        let second = slots.insert_with(|_| "b");
        assert_eq!(first.slot, second.slot);
        assert_eq!(slots.get(first), None);
        assert_eq!(slots.remove(first), None);
        assert_eq!(slots.get(second), Some(&"b"));
    }
}
