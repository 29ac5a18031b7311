//! Refusals: the status, the code and the words that a refused request gets.
//!
//! The five codes are the official server's. Which request earns which refusal is decided elsewhere; this file only says
//! how a refusal reads.

use std::borrow::Cow;

use crate::json;

/// Headers of an answer, names in lower case.
pub type Headers = Vec<(&'static str, Cow<'static, str>)>;

/// The codes of the official server's JSON errors.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum ErrorCode {
    UnknownTransport = 0,
    UnknownSid = 1,
    BadHandshakeMethod = 2,
    BadRequest = 3,
    Forbidden = 4,
    UnsupportedProtocolVersion = 5,
}

impl ErrorCode {
    /// The message that goes with the code when nobody has a better one.
    pub const fn message(self) -> &'static str {
        match self {
            Self::UnknownTransport => "Transport unknown",
            Self::UnknownSid => "Session ID unknown",
            Self::BadHandshakeMethod => "Bad handshake method",
            Self::BadRequest => "Bad request",
            Self::Forbidden => "Forbidden",
            Self::UnsupportedProtocolVersion => "Unsupported protocol version",
        }
    }

    /// The HTTP status of both transports: 403 for a refusal by policy, 400 for the client's mistakes.
    pub const fn status(self) -> u16 {
        match self {
            Self::Forbidden => 403,
            _ => 400,
        }
    }
}

/// A refused request: everything the answer needs, and why, for the log and for `connection_error`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reject {
    pub status: u16,
    /// `None`: the answer has no body (a method that a session does not know).
    pub code: Option<ErrorCode>,
    pub message: Cow<'static, str>,
    /// What a person can do about it; beyond what the official server says.
    pub hint: Option<&'static str>,
    /// What was wrong, as the pairs the official server puts into its error's `context`; values are shortened.
    pub context: Vec<(&'static str, String)>,
    /// Every header of the answer but its length.
    pub headers: Headers,
}

impl Reject {
    /// A refusal with one of the codes and its usual message.
    pub fn new(code: ErrorCode) -> Self {
        Self {
            status: code.status(),
            code: Some(code),
            message: Cow::Borrowed(code.message()),
            hint: None,
            context: Vec::new(),
            headers: vec![("content-type", Cow::Borrowed("application/json"))],
        }
    }

    /// A refusal by the application (`allow_request`): 403, code 4, its own words or `Forbidden`.
    pub fn forbidden(message: Option<String>) -> Self {
        let mut reject = Self::new(ErrorCode::Forbidden);
        if let Some(message) = message {
            reject.message = Cow::Owned(message);
        }
        let message = reject.message.clone().into_owned();
        reject.with("message", &message)
    }

    /// A refusal of an `Origin`: 403, code 4, and words that name the origin and the option that would admit it.
    pub fn origin(origin: &str) -> Self {
        let shown = json::excerpt(origin);
        let mut reject = Self::new(ErrorCode::Forbidden);
        reject.message = Cow::Owned(format!(
            "Origin \"{shown}\" is not allowed; the server's option cors_allowed_origins decides which are"
        ));
        reject.with("origin", origin)
    }

    /// A refusal without a body, for a method that a session does not know. 500 is what the official server answers.
    pub fn unknown_method(method: &str) -> Self {
        Self {
            status: 500,
            code: None,
            message: Cow::Borrowed(""),
            hint: None,
            context: Vec::new(),
            headers: Vec::new(),
        }
        .with("method", method)
    }

    /// A refusal of a revision of Engine.IO; the usual one comes from a client of Socket.IO 2.
    pub fn version(eio: &str) -> Self {
        let mut reject = Self::new(ErrorCode::UnsupportedProtocolVersion);
        if eio == "3" {
            reject.hint = Some(
                "the client speaks Engine.IO 3, this server 4: use socket.io-client 3 or newer",
            );
        }
        reject.with("protocol", eio)
    }

    /// Adds to the context; the value is shortened.
    #[must_use]
    pub fn with(mut self, key: &'static str, value: &str) -> Self {
        self.context.push((key, json::excerpt(value)));
        self
    }

    /// `{"code":1,"message":"Session ID unknown"}`, or nothing.
    pub fn body(&self) -> Vec<u8> {
        let Some(code) = self.code else {
            return Vec::new();
        };
        let mut body = Vec::with_capacity(24 + self.message.len());
        body.extend_from_slice(b"{\"code\":");
        body.push(b'0' + code as u8);
        body.extend_from_slice(b",\"message\":");
        json::write_string(&self.message, &mut body);
        if let Some(hint) = self.hint {
            body.extend_from_slice(b",\"hint\":");
            json::write_string(hint, &mut body);
        }
        body.push(b'}');
        body
    }
}

#[cfg(test)]
mod tests {
    use super::{ErrorCode, Reject};

    #[test]
    fn bodies_are_the_official_ones() {
        let rows = [
            (
                ErrorCode::UnknownTransport,
                400,
                r#"{"code":0,"message":"Transport unknown"}"#,
            ),
            (
                ErrorCode::UnknownSid,
                400,
                r#"{"code":1,"message":"Session ID unknown"}"#,
            ),
            (
                ErrorCode::BadHandshakeMethod,
                400,
                r#"{"code":2,"message":"Bad handshake method"}"#,
            ),
            (
                ErrorCode::BadRequest,
                400,
                r#"{"code":3,"message":"Bad request"}"#,
            ),
            (
                ErrorCode::Forbidden,
                403,
                r#"{"code":4,"message":"Forbidden"}"#,
            ),
            (
                ErrorCode::UnsupportedProtocolVersion,
                400,
                r#"{"code":5,"message":"Unsupported protocol version"}"#,
            ),
        ];
        for (code, status, body) in rows {
            let reject = Reject::new(code);
            assert_eq!(reject.status, status);
            assert_eq!(reject.body(), body.as_bytes());
            assert_eq!(
                reject.headers,
                [("content-type", "application/json".into())]
            );
        }
    }

    #[test]
    fn an_application_refuses_in_its_own_words() {
        let reject = Reject::forbidden(Some("no \"guests\"".to_owned()));
        assert_eq!(reject.status, 403);
        assert_eq!(reject.body(), br#"{"code":4,"message":"no \"guests\""}"#);
        assert_eq!(reject.context, [("message", "no \"guests\"".to_owned())]);
        assert_eq!(
            Reject::forbidden(None).body(),
            br#"{"code":4,"message":"Forbidden"}"#
        );
    }

    #[test]
    fn a_refused_origin_is_named_with_the_option() {
        let reject = Reject::origin("https://evil.example");
        assert_eq!(
            (reject.status, reject.code),
            (403, Some(ErrorCode::Forbidden))
        );
        assert!(reject.message.contains("\"https://evil.example\""));
        assert!(reject.message.contains("cors_allowed_origins"));
        assert!(Reject::origin(&"x".repeat(10_000)).body().len() < 300);
    }

    #[test]
    fn an_old_client_is_told_what_would_do() {
        let body = String::from_utf8(Reject::version("3").body()).unwrap();
        assert!(
            body.starts_with(r#"{"code":5,"message":"Unsupported protocol version","hint":""#),
            "{body}"
        );
        assert!(body.contains("socket.io-client 3 or newer"));
        assert_eq!(Reject::version("").hint, None);
    }

    #[test]
    fn an_unknown_method_gets_no_body() {
        let reject = Reject::unknown_method("DELETE");
        assert_eq!((reject.status, reject.code), (500, None));
        assert!(reject.body().is_empty());
    }
}
