//! Every knob of the hub, checked once.

use std::{fmt, time::Duration};

use sio_protocol::engineio::{request::RequestPolicy, session::Timing};

/// What one hub lives by. Durations are positive, sizes in bytes.
#[derive(Clone, Debug)]
pub struct Config {
    /// Path, transports and CORS.
    pub request: RequestPolicy,
    pub allow_upgrades: bool,
    /// The application is asked about every handshake that nothing else is wrong with.
    pub ask_about_handshakes: bool,
    /// Name and attributes (`; Path=/…`) of the cookie that a polling handshake sets to the session's id.
    pub cookie: Option<(String, String)>,
    pub timing: Timing,
    /// Connections a listener holds open; further ones wait in the kernel's backlog.
    pub max_connections: Option<usize>,
    /// A session without a namespace is closed after this; a request is refused that the application has not judged by then.
    pub connect_timeout: Duration,
    /// Limit of a POST body, of a WebSocket message, and of a packet with its attachments.
    pub max_http_buffer_size: usize,
    pub max_attachments: usize,
    /// Events of one session that may wait for their handlers.
    pub max_queued_events: usize,
    pub max_queued_bytes: usize,
    /// Above it awaiting callers wait; half of it lets them go on.
    pub high_water_mark: usize,
    /// Above it a client is a slow consumer.
    pub max_buffered_bytes: usize,
    pub on_overflow: Overflow,
}

/// What becomes of a slow consumer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Overflow {
    /// Its session ends.
    #[default]
    Disconnect,
    /// Its oldest events are dropped, those that want an answer excepted.
    DropOldest,
}

/// An option out of its range: the caller's mistake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    pub option: &'static str,
    pub value: String,
    pub allowed: &'static str,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={}: {}", self.option, self.value, self.allowed)
    }
}

impl std::error::Error for ConfigError {}

impl Config {
    /// Refuses what cannot work, with the option's name and what is allowed.
    pub fn check(&self) -> Result<(), ConfigError> {
        let durations = [
            ("ping_interval", self.timing.ping_interval),
            ("ping_timeout", self.timing.ping_timeout),
            ("upgrade_timeout", self.timing.upgrade_timeout),
            ("connect_timeout", self.connect_timeout),
        ];
        for (option, value) in durations {
            if value.is_zero() {
                return Err(refused(
                    option,
                    &value.as_secs_f64(),
                    "seconds, more than 0",
                ));
            }
        }
        let sizes = [
            ("max_http_buffer_size", self.max_http_buffer_size),
            ("max_queued_events", self.max_queued_events),
            ("max_queued_bytes", self.max_queued_bytes),
            ("high_water_mark", self.high_water_mark),
            ("max_buffered_bytes", self.max_buffered_bytes),
        ];
        for (option, value) in sizes {
            if value == 0 {
                return Err(refused(option, &value, "at least 1"));
            }
        }
        if self.max_connections == Some(0) {
            return Err(refused("max_connections", &0, "at least 1, or None"));
        }
        if self.high_water_mark > self.max_buffered_bytes {
            return Err(refused(
                "high_water_mark",
                &self.high_water_mark,
                "at most max_buffered_bytes: otherwise nobody waits before the session is closed",
            ));
        }
        if !self.request.transports.polling && !self.request.transports.websocket {
            return Err(refused(
                "transports",
                &"[]",
                "at least one of \"polling\", \"websocket\"",
            ));
        }
        Ok(())
    }
}

fn refused(option: &'static str, value: &dyn fmt::Display, allowed: &'static str) -> ConfigError {
    ConfigError {
        option,
        value: value.to_string(),
        allowed,
    }
}
