//! Str objects for the keys and event names that come again and again.
//!
//! A direct-mapped table of short ASCII names: a hit saves the allocation and brings the str's hash along, a collision
//! only replaces. Its size is bounded whatever clients send. It refuses to know JSON.

use std::cell::Cell;

use pyo3::prelude::*;
use pyo3::types::PyString;
use pyo3::types::string::PyStringData;

use super::raw;

/// Entries; a power of two. 16 bytes each, so 16 KiB for a thread that decodes.
const ENTRIES: usize = 1024;

/// Longest name that is kept: with the table's size it bounds what clients can make it hold to about 128 KiB.
const MAX_LEN: usize = 64;

thread_local! {
    // Taken out for the length of one decoding, so that a nested one (a finaliser that runs on the way) simply starts
    // with an empty table; no lock is held while Python code may run.
    static TABLE: Cell<Option<KeyCache>> = const { Cell::new(None) };
}

/// The table of one thread.
pub(super) struct KeyCache {
    entries: Box<[Option<Entry>]>,
}

struct Entry {
    hash: u32,
    len: u32,
    name: Py<PyString>,
}

impl KeyCache {
    /// This thread's table, or a new one.
    pub(super) fn take() -> Self {
        TABLE.take().unwrap_or_else(|| {
            let entries = std::iter::repeat_with(|| None).take(ENTRIES).collect();
            Self { entries }
        })
    }

    /// Puts the table back for the next decoding on this thread.
    pub(super) fn give_back(self) {
        TABLE.set(Some(self));
    }

    /// The str of an ASCII name.
    #[inline]
    pub(super) fn ascii<'py>(
        &mut self,
        py: Python<'py>,
        name: &[u8],
    ) -> PyResult<Bound<'py, PyString>> {
        if name.len() > MAX_LEN {
            return raw::ascii_str(py, name);
        }
        let hash = hash(name);
        let entry = &mut self.entries[hash as usize % ENTRIES];
        if let Some(entry) = entry
            && entry.hash == hash
            && entry.len as usize == name.len()
        {
            let known = entry.name.bind_borrowed(py);
            if matches!(raw::characters(&known), Ok(PyStringData::Ucs1(bytes)) if bytes == name) {
                return Ok(known.to_owned());
            }
        }
        let fresh = raw::ascii_str(py, name)?;
        *entry = Some(Entry {
            hash,
            len: name.len() as u32,
            name: fresh.clone().unbind(),
        });
        Ok(fresh)
    }
}

/// Mixes eight bytes at a time; a client that aims at collisions only loses the cache's help.
#[inline]
fn hash(name: &[u8]) -> u32 {
    const FACTOR: u64 = 0x9e37_79b9_7f4a_7c15;
    let mut state = name.len() as u64;
    let (words, rest) = name.as_chunks::<8>();
    for word in words {
        state = (state.rotate_left(23) ^ u64::from_le_bytes(*word)).wrapping_mul(FACTOR);
    }
    let mut last = 0_u64;
    for &byte in rest {
        last = last << 8 | u64::from(byte);
    }
    state = (state.rotate_left(23) ^ last).wrapping_mul(FACTOR);
    (state >> 32) as u32
}
