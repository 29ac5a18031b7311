//! A hub in virtual time: a recording sink, a shard driven by hand, and clients that are a few method calls.
#![allow(dead_code, reason = "each test file uses its part")]

pub mod model;

use std::{
    io::IoSlice,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU8, Ordering},
    },
    time::Duration,
};

use parking_lot::Mutex;
use sio_hub::{
    Hub,
    config::{Config, Overflow},
    frame::Frame,
    packet::PacketBuilder,
    shard::{
        Dirty, LinkKey, LinkState, Message, PostVerdict, Response, Resumed, SessionKey, Shard,
        Verdict,
    },
    sink::{EventSink, Notice},
    socket::Socket,
    time::Now,
    wake::Wake,
};
use sio_protocol::{
    engineio::{
        proxies::Networks,
        request::{CorsOrigins, CorsPolicy, RequestHead, RequestPolicy, Transports},
        session::Timing,
    },
    socketio::packet::PacketType,
};

/// The defaults of the Python layer, with small bounds.
pub fn config() -> Config {
    Config {
        request: RequestPolicy {
            trusted_proxies: Networks::default(),
            path: "/socket.io/".to_owned(),
            transports: Transports::ALL,
            cors: CorsPolicy {
                origins: CorsOrigins::Off,
                methods: Vec::new(),
                allowed_headers: None,
                exposed_headers: Vec::new(),
                credentials: false,
                max_age: None,
            },
        },
        allow_upgrades: true,
        ask_about_handshakes: false,
        cookie: None,
        max_connections: None,
        timing: Timing {
            ping_interval: Duration::from_secs(25),
            ping_timeout: Duration::from_secs(20),
            upgrade_timeout: Duration::from_secs(10),
        },
        connect_timeout: Duration::from_secs(45),
        max_http_buffer_size: 100_000,
        max_attachments: 10,
        max_queued_events: 10,
        max_queued_bytes: 10_000,
        high_water_mark: 1_000,
        max_buffered_bytes: 4_000,
        on_overflow: Overflow::Disconnect,
    }
}

#[derive(Default)]
pub struct Recorder {
    pub notices: Mutex<Vec<Notice>>,
    pub busy: AtomicBool,
}

impl EventSink for Recorder {
    fn deliver(&self, notice: Notice) {
        self.notices.lock().push(notice);
    }

    fn busy_period(&self) -> Option<u64> {
        self.busy.load(Ordering::SeqCst).then_some(1)
    }
}

struct Nobody;

impl Wake for Nobody {
    fn wake(&self) {}
}

pub struct World {
    pub hub: Arc<Hub>,
    pub shard: Shard,
    pub sink: Arc<Recorder>,
    pub clock: Duration,
    resumed: Vec<Resumed>,
}

/// What a poll or a handshake was answered.
pub type Answer = (u16, String);

impl World {
    pub fn new() -> Self {
        Self::with(config())
    }

    pub fn with(config: Config) -> Self {
        let sink = Arc::new(Recorder::default());
        let counter = AtomicU8::new(0);
        let entropy = Box::new(move || {
            let mut bytes = [0; 15];
            bytes[0] = counter.fetch_add(1, Ordering::Relaxed);
            bytes
        });
        let hub = Hub::new(config, Arc::clone(&sink) as Arc<dyn EventSink>, entropy)
            .expect("a valid configuration");
        hub.namespace("/");
        let shard = hub.shard(Arc::new(Nobody));
        Self {
            hub,
            shard,
            sink,
            clock: Duration::ZERO,
            resumed: Vec::new(),
        }
    }

    pub fn now(&self) -> Now {
        Now {
            monotonic: self.clock,
            unix_ms: 1_700_000_000_000 + self.clock.as_millis() as u64,
        }
    }

    /// Lets the commands of other threads take effect.
    pub fn settle(&mut self) {
        self.shard.run_commands(self.now());
        while let Some(resumed) = self.shard.next_resumed() {
            self.resumed.push(resumed);
        }
    }

    /// Moves the clock, stopping at each deadline as a driver would.
    pub fn advance(&mut self, seconds: f64) {
        let end = self.clock + Duration::from_secs_f64(seconds);
        while let Some(due) = self.shard.next_deadline().filter(|due| *due <= end) {
            self.clock = self.clock.max(due);
            self.shard.expire(self.now());
            self.settle();
        }
        self.clock = end;
    }

    pub fn take_resumed(&mut self) -> Vec<Resumed> {
        self.settle();
        std::mem::take(&mut self.resumed)
    }

    pub fn notices(&self) -> Vec<Notice> {
        std::mem::take(&mut *self.sink.notices.lock())
    }

    pub fn request(&mut self, method: &str, target: &str, headers: &[(&str, &[u8])]) -> Verdict {
        let head = RequestHead {
            method,
            target,
            headers,
            address: None,
            secure: false,
            host: None,
            forwarded_host: None,
        };
        self.shard.request(self.now(), &head)
    }

    // --- a polling client

    pub fn open_polling(&mut self) -> String {
        match self.request("GET", "/socket.io/?EIO=4&transport=polling", &[]) {
            Verdict::Respond { response, .. } => sid(&text(&response)),
            other => panic!("{other:?}"),
        }
    }

    /// A poll: its answer if there is one at once, otherwise the session that it hangs on.
    pub fn poll(&mut self, sid: &str) -> Result<Answer, SessionKey> {
        self.settle();
        match self.request(
            "GET",
            &format!("/socket.io/?EIO=4&transport=polling&sid={sid}"),
            &[],
        ) {
            Verdict::Respond { response, .. } => Ok((response.status, text(&response))),
            Verdict::Poll { session } => Err(session),
            other => panic!("{other:?}"),
        }
    }

    /// What a hanging poll is answered by now.
    pub fn hanging(&mut self, session: SessionKey) -> Option<String> {
        self.settle();
        let listed = std::iter::from_fn(|| self.shard.next_dirty())
            .any(|dirty| dirty == Dirty::Poll(session));
        let now = self.now();
        listed
            .then(|| self.shard.take_poll(session, now))
            .flatten()
            .map(|(response, _)| text(&response))
    }

    pub fn post(&mut self, sid: &str, body: &str) -> PostVerdict {
        let session = self.begin_post(sid);
        self.shard.handle_post(session, self.now(), body.as_bytes())
    }

    pub fn begin_post(&mut self, sid: &str) -> SessionKey {
        match self.request(
            "POST",
            &format!("/socket.io/?EIO=4&transport=polling&sid={sid}"),
            &[],
        ) {
            Verdict::ReadBody { session, .. } => session,
            other => panic!("{other:?}"),
        }
    }

    /// A client that is in namespace `/`, on long-polling.
    pub fn join_polling(&mut self) -> (String, Arc<Socket>) {
        let sid = self.open_polling();
        self.post(&sid, "40");
        let socket = self.asked();
        assert!(self.hub.accept(&socket));
        assert!(matches!(self.poll(&sid), Ok((200, body)) if body.starts_with("40")));
        (sid, socket)
    }

    // --- a WebSocket client

    pub fn websocket(&mut self, sid: Option<&str>) -> LinkKey {
        let sid = sid.map_or_else(String::new, |sid| format!("&sid={sid}"));
        let headers: &[(&str, &[u8])] = &[
            ("connection", b"Upgrade"),
            ("upgrade", b"websocket"),
            ("sec-websocket-version", b"13"),
            ("sec-websocket-key", b"dGhlIHNhbXBsZSBub25jZQ=="),
        ];
        match self.request(
            "GET",
            &format!("/socket.io/?EIO=4&transport=websocket{sid}"),
            headers,
        ) {
            Verdict::Accept { link, .. } => {
                self.shard.handle_link_open(link, self.now());
                link
            }
            other => panic!("{other:?}"),
        }
    }

    pub fn say(&mut self, link: LinkKey, message: &str) -> LinkState {
        let state = self
            .shard
            .handle_link_message(link, self.now(), Message::Text(message));
        self.settle();
        state
    }

    /// Everything that is written to a link now, as frames: text as it is, `<close 1001>`, `<binary 3>`.
    pub fn heard(&mut self, link: LinkKey) -> Vec<String> {
        self.settle();
        while self.shard.next_dirty().is_some() {}
        let mut bytes = Vec::new();
        loop {
            let mut slices = [IoSlice::new(&[]); 8];
            let filled = self.shard.link_slices(link, &mut slices);
            let chunk: Vec<u8> = slices[..filled]
                .iter()
                .flat_map(|slice| slice.iter().copied())
                .collect();
            if chunk.is_empty() {
                break;
            }
            self.shard.link_wrote(link, chunk.len());
            bytes.extend(chunk);
        }
        frames(&bytes)
    }

    /// A client that is in namespace `/`, on a WebSocket.
    pub fn join(&mut self) -> (LinkKey, Arc<Socket>) {
        let link = self.websocket(None);
        self.say(link, "40");
        let socket = self.asked();
        assert!(self.hub.accept(&socket));
        self.heard(link);
        (link, socket)
    }

    /// The socket of the CONNECT that was just asked for.
    pub fn asked(&self) -> Arc<Socket> {
        let mut notices = self.sink.notices.lock();
        match notices.pop() {
            Some(Notice::Connect { socket, .. }) => socket,
            other => panic!("{other:?}"),
        }
    }

    /// Reasons of the disconnects since the last look.
    pub fn disconnects(&self) -> Vec<&'static str> {
        let reason = |notice: &Notice| match notice {
            Notice::Disconnect { reason, .. } => Some(reason.as_str()),
            _ => None,
        };
        self.notices().iter().filter_map(reason).collect()
    }

    /// Sessions, sockets, bytes and events that wait.
    pub fn gauges(&self) -> [usize; 4] {
        let counters = self.hub.counters();
        [
            &counters.sessions,
            &counters.sockets,
            &counters.bytes_queued,
            &counters.events_queued,
        ]
        .map(|gauge| gauge.load(Ordering::Relaxed))
    }
}

/// An EVENT packet with this body.
pub fn event(body: &str) -> Arc<Frame> {
    let mut builder = PacketBuilder::new("/");
    builder.body.extend_from_slice(body.as_bytes());
    builder.finish(PacketType::Event, None, Vec::new())
}

pub fn text(response: &Response) -> String {
    String::from_utf8_lossy(&response.body).into_owned()
}

pub fn sid(open: &str) -> String {
    open.split('"').nth(3).expect("an open packet").to_owned()
}

fn frames(mut bytes: &[u8]) -> Vec<String> {
    let mut found = Vec::new();
    while let [first, second, rest @ ..] = bytes {
        let (length, rest) = match second {
            126 => (
                usize::from(u16::from_be_bytes([rest[0], rest[1]])),
                &rest[2..],
            ),
            127 => panic!("no test sends that much"),
            short => (usize::from(*short), rest),
        };
        let (payload, rest) = rest.split_at(length);
        found.push(match first & 15 {
            1 => String::from_utf8_lossy(payload).into_owned(),
            2 => format!("<binary {length}>"),
            8 => match payload {
                [high, low, ..] => format!("<close {}>", u16::from_be_bytes([*high, *low])),
                _ => "<close>".to_owned(),
            },
            other => format!("<opcode {other}>"),
        });
        bytes = rest;
    }
    found
}
