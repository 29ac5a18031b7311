//! Which of several shards a session belongs to. Its id says so, and no shared table is needed to find it.
//!
//! Knows numbers; that a shard is a thread is its owner's matter.

use sio_protocol::ids::Id;

/// The place of one shard among all of a listener.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    own: u8,
    of: u8,
}

impl Place {
    /// So many shards can be told apart: the first character of an id says which.
    pub const MAX: u8 = 64;

    /// Shard number `own` of `of`. `None`: there is no such one.
    pub const fn new(own: u8, of: u8) -> Option<Self> {
        if own < of && of <= Self::MAX {
            Some(Self { own, of })
        } else {
            None
        }
    }

    /// An id for a session of this shard. Without others all its bits are random.
    pub(crate) fn id(self, entropy: [u8; Id::ENTROPY]) -> Id {
        if self.of == 1 {
            Id::from_entropy(entropy)
        } else {
            Id::with_first(self.own, entropy)
        }
    }

    /// The shard of this id, if it is another one.
    pub(crate) fn elsewhere(self, sid: &str) -> Option<usize> {
        if self.of == 1 {
            return None;
        }
        let place = Id::parse(sid)?.first();
        (place < self.of && place != self.own).then_some(place.into())
    }
}

impl Default for Place {
    /// The only shard.
    fn default() -> Self {
        Self { own: 0, of: 1 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_leads_to_its_shard_from_every_other() {
        for of in [2, 3, Place::MAX] {
            for own in 0..of {
                let place = Place::new(own, of).unwrap();
                let id = place.id([0xff; 15]);
                for other in 0..of {
                    let seen = Place::new(other, of).unwrap().elsewhere(id.as_str());
                    assert_eq!(seen, (other != own).then_some(own.into()));
                }
            }
        }
    }

    #[test]
    fn what_leads_nowhere_is_judged_where_it_came() {
        let place = Place::new(0, 2).unwrap();
        assert_eq!(place.elsewhere("short"), None);
        assert_eq!(place.elsewhere("____________________"), None);
        assert_eq!(Place::default().elsewhere("BAAAAAAAAAAAAAAAAAAA"), None);
    }

    #[test]
    fn a_place_that_does_not_exist_cannot_be_built() {
        assert_eq!(Place::new(2, 2), None);
        assert_eq!(Place::new(0, 0), None);
        assert_eq!(Place::new(0, Place::MAX + 1), None);
    }
}
