//! The HTTP/1.1 skin: hyper reads a request's head, the shard says what is to be done, this file does it.
//!
//! No status is decided here but 404 for what is not Socket.IO; hyper answers what is no HTTP (400) or too large a
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

use crate::{
    driver::{Driver, READ_BUFFER},
    files::Files,
    options::ListenOptions,
    panic, polling,
    stream::Stream,
    websocket,
};

/// The body of an answer: ours is at hand, a file's is read piece by piece.
pub(crate) type Body = Either<Full<Bytes>, hyper_staticfile::Body>;

/// hyper refuses more with 431 (its own default, and Apache's).
const MAX_HEADERS: usize = 100;

/// The largest head, for long cookies and tokens: node 16 KiB, nginx 32 KiB, hyper 400 KiB.
const MAX_HEAD: usize = 32 * 1024;

/// A body may take three times as long as a head, whatever the session's own deadlines are.
const BODY_TIMEOUTS: u32 = 3;

/// What all connections of a listener share.
#[derive(Debug)]
pub(crate) struct Options {
    pub(crate) max_connections: Option<usize>,
    pub(crate) body_timeout: Duration,
    http: http1::Builder,
    files: Files,
}

impl Options {
    pub(crate) fn new(options: &ListenOptions, files: Files) -> Self {
        let mut http = http1::Builder::new();
        http.timer(TokioTimer::new())
            .header_read_timeout(options.header_timeout)
            .keep_alive(true)
            .half_close(false)
            .max_headers(MAX_HEADERS)
            .max_header_size(MAX_HEAD)
            .max_buf_size(READ_BUFFER);
        Self {
            max_connections: options.max_connections,
            body_timeout: options.header_timeout * BODY_TIMEOUTS,
            http,
            files,
        }
    }
}

/// One task for one HTTP connection, until it ends or becomes a WebSocket.
pub(crate) fn spawn(
    driver: &Rc<Driver>,
    options: &Rc<Options>,
    stream: Stream,
    address: Option<SocketAddr>,
) {
    let counted = driver.count_connection();
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
    let service = service_fn(|request| answer(driver, options, address, request));
    let mut connection = pin!(
        options
            .http
            .serve_connection(TokioIo::new(stream), service)
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

async fn answer(
    driver: &Rc<Driver>,
    options: &Options,
    address: Option<SocketAddr>,
    mut request: Request<Incoming>,
) -> Result<Response<Body>, GivenUp> {
    if let Some(response) = options.files.client(driver, &request).await {
        return Ok(response);
    }
    match ask_shard(driver, address, &request) {
        Verdict::NotOurs => Ok(options.files.answer(driver, &request).await),
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
            websocket::spawn(Rc::clone(driver), link, hyper::upgrade::on(&mut request));
            Ok(switching_protocols(driver, &accept, headers))
        }
    }
}

fn ask_shard(driver: &Driver, address: Option<SocketAddr>, request: &Request<Incoming>) -> Verdict {
    let headers: SmallVec<[(&str, &[u8]); 24]> = request
        .headers()
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_bytes()))
        .collect();
    let head = RequestHead {
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
    };
    driver.with(|shard, now| shard.request(now, &head))
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
