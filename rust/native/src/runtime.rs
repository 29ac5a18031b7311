//! The I/O threads: started, told to stop, joined. They own their runtimes and tasks, and nothing of what those do.

use std::{
    cell::RefCell,
    io::{self, ErrorKind},
    net::SocketAddr,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::pin,
    rc::Rc,
    sync::{Arc, atomic::AtomicUsize, mpsc},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use sio_hub::{Hub, place::Place, sink::Level};
use tokio::{
    net::TcpListener,
    runtime::{Builder, LocalOptions, LocalRuntime},
    sync::watch,
};

use crate::{
    clock::FOR_EVER,
    driver::{Driver, LOG_TARGET},
    files::Files,
    handover::{self, Arrivals, Threads},
    listener::{
        self,
        bind::{Bound, bind},
    },
    options::ListenOptions,
    panic, service, timer,
};

/// The name of the I/O thread, as debuggers and `top -H` show it.
const THREAD: &str = "sio-fast-io";

/// Threads that read static files; they exist only while some are read.
const FILE_THREADS: usize = 4;

/// While it stops, the thread looks this often whether everything is closed.
const STOP_INTERVAL: Duration = Duration::from_millis(5);

/// After a bug in the mailbox or the timer, the rest before it is tried again: never a spinning thread.
const REST_AFTER_BUG: Duration = Duration::from_millis(100);

/// A running listener. Dropping it without `join` stops it without grace, and does not wait.
#[derive(Debug)]
pub struct Native {
    addresses: Vec<SocketAddr>,
    /// When the grace is over; `None` while nobody asked to stop.
    stop: watch::Sender<Option<Instant>>,
    threads: RefCell<Vec<JoinHandle<()>>>,
}

/// What one I/O thread is given.
struct Part {
    hub: Arc<Hub>,
    place: Place,
    options: ListenOptions,
    files: Files,
    bound: Bound,
    threads: Threads,
    arrivals: Arrivals,
    connections: Arc<AtomicUsize>,
    stop: watch::Receiver<Option<Instant>>,
}

impl Native {
    /// Binds, and starts the I/O threads. Port 0 works. Errors (an address in use, no permission, a folder that does
    /// not exist) have the address or the folder in their text.
    pub fn start(hub: &Arc<Hub>, options: &ListenOptions) -> io::Result<Self> {
        #[cfg(not(unix))]
        if options.app.is_some() {
            return Err(io::Error::new(
                ErrorKind::Unsupported,
                "an application beside Socket.IO needs Unix sockets, which this platform has not",
            ));
        }
        let count = options.io_threads;
        let files = Files::new(options, &hub.config().request.path)?;
        let mut bound = bind(options)?;
        let (stop, stopped) = watch::channel(None);
        let native = Self {
            addresses: bound.addresses.clone(),
            stop,
            threads: RefCell::default(),
        };
        let (threads, arrivals) = Threads::new(count.into());
        let connections = Arc::new(AtomicUsize::new(0));
        for (own, arrivals) in (0..count).zip(arrivals) {
            let place = Place::new(own, count).ok_or_else(|| {
                io::Error::new(
                    ErrorKind::InvalidInput,
                    format!("io_threads is {count}: at most {}", Place::MAX),
                )
            })?;
            let part = Part {
                hub: Arc::clone(hub),
                place,
                options: options.clone(),
                files: files.clone(),
                // The same sockets for all: a connection goes to whoever is free to accept it.
                bound: bound.share()?,
                threads: threads.clone(),
                arrivals,
                connections: Arc::clone(&connections),
                stop: stopped.clone(),
            };
            // Those that run already stop when `native` is dropped on an error.
            native.threads.borrow_mut().push(spawn(part)?);
        }
        Ok(native)
    }

    /// The addresses that are listened on, with their real ports. Empty for a Unix socket.
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// Callable from any thread; returns at once. No connection is accepted any more and idle ones close; a thread ends when
    /// its connections are closed (closing the sessions is [`Hub::shutdown`]'s part) or when `grace` is over. Called again,
    /// the shorter grace counts.
    pub fn stop(&self, grace: Duration) {
        let deadline = Instant::now() + grace.min(FOR_EVER);
        self.stop.send_modify(|asked| {
            *asked = Some(asked.map_or(deadline, |earlier| earlier.min(deadline)));
        });
    }

    /// Waits until the threads have ended. Does not ask them to.
    pub fn join(&mut self) {
        for thread in self.threads.take() {
            // A panic was caught and logged inside.
            let _ = thread.join();
        }
    }
}

impl Drop for Native {
    fn drop(&mut self) {
        self.stop(Duration::ZERO);
    }
}

/// Starts one I/O thread; returns when it accepts, or with the reason why it will not.
fn spawn(part: Part) -> io::Result<JoinHandle<()>> {
    let (ready, started) = mpsc::sync_channel(1);
    let thread = thread::Builder::new()
        .name(THREAD.to_owned())
        .spawn(move || {
            let log = Arc::clone(&part.hub);
            if let Err(payload) = catch_unwind(AssertUnwindSafe(|| run(part, &ready))) {
                let text = panic::text(payload.as_ref());
                log.log(
                    Level::Error,
                    LOG_TARGET,
                    format!(
                        "an I/O thread ended by a bug, its clients are not served any more: {text}"
                    ),
                );
            }
        })?;
    match started.recv() {
        Ok(started) => started.map(|()| thread),
        Err(_) => Err(io::Error::other("the I/O thread ended before it began")),
    }
}

fn run(part: Part, ready: &mpsc::SyncSender<io::Result<()>>) {
    let built = Builder::new_current_thread()
        .enable_all()
        .max_blocking_threads(FILE_THREADS)
        .thread_name(THREAD)
        .build_local(LocalOptions::default());
    let runtime: LocalRuntime = match built {
        Ok(runtime) => runtime,
        Err(error) => {
            let _ = ready.send(Err(error));
            return;
        }
    };
    runtime.block_on(async move {
        let driver = Rc::new(Driver::new(part.hub, part.place, part.connections));
        let options = service::Options::new(&part.options, part.files, part.threads);
        let options = Rc::new(options);
        if let Err(error) = accept(&driver, &options, part.bound) {
            let _ = ready.send(Err(error));
            return;
        }
        tokio::task::spawn_local(handover::receive(
            Rc::clone(&driver),
            options,
            part.arrivals,
        ));
        // Fails only if the starter is gone, and then nobody can ask us to stop: `watch` tells that too.
        let _ = ready.send(Ok(()));
        serve(&driver, part.stop).await;
    });
    // A static file that is being read from a dead disk must not hold the end up.
    runtime.shutdown_timeout(Duration::ZERO);
}

/// Starts the accept loops.
fn accept(driver: &Rc<Driver>, options: &Rc<service::Options>, bound: Bound) -> io::Result<()> {
    for socket in bound.tcp {
        let listener = TcpListener::from_std(socket)?;
        tokio::task::spawn_local(listener::accept_tcp(
            Rc::clone(driver),
            Rc::clone(options),
            listener,
        ));
    }
    #[cfg(unix)]
    if let Some(bound) = bound.unix {
        tokio::task::spawn_local(listener::unix::accept(
            Rc::clone(driver),
            Rc::clone(options),
            tokio::net::UnixListener::from_std(bound.listener)?,
            bound.file,
        ));
    }
    Ok(())
}

/// Runs until the stop is complete.
async fn serve(driver: &Rc<Driver>, mut stop: watch::Receiver<Option<Instant>>) {
    let mailbox = tokio::task::spawn_local(run_mailbox(Rc::clone(driver)));
    let timer = tokio::task::spawn_local(run_timer(Rc::clone(driver)));
    // An error: the `Native` is gone, which means no grace.
    let asked = stop.wait_for(Option::is_some).await.map(|_| ());
    driver.begin_stop();
    // The commands that were given before the stop was asked for are still obeyed.
    driver.take_commands().await;
    // Without connections nothing can leave any more: a polling session that closes between two polls need not be
    // waited for. What is left of the sessions ends with the shard.
    while asked.is_ok() && driver.connections() > 0 {
        let deadline = (*stop.borrow_and_update()).unwrap_or_else(Instant::now);
        if Instant::now() >= deadline {
            break;
        }
        tokio::time::sleep(STOP_INTERVAL).await;
    }
    mailbox.abort();
    timer.abort();
}

async fn run_mailbox(driver: Rc<Driver>) {
    loop {
        let running = pin!(driver.run_mailbox());
        if let Err(text) = panic::catch(running).await {
            report(&driver, "the mailbox", &text).await;
        }
    }
}

async fn run_timer(driver: Rc<Driver>) {
    loop {
        let running = pin!(timer::run(&driver));
        if let Err(text) = panic::catch(running).await {
            report(&driver, "the timer", &text).await;
        }
    }
}

async fn report(driver: &Driver, task: &str, text: &str) {
    driver.log(
        Level::Error,
        format!("{task} met a bug and goes on: {text}"),
    );
    tokio::time::sleep(REST_AFTER_BUG).await;
}
