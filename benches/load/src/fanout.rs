//! The fan-out workloads: a sender keeps W broadcasts in flight, every member of its group (the sender too) receives each.
//!
//! `fanout` has one group, everybody; `rooms` has many, each with a sender of its own. A broadcast is complete, and makes
//! room for the next, when all members have received it. Every receiver must see every broadcast of its group once, in
//! the order sent, byte by byte, and no other. `--any-order` gives up the order, for servers that do not keep it.

use std::time::Instant;

use crate::crowd::{Crowd, Outgoing, Workload};
use crate::fault::Fault;
use crate::measure::{self, Figures, Tally, Traffic};
use crate::options::{Mode, Options};
use crate::rooms;
use crate::template::{Packet, Prepared, argument, digits};

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

/// Those who receive the broadcasts of one sender: connection `g` of group `g`.
#[derive(Debug)]
struct Group {
    frame: Prepared,
    packet: Packet,
    members: usize,
    /// The broadcasts in flight: number `n` lies at `n % in_flight`.
    broadcasts: Vec<Broadcast>,
    /// Broadcasts sent, and broadcasts received by all.
    sent: u64,
    complete: u64,
}

#[derive(Debug)]
struct Fanout {
    groups: Vec<Group>,
    senders: usize,
    /// For each receiver the number it has to see next.
    next: Vec<u64>,
    /// And which of those after it have come before it, as bits.
    early: Vec<u64>,
    any_order: bool,
    in_flight: usize,
    tally: Tally,
}

impl Fanout {
    fn new(options: &Options) -> Self {
        let count = rooms::groups(options);
        let group = |group| {
            let argument = argument(group, options.bytes);
            let (question, packet) = if options.mode == Mode::Rooms {
                (
                    Packet::event("room", Some(&rooms::name(group)), &argument),
                    Packet::event("room", None, &argument),
                )
            } else {
                let event = Packet::event("bcast", None, &argument);
                (event.clone(), event)
            };
            Group {
                frame: Prepared::new(&question, options.transport),
                packet,
                members: (group..options.connections).step_by(count).count(),
                broadcasts: Vec::with_capacity(options.in_flight),
                sent: 0,
                complete: 0,
            }
        };
        Self {
            groups: (0..count).map(group).collect(),
            senders: options.senders.unwrap_or(count),
            next: vec![0; options.connections],
            early: vec![0; options.connections],
            any_order: options.any_order,
            in_flight: options.in_flight,
            tally: Tally::new(),
        }
    }

    fn broadcast(&mut self, number: usize, now: Instant, outgoing: &mut Outgoing) {
        let place = self.place(self.groups[number].sent);
        let group = &mut self.groups[number];
        let digits = digits(group.sent);
        outgoing.who = number;
        outgoing.bytes.extend_from_slice(group.frame.with(digits));
        let broadcast = Broadcast {
            expected: group.packet.with(digits).to_vec(),
            received: 0,
            sent: now,
        };
        if place == group.broadcasts.len() {
            group.broadcasts.push(broadcast);
        } else {
            group.broadcasts[place] = broadcast;
        }
        group.sent += 1;
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
        let of_group = who % self.groups.len();
        let next = self.next[who];
        if next >= self.groups[of_group].sent {
            return Err(Fault::answer(who, b"nothing", packet));
        }
        let ahead = if self.any_order {
            self.find(who, packet)
        } else {
            0
        };
        let place = self.place(next + ahead);
        let group = &mut self.groups[of_group];
        let broadcast = &mut group.broadcasts[place];
        if packet != broadcast.expected {
            return Err(Fault::answer(who, &broadcast.expected, packet));
        }
        broadcast.received += 1;
        self.tally
            .count(now.saturating_duration_since(broadcast.sent));
        let seen = self.early[who] | 1 << ahead;
        let in_order = seen.trailing_ones();
        self.early[who] = seen >> in_order;
        self.next[who] += u64::from(in_order);
        while self.oldest_is_complete(of_group) {
            self.groups[of_group].complete += 1;
            if !self.tally.stopped {
                self.broadcast(of_group, now, outgoing);
            }
        }
        Ok(())
    }
}

impl Fanout {
    /// How far ahead of the one in order the broadcast is that this packet is, among those that have not come; 0 if none.
    fn find(&self, who: usize, packet: &[u8]) -> u64 {
        let group = &self.groups[who % self.groups.len()];
        let next = self.next[who];
        let missing = |ahead: &u64| self.early[who] >> ahead & 1 == 0;
        let fits = |ahead: &u64| packet == group.broadcasts[self.place(next + ahead)].expected;
        (0..group.sent - next)
            .filter(missing)
            .find(fits)
            .unwrap_or(0)
    }

    fn oldest_is_complete(&self, group: usize) -> bool {
        let group = &self.groups[group];
        group.complete < group.sent
            && group.broadcasts[self.place(group.complete)].received == group.members
    }
}

impl Traffic for Fanout {
    fn enter(&mut self, options: &Options, crowd: &mut Crowd) -> Result<(), Fault> {
        if options.mode == Mode::Rooms {
            rooms::join(options, crowd)?;
        }
        Ok(())
    }

    fn open_window(&mut self, who: usize, now: Instant, outgoing: &mut Outgoing) {
        if who < self.senders {
            for _ in 0..self.in_flight {
                self.broadcast(who, now, outgoing);
            }
        }
    }

    fn tally(&mut self) -> &mut Tally {
        &mut self.tally
    }

    fn outstanding(&self) -> usize {
        let missing = |group: &Group| (group.sent - group.complete) as usize;
        self.groups.iter().map(missing).sum()
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
        assert_eq!((outgoing.who, outgoing.bytes.len()), (0, frame));
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

    #[test]
    fn each_room_has_its_own_broadcasts() {
        let line = "rooms --port 1 --pid 1 --connections 5 --rooms 2 --senders 1 --bytes 16";
        let mut fanout = Fanout::new(&Options::parse(line.split(' ').map(str::to_owned)).unwrap());
        let mut outgoing = Outgoing::default();
        let now = Instant::now();
        for who in 0..5 {
            fanout.open_window(who, now, &mut outgoing);
        }
        assert_eq!((outgoing.who, fanout.outstanding()), (0, 1));
        let packet = b"42[\"room\",\"100000.100000.ab\"]";
        fanout.tally().stopped = true;
        for who in [0, 2, 4] {
            fanout.packet(who, packet, now, &mut outgoing).unwrap();
        }
        assert_eq!(fanout.outstanding(), 0);
        assert!(fanout.packet(1, packet, now, &mut outgoing).is_err());
    }

    #[test]
    fn any_order_is_still_each_one_once() {
        let line = "fanout --port 1 --pid 1 --connections 2 --in-flight 2 --bytes 16 --any-order";
        let options = Options::parse(line.split(' ').map(str::to_owned)).unwrap();
        let now = Instant::now();
        for (packets, good) in [
            ([SECOND, FIRST, THIRD], true),
            ([SECOND, SECOND, FIRST], false),
            ([FIRST, SECOND, FIRST], false),
            ([FIRST, SECOND, SECOND], false),
        ] {
            let mut fanout = Fanout::new(&options);
            let mut outgoing = Outgoing::default();
            fanout.open_window(0, now, &mut outgoing);
            let mut outcomes = packets.iter().map(|packet| {
                // The other receiver has them in order, so that the window moves on.
                let _ = fanout.packet(0, packet, now, &mut outgoing);
                fanout.packet(1, packet, now, &mut outgoing)
            });
            assert_eq!(outcomes.all(|outcome| outcome.is_ok()), good);
        }
    }
}
