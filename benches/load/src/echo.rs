//! The echo workloads: every connection keeps K events in flight and checks each answer to the byte.
//!
//! `echo-ack` expects an acknowledgement with the event's id and argument, `echo-emit` an event with the argument.
//! Answers may come in any order, but each exactly once and on the connection that asked.

use std::time::Instant;

use crate::crowd::{Outgoing, Workload};
use crate::fault::Fault;
use crate::measure::{self, Figures, Tally, Traffic};
use crate::options::{Mode, Options};
use crate::template::{DIGITS, MaskedPacket, Packet, argument, digits};

pub fn run(options: &Options) -> Result<Figures, Fault> {
    measure::run(options, &mut Echo::new(options))
}

/// An event that was sent and not yet answered.
#[derive(Debug)]
struct Question {
    digits: [u8; DIGITS],
    sent: Instant,
}

#[derive(Debug)]
struct Asker {
    question: MaskedPacket,
    answer: Packet,
    count: u64,
    unanswered: Vec<Question>,
}

impl Asker {
    fn ask(&mut self, now: Instant, outgoing: &mut Outgoing) {
        let digits = digits(self.count);
        self.count += 1;
        outgoing.bytes.extend_from_slice(self.question.with(digits));
        self.unanswered.push(Question { digits, sent: now });
    }
}

#[derive(Debug)]
struct Echo {
    askers: Vec<Asker>,
    in_flight: usize,
    outstanding: usize,
    tally: Tally,
}

impl Echo {
    fn new(options: &Options) -> Self {
        let asker = |who| {
            let argument = argument(who, options.bytes);
            let (question, answer) = if options.mode == Mode::EchoAck {
                (
                    Packet::event_with_ack("echo", &argument),
                    Packet::ack(&argument),
                )
            } else {
                let event = Packet::event("echo_emit", &argument);
                (event.clone(), event)
            };
            Asker {
                question: MaskedPacket::new(&question),
                answer,
                count: 0,
                unanswered: Vec::with_capacity(options.in_flight),
            }
        };
        Self {
            askers: (0..options.connections).map(asker).collect(),
            in_flight: options.in_flight,
            outstanding: 0,
            tally: Tally::new(),
        }
    }
}

impl Workload for Echo {
    fn packet(
        &mut self,
        who: usize,
        packet: &[u8],
        now: Instant,
        outgoing: &mut Outgoing,
    ) -> Result<(), Fault> {
        let asker = &mut self.askers[who];
        // In order, so the first look finds it.
        let found = asker.answer.digits_of(packet).and_then(|digits| {
            let mut unanswered = asker.unanswered.iter();
            unanswered.position(|question| question.digits == digits)
        });
        let Some(place) = found else {
            return Err(Fault::answer(
                who,
                b"an answer to an event in flight",
                packet,
            ));
        };
        let question = asker.unanswered.remove(place);
        let expected = asker.answer.with(question.digits);
        if packet != expected {
            return Err(Fault::answer(who, expected, packet));
        }
        self.tally
            .count(now.saturating_duration_since(question.sent));
        if self.tally.stopped {
            self.outstanding -= 1;
        } else {
            outgoing.who = who;
            asker.ask(now, outgoing);
        }
        Ok(())
    }
}

impl Traffic for Echo {
    fn open_window(&mut self, who: usize, now: Instant, outgoing: &mut Outgoing) {
        for _ in 0..self.in_flight {
            self.askers[who].ask(now, outgoing);
        }
        self.outstanding += self.in_flight;
    }

    fn tally(&mut self) -> &mut Tally {
        &mut self.tally
    }

    fn outstanding(&self) -> usize {
        self.outstanding
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn echo(mode: &str) -> Echo {
        let line = format!("{mode} --port 1 --pid 1 --connections 2 --in-flight 2 --bytes 16");
        Echo::new(&Options::parse(line.split(' ').map(str::to_owned)).unwrap())
    }

    #[test]
    fn each_answer_brings_the_next_question_until_stopped() {
        let mut echo = echo("echo-ack");
        let mut outgoing = Outgoing::default();
        let now = Instant::now();
        echo.open_window(1, now, &mut outgoing);
        assert_eq!(echo.outstanding(), 2);
        let window = outgoing.bytes.len();
        outgoing.bytes.clear();
        echo.packet(1, b"43100001[\"100001.100001.ab\"]", now, &mut outgoing)
            .unwrap();
        assert_eq!((outgoing.who, outgoing.bytes.len()), (1, window / 2));
        echo.tally().stopped = true;
        echo.packet(1, b"43100000[\"100000.100001.ab\"]", now, &mut outgoing)
            .unwrap();
        echo.packet(1, b"43100002[\"100002.100001.ab\"]", now, &mut outgoing)
            .unwrap();
        assert_eq!((echo.outstanding(), echo.tally().operations), (0, 3));
        assert_eq!(outgoing.bytes.len(), window / 2);
    }

    #[test]
    fn wrong_answers_are_faults() {
        for (mode, packet) in [
            ("echo-ack", "43100002[\"100002.100001.ab\"]"),
            ("echo-ack", "43100000[\"100001.100001.ab\"]"),
            ("echo-ack", "43100000[\"100000.100000.ab\"]"),
            ("echo-ack", "43100000[\"100000.100001.aB\"]"),
            ("echo-ack", "43100000[\"100000.100001.a\"]"),
            ("echo-ack", "42[\"echo\",\"100000.100001.ab\"]"),
            ("echo-emit", "42[\"echo_emit\",\"100000.100000.ab\"]"),
            ("echo-emit", "42[\"echo_omit\",\"100000.100001.ab\"]"),
        ] {
            let mut echo = echo(mode);
            let mut outgoing = Outgoing::default();
            echo.open_window(1, Instant::now(), &mut outgoing);
            let outcome = echo.packet(1, packet.as_bytes(), Instant::now(), &mut outgoing);
            assert!(outcome.is_err(), "{mode}: {packet}");
        }
    }

    #[test]
    fn an_answer_given_twice_is_a_fault() {
        let mut echo = echo("echo-emit");
        let mut outgoing = Outgoing::default();
        let now = Instant::now();
        echo.open_window(0, now, &mut outgoing);
        let packet = b"42[\"echo_emit\",\"100000.100000.ab\"]";
        echo.packet(0, packet, now, &mut outgoing).unwrap();
        assert!(echo.packet(0, packet, now, &mut outgoing).is_err());
    }
}
