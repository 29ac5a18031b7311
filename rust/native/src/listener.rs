//! Accepting: from bound sockets to connections on their way.
//!
//! It knows descriptors and how many there may be; what comes over a connection is the service's matter.

pub(crate) mod bind;
#[cfg(unix)]
pub(crate) mod unix;

use std::{
    io::{self, ErrorKind},
    net::SocketAddr,
    rc::Rc,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::Duration,
};

use sio_hub::sink::Level;
use tokio::net::TcpListener;

use crate::{clock, driver::Driver, service, stream::Stream};

/// Without descriptors (EMFILE, ENFILE) or memory, accepting rests for so long instead of spinning; at the limit of
/// connections it looks as often.
const REST: Duration = Duration::from_millis(100);

/// A shortage comes and goes with every connection that ends; the log hears of it once in so long.
const COMPLAINT_INTERVAL: Duration = Duration::from_secs(60);

/// Accepted in one go before the connections that are open have their turn.
const BATCH: usize = 64;

/// Accepts until the stop begins; the listening socket is closed when this returns.
pub(crate) async fn accept_tcp(
    driver: Rc<Driver>,
    options: Rc<service::Options>,
    listener: TcpListener,
) {
    let mut accepting = Accepting::new(driver, options);
    while accepting.may_go_on().await {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = accepting.driver.stopped() => return,
        };
        match accepted {
            Ok((stream, peer)) => {
                // Packets are small and wanted at once. A connection that refuses is already gone.
                let _ = stream.set_nodelay(true);
                accepting.take(Stream::Tcp(stream), Some(peer)).await;
            }
            Err(error) => accepting.fail(&error).await,
        }
    }
}

/// What the accept loops have in common.
struct Accepting {
    driver: Rc<Driver>,
    options: Rc<service::Options>,
    batch: usize,
}

impl Accepting {
    fn new(driver: Rc<Driver>, options: Rc<service::Options>) -> Self {
        Self {
            driver,
            options,
            batch: 0,
        }
    }

    fn limit(&self) -> usize {
        self.options.max_connections.unwrap_or(usize::MAX)
    }

    /// Waits while the limit of connections is reached. False: the stop has begun.
    async fn may_go_on(&self) -> bool {
        while !self.driver.stopping.get() && self.driver.all_connections() >= self.limit() {
            tokio::select! {
                () = self.driver.connection_ended.notified() => {}
                // One that ended on another thread.
                () = tokio::time::sleep(REST) => {}
                () = self.driver.stopped() => {}
            }
        }
        !self.driver.stopping.get()
    }

    async fn take(&mut self, stream: Stream, peer: Option<SocketAddr>) {
        // Several threads may have waited for the last free place; those that did not get it keep what they accepted.
        let counted = loop {
            if let Some(counted) = self.driver.count_up_to(self.limit()) {
                break counted;
            }
            if !self.may_go_on().await {
                return;
            }
        };
        service::spawn(&self.driver, &self.options, stream, peer, counted);
        self.batch += 1;
        if self.batch == BATCH {
            self.batch = 0;
            tokio::task::yield_now().await;
        }
    }

    async fn fail(&mut self, error: &io::Error) {
        if is_peers_fault(error) {
            return;
        }
        if may_complain(clock::now().monotonic) {
            self.driver.log(
                Level::Error,
                format!(
                    "cannot accept connections: {error}; trying again every {} ms (is the limit of open files, \
                     `ulimit -n`, too low?)",
                    REST.as_millis()
                ),
            );
        }
        tokio::time::sleep(REST).await;
    }
}

/// Descriptors are the process's, and so is the complaint: all threads have one line together.
fn may_complain(now: Duration) -> bool {
    /// Seconds, one more than they are; 0: never.
    static LAST: AtomicU64 = AtomicU64::new(0);
    let now = now.as_secs() + 1;
    let last = LAST.load(Relaxed);
    let due = last == 0 || now.saturating_sub(last) >= COMPLAINT_INTERVAL.as_secs();
    due && LAST.compare_exchange(last, now, Relaxed, Relaxed).is_ok()
}

/// The connection ended while it waited for us; the next one may be fine.
fn is_peers_fault(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::ConnectionAborted
            | ErrorKind::ConnectionReset
            | ErrorKind::ConnectionRefused
            | ErrorKind::Interrupted
            | ErrorKind::WouldBlock
    )
}
