//! The course of a run with traffic: gather, warm up, measure between two looks at the clocks, stop, and wait until
//! every debt of the server is paid.
//!
//! Knows no packets; a [`Traffic`] does.

use std::time::{Duration, Instant};

use crate::crowd::{Crowd, Outgoing, Workload};
use crate::fault::Fault;
use crate::histogram::Histogram;
use crate::options::Options;
use crate::process;

/// After the last answer this much longer, so that an answer given twice is seen.
const SURPLUS: Duration = Duration::from_millis(50);

/// A workload that keeps a window of events in flight.
pub trait Traffic: Workload {
    /// Fills the window of connection `who`; nothing to do for one that only receives.
    fn open_window(&mut self, who: usize, now: Instant, outgoing: &mut Outgoing);
    fn tally(&mut self) -> &mut Tally;
    /// Events that are not fully answered.
    fn outstanding(&self) -> usize;
}

/// What a traffic counts.
#[derive(Debug)]
pub struct Tally {
    pub operations: u64,
    pub latency: Histogram,
    /// No new events are to be sent.
    pub stopped: bool,
}

impl Tally {
    pub fn new() -> Self {
        Self {
            operations: 0,
            latency: Histogram::new(),
            stopped: false,
        }
    }

    pub fn count(&mut self, latency: Duration) {
        self.operations += 1;
        self.latency.record(latency);
    }
}

/// The clocks at one moment.
#[derive(Debug, Clone, Copy)]
pub struct Clocks {
    wall: Instant,
    server: Duration,
    generator: Duration,
}

impl Clocks {
    pub fn read(options: &Options) -> Result<Self, Fault> {
        Ok(Self {
            server: process::cpu_time(&options.pids)?,
            generator: process::cpu_time(&[std::process::id()])?,
            wall: Instant::now(),
        })
    }

    pub fn since(self, before: Self) -> Spent {
        Spent {
            wall: self.wall - before.wall,
            server: self.server.saturating_sub(before.server),
            generator: self.generator.saturating_sub(before.generator),
        }
    }
}

/// What passed between two looks at the clocks.
#[derive(Debug, Clone, Copy, Default)]
pub struct Spent {
    pub wall: Duration,
    pub server: Duration,
    pub generator: Duration,
}

impl std::ops::AddAssign for Spent {
    fn add_assign(&mut self, other: Self) {
        self.wall += other.wall;
        self.server += other.server;
        self.generator += other.generator;
    }
}

/// The figures of a run.
#[derive(Debug)]
pub struct Figures {
    pub operations: u64,
    pub spent: Spent,
    pub latency: Histogram,
    /// Bytes of resident memory for each connection, where that was asked.
    pub resident_per_connection: Option<u64>,
}

pub fn run(options: &Options, traffic: &mut impl Traffic) -> Result<Figures, Fault> {
    let mut crowd = Crowd::new(options)?;
    crowd.gather(options.connections, options.parallel)?;

    let mut outgoing = Outgoing::default();
    for who in 0..options.connections {
        traffic.open_window(who, Instant::now(), &mut outgoing);
        crowd.send(who, &outgoing.bytes)?;
        outgoing.bytes.clear();
    }
    crowd.drive(traffic, Instant::now() + options.warm_up)?;

    *traffic.tally() = Tally::new();
    let before = Clocks::read(options)?;
    crowd.drive(traffic, Instant::now() + options.measure)?;
    let spent = Clocks::read(options)?.since(before);
    let measured = std::mem::replace(traffic.tally(), Tally::new());

    traffic.tally().stopped = true;
    settle(options, &mut crowd, traffic)?;
    if measured.operations == 0 {
        return Err(Fault::Silent {
            owed: "complete answer".to_owned(),
            waited: options.measure,
        });
    }
    Ok(Figures {
        operations: measured.operations,
        spent,
        latency: measured.latency,
        resident_per_connection: None,
    })
}

fn settle(options: &Options, crowd: &mut Crowd, traffic: &mut impl Traffic) -> Result<(), Fault> {
    let end = Instant::now() + options.patience;
    while traffic.outstanding() > 0 {
        if Instant::now() > end {
            return Err(Fault::Silent {
                owed: format!("answer to {} events", traffic.outstanding()),
                waited: options.patience,
            });
        }
        crowd.turn(traffic, Duration::from_millis(100))?;
    }
    crowd.drive(traffic, Instant::now() + SURPLUS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clocks_differences_add_up() {
        let begun = Instant::now();
        let clocks = |millis| Clocks {
            wall: begun + Duration::from_millis(millis),
            server: Duration::from_millis(2 * millis),
            generator: Duration::from_millis(millis / 2),
        };
        let mut total = Spent::default();
        total += clocks(30).since(clocks(10));
        total += clocks(60).since(clocks(40));
        assert_eq!(total.wall, Duration::from_millis(40));
        assert_eq!(total.server, Duration::from_millis(80));
        assert_eq!(total.generator, Duration::from_millis(20));
    }
}
