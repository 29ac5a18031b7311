//! The open-loop workload: events leave at a fixed rate, whether or not earlier ones have been answered.
//!
//! Latency counts from the moment when an event was due. A server that stops for a while is charged for all that should
//! have been sent meanwhile; a generator that waited for it would leave that out ("coordinated omission").

use std::time::{Duration, Instant};

use crate::crowd::{Outgoing, Workload};
use crate::echo::Echo;
use crate::fault::Fault;
use crate::measure::{self, Figures, Pace, Tally, Traffic};
use crate::options::Options;

pub fn run(options: &Options) -> Result<Figures, Fault> {
    measure::run(options, &mut OpenLoop::new(options))
}

#[derive(Debug)]
struct OpenLoop {
    echo: Echo,
    connections: usize,
    interval: Duration,
    /// Whose turn it is.
    turn: usize,
    due: Option<Instant>,
}

impl OpenLoop {
    fn new(options: &Options) -> Self {
        Self {
            echo: Echo::new(options, false),
            connections: options.connections,
            interval: Duration::from_secs(1) / options.rate,
            turn: 0,
            due: None,
        }
    }
}

impl Workload for OpenLoop {
    fn packet(
        &mut self,
        who: usize,
        packet: &[u8],
        now: Instant,
        outgoing: &mut Outgoing,
    ) -> Result<(), Fault> {
        self.echo.packet(who, packet, now, outgoing)
    }
}

impl Traffic for OpenLoop {
    fn open_window(&mut self, _who: usize, now: Instant, _outgoing: &mut Outgoing) {
        self.due = Some(now);
    }

    fn pace(&mut self, now: Instant, outgoing: &mut Outgoing) -> Pace {
        match self.due {
            Some(due) if due <= now && !self.echo.tally().stopped => {
                self.echo.tally().delay.record(now - due);
                self.echo.ask(self.turn, due, outgoing);
                self.turn = (self.turn + 1) % self.connections;
                self.due = Some(due + self.interval);
                Pace::Due
            }
            _ => Pace::Waiting,
        }
    }

    fn counts_late(&self) -> bool {
        true
    }

    fn tally(&mut self) -> &mut Tally {
        self.echo.tally()
    }

    fn outstanding(&self) -> usize {
        self.echo.outstanding()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_due_is_sent_without_an_answer_and_charged_from_then() {
        let line = "open-loop --port 1 --pid 1 --connections 2 --bytes 16 --rate 100";
        let options = Options::parse(line.split(' ').map(str::to_owned)).unwrap();
        let mut open_loop = OpenLoop::new(&options);
        let mut outgoing = Outgoing::default();
        let begun = Instant::now();
        open_loop.open_window(0, begun, &mut outgoing);
        // The generator comes 25 ms late: three events are due, on both connections in turn.
        let now = begun + Duration::from_millis(25);
        let mut turns = Vec::new();
        while open_loop.pace(now, &mut outgoing) == Pace::Due {
            turns.push(outgoing.who);
            outgoing.bytes.clear();
        }
        assert_eq!((turns, open_loop.outstanding()), (vec![0, 1, 0], 3));
        let answer = b"43100000[\"100000.100001.ab\"]";
        open_loop.packet(1, answer, now, &mut outgoing).unwrap();
        assert!(outgoing.bytes.is_empty());
        let tally = open_loop.tally();
        assert_eq!(tally.latency.largest(), Duration::from_millis(15));
        assert_eq!(tally.delay.largest(), Duration::from_millis(25));
        tally.stopped = true;
        assert_eq!(
            open_loop.pace(now + Duration::from_secs(1), &mut outgoing),
            Pace::Waiting
        );
    }
}
