//! A server for the tests: a real hub and listener, and an application thread that accepts every socket and echoes.

// Each test program uses its own part.
#![allow(dead_code)]

#[cfg(unix)]
pub mod app;
pub mod client;

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
        mpsc,
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use sio_hub::{
    config::{Config, Overflow},
    hub::Hub,
    packet::PacketBuilder,
    sink::{EventSink, Level, Notice},
    socket::Socket,
};
use sio_native::{ListenOptions, Native};
use sio_protocol::{
    close::CloseReason,
    engineio::{
        proxies::Networks,
        request::{CorsPolicy, RequestPolicy, Transports},
        session::Timing,
    },
    socketio::packet::PacketType,
};

/// Longer than anything here takes; a test that waits so long has failed.
pub const PATIENCE: Duration = Duration::from_secs(10);

pub fn config() -> Config {
    Config {
        request: RequestPolicy {
            trusted_proxies: Networks::default(),
            path: "/socket.io/".to_owned(),
            transports: Transports::ALL,
            cors: CorsPolicy::default(),
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
        max_queued_events: 1024,
        max_queued_bytes: 1 << 20,
        high_water_mark: 1 << 20,
        max_buffered_bytes: 16 << 20,
        on_overflow: Overflow::Disconnect,
    }
}

pub fn options() -> ListenOptions {
    ListenOptions {
        port: 0,
        ..ListenOptions::default()
    }
}

/// What the application saw.
#[derive(Debug, Default)]
pub struct Seen {
    pub sockets: Vec<Arc<Socket>>,
    pub events: usize,
    pub ended: Vec<(CloseReason, Option<String>)>,
    pub logs: Vec<(Level, String)>,
}

struct Sink {
    notices: Mutex<mpsc::Sender<Notice>>,
    waiting: AtomicU64,
    /// The application says that it is at work, as one that is inside a long handler.
    busy: AtomicBool,
}

impl EventSink for Sink {
    fn deliver(&self, notice: Notice) {
        self.waiting.fetch_add(1, Ordering::SeqCst);
        // The receiver lives until `Stopped` has come.
        let _ = self.notices.lock().unwrap().send(notice);
    }

    fn busy_period(&self) -> Option<u64> {
        let busy = self.busy.load(Ordering::SeqCst) && self.waiting.load(Ordering::SeqCst) > 0;
        busy.then_some(1)
    }
}

pub struct Server {
    pub hub: Arc<Hub>,
    pub native: Native,
    pub seen: Arc<Mutex<Seen>>,
    app: Option<JoinHandle<()>>,
}

impl Server {
    pub fn start() -> Self {
        Self::with(config(), &options())
    }

    pub fn with(config: Config, options: &ListenOptions) -> Self {
        Self::with_app(config, options, Arc::new(AtomicBool::new(false)), false)
    }

    /// An application that is at work whenever something waits for it, so that nothing it sends wakes the listener.
    pub fn busy() -> Self {
        Self::with_app(config(), &options(), Arc::new(AtomicBool::new(false)), true)
    }

    /// Events wait while `held` is true, as behind a handler that does not return.
    pub fn held(config: Config, held: &Arc<AtomicBool>) -> Self {
        Self::with_app(config, &options(), Arc::clone(held), false)
    }

    fn with_app(
        config: Config,
        options: &ListenOptions,
        held: Arc<AtomicBool>,
        busy: bool,
    ) -> Self {
        let (sender, notices) = mpsc::channel();
        let sink = Arc::new(Sink {
            notices: Mutex::new(sender),
            waiting: AtomicU64::new(0),
            busy: AtomicBool::new(busy),
        });
        let number = AtomicU64::new(1);
        let entropy = Box::new(move || {
            let mut bytes = [7; 15];
            let number = number.fetch_add(1, Ordering::Relaxed);
            bytes[..8].copy_from_slice(&number.to_le_bytes());
            bytes
        });
        let hub = Hub::new(config, Arc::clone(&sink) as Arc<dyn EventSink>, entropy).unwrap();
        hub.namespace("/");
        let seen = Arc::new(Mutex::new(Seen::default()));
        let app = {
            let (hub, seen) = (Arc::clone(&hub), Arc::clone(&seen));
            thread::spawn(move || run_app(&hub, &sink, &notices, &held, &seen))
        };
        let native = Native::start(&hub, options).unwrap();
        Self {
            hub,
            native,
            seen,
            app: Some(app),
        }
    }

    pub fn port(&self) -> u16 {
        self.native.addresses()[0].port()
    }

    pub fn sessions(&self) -> usize {
        self.hub.counters().sessions.load(Ordering::SeqCst)
    }

    /// Waits until `condition` holds for what the application saw.
    pub fn wait(&self, what: &str, condition: impl Fn(&Seen) -> bool) {
        wait(what, || condition(&self.seen.lock().unwrap()));
    }

    pub fn wait_sessions(&self, count: usize) {
        wait(&format!("{count} sessions"), || self.sessions() == count);
    }

    /// The orderly end: sessions are closed, the thread is joined, the application has heard of it.
    pub fn stop(mut self) -> Seen {
        self.end(Duration::from_secs(5));
        std::mem::take(&mut self.seen.lock().unwrap())
    }

    fn end(&mut self, grace: Duration) {
        if let Some(app) = self.app.take() {
            self.hub.shutdown();
            self.native.stop(grace);
            self.native.join();
            app.join().unwrap();
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if !thread::panicking() {
            self.end(Duration::ZERO);
        }
    }
}

pub fn wait(what: &str, condition: impl Fn() -> bool) {
    let until = Instant::now() + PATIENCE;
    while !condition() {
        assert!(Instant::now() < until, "waited in vain for: {what}");
        thread::sleep(Duration::from_millis(1));
    }
}

fn run_app(
    hub: &Arc<Hub>,
    sink: &Sink,
    notices: &mpsc::Receiver<Notice>,
    held: &AtomicBool,
    seen: &Mutex<Seen>,
) {
    for notice in notices {
        let size = notice.size();
        match notice {
            Notice::Connect { socket, .. } => {
                hub.accept(&socket);
                seen.lock().unwrap().sockets.push(socket);
            }
            Notice::Event {
                socket,
                ack_id,
                body,
                ..
            } => {
                while held.load(Ordering::SeqCst) {
                    thread::sleep(Duration::from_millis(1));
                }
                seen.lock().unwrap().events += 1;
                let mut answer = PacketBuilder::new("/");
                answer.body.extend_from_slice(&body);
                let kind = if ack_id.is_some() {
                    PacketType::Ack
                } else {
                    PacketType::Event
                };
                hub.send(&socket, answer.finish(kind, ack_id, Vec::new()), false);
                hub.release_events(&socket.session, 1, size);
            }
            Notice::Disconnect { reason, detail, .. } => {
                let detail = detail.map(|detail| detail.to_string());
                seen.lock().unwrap().ended.push((reason, detail));
            }
            Notice::Log { level, message, .. } => {
                seen.lock().unwrap().logs.push((level, message));
            }
            Notice::Stopped => return,
            Notice::Request { .. }
            | Notice::Rooms { .. }
            | Notice::Ack { .. }
            | Notice::Drained { .. }
            | Notice::Deadline { .. } => {}
        }
        if sink.waiting.fetch_sub(1, Ordering::SeqCst) == 1 && !sink.busy.load(Ordering::SeqCst) {
            hub.flush();
        }
    }
}
