//! The idle measure: resident memory of the server for each connection that only answers heartbeats.
//!
//! The first connections are not counted: with them the server loads what it loads once.

use std::time::Instant;

use crate::crowd::{Crowd, Quiet};
use crate::fault::Fault;
use crate::measure::{Clocks, Figures};
use crate::options::Options;
use crate::process;

/// Connections that only bring the server to its working size.
const FIRST: usize = 100;

pub fn run(options: &Options) -> Result<Figures, Fault> {
    let mut crowd = Crowd::new(options)?;
    crowd.gather(FIRST, options.parallel)?;
    crowd.drive(&mut Quiet, Instant::now() + options.warm_up)?;
    let before = process::resident(&options.pids)?;
    crowd.gather(options.connections, options.parallel)?;
    crowd.drive(&mut Quiet, Instant::now() + options.warm_up)?;
    let clocks = Clocks::read(options)?;
    crowd.drive(&mut Quiet, Instant::now() + options.measure)?;
    let spent = Clocks::read(options)?.since(clocks);
    let grown = process::resident(&options.pids)?.saturating_sub(before);
    Ok(Figures {
        operations: options.connections as u64,
        spent,
        latency: crowd.joins.clone(),
        delay: None,
        resident_per_connection: Some(grown / options.connections as u64),
    })
}
