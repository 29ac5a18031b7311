//! One hub with its mailbox and its listener, as Python holds it.

use std::{
    collections::VecDeque,
    path::PathBuf,
    sync::{Arc, atomic::Ordering::Relaxed},
    time::Duration,
};

use parking_lot::Mutex;
use pyo3::{
    exceptions::PyValueError,
    prelude::*,
    types::{PyDict, PyList},
};
use sio_hub::{
    Hub,
    sink::{EventSink, Level, Notice},
};
use sio_native::{ListenOptions, Native};

use crate::{
    asgi::{LoopShard, Owned},
    errors, facts, heap,
    mailbox::Mailbox,
    namespace::NamespaceCore,
    notices, options,
    outgoing::Shared,
    raw_args::RawEventsCell,
};

#[pyclass(frozen, module = "sio_fast._core")]
#[derive(Debug)]
pub struct Core {
    shared: Arc<Shared>,
    mailbox: Arc<Mailbox>,
    native: Mutex<Option<Native>>,
    on_loop: Mutex<Option<Arc<Owned>>>,
    /// The deque that notices are taken into; its memory is used again.
    taken: Mutex<VecDeque<Notice>>,
}

impl Core {
    fn hub(&self) -> &Hub {
        &self.shared.hub
    }
}

#[pymethods]
impl Core {
    #[new]
    fn new(settings: &Bound<'_, PyAny>) -> PyResult<Self> {
        let (config, encode) = options::read(settings)?;
        let mailbox = Arc::new(Mailbox::default());
        let entropy = Box::new(|| {
            // Without random numbers no id can be unpredictable; the connection's task ends, and the log says why.
            facts::entropy().unwrap_or_else(|error| {
                panic!("the operating system gives no random numbers: {error}")
            })
        });
        let hub = Hub::new(config, Arc::clone(&mailbox) as Arc<dyn EventSink>, entropy)
            .map_err(|error| errors::config(&error))?;
        Ok(Self {
            shared: Arc::new(Shared {
                hub,
                encode,
                raw_events: RawEventsCell::default(),
            }),
            mailbox,
            native: Mutex::new(None),
            on_loop: Mutex::new(None),
            taken: Mutex::default(),
        })
    }

    fn start(&self) -> PyResult<i32> {
        heap::expect_messages(self.hub().config().max_http_buffer_size);
        self.mailbox
            .open()
            .map_err(|error| errors::io(&error))?
            .ok_or_else(errors::already_started)
    }

    #[pyo3(signature = (host, port, *, backlog, io_threads, header_timeout, static_files, serve_client, app, uds))]
    #[expect(
        clippy::too_many_arguments,
        reason = "keyword-only in Python, each with its name"
    )]
    fn listen(
        &self,
        py: Python<'_>,
        host: String,
        port: u16,
        backlog: u32,
        io_threads: u8,
        header_timeout: f64,
        static_files: Vec<(String, String)>,
        serve_client: Option<String>,
        app: Option<String>,
        uds: Option<String>,
    ) -> PyResult<Vec<(String, u16)>> {
        let header_timeout = Duration::try_from_secs_f64(header_timeout).map_err(|_| {
            PyValueError::new_err(format!(
                "header_timeout={header_timeout}: seconds, more than 0"
            ))
        })?;
        if self.native.lock().is_some() {
            return Err(errors::already_started());
        }
        let options = ListenOptions {
            host,
            port,
            backlog,
            io_threads,
            header_timeout,
            static_files: static_files
                .into_iter()
                .map(|(prefix, folder)| (prefix, PathBuf::from(folder)))
                .collect(),
            serve_client: serve_client.map(PathBuf::from),
            app: app.map(PathBuf::from),
            uds: uds.map(PathBuf::from),
            max_connections: self.hub().config().max_connections,
        };
        let hub = Arc::clone(&self.shared.hub);
        let native = py
            .detach(|| Native::start(&hub, &options))
            .map_err(|error| errors::io(&error))?;
        let addresses = native
            .addresses()
            .iter()
            .map(|address| (address.ip().to_string(), address.port()))
            .collect();
        *self.native.lock() = Some(native);
        Ok(addresses)
    }

    fn open_shard(&self) -> PyResult<LoopShard> {
        let mut on_loop = self.on_loop.lock();
        if on_loop.is_some() {
            return Err(errors::already_started());
        }
        let owned = Owned::new(&self.shared.hub).map_err(|error| errors::io(&error))?;
        *on_loop = Some(Arc::clone(&owned));
        Ok(LoopShard { owned })
    }

    fn shutdown(&self, grace: f64) {
        let grace = Duration::try_from_secs_f64(grace).unwrap_or_default();
        self.hub().shutdown();
        let native = self.native.lock();
        let on_loop = self.on_loop.lock();
        if let Some(native) = &*native {
            native.stop(grace);
        }
        if let Some(owned) = &*on_loop {
            owned.stop(grace.is_zero());
        }
        if native.is_none() && on_loop.is_none() {
            self.mailbox.deliver(Notice::Stopped);
        }
    }

    fn join(&self, py: Python<'_>) {
        let native = self.native.lock().take();
        if let Some(mut native) = native {
            native.stop(Duration::ZERO);
            py.detach(move || native.join());
        }
        let on_loop = self.on_loop.lock().take();
        if let Some(owned) = on_loop {
            owned.end();
        }
        self.mailbox.close();
    }

    fn drain<'py>(&self, py: Python<'py>, max_events: usize) -> PyResult<Bound<'py, PyList>> {
        let mut notices = std::mem::take(&mut *self.taken.lock());
        self.mailbox.take(max_events, &mut notices);
        let list = notices::convert(py, &self.shared, &mut notices);
        *self.taken.lock() = notices;
        list
    }

    fn rest(&self) -> bool {
        self.mailbox.rest(|| self.hub().flush())
    }

    fn namespace(&self, name: &str) -> NamespaceCore {
        NamespaceCore {
            shared: Arc::clone(&self.shared),
            namespace: self.hub().namespace(name),
        }
    }

    fn set_dynamic(&self, dynamic: bool) {
        self.hub().set_dynamic(dynamic);
    }

    fn start_deadline(&self, seconds: f64) -> PyResult<u64> {
        let after = Duration::try_from_secs_f64(seconds).map_err(|_| {
            PyValueError::new_err(format!("{seconds} is no number of seconds from 0 on"))
        })?;
        Ok(self.hub().start_deadline(after))
    }

    fn cancel_deadline(&self, token: u64) {
        self.hub().cancel_deadline(token);
    }

    fn stats<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let counters = self.hub().counters();
        let stats = PyDict::new(py);
        stats.set_item("sessions", counters.sessions.load(Relaxed))?;
        stats.set_item("sockets", counters.sockets.load(Relaxed))?;
        stats.set_item("rooms", self.hub().rooms_count())?;
        stats.set_item("bytes_queued", counters.bytes_queued.load(Relaxed))?;
        stats.set_item("events_queued", counters.events_queued.load(Relaxed))?;
        stats.set_item("sessions_opened", counters.sessions_opened.load(Relaxed))?;
        stats.set_item("sockets_opened", counters.sockets_opened.load(Relaxed))?;
        stats.set_item("packets_in", counters.packets_in.load(Relaxed))?;
        stats.set_item("packets_out", counters.packets_out.load(Relaxed))?;
        stats.set_item("slow_consumers", counters.slow_consumers.load(Relaxed))?;
        stats.set_item("requests_waiting", counters.requests_waiting.load(Relaxed))?;
        stats.set_item("packets_dropped", counters.packets_dropped.load(Relaxed))?;
        stats.set_item("parse_errors", counters.parse_errors.load(Relaxed))?;
        Ok(stats)
    }

    #[getter]
    fn congested(&self) -> bool {
        self.hub().is_congested()
    }

    #[getter]
    fn clients_count(&self) -> usize {
        self.hub().counters().sessions.load(Relaxed)
    }
}

impl Drop for Core {
    fn drop(&mut self) {
        if self.native.get_mut().is_some() {
            self.shared.hub.log(
                Level::Warning,
                "sio_fast.native",
                "a running server was dropped".to_owned(),
            );
        }
    }
}
