//! A table for what waits beside the shard's slots: index and generation as the shard gave them, no hashing.
//!
//! A stale key (same slot, older generation) finds nothing. The table knows nothing of what it holds.

/// Values by slot and generation.
#[derive(Debug)]
pub(crate) struct Slots<T> {
    entries: Vec<Option<(u32, T)>>,
}

impl<T> Slots<T> {
    pub(crate) const fn new() -> Self {
        Self {
            entries: Vec::new(),
        }
    }

    /// Puts `value` there and returns what was there before, of whatever generation.
    pub(crate) fn insert(&mut self, slot: u32, generation: u32, value: T) -> Option<T> {
        let index = slot as usize;
        if index >= self.entries.len() {
            self.entries.resize_with(index + 1, || None);
        }
        self.entries[index]
            .replace((generation, value))
            .map(|(_, old)| old)
    }

    pub(crate) fn find(&self, slot: u32, generation: u32) -> Option<&T> {
        match self.entries.get(slot as usize) {
            Some(Some((held, value))) if *held == generation => Some(value),
            _ => None,
        }
    }

    pub(crate) fn remove(&mut self, slot: u32, generation: u32) -> Option<T> {
        let entry = self.entries.get_mut(slot as usize)?;
        match entry {
            Some((held, _)) if *held == generation => entry.take().map(|(_, value)| value),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_found_by_its_own_generation_only() {
        let mut slots = Slots::new();
        assert_eq!(slots.insert(3, 7, "a"), None);
        assert_eq!(slots.find(3, 7), Some(&"a"));
        assert_eq!(slots.find(3, 8), None);
        assert_eq!(slots.find(2, 7), None);
        assert_eq!(slots.find(9, 7), None);
    }

    #[test]
    fn a_stale_key_removes_nothing() {
        let mut slots = Slots::new();
        slots.insert(0, 1, "old");
        assert_eq!(slots.insert(0, 2, "new"), Some("old"));
        assert_eq!(slots.remove(0, 1), None);
        assert_eq!(slots.remove(5, 1), None);
        assert_eq!(slots.remove(0, 2), Some("new"));
        assert_eq!(slots.remove(0, 2), None);
    }
}
