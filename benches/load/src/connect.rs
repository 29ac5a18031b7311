//! The connect measure: waves of N connections, each counted when its CONNECT answer is there.
//!
//! Only the waves are measured; between them the connections end and the server gets time to forget them. A run ends
//! with the first wave that is over when the time is.

use std::time::{Duration, Instant};

use crate::crowd::{Crowd, Quiet};
use crate::fault::Fault;
use crate::histogram::Histogram;
use crate::measure::{Clocks, Figures, Spent};
use crate::options::Options;

/// Between two waves: what a server does when clients leave is not part of a connect.
const PAUSE: Duration = Duration::from_millis(250);

pub fn run(options: &Options) -> Result<Figures, Fault> {
    if !options.warm_up.is_zero() {
        let mut crowd = Crowd::new(options)?;
        crowd.gather(options.connections, options.parallel)?;
        crowd.drive(&mut Quiet, Instant::now() + options.warm_up)?;
    }
    let begun = Instant::now();
    let mut spent = Spent::default();
    let mut latency = Histogram::new();
    let mut operations = 0;
    while operations == 0 || begun.elapsed() < options.measure {
        std::thread::sleep(PAUSE);
        let mut crowd = Crowd::new(options)?;
        let before = Clocks::read(options)?;
        crowd.gather(options.connections, options.parallel)?;
        spent += Clocks::read(options)?.since(before);
        operations += crowd.joined() as u64;
        latency.merge(&crowd.joins);
    }
    Ok(Figures {
        operations,
        spent,
        latency,
        delay: None,
        resident_per_connection: None,
    })
}
