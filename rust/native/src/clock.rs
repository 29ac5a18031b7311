//! The only place of this crate that reads a clock.
//!
//! One origin for the whole process, so that every thread that drives the same hub means the same moment.

use std::{
    sync::OnceLock,
    time::{Duration, Instant, SystemTime},
};

use sio_hub::time::Now;

/// Stands for any longer wish: an instant has a range.
pub(crate) const FOR_EVER: Duration = Duration::from_secs(366 * 86_400);

static ORIGIN: OnceLock<Instant> = OnceLock::new();

/// This moment, on both clocks.
pub fn now() -> Now {
    let unix = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default();
    Now {
        monotonic: origin().elapsed(),
        unix_ms: u64::try_from(unix.as_millis()).unwrap_or(u64::MAX),
    }
}

/// The runtime's instant for a deadline of the shard.
pub(crate) fn instant(deadline: Duration) -> tokio::time::Instant {
    // A deadline beyond the clock's range is one that never comes.
    let origin = origin();
    let instant = origin
        .checked_add(deadline)
        .unwrap_or_else(|| Instant::now() + FOR_EVER);
    tokio::time::Instant::from_std(instant)
}

fn origin() -> Instant {
    *ORIGIN.get_or_init(Instant::now)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_goes_on_and_the_wall_clock_is_this_century() {
        let first = now();
        let second = now();
        assert!(second.monotonic >= first.monotonic);
        assert!(first.unix_ms > 1_700_000_000_000, "{}", first.unix_ms);
    }

    #[test]
    fn every_thread_has_the_same_origin() {
        let here = now().monotonic;
        let there = std::thread::spawn(|| now().monotonic).join().unwrap();
        let after = now().monotonic;
        assert!(here <= there && there <= after);
    }

    #[test]
    fn a_deadline_becomes_the_instant_it_names() {
        let before = now().monotonic;
        let instant = instant(before + Duration::from_secs(5));
        let left = instant.duration_since(tokio::time::Instant::now());
        assert!(left <= Duration::from_secs(5), "{left:?}");
        assert!(left > Duration::from_secs(4), "{left:?}");
    }

    #[test]
    fn a_deadline_out_of_range_lies_in_the_future() {
        assert!(instant(Duration::MAX) > tokio::time::Instant::now());
    }
}
