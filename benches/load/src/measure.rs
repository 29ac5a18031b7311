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

/// When a workload sends besides answering answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pace {
    /// Never: it waits for answers.
    Closed,
    /// By the clock, and nothing is due.
    Waiting,
    /// By the clock: something has been put to what is to be sent, and there may be more.
    Due,
}

/// A workload that keeps a window of events in flight.
pub trait Traffic: Workload {
    /// What has to happen between the connections' coming and their traffic.
    fn enter(&mut self, _options: &Options, _crowd: &mut Crowd) -> Result<(), Fault> {
        Ok(())
    }
    /// Sends by the clock; asked again and again.
    fn pace(&mut self, _now: Instant, _outgoing: &mut Outgoing) -> Pace {
        Pace::Closed
    }
    /// Whether what was sent in time counts although its answer comes after the end. Where the clock decides what is
    /// sent, a server must not get rid of slow answers by giving them late.
    fn counts_late(&self) -> bool {
        false
    }
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
    /// How late events were sent, where the clock says when.
    pub delay: Histogram,
    /// No new events are to be sent.
    pub stopped: bool,
}

impl Tally {
    pub fn new() -> Self {
        Self {
            operations: 0,
            latency: Histogram::new(),
            delay: Histogram::new(),
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
    /// How late events were sent, where the clock says when.
    pub delay: Option<Histogram>,
    /// Bytes of resident memory for each connection, where that was asked.
    pub resident_per_connection: Option<u64>,
}

pub fn run(options: &Options, traffic: &mut impl Traffic) -> Result<Figures, Fault> {
    let mut crowd = Crowd::new(options)?;
    crowd.gather(options.connections, options.parallel)?;
    traffic.enter(options, &mut crowd)?;

    let mut outgoing = Outgoing::default();
    for who in 0..options.connections {
        traffic.open_window(who, Instant::now(), &mut outgoing);
        crowd.send(who, &outgoing.bytes)?;
        outgoing.bytes.clear();
    }
    drive(&mut crowd, traffic, Instant::now() + options.warm_up)?;

    *traffic.tally() = Tally::new();
    let before = Clocks::read(options)?;
    drive(&mut crowd, traffic, Instant::now() + options.measure)?;
    let spent = Clocks::read(options)?.since(before);
    traffic.tally().stopped = true;
    let measured = if traffic.counts_late() {
        settle(options, &mut crowd, traffic)?;
        std::mem::replace(traffic.tally(), Tally::new())
    } else {
        let stopped = Tally {
            stopped: true,
            ..Tally::new()
        };
        let measured = std::mem::replace(traffic.tally(), stopped);
        settle(options, &mut crowd, traffic)?;
        measured
    };
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
        delay: traffic.counts_late().then_some(measured.delay),
        resident_per_connection: None,
    })
}

/// Lets the traffic go on until `end`. While the clock says when to send, this looks at it without sleeping: the time
/// that a sleep overshoots would count as the server's.
fn drive(crowd: &mut Crowd, traffic: &mut impl Traffic, end: Instant) -> Result<(), Fault> {
    let mut outgoing = Outgoing::default();
    loop {
        let now = Instant::now();
        let left = end.saturating_duration_since(now);
        if left.is_zero() {
            return Ok(());
        }
        let wait = match traffic.pace(now, &mut outgoing) {
            Pace::Closed => left,
            Pace::Waiting => Duration::ZERO,
            Pace::Due => {
                crowd.send(outgoing.who, &outgoing.bytes)?;
                outgoing.bytes.clear();
                continue;
            }
        };
        crowd.turn(traffic, wait)?;
    }
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
