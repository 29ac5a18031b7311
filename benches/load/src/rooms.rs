//! Who is in which room, and the joining: each connection enters its rooms one after the other, every answer checked.
//!
//! Knows the event `join` and its answer; what is sent to a room is the fan-out's business.

use std::time::{Duration, Instant};

use crate::crowd::{Crowd, Outgoing, Workload};
use crate::fault::Fault;
use crate::options::{Mode, Options};
use crate::template::{Packet, Prepared, digits};

/// How many groups of receivers a fan-out has; connection `who` is in group `who % groups`.
pub fn groups(options: &Options) -> usize {
    if options.mode == Mode::Rooms {
        options.rooms
    } else {
        1
    }
}

/// The name of a group's room, and of an idle room by a number beyond the groups.
pub fn name(number: usize) -> String {
    format!("r{number}")
}

/// Returns when every connection is in the room of its group, and all idle rooms have been joined by somebody.
pub fn join(options: &Options, crowd: &mut Crowd) -> Result<(), Fault> {
    let mut joining = Joining::new(options);
    let mut outgoing = Outgoing::default();
    for who in 0..options.connections {
        joining.ask(who, &mut outgoing);
        crowd.send(who, &outgoing.bytes)?;
        outgoing.bytes.clear();
    }
    let mut progress = (joining.missing, Instant::now());
    while joining.missing > 0 {
        crowd.turn(&mut joining, Duration::from_millis(100))?;
        if joining.missing < progress.0 {
            progress = (joining.missing, Instant::now());
        } else if progress.1.elapsed() > options.patience {
            return Err(Fault::Silent {
                owed: format!("answer to {} joins", joining.missing),
                waited: options.patience,
            });
        }
    }
    Ok(())
}

#[derive(Debug)]
struct Joining<'a> {
    options: &'a Options,
    /// For each connection how many rooms it has asked for.
    asked: Vec<usize>,
    missing: usize,
}

impl<'a> Joining<'a> {
    fn new(options: &'a Options) -> Self {
        Self {
            options,
            asked: vec![0; options.connections],
            missing: options.connections + options.idle_rooms,
        }
    }

    /// The `count`-th room of a connection: that of its group, then its share of the idle ones.
    fn room(&self, who: usize, count: usize) -> Option<String> {
        let groups = groups(self.options);
        let Some(earlier) = count.checked_sub(1) else {
            return Some(name(who % groups));
        };
        let idle = who + earlier * self.options.connections;
        (idle < self.options.idle_rooms).then(|| name(groups + idle))
    }

    fn ask(&mut self, who: usize, outgoing: &mut Outgoing) {
        if let Some(room) = self.room(who, self.asked[who]) {
            self.asked[who] += 1;
            let packet = Packet::text(&format!("420[\"join\",\"{room}\"]"));
            let mut prepared = Prepared::new(&packet, self.options.transport);
            outgoing.who = who;
            outgoing.bytes.extend_from_slice(prepared.with(digits(0)));
        }
    }
}

impl Workload for Joining<'_> {
    fn packet(
        &mut self,
        who: usize,
        packet: &[u8],
        _: Instant,
        outgoing: &mut Outgoing,
    ) -> Result<(), Fault> {
        let asked = self.asked[who].checked_sub(1);
        let room = asked.and_then(|count| self.room(who, count));
        let expected = format!("430[\"{}\"]", room.unwrap_or_default());
        if packet != expected.as_bytes() {
            return Err(Fault::answer(who, expected.as_bytes(), packet));
        }
        self.missing = self.missing.saturating_sub(1);
        self.ask(who, outgoing);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(line: &str) -> Options {
        let line = format!("rooms --port 1 --pid 1 {line}");
        Options::parse(line.split(' ').map(str::to_owned)).unwrap()
    }

    #[test]
    fn every_idle_room_has_one_member() {
        let options = options("--connections 4 --rooms 2 --idle-rooms 10");
        let joining = Joining::new(&options);
        let mut rooms = Vec::new();
        for who in 0..4 {
            rooms.extend((0..).map_while(|count| joining.room(who, count)));
        }
        assert_eq!(rooms.len(), joining.missing);
        rooms.sort();
        rooms.dedup();
        assert_eq!(rooms.len(), 12);
    }

    #[test]
    fn an_answer_brings_the_next_room_and_a_wrong_one_is_a_fault() {
        let options = options("--connections 2 --rooms 1 --idle-rooms 1");
        let mut joining = Joining::new(&options);
        let mut outgoing = Outgoing::default();
        joining.ask(0, &mut outgoing);
        outgoing.bytes.clear();
        let now = Instant::now();
        assert!(
            joining
                .packet(0, b"430[\"r1\"]", now, &mut outgoing)
                .is_err()
        );
        joining
            .packet(0, b"430[\"r0\"]", now, &mut outgoing)
            .unwrap();
        assert!(!outgoing.bytes.is_empty());
        outgoing.bytes.clear();
        joining
            .packet(0, b"430[\"r1\"]", now, &mut outgoing)
            .unwrap();
        assert!(outgoing.bytes.is_empty());
        assert_eq!(joining.missing, 1);
    }
}
