//! The command line.
//!
//! Parses it into values that are valid together; starts nothing.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use crate::template::SMALLEST_ARGUMENT;

pub const USAGE: &str = "\
usage: sio-load MODE --port PORT --pid PID [options]

modes
  echo-ack    every connection keeps K events `echo` in flight and awaits their acks
  echo-emit   the same with `echo_emit`, answered by an event of that name
  fanout      connection 0 keeps K events `bcast` in flight, each delivered to all connections
  connect     waves of connections, counted at the CONNECT answer
  idle        resident memory of the server for each connection that does nothing

options
  --pid PID          process of the server, repeatable: its CPU time and memory are what is measured
  --host ADDRESS     address of the server (127.0.0.1)
  --path PATH        path of Socket.IO (/socket.io/)
  --connections N    (100)
  --in-flight K      events in flight: of each connection, or broadcasts (1)
  --bytes B          length of the argument, 14 or more (64)
  --seconds S        time measured; of `connect` with the pauses between waves (4)
  --warm-up S        time before that with the same load (1)
  --parallel P       connections on their way at once (50)
  --patience S       how long the server may owe an answer (10)";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    EchoAck,
    EchoEmit,
    Fanout,
    Connect,
    Idle,
}

impl Mode {
    const ALL: [Self; 5] = [
        Self::EchoAck,
        Self::EchoEmit,
        Self::Fanout,
        Self::Connect,
        Self::Idle,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Self::EchoAck => "echo-ack",
            Self::EchoEmit => "echo-emit",
            Self::Fanout => "fanout",
            Self::Connect => "connect",
            Self::Idle => "idle",
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    pub mode: Mode,
    pub address: SocketAddr,
    pub path: String,
    pub pids: Vec<u32>,
    pub connections: usize,
    pub in_flight: usize,
    pub bytes: usize,
    pub measure: Duration,
    pub warm_up: Duration,
    pub parallel: usize,
    pub patience: Duration,
}

impl Options {
    /// # Errors
    /// What is wrong with the command line, in words.
    pub fn parse(arguments: impl IntoIterator<Item = String>) -> Result<Self, String> {
        let mut arguments = arguments.into_iter();
        let name = arguments.next().ok_or("no mode given")?;
        let mode = Mode::ALL.into_iter().find(|mode| mode.name() == name);
        let mut options = Self {
            mode: mode.ok_or_else(|| format!("unknown mode {name:?}"))?,
            address: SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0),
            path: "/socket.io/".to_owned(),
            pids: Vec::new(),
            connections: 100,
            in_flight: 1,
            bytes: 64,
            measure: Duration::from_secs(4),
            warm_up: Duration::from_secs(1),
            parallel: 50,
            patience: Duration::from_secs(10),
        };
        while let Some(name) = arguments.next() {
            let value = arguments
                .next()
                .ok_or_else(|| format!("{name} needs a value"))?;
            let text = value.as_str();
            match name.as_str() {
                "--port" => options.address.set_port(number(&name, text, 1)?),
                "--host" => {
                    let host = text
                        .parse()
                        .map_err(|_| format!("--host: {text:?} is no IP address"))?;
                    options.address.set_ip(host);
                }
                "--path" if text.starts_with('/') => options.path = value,
                "--path" => return Err(format!("--path: {text:?} does not begin with a slash")),
                "--pid" => options.pids.push(number(&name, text, 1)?),
                "--connections" => options.connections = number(&name, text, 1)?,
                "--in-flight" => options.in_flight = number(&name, text, 1)?,
                "--bytes" => options.bytes = number(&name, text, SMALLEST_ARGUMENT)?,
                "--seconds" => options.measure = seconds(&name, text)?,
                "--warm-up" => options.warm_up = seconds(&name, text)?,
                "--patience" => options.patience = seconds(&name, text)?,
                "--parallel" => options.parallel = number(&name, text, 1)?,
                _ => return Err(format!("unknown option {name}")),
            }
        }
        if options.address.port() == 0 {
            return Err("--port is missing".to_owned());
        }
        if options.pids.is_empty() {
            return Err(
                "--pid is missing: there is no figure without the server's CPU time".to_owned(),
            );
        }
        Ok(options)
    }
}

fn number<N: Copy + std::str::FromStr + PartialOrd + std::fmt::Display>(
    name: &str,
    text: &str,
    least: N,
) -> Result<N, String> {
    match text.parse() {
        Ok(number) if number >= least => Ok(number),
        _ => Err(format!(
            "{name}: {text:?} is not a whole number of {least} or more that fits"
        )),
    }
}

fn seconds(name: &str, text: &str) -> Result<Duration, String> {
    let parsed = text.parse().ok();
    parsed
        .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
        .ok_or_else(|| format!("{name}: {text:?} is not a number of seconds"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Options, String> {
        Options::parse(line.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn every_mode_by_its_name_and_every_option() {
        for mode in Mode::ALL {
            let options = parse(&format!("{} --port 3000 --pid 1", mode.name())).unwrap();
            assert_eq!((options.mode, options.address.port()), (mode, 3000));
        }
        let options = parse(
            "fanout --host ::1 --port 80 --path /x/ --pid 2 --pid 3 --connections 5 --in-flight 6 --bytes 70 \
             --seconds 0.5 --warm-up 0 --parallel 8 --patience 2",
        )
        .unwrap();
        assert_eq!(options.address, "[::1]:80".parse().unwrap());
        assert_eq!((options.path.as_str(), options.pids), ("/x/", vec![2, 3]));
        assert_eq!(
            (options.connections, options.in_flight, options.bytes),
            (5, 6, 70)
        );
        assert_eq!(
            (options.measure, options.warm_up),
            (Duration::from_millis(500), Duration::ZERO)
        );
        assert_eq!(
            (options.parallel, options.patience),
            (8, Duration::from_secs(2))
        );
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (line, word) in [
            ("", "no mode"),
            ("polling", "polling"),
            ("idle --pid 1", "--port"),
            ("idle --port 1", "--pid"),
            ("idle --port 0 --pid 1", "--port"),
            ("idle --port 1 --pid 1 --bytes 13", "--bytes"),
            ("idle --port 1 --pid 1 --seconds -1", "--seconds"),
            ("idle --port 1 --pid 1 --connections", "needs a value"),
            ("idle --port 1 --pid 1 --color red", "--color"),
            ("idle --port 1 --pid 1 --host localhost", "localhost"),
        ] {
            let problem = parse(line).unwrap_err();
            assert!(problem.contains(word), "{line}: {problem}");
        }
    }
}
