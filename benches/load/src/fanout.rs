//! The fan-out workload: connection 0 keeps W broadcasts in flight, every connection (the sender too) receives each.
//!
//! A broadcast is complete, and makes room for the next, when all have received it. Every receiver must see every
//! broadcast once, in the order sent, byte by byte.

use std::time::Instant;

use crate::crowd::{Outgoing, Workload};
use crate::fault::Fault;
use crate::measure::{self, Figures, Tally, Traffic};
use crate::options::Options;
use crate::template::{MaskedPacket, Packet, argument, digits};

const SENDER: usize = 0;

pub fn run(options: &Options) -> Result<Figures, Fault> {
    measure::run(options, &mut Fanout::new(options))
}

/// A broadcast in flight.
#[derive(Debug)]
struct Broadcast {
    expected: Vec<u8>,
    received: usize,
    sent: Instant,
}

#[derive(Debug)]
struct Fanout {
    packet: Packet,
    frame: MaskedPacket,
    /// The broadcasts in flight: number `n` lies at `n % in_flight`.
    broadcasts: Vec<Broadcast>,
    /// Broadcasts sent, and broadcasts received by all.
    sent: u64,
    complete: u64,
    /// For each receiver the number it has to see next.
    next: Vec<u64>,
    in_flight: usize,
    tally: Tally,
}

impl Fanout {
    fn new(options: &Options) -> Self {
        let packet = Packet::event("bcast", &argument(SENDER, options.bytes));
        Self {
            frame: MaskedPacket::new(&packet),
            packet,
            broadcasts: Vec::with_capacity(options.in_flight),
            sent: 0,
            complete: 0,
            next: vec![0; options.connections],
            in_flight: options.in_flight,
            tally: Tally::new(),
        }
    }

    fn broadcast(&mut self, now: Instant, outgoing: &mut Outgoing) {
        let digits = digits(self.sent);
        outgoing.who = SENDER;
        outgoing.bytes.extend_from_slice(self.frame.with(digits));
        let broadcast = Broadcast {
            expected: self.packet.with(digits).to_vec(),
            received: 0,
            sent: now,
        };
        let place = self.place(self.sent);
        if place == self.broadcasts.len() {
            self.broadcasts.push(broadcast);
        } else {
            self.broadcasts[place] = broadcast;
        }
        self.sent += 1;
    }

    fn place(&self, number: u64) -> usize {
        (number % self.in_flight as u64) as usize
    }
}

impl Workload for Fanout {
    fn packet(
        &mut self,
        who: usize,
        packet: &[u8],
        now: Instant,
        outgoing: &mut Outgoing,
    ) -> Result<(), Fault> {
        let number = self.next[who];
        if number >= self.sent {
            return Err(Fault::answer(who, b"nothing", packet));
        }
        let place = self.place(number);
        let broadcast = &mut self.broadcasts[place];
        if packet != broadcast.expected {
            return Err(Fault::answer(who, &broadcast.expected, packet));
        }
        self.next[who] = number + 1;
        broadcast.received += 1;
        self.tally
            .count(now.saturating_duration_since(broadcast.sent));
        if broadcast.received == self.next.len() {
            // All receivers see broadcasts in order, so they become complete in order.
            self.complete += 1;
            if !self.tally.stopped {
                self.broadcast(now, outgoing);
            }
        }
        Ok(())
    }
}

impl Traffic for Fanout {
    fn open_window(&mut self, who: usize, now: Instant, outgoing: &mut Outgoing) {
        if who == SENDER {
            for _ in 0..self.in_flight {
                self.broadcast(now, outgoing);
            }
        }
    }

    fn tally(&mut self) -> &mut Tally {
        &mut self.tally
    }

    fn outstanding(&self) -> usize {
        (self.sent - self.complete) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIRST: &[u8] = b"42[\"bcast\",\"100000.100000.ab\"]";
    const SECOND: &[u8] = b"42[\"bcast\",\"100001.100000.ab\"]";
    const THIRD: &[u8] = b"42[\"bcast\",\"100002.100000.ab\"]";

    fn open(in_flight: usize) -> (Fanout, Outgoing, usize) {
        let line =
            format!("fanout --port 1 --pid 1 --connections 2 --in-flight {in_flight} --bytes 16");
        let mut fanout = Fanout::new(&Options::parse(line.split(' ').map(str::to_owned)).unwrap());
        let mut outgoing = Outgoing::default();
        fanout.open_window(0, Instant::now(), &mut outgoing);
        let sent = outgoing.bytes.len();
        fanout.open_window(1, Instant::now(), &mut outgoing);
        assert_eq!(outgoing.bytes.len(), sent, "only the sender sends");
        outgoing.bytes.clear();
        (fanout, outgoing, sent / in_flight)
    }

    #[test]
    fn the_next_one_leaves_when_all_have_received() {
        let (mut fanout, mut outgoing, frame) = open(2);
        let now = Instant::now();
        fanout.packet(1, FIRST, now, &mut outgoing).unwrap();
        fanout.packet(1, SECOND, now, &mut outgoing).unwrap();
        assert!(outgoing.bytes.is_empty());
        fanout.packet(0, FIRST, now, &mut outgoing).unwrap();
        assert_eq!((outgoing.who, outgoing.bytes.len()), (SENDER, frame));
        assert_eq!(fanout.outstanding(), 2);
        fanout.packet(1, THIRD, now, &mut outgoing).unwrap();
        fanout.tally().stopped = true;
        fanout.packet(0, SECOND, now, &mut outgoing).unwrap();
        fanout.packet(0, THIRD, now, &mut outgoing).unwrap();
        assert_eq!((fanout.outstanding(), fanout.tally().operations), (0, 6));
        assert_eq!(outgoing.bytes.len(), frame);
    }

    #[test]
    fn lost_reordered_doubled_and_changed_broadcasts_are_faults() {
        let now = Instant::now();
        let (mut fanout, mut outgoing, _) = open(2);
        assert!(
            fanout.packet(1, SECOND, now, &mut outgoing).is_err(),
            "lost or reordered"
        );
        let (mut fanout, mut outgoing, _) = open(2);
        fanout.packet(1, FIRST, now, &mut outgoing).unwrap();
        assert!(
            fanout.packet(1, FIRST, now, &mut outgoing).is_err(),
            "doubled"
        );
        let (mut fanout, mut outgoing, _) = open(1);
        fanout.packet(1, FIRST, now, &mut outgoing).unwrap();
        assert!(
            fanout.packet(1, SECOND, now, &mut outgoing).is_err(),
            "never sent"
        );
        let (mut fanout, mut outgoing, _) = open(1);
        let changed = b"42[\"bcast\",\"100000.100000.aB\"]";
        assert!(
            fanout.packet(1, changed, now, &mut outgoing).is_err(),
            "changed"
        );
    }
}
