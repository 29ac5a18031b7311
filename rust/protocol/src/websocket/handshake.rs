//! The request that asks for WebSocket: whether it does, whether it may, and the proof in the 101.
//!
//! Who may connect is not asked here, only whether the request is a handshake by RFC 6455, section 4.2.1.

use std::fmt;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use sha1::{Digest as _, Sha1};

/// What is wrong with a handshake.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fault {
    /// The method is not GET.
    Method,
    /// No `Upgrade: websocket`.
    Upgrade,
    /// No `Connection: Upgrade`; proxies that are not set up for WebSocket drop it.
    Connection,
    /// `Sec-WebSocket-Version` is not 13.
    Version,
    /// `Sec-WebSocket-Key` is not 16 bytes in base64.
    Key,
}

impl Fault {
    /// The fault in words, for logs.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Method => "a WebSocket handshake must be a GET",
            Self::Upgrade => "no \"Upgrade: websocket\" header",
            Self::Connection => "no \"Connection: Upgrade\" header; does a proxy drop it?",
            Self::Version => "Sec-WebSocket-Version must be 13",
            Self::Key => "Sec-WebSocket-Key must be 16 bytes in base64, once",
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Whether the headers offer the change to WebSocket at all.
pub fn asks(headers: &[(&str, &[u8])]) -> bool {
    has_token(headers, "upgrade", "websocket")
}

/// Judges a handshake and returns its key.
pub fn check<'a>(method: &str, headers: &'a [(&'a str, &'a [u8])]) -> Result<&'a str, Fault> {
    if method != "GET" {
        return Err(Fault::Method);
    }
    if !asks(headers) {
        return Err(Fault::Upgrade);
    }
    if !has_token(headers, "connection", "upgrade") {
        return Err(Fault::Connection);
    }
    if single(headers, "sec-websocket-version") != Some("13") {
        return Err(Fault::Version);
    }
    single(headers, "sec-websocket-key")
        .filter(|key| is_key(key))
        .ok_or(Fault::Key)
}

/// The value of `Sec-WebSocket-Accept` that answers a key.
pub fn accept_key(key: &str) -> String {
    // RFC 6455, section 1.3.
    const GUID: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
    let digest = Sha1::new().chain_update(key).chain_update(GUID).finalize();
    STANDARD.encode(digest)
}

fn is_key(key: &str) -> bool {
    let mut nonce = [0; 18];
    key.len() == 24 && STANDARD.decode_slice(key, &mut nonce) == Ok(16)
}

fn values<'a>(headers: &'a [(&'a str, &'a [u8])], name: &str) -> impl Iterator<Item = &'a str> {
    headers
        .iter()
        .filter(move |(one, _)| *one == name)
        .filter_map(|(_, value)| std::str::from_utf8(value).ok())
        .map(str::trim)
}

fn single<'a>(headers: &'a [(&'a str, &'a [u8])], name: &str) -> Option<&'a str> {
    let mut values = values(headers, name);
    let value = values.next()?;
    values.next().is_none().then_some(value)
}

fn has_token(headers: &[(&str, &[u8])], name: &str, token: &str) -> bool {
    values(headers, name)
        .flat_map(|value| value.split(','))
        .any(|one| one.trim().eq_ignore_ascii_case(token))
}

#[cfg(test)]
mod tests {
    use super::{Fault, accept_key, asks, check};

    type Header = (&'static str, &'static [u8]);

    const GOOD: [Header; 4] = [
        ("upgrade", b"websocket"),
        ("connection", b"Upgrade"),
        ("sec-websocket-version", b"13"),
        ("sec-websocket-key", b"dGhlIHNhbXBsZSBub25jZQ=="),
    ];

    fn without(name: &str) -> Vec<Header> {
        GOOD.into_iter().filter(|(one, _)| *one != name).collect()
    }

    fn with(name: &'static str, value: &'static [u8]) -> Vec<Header> {
        let mut headers = without(name);
        headers.push((name, value));
        headers
    }

    #[test]
    fn the_proof_of_the_rfc() {
        assert_eq!(
            accept_key("dGhlIHNhbXBsZSBub25jZQ=="),
            "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
        );
    }

    #[test]
    fn a_good_handshake_gives_its_key() {
        assert_eq!(check("GET", &GOOD), Ok("dGhlIHNhbXBsZSBub25jZQ=="));
        // Firefox writes `keep-alive, Upgrade`; names of tokens have no case.
        assert!(check("GET", &with("connection", b"keep-alive, Upgrade")).is_ok());
        assert!(check("GET", &with("upgrade", b"h2c, WebSocket")).is_ok());
        let mut repeated = with("connection", b"keep-alive");
        repeated.push(("connection", b"upgrade"));
        assert!(check("GET", &repeated).is_ok());
    }

    #[test]
    fn every_fault_is_told() {
        let rows = [
            (without("upgrade"), Fault::Upgrade),
            (with("upgrade", b"h2c"), Fault::Upgrade),
            (without("connection"), Fault::Connection),
            (with("connection", b"keep-alive"), Fault::Connection),
            (without("sec-websocket-version"), Fault::Version),
            (with("sec-websocket-version", b"8"), Fault::Version),
            (without("sec-websocket-key"), Fault::Key),
            (with("sec-websocket-key", b""), Fault::Key),
            (with("sec-websocket-key", b"c2hvcnQ="), Fault::Key),
            (
                with("sec-websocket-key", b"dGhlIHNhbXBsZSBub25jZTE="),
                Fault::Key,
            ),
            (
                with("sec-websocket-key", b"dGhlIHNhbXBsZSBub25jZQ!!"),
                Fault::Key,
            ),
            (with("sec-websocket-key", &[0xff; 24]), Fault::Key),
        ];
        for (headers, fault) in rows {
            assert_eq!(check("GET", &headers), Err(fault), "{headers:?}");
        }
        assert_eq!(check("POST", &GOOD), Err(Fault::Method));
        let mut twice = GOOD.to_vec();
        twice.push(("sec-websocket-key", b"dGhlIHNhbXBsZSBub25jZQ=="));
        assert_eq!(check("GET", &twice), Err(Fault::Key));
    }

    #[test]
    fn an_offer_is_seen_even_in_a_bad_handshake() {
        assert!(asks(&with("sec-websocket-version", b"8")));
        assert!(!asks(&without("upgrade")));
    }
}
