//! The application beside Socket.IO: a small HTTP server on a Unix socket, which notes what becomes of its requests.

use std::{
    convert::Infallible,
    fmt::Write as _,
    path::{Path, PathBuf},
    pin::Pin,
    sync::{Arc, Mutex, mpsc},
    task::{Context, Poll},
    thread::{self, JoinHandle},
};

use bytes::Bytes;
use http::{Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Full, combinators::BoxBody};
use hyper::{
    body::{Frame, Incoming},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{UnixListener, UnixStream},
    sync::oneshot,
    task::LocalSet,
};

use super::wait;

/// Bytes of each piece of an endless answer.
pub const PIECE: usize = 64 * 1024;

static DOTS: [u8; PIECE] = [b'.'; PIECE];

type Notes = Arc<Mutex<Vec<String>>>;
type Body = BoxBody<Bytes, std::io::Error>;

pub struct App {
    pub path: PathBuf,
    notes: Notes,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl App {
    pub fn start(name: &str) -> Self {
        Self::at(&std::env::temp_dir().join(format!("sio-app-{name}-{}", std::process::id())))
    }

    pub fn at(path: &Path) -> Self {
        let _ = std::fs::remove_file(path);
        let (stop, stopped) = oneshot::channel::<()>();
        let (ready, started) = mpsc::channel();
        let notes = Notes::default();
        let thread = {
            let (path, notes) = (path.to_owned(), Arc::clone(&notes));
            thread::spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread()
                    .enable_all()
                    .build()
                    .unwrap();
                LocalSet::new().block_on(&runtime, async move {
                    let listener = UnixListener::bind(&path).unwrap();
                    ready.send(()).unwrap();
                    tokio::select! {
                        () = accept(listener, notes) => {}
                        _ = stopped => {}
                    }
                });
            })
        };
        started.recv().unwrap();
        Self {
            path: path.to_owned(),
            notes,
            stop: Some(stop),
            thread: Some(thread),
        }
    }

    pub fn notes(&self) -> Vec<String> {
        self.notes.lock().unwrap().clone()
    }

    /// Made so far.
    pub fn connections(&self) -> usize {
        let notes = self.notes();
        notes.iter().filter(|one| *one == "connection").count()
    }

    pub fn wait_for(&self, note: &str) {
        wait(note, || self.notes().iter().any(|one| one == note));
    }

    /// Every connection of it breaks.
    pub fn die(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap();
        }
        let _ = std::fs::remove_file(&self.path);
    }
}

impl Drop for App {
    fn drop(&mut self) {
        if !thread::panicking() {
            self.die();
        }
    }
}

async fn accept(listener: UnixListener, notes: Notes) {
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        note(&notes, "connection");
        tokio::task::spawn_local(serve(stream, Arc::clone(&notes)));
    }
}

async fn serve(stream: UnixStream, notes: Notes) {
    let service = service_fn(|request| answer(request, Arc::clone(&notes)));
    let _ = http1::Builder::new()
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades()
        .await;
}

fn note(notes: &Notes, text: impl Into<String>) {
    notes.lock().unwrap().push(text.into());
}

/// Notes that it was dropped.
struct Dropped(Notes, &'static str);

impl Drop for Dropped {
    fn drop(&mut self) {
        note(&self.0, self.1);
    }
}

#[derive(Debug)]
struct Away;

impl std::fmt::Display for Away {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("away")
    }
}

impl std::error::Error for Away {}

async fn answer(mut request: Request<Incoming>, notes: Notes) -> Result<Response<Body>, Away> {
    match request.uri().path() {
        "/head" => {
            let mut text = format!("{} {}\n", request.method(), request.uri());
            for (name, value) in request.headers() {
                writeln!(text, "{name}: {}", value.to_str().unwrap()).unwrap();
            }
            let mut response = Response::new(full(text));
            for (name, value) in [("keep-alive", "timeout=1"), ("x-app", "1")] {
                response.headers_mut().insert(name, value.parse().unwrap());
            }
            Ok(response)
        }
        "/echo" => Ok(Response::new(
            request.into_body().map_err(std::io::Error::other).boxed(),
        )),
        "/count" => {
            let mut body = request.into_body();
            let mut count = 0;
            while let Some(frame) = body.frame().await {
                let Ok(frame) = frame else {
                    note(&notes, "broken body");
                    return Err(Away);
                };
                count += frame.into_data().map_or(0, |data| data.len());
                note(&notes, "piece");
            }
            Ok(Response::new(full(count.to_string())))
        }
        "/never" => {
            note(&notes, "asked");
            let _gone = Dropped(notes, "gone");
            std::future::pending().await
        }
        "/endless" => {
            let gone = Dropped(notes, "gone");
            let mut count = 0;
            Ok(pieces(move || {
                let Dropped(notes, _) = &gone;
                count += 1;
                if count % 16 == 0 {
                    note(notes, format!("{count} pieces"));
                }
                Ok(Bytes::from_static(&DOTS))
            }))
        }
        "/abort" => {
            // More than all buffers on the way hold, so that the head has gone out before it breaks.
            let mut left = 100;
            Ok(pieces(move || {
                left -= 1;
                match left {
                    0 => Err(std::io::Error::other("broken")),
                    _ => Ok(Bytes::from_static(&DOTS)),
                }
            }))
        }
        "/away" => Err(Away),
        "/switch" | "/upgrade" => {
            let unasked = request.uri().path() == "/switch";
            let upgrade = hyper::upgrade::on(&mut request);
            if !unasked {
                tokio::task::spawn_local(async move {
                    let mut stream = TokioIo::new(upgrade.await.unwrap());
                    let mut buffer = [0; 1024];
                    stream.write_all(b"welcome").await.unwrap();
                    loop {
                        match stream.read(&mut buffer).await {
                            Ok(0) => break note(&notes, "end"),
                            Ok(count) => stream.write_all(&buffer[..count]).await.unwrap(),
                            Err(_) => break note(&notes, "error"),
                        }
                    }
                    stream.write_all(b"farewell").await.unwrap();
                });
            }
            let mut response = Response::new(full(""));
            *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
            for (name, value) in [
                (header::UPGRADE, "websocket"),
                (header::CONNECTION, "upgrade"),
                (header::SEC_WEBSOCKET_ACCEPT, "accepted"),
            ] {
                response.headers_mut().insert(name, value.parse().unwrap());
            }
            Ok(response)
        }
        _ => {
            let mut response = Response::new(full("the application's 404"));
            *response.status_mut() = StatusCode::NOT_FOUND;
            Ok(response)
        }
    }
}

/// A body that never ends by itself.
struct Pieces<F>(F);

impl<F: FnMut() -> std::io::Result<Bytes> + Unpin> hyper::body::Body for Pieces<F> {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _cx: &mut Context<'_>,
    ) -> Poll<Option<std::io::Result<Frame<Bytes>>>> {
        Poll::Ready(Some((self.0)().map(Frame::data)))
    }
}

fn pieces<F>(next: F) -> Response<Body>
where
    F: FnMut() -> std::io::Result<Bytes> + Send + Sync + Unpin + 'static,
{
    Response::new(Pieces(next).boxed())
}

fn full(text: impl Into<Bytes>) -> Body {
    Full::new(text.into())
        .map_err(|never: Infallible| match never {})
        .boxed()
}
