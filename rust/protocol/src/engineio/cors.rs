//! Which origins may talk to us, and the CORS headers that tell their browsers so.
//!
//! One rule for both transports: an `Origin` that is not allowed is refused, because a browser opens a WebSocket to any
//! site without asking. Patterns and functions of the application are outside: such a policy is [`CorsOrigins::Ask`].

use std::borrow::Cow;

use super::reject::Headers;

/// The origins that are allowed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum CorsOrigins {
    /// Only an origin whose `host[:port]` is the request's `Host`; no headers. The scheme is not compared: a proxy that
    /// ends TLS changes it.
    #[default]
    SameOrigin,
    /// No check and no headers, as the official server does by default.
    Off,
    /// Every origin.
    Any,
    /// These, compared as whole strings without regard to ASCII case.
    List(Vec<String>),
    /// The caller decides, origin by origin: [`super::request::Intent::origin_undecided`] asks for it.
    Ask,
}

/// The options `cors_*`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CorsPolicy {
    pub origins: CorsOrigins,
    pub methods: Vec<String>,
    /// `None`: whatever the preflight asks for.
    pub allowed_headers: Option<Vec<String>>,
    pub exposed_headers: Vec<String>,
    pub credentials: bool,
    /// Seconds.
    pub max_age: Option<u64>,
}

impl Default for CorsPolicy {
    fn default() -> Self {
        // The official defaults.
        let methods = ["GET", "HEAD", "PUT", "PATCH", "POST", "DELETE"];
        Self {
            origins: CorsOrigins::default(),
            methods: methods.map(str::to_owned).to_vec(),
            allowed_headers: None,
            exposed_headers: Vec::new(),
            credentials: false,
            max_age: None,
        }
    }
}

/// What the policy says about one request's origin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    Allowed,
    Refused,
    /// [`CorsOrigins::Ask`].
    Undecided,
}

impl CorsPolicy {
    /// Whether preflights are answered and headers are sent at all.
    pub const fn is_on(&self) -> bool {
        !matches!(self.origins, CorsOrigins::SameOrigin | CorsOrigins::Off)
    }

    /// Judges an origin. A request without one comes from no other site's page and passes.
    pub fn judge(&self, origin: Option<&str>, host: Option<&str>) -> Verdict {
        let Some(origin) = origin else {
            return Verdict::Allowed;
        };
        let allowed = match &self.origins {
            CorsOrigins::Off | CorsOrigins::Any => true,
            CorsOrigins::SameOrigin => host.is_some_and(|host| is_same_host(origin, host)),
            CorsOrigins::List(origins) => {
                origins.iter().any(|one| one.eq_ignore_ascii_case(origin))
            }
            CorsOrigins::Ask => return Verdict::Undecided,
        };
        if allowed {
            Verdict::Allowed
        } else {
            Verdict::Refused
        }
    }

    /// The headers of every answer to a request whose origin passed.
    pub fn headers(&self, origin: Option<&str>) -> Headers {
        let mut headers = self.origin_headers(origin, "Origin");
        self.push_exposed(&mut headers);
        headers
    }

    /// The headers of the 204 that answers a preflight whose origin passed.
    pub fn preflight_headers(
        &self,
        origin: Option<&str>,
        requested_headers: Option<&str>,
    ) -> Headers {
        let vary = if self.allowed_headers.is_none() {
            "Origin, Access-Control-Request-Headers"
        } else {
            "Origin"
        };
        let mut headers = self.origin_headers(origin, vary);
        if self.allowed_headers.is_none() && !headers.iter().any(|(name, _)| *name == "vary") {
            headers.push(("vary", Cow::Borrowed("Access-Control-Request-Headers")));
        }
        headers.push((
            "access-control-allow-methods",
            Cow::Owned(self.methods.join(",")),
        ));
        let allowed = match &self.allowed_headers {
            Some(names) => Some(names.join(",")),
            None => requested_headers.map(str::to_owned),
        };
        if let Some(allowed) = allowed.filter(|names| !names.is_empty()) {
            headers.push(("access-control-allow-headers", Cow::Owned(allowed)));
        }
        if let Some(seconds) = self.max_age {
            headers.push(("access-control-max-age", Cow::Owned(seconds.to_string())));
        }
        self.push_exposed(&mut headers);
        headers
    }

    fn origin_headers(&self, origin: Option<&str>, vary: &'static str) -> Headers {
        let mut headers = Headers::new();
        if !self.is_on() {
            return headers;
        }
        // Browsers ignore `*` on requests with credentials, so those are told their own origin.
        if self.origins == CorsOrigins::Any && !self.credentials {
            headers.push(("access-control-allow-origin", Cow::Borrowed("*")));
        } else {
            if let Some(origin) = origin {
                headers.push(("access-control-allow-origin", Cow::Owned(origin.to_owned())));
            }
            headers.push(("vary", Cow::Borrowed(vary)));
        }
        if self.credentials {
            headers.push(("access-control-allow-credentials", Cow::Borrowed("true")));
        }
        headers
    }

    fn push_exposed(&self, headers: &mut Headers) {
        if self.is_on() && !self.exposed_headers.is_empty() {
            headers.push((
                "access-control-expose-headers",
                Cow::Owned(self.exposed_headers.join(",")),
            ));
        }
    }
}

/// Compares `scheme://host[:port]` with a `Host` header; a default port may be written or not.
fn is_same_host(origin: &str, host: &str) -> bool {
    let Some((scheme, authority)) = origin.split_once("://") else {
        // `null`: a sandboxed frame, a file, a redirect across sites.
        return false;
    };
    let default_port = match scheme {
        "http" | "ws" => ":80",
        "https" | "wss" => ":443",
        _ => "",
    };
    let authority = authority.strip_suffix(default_port).unwrap_or(authority);
    let host = host.strip_suffix(default_port).unwrap_or(host);
    !host.is_empty() && authority.eq_ignore_ascii_case(host)
}
