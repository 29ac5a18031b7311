//! How many lines about misbehaving peers the log gets: an attacker must not fill the disk.

use std::time::Duration;

/// Lines per second; what is above is counted and not written.
const PER_SECOND: u32 = 10;

#[derive(Debug, Default)]
pub struct LogBudget {
    second: u64,
    used: u32,
}

impl LogBudget {
    /// Whether one more line may be written now.
    pub fn take(&mut self, now: Duration) -> bool {
        if self.second != now.as_secs() {
            self.second = now.as_secs();
            self.used = 0;
        }
        self.used += 1;
        self.used <= PER_SECOND
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_is_cut_and_the_next_second_starts_anew() {
        let mut budget = LogBudget::default();
        let written = (0..1000)
            .filter(|_| budget.take(Duration::from_millis(1500)))
            .count();
        assert_eq!(written, 10);
        assert!(budget.take(Duration::from_secs(2)));
    }
}
