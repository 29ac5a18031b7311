//! The timer task: sleeps until the shard's next deadline and calls `expire`. It does not know what a deadline is for.

use std::time::Duration;

use crate::{clock, driver::Driver};

/// A timer this late means that the thread did not run (a stopped process, a suspended machine). What the clients
/// sent meanwhile waits in the sockets and is read first, so that nobody is judged by a clock that did not tick.
const LATE: Duration = Duration::from_millis(250);

/// Turns given to the readers then: in each the reactor hands over up to 1024 sockets that became readable.
const TURNS: usize = 8;

/// Runs for as long as the thread does.
pub(crate) async fn run(driver: &Driver) {
    loop {
        let deadline = driver.ask(sio_hub::shard::Shard::next_deadline);
        driver.armed.set(deadline);
        let nearer = driver.nearer_deadline.notified();
        let Some(deadline) = deadline else {
            nearer.await;
            continue;
        };
        let now = clock::now().monotonic;
        if deadline > now {
            tokio::select! {
                () = tokio::time::sleep_until(clock::instant(deadline)) => {}
                () = nearer => continue,
            }
        }
        let late = clock::now().monotonic.saturating_sub(deadline);
        if late > LATE {
            for _ in 0..TURNS {
                tokio::task::yield_now().await;
            }
        }
        driver.with(sio_hub::shard::Shard::expire);
    }
}
