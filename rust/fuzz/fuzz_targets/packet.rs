//! One packet of a client: any text. The target itself stands in `targets.rs`.
#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../../hub/tests/common/mod.rs"]
mod common;
#[path = "../targets.rs"]
mod targets;

fuzz_target!(|data: &[u8]| targets::packet(data));
