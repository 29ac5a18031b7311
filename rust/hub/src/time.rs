//! Time as an argument: the hub never reads a clock.

use std::time::Duration;

/// A moment, as the driver of the hub sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Now {
    /// Monotonic time since any fixed origin.
    pub monotonic: Duration,
    /// Wall clock, milliseconds since 1970, for `handshake.issued`.
    pub unix_ms: u64,
}
