//! Connections to the application's server: made when one is needed, kept while they may serve again.
//!
//! It knows requests and answers, not what is in them.

use std::{
    cell::RefCell,
    fmt,
    io::{self, ErrorKind},
    path::{Path, PathBuf},
    rc::Rc,
    time::Duration,
};

use http::{Request, Response};
use hyper::{
    body::Incoming,
    client::conn::http1::{Builder, SendRequest},
};
use hyper_util::rt::TokioIo;
use tokio::net::UnixStream;

use crate::driver::READ_BUFFER;

/// Idle connections beyond this are closed; each costs a descriptor on both sides.
const MAX_IDLE: usize = 32;

/// A server whose backlog is full says so at once; it is asked again, less and less often, for ten seconds in all.
const RETRY: Duration = Duration::from_millis(2);
const MAX_RETRY: Duration = Duration::from_millis(100);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

type Idle = Rc<RefCell<Vec<SendRequest<Incoming>>>>;

/// The server behind one Unix socket.
pub(super) struct Upstream {
    path: PathBuf,
    http: Builder,
    /// The one used last is the next: those that are not needed grow old at the bottom.
    idle: Idle,
}

impl fmt::Debug for Upstream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Upstream")
            .field("path", &self.path)
            .field("idle", &self.idle.borrow().len())
            .finish_non_exhaustive()
    }
}

/// Why there is no answer.
#[derive(Debug)]
pub(super) enum Failure {
    /// Nobody listens.
    Connect(io::Error),
    /// Somebody listens and takes no connections.
    Busy,
    /// The connection ended, or what came is no HTTP.
    Broken(hyper::Error),
    /// The client's body ended before its time.
    Client,
}

impl Upstream {
    pub(super) fn new(path: &Path) -> Self {
        let mut http = Builder::new();
        http.max_buf_size(READ_BUFFER);
        Self {
            path: path.to_owned(),
            http,
            idle: Idle::default(),
        }
    }

    /// The head of the answer, with its body still to come. Dropping either one closes the connection. A connection that
    /// was asked to become a WebSocket does not serve again: servers close it after a refusal, without saying so.
    pub(super) async fn send(
        &self,
        mut request: Request<Incoming>,
        upgrade: bool,
    ) -> Result<Response<Incoming>, Failure> {
        loop {
            let kept = self.take();
            let fresh = kept.is_none();
            let mut connection = match kept {
                Some(connection) => connection,
                None => self.connect().await?,
            };
            match connection.try_send_request(request).await {
                Ok(response) => {
                    if !upgrade {
                        self.keep(connection);
                    }
                    return Ok(response);
                }
                Err(mut failed) => match failed.take_message() {
                    // A kept connection that the server had closed meanwhile: nothing of the request has left.
                    Some(unsent) if !fresh => request = unsent,
                    _ => {
                        let error = failed.into_error();
                        return Err(if error.is_user() {
                            Failure::Client
                        } else {
                            Failure::Broken(error)
                        });
                    }
                },
            }
        }
    }

    fn take(&self) -> Option<SendRequest<Incoming>> {
        let mut idle = self.idle.borrow_mut();
        while let Some(connection) = idle.pop() {
            if connection.is_ready() {
                return Some(connection);
            }
        }
        None
    }

    /// Back to the idle ones as soon as the answer's body has been read to its end; never, if it has not.
    fn keep(&self, mut connection: SendRequest<Incoming>) {
        let idle = Rc::clone(&self.idle);
        tokio::task::spawn_local(async move {
            if connection.ready().await.is_ok() {
                let mut idle = idle.borrow_mut();
                idle.retain(|one| !one.is_closed());
                if idle.len() < MAX_IDLE {
                    idle.push(connection);
                }
            }
        });
    }

    async fn connect(&self) -> Result<SendRequest<Incoming>, Failure> {
        let stream = tokio::time::timeout(CONNECT_TIMEOUT, self.reach())
            .await
            .map_err(|_| Failure::Busy)?
            .map_err(Failure::Connect)?;
        let (sender, connection) = self
            .http
            .handshake(TokioIo::new(stream))
            .await
            .map_err(Failure::Broken)?;
        // Its errors are told to whoever waits for an answer or a body.
        tokio::task::spawn_local(connection.with_upgrades());
        Ok(sender)
    }

    async fn reach(&self) -> io::Result<UnixStream> {
        let mut rest = RETRY;
        loop {
            match UnixStream::connect(&self.path).await {
                // Linux says so of a full backlog.
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    tokio::time::sleep(rest).await;
                    rest = (rest * 2).min(MAX_RETRY);
                }
                result => return result,
            }
        }
    }
}
