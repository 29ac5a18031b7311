//! The HTTP/1.1 skin: hyper reads a request's head, the shard says what is to be done, this file does it.
//!
//! No status is decided here but 404 for what is nobody's; hyper answers what is no HTTP (400) or too large a
//! head (431).

use std::{borrow::Cow, fmt, net::SocketAddr, pin::pin, rc::Rc, time::Duration};

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Request, Response, StatusCode, header};
use http_body_util::{Either, Full};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use sio_hub::{
    shard::{self, Verdict},
    sink::Level,
};
use sio_protocol::engineio::{reject::Headers, request::RequestHead};
use smallvec::SmallVec;

#[cfg(unix)]
use crate::forward::Forward;
use crate::{
    asking,
    clock::FOR_EVER,
    driver::{Counted, Driver, READ_BUFFER},
    files::{self, Files},
    handover::Threads,
    options::ListenOptions,
    panic, polling,
    stream::{Impatient, Stream},
    websocket,
};

/// The body of an answer: ours is at hand, a file's is read piece by piece, an application's comes as it comes.
pub(crate) type Body = Either<Full<Bytes>, Either<hyper_staticfile::Body, Incoming>>;

/// hyper refuses more with 431 (its own default, and Apache's).
const MAX_HEADERS: usize = 100;

/// The largest head, for long cookies and tokens: node 16 KiB, nginx 32 KiB, hyper 400 KiB.
const MAX_HEAD: usize = 32 * 1024;

/// A body may take three times as long as a head, whatever the session's own deadlines are.
const BODY_TIMEOUTS: u32 = 3;

/// And so long nothing at all of an answer may be read.
const ANSWER_TIMEOUTS: u32 = 3;

/// What all connections of a listener share.
#[derive(Debug)]
pub(crate) struct Options {
    pub(crate) max_connections: Option<usize>,
    pub(crate) threads: Threads,
    pub(crate) body_timeout: Duration,
    answer_timeout: Duration,
    http: http1::Builder,
    files: Files,
    #[cfg(unix)]
    app: Option<Rc<Forward>>,
}

impl Options {
    pub(crate) fn new(options: &ListenOptions, files: Files, threads: Threads) -> Self {
        let header_timeout = options.header_timeout.min(FOR_EVER);
        let mut http = http1::Builder::new();
        http.timer(TokioTimer::new())
            .header_read_timeout(header_timeout)
            .keep_alive(true)
            .half_close(false)
            // Head and body in one buffer and one `send`: our answers are small, and `writev` costs more than the copy.
            .writev(false)
            .max_headers(MAX_HEADERS)
            .max_header_size(MAX_HEAD)
            .max_buf_size(READ_BUFFER);
        Self {
            max_connections: options.max_connections,
            threads,
            body_timeout: header_timeout * BODY_TIMEOUTS,
            answer_timeout: header_timeout * ANSWER_TIMEOUTS,
            http,
            files,
            #[cfg(unix)]
            app: options.app.as_deref().map(Forward::new),
        }
    }
}

/// One task for one HTTP connection, until it ends or becomes a WebSocket.
pub(crate) fn spawn(
    driver: &Rc<Driver>,
    options: &Rc<Options>,
    stream: Stream,
    address: Option<SocketAddr>,
    counted: Counted,
) {
    let driver = Rc::clone(driver);
    let options = Rc::clone(options);
    tokio::task::spawn_local(async move {
        let connection = pin!(serve(&driver, &options, stream, address));
        if let Err(text) = panic::catch(connection).await {
            driver.log(
                Level::Error,
                format!("an HTTP connection was closed by a bug: {text}"),
            );
        }
        drop(counted);
    });
}

async fn serve(
    driver: &Rc<Driver>,
    options: &Rc<Options>,
    stream: Stream,
    address: Option<SocketAddr>,
) {
    let service = service_fn(|request| answer(driver, options, address, request, false));
    let mut connection = pin!(
        options
            .http
            .serve_connection(
                TokioIo::new(Impatient::new(stream, options.answer_timeout)),
                service
            )
            .with_upgrades()
    );
    tokio::select! {
        // An error here is the peer's: no HTTP, a head too slow, a connection that broke. hyper has answered it.
        _ = connection.as_mut() => return,
        () = driver.stopped() => connection.as_mut().graceful_shutdown(),
    }
    let _ = connection.await;
}

/// The connection is to end without an answer.
#[derive(Debug)]
pub(crate) struct GivenUp;

impl fmt::Display for GivenUp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the request was given up")
    }
}

impl std::error::Error for GivenUp {}

/// `arrived`: another thread has the connection.
pub(crate) async fn answer(
    driver: &Rc<Driver>,
    options: &Options,
    address: Option<SocketAddr>,
    mut request: Request<Incoming>,
    arrived: bool,
) -> Result<Response<Body>, GivenUp> {
    if let Some(response) = options.files.client(driver, &request).await {
        return Ok(response);
    }
    match ask_shard(driver, address, &request).await? {
        // `ask_shard` has waited for the application.
        Verdict::Ask { .. } => Err(GivenUp),
        Verdict::Elsewhere { shard } => options.threads.pass_on(shard, request, address).await,
        Verdict::NotOurs => not_ours(driver, options, address, request).await,
        Verdict::Respond { response, close } => Ok(complete(driver, response, close)),
        Verdict::Poll { session } => polling::poll(driver, session).await,
        Verdict::ReadBody { session, limit } => {
            let body = request.into_body();
            polling::post(driver, session, limit, options.body_timeout, body).await
        }
        Verdict::Accept {
            link,
            accept,
            headers,
        } => {
            let upgrade = hyper::upgrade::on(&mut request);
            websocket::spawn(Rc::clone(driver), link, upgrade, arrived);
            Ok(switching_protocols(driver, &accept, headers))
        }
    }
}

/// What is not Socket.IO's: a file, else the application's, else nobody's.
async fn not_ours(
    driver: &Rc<Driver>,
    options: &Options,
    address: Option<SocketAddr>,
    request: Request<Incoming>,
) -> Result<Response<Body>, GivenUp> {
    if let Some(response) = options.files.mounted(driver, &request).await {
        return Ok(response);
    }
    #[cfg(unix)]
    if let Some(app) = &options.app {
        return app.answer(driver, address, request).await;
    }
    Ok(nobodys(driver, &request))
}

/// A Socket.IO client that knocks at the wrong path is told the right one: whoever debugs it looks at the body.
fn nobodys<B>(driver: &Driver, request: &Request<B>) -> Response<Body> {
    let query = request.uri().query().unwrap_or_default();
    if !query.split('&').any(|pair| pair.starts_with("EIO=")) {
        return files::not_found();
    }
    let path = &driver.hub.config().request.path;
    let text = format!(
        "No Socket.IO here. It answers below {path}: give the client io(url, {{ path: \"{path}\" }}), or change the \
         server's option path\n"
    );
    files::plain(StatusCode::NOT_FOUND, text)
}

/// What the shard wants done with a request, which may have to wait for the application first. `Verdict::Ask` is never
/// among it.
async fn ask_shard(
    driver: &Rc<Driver>,
    address: Option<SocketAddr>,
    request: &Request<Incoming>,
) -> Result<Verdict, GivenUp> {
    let mut verdict = with_head(address, request, |head| {
        driver.with(|shard, now| shard.request(now, head))
    });
    while let Verdict::Ask { question } = verdict {
        asking::wait(driver, question).await?;
        verdict = with_head(address, request, |head| {
            driver.with(|shard, now| shard.handle_decided(question, now, head))
        });
    }
    Ok(verdict)
}

/// The head as the shard reads it; nothing of it is kept while a request waits.
fn with_head<T>(
    address: Option<SocketAddr>,
    request: &Request<Incoming>,
    call: impl FnOnce(&RequestHead<'_>) -> T,
) -> T {
    let headers: SmallVec<[(&str, &[u8]); 24]> = request
        .headers()
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_bytes()))
        .collect();
    call(&RequestHead {
        method: request.method().as_str(),
        target: request
            .uri()
            .path_and_query()
            .map_or("", http::uri::PathAndQuery::as_str),
        headers: &headers,
        address,
        secure: false,
        host: None,
        forwarded_host: None,
    })
}

/// An answer of the shard as hyper wants it; hyper adds Date and Content-Length.
pub(crate) fn complete(driver: &Driver, answer: shard::Response, close: bool) -> Response<Body> {
    let mut response = Response::new(Either::Left(Full::new(answer.body)));
    *response.status_mut() = StatusCode::from_u16(answer.status).unwrap_or_else(|_| {
        driver.log(
            Level::Error,
            format!("{} is no HTTP status; answered 500", answer.status),
        );
        StatusCode::INTERNAL_SERVER_ERROR
    });
    add_headers(driver, &mut response, answer.headers);
    if close {
        response
            .headers_mut()
            .insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

fn switching_protocols(driver: &Driver, accept: &str, headers: Headers) -> Response<Body> {
    let mut response = Response::new(Either::Left(Full::default()));
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    add_headers(driver, &mut response, headers);
    let own = response.headers_mut();
    own.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    own.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
    if let Ok(accept) = HeaderValue::try_from(accept) {
        own.insert(header::SEC_WEBSOCKET_ACCEPT, accept);
    }
    response
}

fn add_headers(driver: &Driver, response: &mut Response<Body>, headers: Headers) {
    for (name, value) in headers {
        let value = match value {
            Cow::Borrowed(text) => HeaderValue::try_from(text),
            Cow::Owned(text) => HeaderValue::try_from(text),
        };
        match (HeaderName::try_from(name), value) {
            (Ok(name), Ok(value)) => {
                response.headers_mut().append(name, value);
            }
            _ => driver.log(
                Level::Error,
                format!(
                    "the response header {name} has characters that no header may have; left out"
                ),
            ),
        }
    }
}
