//! What the process's allocator is told before messages come. Knows the size of the largest one, and no allocator's name.

use std::hint::black_box;

/// A smaller limit of messages needs no more than this, and a larger one would keep more than it saves.
const LEAST: usize = 1 << 20;
const MOST: usize = 16 << 20;

/// Lets the allocator keep the memory of messages of up to `largest` bytes for the next ones.
///
/// glibc gives free memory at the top of the heap back to the kernel above 128 KiB, until the program has freed one
/// larger block; then it takes blocks of that size for usual, and keeps twice as much. Without that an echo of 100 KB
/// pays some fifty page faults, as much as all the rest of its way. The block is never touched: it costs addresses.
pub fn expect_messages(largest: usize) {
    drop(black_box(Vec::<u8>::with_capacity(
        largest.clamp(LEAST, MOST),
    )));
}
