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
  echo-binary the same as echo-ack with one attachment
  open-loop   events with ack at a fixed rate, whatever is in flight; latency counts from when each was due
  fanout      connection 0 keeps K events `bcast` in flight, each delivered to all connections
  rooms       connections are spread over rooms; one sender in each keeps K events `room` in flight, each delivered
              to the members of its room
  connect     waves of connections, counted at the CONNECT answer
  idle        resident memory of the server for each connection that does nothing

options
  --pid PID          process of the server, repeatable: its CPU time and memory are what is measured
  --host ADDRESS     address of the server (127.0.0.1)
  --path PATH        path of Socket.IO (/socket.io/)
  --transport NAME   websocket or polling (websocket)
  --connections N    (100)
  --in-flight K      events in flight: of each connection, or broadcasts (1)
  --bytes B          length of the argument, 14 or more (64)
  --event NAME       event of the echo modes that await an ack (echo)
  --rate R           events per second of `open-loop`, over all connections (5000)
  --rooms G          rooms that the connections are spread over (100)
  --senders S        rooms that have a sender (all)
  --idle-rooms E     further rooms that are joined and never sent to (0)
  --any-order        broadcasts may come in another order than sent, each still once
  --seconds S        time measured; of `connect` with the pauses between waves (4)
  --warm-up S        time before that with the same load (1)
  --parallel P       connections on their way at once (50)
  --patience S       how long the server may owe an answer (10)";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    EchoAck,
    EchoEmit,
    EchoBinary,
    OpenLoop,
    Fanout,
    Rooms,
    Connect,
    Idle,
}

impl Mode {
    const ALL: [Self; 8] = [
        Self::EchoAck,
        Self::EchoEmit,
        Self::EchoBinary,
        Self::OpenLoop,
        Self::Fanout,
        Self::Rooms,
        Self::Connect,
        Self::Idle,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Self::EchoAck => "echo-ack",
            Self::EchoEmit => "echo-emit",
            Self::EchoBinary => "echo-binary",
            Self::OpenLoop => "open-loop",
            Self::Fanout => "fanout",
            Self::Rooms => "rooms",
            Self::Connect => "connect",
            Self::Idle => "idle",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    WebSocket,
    Polling,
}

impl Transport {
    const ALL: [Self; 2] = [Self::WebSocket, Self::Polling];

    pub fn name(self) -> &'static str {
        match self {
            Self::WebSocket => "websocket",
            Self::Polling => "polling",
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    pub mode: Mode,
    pub address: SocketAddr,
    pub path: String,
    pub pids: Vec<u32>,
    pub transport: Transport,
    pub connections: usize,
    pub in_flight: usize,
    pub bytes: usize,
    pub event: String,
    pub rate: u32,
    pub rooms: usize,
    /// `None`: as many as there are rooms.
    pub senders: Option<usize>,
    pub idle_rooms: usize,
    pub any_order: bool,
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
            transport: Transport::WebSocket,
            connections: 100,
            in_flight: 1,
            bytes: 64,
            event: "echo".to_owned(),
            rate: 5000,
            rooms: 100,
            senders: None,
            idle_rooms: 0,
            any_order: false,
            measure: Duration::from_secs(4),
            warm_up: Duration::from_secs(1),
            parallel: 50,
            patience: Duration::from_secs(10),
        };
        while let Some(name) = arguments.next() {
            if name == "--any-order" {
                options.any_order = true;
                continue;
            }
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
                "--transport" => {
                    let named = Transport::ALL.into_iter().find(|each| each.name() == text);
                    options.transport = named.ok_or_else(|| {
                        format!("--transport: {text:?} is neither websocket nor polling")
                    })?;
                }
                "--event" if is_plain(text) => options.event = value,
                "--event" => return Err(format!("--event: {text:?} is not made of a-z and _")),
                "--rate" => options.rate = number(&name, text, 1)?,
                "--rooms" => options.rooms = number(&name, text, 1)?,
                "--senders" => options.senders = Some(number(&name, text, 1)?),
                "--idle-rooms" => options.idle_rooms = number(&name, text, 0)?,
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
        options.together()?;
        Ok(options)
    }

    /// What is wrong with values that are right by themselves.
    fn together(&self) -> Result<(), String> {
        if self.mode == Mode::EchoBinary && self.transport == Transport::Polling {
            return Err(
                "echo-binary: attachments travel over --transport websocket only".to_owned(),
            );
        }
        if self.any_order && self.in_flight > 64 {
            return Err("--any-order: --in-flight 64 at most".to_owned());
        }
        if self.mode == Mode::Rooms && self.rooms > self.connections {
            return Err(format!(
                "--rooms {}: every room needs a connection, and there are {}",
                self.rooms, self.connections
            ));
        }
        if self.senders.is_some_and(|senders| senders > self.rooms) {
            return Err("--senders: more than --rooms".to_owned());
        }
        Ok(())
    }
}

/// An event's name that needs no escape in JSON.
fn is_plain(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte == b'_';
    !name.is_empty() && name.bytes().all(plain)
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
             --seconds 0.5 --warm-up 0 --parallel 8 --patience 2 --transport polling --event echo_sync --rate 9 \
             --rooms 4 --senders 3 --any-order --idle-rooms 0",
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
            (options.transport, options.event.as_str(), options.rate),
            (Transport::Polling, "echo_sync", 9)
        );
        assert_eq!(
            (
                options.rooms,
                options.senders,
                options.idle_rooms,
                options.any_order
            ),
            (4, Some(3), 0, true)
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
            ("flash", "flash"),
            ("idle --pid 1", "--port"),
            ("idle --port 1", "--pid"),
            ("idle --port 0 --pid 1", "--port"),
            ("idle --port 1 --pid 1 --bytes 13", "--bytes"),
            ("idle --port 1 --pid 1 --seconds -1", "--seconds"),
            ("idle --port 1 --pid 1 --connections", "needs a value"),
            ("idle --port 1 --pid 1 --color red", "--color"),
            ("idle --port 1 --pid 1 --host localhost", "localhost"),
            ("idle --port 1 --pid 1 --transport flash", "flash"),
            ("echo-ack --port 1 --pid 1 --event a\"b", "--event"),
            (
                "echo-binary --port 1 --pid 1 --transport polling",
                "attachments",
            ),
            (
                "rooms --port 1 --pid 1 --connections 5 --rooms 6",
                "--rooms 6",
            ),
            (
                "fanout --port 1 --pid 1 --any-order --in-flight 65",
                "--any-order",
            ),
            ("rooms --port 1 --pid 1 --rooms 5 --senders 6", "--senders"),
        ] {
            let problem = parse(line).unwrap_err();
            assert!(problem.contains(word), "{line}: {problem}");
        }
    }
}
