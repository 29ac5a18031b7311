//! The bounded form of `make fuzz`: the committed corpus, and mutations of it, through the same functions.

mod common;
#[path = "../../fuzz/targets.rs"]
mod targets;

use std::{fs, path::Path};

/// Mutated inputs of each target.
const ROUNDS: usize = 20_000;
const LONGEST: usize = 2_000;

/// xorshift64: the same inputs on each machine, and no dependency.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, below: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % below.max(1) as u64) as usize
    }

    fn mutate(&mut self, corpus: &[Vec<u8>]) -> Vec<u8> {
        let mut input = corpus[self.roll(corpus.len())].clone();
        for _ in 0..=self.roll(6) {
            let at = self.roll(input.len() + 1);
            match self.roll(6) {
                0 => input.insert(at, self.roll(256) as u8),
                1 if at < input.len() => {
                    input.remove(at);
                }
                2 if at < input.len() => input[at] ^= 1 << self.roll(8),
                3 => input.truncate(at),
                4 => {
                    let other = &corpus[self.roll(corpus.len())];
                    let tail = other[self.roll(other.len() + 1)..].to_vec();
                    input.truncate(at);
                    input.extend(tail);
                }
                _ => {
                    let end = at + self.roll(input.len() - at + 1);
                    let piece = input[at..end].to_vec();
                    input.extend(piece);
                }
            }
        }
        input.truncate(LONGEST);
        input
    }
}

fn replay(target: &str, run: fn(&[u8]), rounds: usize) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../fuzz/corpus")
        .join(target);
    let mut paths: Vec<_> = fs::read_dir(&folder)
        .expect("the corpus is committed")
        .map(|entry| entry.expect("a readable folder").path())
        .collect();
    paths.sort();
    let corpus: Vec<_> = paths
        .iter()
        .map(|path| fs::read(path).expect("a readable file"))
        .collect();
    assert!(corpus.len() >= 8, "the corpus of {target} is missing");
    let attempt = |input: &[u8]| {
        let outcome = std::panic::catch_unwind(|| run(input));
        assert!(
            outcome.is_ok(),
            "{target} fails on {:?}",
            input.escape_ascii().to_string()
        );
    };
    for input in &corpus {
        attempt(input);
    }
    let mut dice = Dice(0x5eed);
    for _ in 0..rounds {
        attempt(&dice.mutate(&corpus));
    }
}

#[test]
fn packets() {
    replay("packet", targets::packet, ROUNDS);
}

#[test]
fn payloads() {
    replay("payload", targets::payload, ROUNDS);
}

#[test]
fn websocket_frames() {
    replay("websocket", targets::websocket, ROUNDS);
}

#[test]
fn session_scripts() {
    replay("session", targets::session, ROUNDS / 6);
}
