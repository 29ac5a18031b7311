//! What is passed on of a head and what belongs to one connection only (RFC 9110, 7.6.1), and who the client is.
//!
//! The client's address and scheme travel in a header of our own, which no client can send: its copy is removed here. All
//! others, `X-Forwarded-For` among them, reach the application as they came, for it to believe or not.

use std::net::SocketAddr;

use http::{HeaderMap, HeaderName, HeaderValue, Request, Uri, Version, header, uri::PathAndQuery};
use hyper::body::{Body as _, Incoming};

/// `http 127.0.0.1 50000`, or `http` alone for a client that has no address.
pub(super) const PEER: HeaderName = HeaderName::from_static("sio-fast-peer");

/// The listener speaks no TLS.
const SCHEME: &str = "http";

/// Those that every connection has for itself. `TE` and `Trailer` go with the trailers, which are not passed on.
const HOP_BY_HOP: [HeaderName; 7] = [
    header::CONNECTION,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
];

/// Whether the client asks for a WebSocket: the one upgrade that is passed on. Others may be ignored (RFC 9110, 7.8).
pub(super) fn wants_websocket(headers: &HeaderMap) -> bool {
    has_token(headers, &header::CONNECTION, "upgrade")
        && has_token(headers, &header::UPGRADE, "websocket")
}

/// Makes the client's request the one that the application gets.
pub(super) fn prepare_request(
    request: &mut Request<Incoming>,
    address: Option<SocketAddr>,
    websocket: bool,
) {
    let chunked = request.headers().contains_key(header::TRANSFER_ENCODING)
        && !request.body().is_end_stream();
    *request.version_mut() = Version::HTTP_11;
    // `GET http://host/path` names the host a second time, and this one counts (RFC 9112, 3.2.2).
    let named = request
        .uri()
        .authority()
        .and_then(|host| HeaderValue::try_from(host.as_str()).ok());
    let target = request
        .uri()
        .path_and_query()
        .cloned()
        .unwrap_or_else(|| PathAndQuery::from_static("/"));
    *request.uri_mut() = Uri::from(target);
    let headers = request.headers_mut();
    remove_hop_by_hop(headers);
    // Reading the body is our own consent, and hyper has given it then.
    headers.remove(header::EXPECT);
    match named {
        Some(host) => {
            headers.insert(header::HOST, host);
        }
        // HTTP/1.1 wants one; a client of HTTP/1.0 may not have it.
        None => {
            headers
                .entry(header::HOST)
                .or_insert(HeaderValue::from_static(""));
        }
    }
    headers.insert(PEER, peer(address));
    if chunked {
        headers.insert(
            header::TRANSFER_ENCODING,
            HeaderValue::from_static("chunked"),
        );
    }
    if websocket {
        prepare_upgrade(headers);
    }
}

/// A head of the handshake, in either direction.
pub(super) fn prepare_upgrade(headers: &mut HeaderMap) {
    remove_hop_by_hop(headers);
    headers.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
}

/// Removes what is meant for one connection, also what `Connection` names.
pub(super) fn remove_hop_by_hop(headers: &mut HeaderMap) {
    let named: Vec<HeaderName> = tokens(headers, &header::CONNECTION)
        .filter_map(|name| HeaderName::from_bytes(name.as_bytes()).ok())
        // Whoever names these means mischief: they say how long the body is, and for whom it is.
        .filter(|name| *name != header::CONTENT_LENGTH && *name != header::HOST)
        .collect();
    for name in named.iter().chain(&HOP_BY_HOP) {
        headers.remove(name);
    }
}

fn peer(address: Option<SocketAddr>) -> HeaderValue {
    address
        .and_then(|address| {
            let (ip, port) = (address.ip(), address.port());
            HeaderValue::try_from(format!("{SCHEME} {ip} {port}")).ok()
        })
        .unwrap_or(HeaderValue::from_static(SCHEME))
}

fn has_token(headers: &HeaderMap, name: &HeaderName, token: &str) -> bool {
    tokens(headers, name).any(|one| one.eq_ignore_ascii_case(token))
}

fn tokens<'a>(headers: &'a HeaderMap, name: &HeaderName) -> impl Iterator<Item = &'a str> {
    headers
        .get_all(name)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(str::trim)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    fn headers(lines: &[(&'static str, &'static str)]) -> HeaderMap {
        lines
            .iter()
            .map(|(name, value)| {
                (
                    HeaderName::from_static(name),
                    HeaderValue::from_static(value),
                )
            })
            .collect()
    }

    fn names(headers: &HeaderMap) -> Vec<&str> {
        headers.keys().map(HeaderName::as_str).collect()
    }

    #[test]
    fn what_belongs_to_one_connection_stays() {
        let mut sent = headers(&[
            ("connection", "close, X-Mine"),
            ("connection", "content-length, host"),
            ("x-mine", "1"),
            ("x-yours", "1"),
            ("keep-alive", "timeout=5"),
            ("proxy-connection", "keep-alive"),
            ("te", "trailers"),
            ("trailer", "x"),
            ("transfer-encoding", "chunked"),
            ("upgrade", "h2c"),
            ("content-length", "3"),
            ("host", "x"),
        ]);
        remove_hop_by_hop(&mut sent);
        let mut left = names(&sent);
        left.sort_unstable();
        assert_eq!(left, ["content-length", "host", "x-yours"]);
    }

    #[test]
    fn only_a_websocket_is_an_upgrade() {
        let asks = |connection, upgrade| {
            wants_websocket(&headers(&[
                ("connection", connection),
                ("upgrade", upgrade),
            ]))
        };
        assert!(asks("keep-alive, Upgrade", "WebSocket"));
        assert!(asks("upgrade", "h2c, websocket"));
        assert!(!asks("upgrade", "h2c"));
        assert!(!asks("keep-alive", "websocket"));
    }

    #[test]
    fn a_peer_has_scheme_address_and_port() {
        let address = |text: &str| Some(text.parse().unwrap());
        assert_eq!(peer(address("127.0.0.1:5000")), "http 127.0.0.1 5000");
        assert_eq!(peer(address("[::1]:5000")), "http ::1 5000");
        assert_eq!(peer(None), "http");
    }
}
