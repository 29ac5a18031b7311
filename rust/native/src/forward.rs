//! The application beside Socket.IO: what is not ours goes to its HTTP server, over a private Unix socket, and the
//! answer comes back the same way.
//!
//! Bodies pass piece by piece in both directions, each side waiting for the other; when one side goes away, so does the
//! other. After a 101 the two connections are one pipe of bytes. What a request means is the application's matter.

mod headers;
mod upstream;

use std::{cell::RefCell, fmt, io, net::SocketAddr, path::Path, pin::pin, rc::Rc, time::Duration};

use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::Either;
use hyper::{body::Incoming, upgrade::OnUpgrade};
use hyper_util::rt::TokioIo;
use sio_hub::{log_budget::LogBudget, sink::Level};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadHalf, WriteHalf};

use self::upstream::{Failure, Upstream};
use crate::{
    clock,
    driver::Driver,
    files::{not_found, plain},
    panic,
    service::{Body, GivenUp},
};

/// After the application has closed a WebSocket, the client has so long to do the same (websockets waits as long).
const LINGER: Duration = Duration::from_secs(10);

/// The way to the application of one listener.
pub(crate) struct Forward {
    upstream: Upstream,
    /// A dead application must not fill the disk with lines about each of its requests.
    log_budget: RefCell<LogBudget>,
}

impl fmt::Debug for Forward {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Forward").field(&self.upstream).finish()
    }
}

impl Forward {
    /// `path` is the Unix socket of the application's server.
    pub(crate) fn new(path: &Path) -> Rc<Self> {
        Rc::new(Self {
            upstream: Upstream::new(path),
            log_budget: RefCell::default(),
        })
    }

    /// The application's answer. Dropping the future, as hyper does when the client has gone, ends the request there.
    pub(crate) async fn answer(
        &self,
        driver: &Rc<Driver>,
        address: Option<SocketAddr>,
        mut request: Request<Incoming>,
    ) -> Result<Response<Body>, GivenUp> {
        // Nobody's proxy: CONNECT would make us one.
        if *request.method() == Method::CONNECT {
            return Ok(not_found());
        }
        let upgrade =
            headers::wants_websocket(request.headers()).then(|| hyper::upgrade::on(&mut request));
        headers::prepare_request(&mut request, address, upgrade.is_some());
        match self.upstream.send(request, upgrade.is_some()).await {
            Ok(mut response) => {
                if response.status() == StatusCode::SWITCHING_PROTOCOLS {
                    let Some(client) = upgrade else {
                        return Ok(self.bad_gateway(driver, "it switched protocols unasked"));
                    };
                    let app = hyper::upgrade::on(&mut response);
                    spawn_pipe(driver, client, app);
                    headers::prepare_upgrade(response.headers_mut());
                } else {
                    headers::remove_hop_by_hop(response.headers_mut());
                }
                Ok(response.map(|body| Either::Right(Either::Right(body))))
            }
            // The client's own body broke, and so its connection.
            Err(Failure::Client) => Err(GivenUp),
            Err(_) if driver.stopping.get() => Ok(closing(
                StatusCode::SERVICE_UNAVAILABLE,
                "the server is shutting down\n".to_owned(),
            )),
            Err(Failure::Connect(error)) => {
                Ok(self.bad_gateway(driver, &format!("it cannot be reached: {error}")))
            }
            Err(Failure::Busy) => Ok(self.bad_gateway(driver, "it takes no connections")),
            Err(Failure::Broken(error)) => {
                Ok(self.bad_gateway(driver, &format!("it gave no answer: {error}")))
            }
        }
    }

    /// The page that says what happened, and the line for whoever can mend it.
    fn bad_gateway(&self, driver: &Driver, why: &str) -> Response<Body> {
        let text = format!("the application beside Socket.IO failed: {why}");
        if self.log_budget.borrow_mut().take(clock::now().monotonic) {
            driver.log(Level::Error, format!("{text}; answered 502"));
        }
        closing(StatusCode::BAD_GATEWAY, text + "\n")
    }
}

/// The rest of the request's body is not worth reading.
fn closing(status: StatusCode, text: String) -> Response<Body> {
    let mut response = plain(status, text);
    response
        .headers_mut()
        .insert(header::CONNECTION, HeaderValue::from_static("close"));
    response
}

/// One pipe of two connections, until both directions have ended or one of them broke.
fn spawn_pipe(driver: &Rc<Driver>, client: OnUpgrade, app: OnUpgrade) {
    let counted = driver.count_connection();
    let driver = Rc::clone(driver);
    tokio::task::spawn_local(async move {
        let piping = pin!(async {
            // An error: one side has gone before the 101 had gone out.
            if let Ok((client, app)) = tokio::try_join!(client, app) {
                // An error here ends both connections, by dropping them.
                let _ = pipe(TokioIo::new(client), TokioIo::new(app)).await;
            }
        });
        if let Err(text) = panic::catch(piping).await {
            driver.log(
                Level::Error,
                format!("a connection to the application was closed by a bug: {text}"),
            );
        }
        drop(counted);
    });
}

/// The end of one direction is passed on, and the other one goes on.
async fn pipe<A, B>(client: A, app: B) -> io::Result<()>
where
    A: AsyncRead + AsyncWrite,
    B: AsyncRead + AsyncWrite,
{
    let (client_reads, client_writes) = tokio::io::split(client);
    let (app_reads, app_writes) = tokio::io::split(app);
    let mut up = pin!(copy(client_reads, app_writes));
    let mut down = pin!(copy(app_reads, client_writes));
    tokio::select! {
        ended = &mut up => {
            ended?;
            down.await
        }
        ended = &mut down => {
            ended?;
            // Nobody is there any more to notice that a silent client is dead.
            tokio::time::timeout(LINGER, up).await.unwrap_or(Ok(()))
        }
    }
}

async fn copy<A, B>(mut from: ReadHalf<A>, mut to: WriteHalf<B>) -> io::Result<()>
where
    A: AsyncRead,
    B: AsyncWrite,
{
    tokio::io::copy(&mut from, &mut to).await?;
    to.shutdown().await
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use tokio::{
        io::{AsyncReadExt, duplex},
        time::Instant,
    };

    use super::*;

    fn run(test: impl Future<Output = ()>) {
        tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap()
            .block_on(test);
    }

    #[test]
    fn a_client_that_never_closes_is_not_kept_for_ever() {
        run(async {
            let (mut client, ours) = duplex(64);
            let (theirs, mut app) = duplex(64);
            let begun = Instant::now();
            app.write_all(b"farewell").await.unwrap();
            drop(app);
            pipe(ours, theirs).await.unwrap();
            assert_eq!(begun.elapsed(), LINGER);
            let mut received = Vec::new();
            client.read_to_end(&mut received).await.unwrap();
            assert_eq!(received, b"farewell");
        });
    }

    #[test]
    fn an_application_may_talk_for_ever_to_a_client_that_has_said_everything() {
        run(async {
            let (mut client, ours) = duplex(64);
            let (theirs, mut app) = duplex(64);
            client.shutdown().await.unwrap();
            let talking = async {
                tokio::time::sleep(LINGER * 100).await;
                app.write_all(b"still here").await.unwrap();
                app.shutdown().await.unwrap();
            };
            let (piped, ()) = tokio::join!(pipe(ours, theirs), talking);
            piped.unwrap();
            let mut received = Vec::new();
            client.read_to_end(&mut received).await.unwrap();
            assert_eq!(received, b"still here");
        });
    }
}
