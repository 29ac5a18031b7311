//! The echo workloads: every connection keeps K events in flight and checks each answer to the byte.
//!
//! `echo-ack` expects an acknowledgement with the event's id and argument, `echo-emit` an event with the argument,
//! `echo-binary` an acknowledgement with the attachment. Answers may come in any order, but each exactly once and on the
//! connection that asked.

use std::time::Instant;

use crate::crowd::{Outgoing, Workload};
use crate::fault::Fault;
use crate::measure::{self, Figures, Tally, Traffic};
use crate::options::{Mode, Options};
use crate::template::{DIGITS, Packet, Prepared, argument, digits};

pub fn run(options: &Options) -> Result<Figures, Fault> {
    measure::run(options, &mut Echo::new(options, true))
}

/// An event that was sent and not yet answered.
#[derive(Debug)]
struct Question {
    digits: [u8; DIGITS],
    sent: Instant,
}

#[derive(Debug)]
struct Asker {
    /// The event, and its attachment where it has one.
    question: Vec<Prepared>,
    answer: Packet,
    attachment: Option<Packet>,
    count: u64,
    unanswered: Vec<Question>,
    /// Its answer is here, but not the answer's attachment.
    half: Option<Question>,
}

impl Asker {
    fn ask(&mut self, sent: Instant, outgoing: &mut Outgoing) {
        let digits = digits(self.count);
        self.count += 1;
        for message in &mut self.question {
            outgoing.bytes.extend_from_slice(message.with(digits));
        }
        self.unanswered.push(Question { digits, sent });
    }
}

#[derive(Debug)]
pub struct Echo {
    askers: Vec<Asker>,
    in_flight: usize,
    /// An answer brings the next question; otherwise somebody else calls [`Echo::ask`].
    refill: bool,
    outstanding: usize,
    tally: Tally,
}

impl Echo {
    pub fn new(options: &Options, refill: bool) -> Self {
        let asker = |who| {
            let argument = argument(who, options.bytes);
            let name = &options.event;
            let (question, answer, attachment) = match options.mode {
                Mode::EchoEmit => {
                    let event = Packet::event("echo_emit", None, &argument);
                    (vec![event.clone()], event, None)
                }
                Mode::EchoBinary => {
                    let event = Packet::binary_event_with_ack(name);
                    let attachment = Packet::attachment(&argument);
                    (
                        vec![event, attachment.clone()],
                        Packet::binary_ack(),
                        Some(attachment),
                    )
                }
                _ => (
                    vec![Packet::event_with_ack(name, &argument)],
                    Packet::ack(&argument),
                    None,
                ),
            };
            let prepared = question.iter();
            Asker {
                question: prepared
                    .map(|packet| Prepared::new(packet, options.transport))
                    .collect(),
                answer,
                attachment,
                count: 0,
                unanswered: Vec::with_capacity(options.in_flight),
                half: None,
            }
        };
        Self {
            askers: (0..options.connections).map(asker).collect(),
            in_flight: options.in_flight,
            refill,
            outstanding: 0,
            tally: Tally::new(),
        }
    }

    /// Connection `who` sends its next event, which counts as sent at `sent`.
    pub fn ask(&mut self, who: usize, sent: Instant, outgoing: &mut Outgoing) {
        outgoing.who = who;
        self.askers[who].ask(sent, outgoing);
        self.outstanding += 1;
    }

    fn answered(&mut self, who: usize, question: &Question, now: Instant, outgoing: &mut Outgoing) {
        self.tally
            .count(now.saturating_duration_since(question.sent));
        self.outstanding -= 1;
        if self.refill && !self.tally.stopped {
            self.ask(who, now, outgoing);
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
        if asker.half.is_some() {
            return Err(Fault::answer(who, b"an attachment", packet));
        }
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
        if asker.attachment.is_some() {
            asker.half = Some(question);
        } else {
            self.answered(who, &question, now, outgoing);
        }
        Ok(())
    }

    fn attachment(
        &mut self,
        who: usize,
        bytes: &[u8],
        now: Instant,
        outgoing: &mut Outgoing,
    ) -> Result<(), Fault> {
        let asker = &mut self.askers[who];
        let (Some(attachment), Some(question)) = (&mut asker.attachment, asker.half.take()) else {
            return Err(Fault::answer(who, b"text", bytes));
        };
        let expected = attachment.with(question.digits);
        if bytes != expected {
            return Err(Fault::answer(who, expected, bytes));
        }
        self.answered(who, &question, now, outgoing);
        Ok(())
    }
}

impl Traffic for Echo {
    fn open_window(&mut self, who: usize, now: Instant, outgoing: &mut Outgoing) {
        for _ in 0..self.in_flight {
            self.ask(who, now, outgoing);
        }
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
        Echo::new(
            &Options::parse(line.split(' ').map(str::to_owned)).unwrap(),
            true,
        )
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

    #[test]
    fn an_answer_without_its_attachment_is_half_an_answer() {
        let head = b"461-100000[{\"_placeholder\":true,\"num\":0}]";
        let now = Instant::now();
        for (messages, good) in [
            (vec![&b"100000.100001.\xe1\xe2"[..]], true),
            (vec![&b"100001.100001.\xe1\xe2"[..]], false),
            (vec![&b"100000.100001.\xe1"[..]], false),
            (
                vec![
                    &b"100000.100001.\xe1\xe2"[..],
                    &b"100000.100001.\xe1\xe2"[..],
                ],
                false,
            ),
        ] {
            let mut echo = echo("echo-binary");
            let mut outgoing = Outgoing::default();
            echo.open_window(1, now, &mut outgoing);
            echo.packet(1, head, now, &mut outgoing).unwrap();
            assert_eq!(echo.tally().operations, 0);
            let mut outcomes = messages
                .iter()
                .map(|bytes| echo.attachment(1, bytes, now, &mut outgoing));
            assert_eq!(outcomes.all(|outcome| outcome.is_ok()), good);
        }
        let mut echo = echo("echo-binary");
        let mut outgoing = Outgoing::default();
        echo.open_window(1, now, &mut outgoing);
        echo.packet(1, head, now, &mut outgoing).unwrap();
        assert!(echo.packet(1, head, now, &mut outgoing).is_err());
    }
}
