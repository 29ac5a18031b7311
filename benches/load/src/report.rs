//! The one JSON object that a run prints.
//!
//! Knows the names of the fields and how figures are divided; decides nothing.

use std::time::Duration;

use serde_json::{Map, Value, json};

use crate::fault::Fault;
use crate::histogram::Histogram;
use crate::measure::Figures;
use crate::options::{Mode, Options};

/// The figures of a run without any fault.
pub fn success(options: &Options, figures: Figures) -> Value {
    let Figures {
        operations,
        spent,
        latency,
        delay,
        resident_per_connection,
    } = figures;
    let mut report = head(options);
    report.insert("wall_s".into(), json!(spent.wall.as_secs_f64()));
    report.insert("server_cpu_s".into(), json!(spent.server.as_secs_f64()));
    report.insert(
        "generator_cpu_s".into(),
        json!(spent.generator.as_secs_f64()),
    );
    report.insert(
        "server_share".into(),
        json!(share(spent.server, spent.wall)),
    );
    report.insert(
        "generator_share".into(),
        json!(share(spent.generator, spent.wall)),
    );
    report.insert("operations".into(), json!(operations));
    if options.mode != Mode::Idle {
        report.insert("per_second".into(), json!(rate(operations, spent.wall)));
        report.insert(
            "per_cpu_second".into(),
            json!(rate(operations, spent.server)),
        );
    }
    if let Some(bytes) = resident_per_connection {
        report.insert("resident_bytes_per_connection".into(), json!(bytes));
    }
    report.insert("latency_us".into(), quantiles(&latency));
    if let Some(delay) = delay {
        report.insert("send_delay_us".into(), quantiles(&delay));
    }
    report.insert("error".into(), Value::Null);
    Value::Object(report)
}

/// What was asked, and why there is no figure.
pub fn failure(options: &Options, fault: &Fault) -> Value {
    let mut report = head(options);
    report.insert("error".into(), json!(fault.to_string()));
    Value::Object(report)
}

fn quantiles(histogram: &Histogram) -> Value {
    json!({
        "p50": microseconds(histogram.quantile(500)),
        "p99": microseconds(histogram.quantile(990)),
        "max": microseconds(histogram.largest()),
    })
}

fn head(options: &Options) -> Map<String, Value> {
    let mut report = Map::new();
    report.insert("mode".into(), json!(options.mode.name()));
    report.insert("connections".into(), json!(options.connections));
    report.insert("in_flight".into(), json!(options.in_flight));
    report.insert("bytes".into(), json!(options.bytes));
    report.insert("transport".into(), json!(options.transport.name()));
    if options.mode == Mode::Rooms {
        report.insert("rooms".into(), json!(options.rooms));
        report.insert("idle_rooms".into(), json!(options.idle_rooms));
    }
    if options.any_order {
        report.insert("any_order".into(), json!(true));
    }
    if options.mode == Mode::OpenLoop {
        report.insert("rate".into(), json!(options.rate));
    }
    report
}

/// Operations per second, or null when the clock did not move (less than one tick of CPU time).
#[allow(
    clippy::cast_precision_loss,
    reason = "a run counts far fewer than 2^52 operations"
)]
fn rate(operations: u64, time: Duration) -> Option<f64> {
    (!time.is_zero()).then(|| operations as f64 / time.as_secs_f64())
}

fn share(part: Duration, whole: Duration) -> Option<f64> {
    (!whole.is_zero()).then(|| part.as_secs_f64() / whole.as_secs_f64())
}

fn microseconds(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1e7).round() / 10.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::Spent;

    fn options(mode: &str) -> Options {
        let line = format!("{mode} --port 1 --pid 1");
        Options::parse(line.split(' ').map(str::to_owned)).unwrap()
    }

    #[test]
    fn rates_are_divided_by_the_right_clock() {
        let mut latency = Histogram::new();
        latency.record(Duration::from_micros(10));
        let figures = Figures {
            operations: 600,
            spent: Spent {
                wall: Duration::from_secs(4),
                server: Duration::from_secs(2),
                generator: Duration::from_secs(1),
            },
            latency,
            delay: None,
            resident_per_connection: None,
        };
        let report = success(&options("echo-ack"), figures);
        assert_eq!(report["per_second"], 150.0);
        assert_eq!(report["per_cpu_second"], 300.0);
        assert_eq!(report["generator_share"], 0.25);
        assert_eq!(report["server_share"], 0.5);
        assert_eq!(report["latency_us"]["max"], 10.0);
        assert!(report["error"].is_null());
    }

    #[test]
    fn no_tick_of_cpu_time_is_no_rate() {
        assert_eq!(rate(5, Duration::ZERO), None);
    }

    #[test]
    fn a_failure_has_no_figure() {
        let report = failure(&options("fanout"), &Fault::Closed { who: 3 });
        assert_eq!(report["error"], "connection 3: closed by the server");
        assert!(report.get("per_cpu_second").is_none());
    }
}
