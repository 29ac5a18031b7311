//! Files beside Socket.IO: the client's bundle under the Socket.IO path, and folders under prefixes of their own.
//!
//! GET and HEAD only; `ETag`, `Last-Modified` and ranges; `index.html` of a folder; nothing outside the folder and no
//! name that begins with a dot. What becomes of a request that names no file, others know.

use std::{
    io::{self, ErrorKind},
    path::{Path, PathBuf},
};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Uri, header};
use http_body_util::{Either, Full};
use hyper_staticfile::{
    AcceptEncoding, ResolveResult, ResolvedFile, Resolver, util::FileResponseBuilder,
};
use sio_hub::sink::Level;

use crate::{driver::Driver, options::ListenOptions, service::Body};

/// What the npm package's `dist` folder holds for browsers, each with its source map.
const BUNDLES: [&str; 4] = [
    "socket.io.js",
    "socket.io.min.js",
    "socket.io.esm.min.js",
    "socket.io.msgpack.min.js",
];

/// The folders of a listener.
#[derive(Clone)]
pub(crate) struct Files {
    /// The path of the bundle's folder, with its slash at the end, and the files.
    client: Option<(String, Resolver)>,
    /// Longest prefix first; a prefix has a slash in front, none at the end.
    mounts: Vec<(String, Resolver)>,
}

impl std::fmt::Debug for Files {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let prefixes: Vec<&str> = self.mounts.iter().map(|(prefix, _)| &**prefix).collect();
        f.debug_struct("Files")
            .field("client", &self.client.as_ref().map(|(path, _)| path))
            .field("mounts", &prefixes)
            .finish()
    }
}

impl Files {
    /// `path` is the path of the Socket.IO server. A folder that does not exist is an error now, not a 404 later.
    pub(crate) fn new(options: &ListenOptions, path: &str) -> io::Result<Self> {
        let client = match &options.serve_client {
            Some(folder) => Some((normalise(path) + "/", resolver("serve_client", folder)?)),
            None => None,
        };
        let mut mounts = Vec::with_capacity(options.static_files.len());
        for (prefix, folder) in &options.static_files {
            mounts.push((normalise(prefix), resolver("static_files", folder)?));
        }
        mounts.sort_by_key(|(prefix, _)| std::cmp::Reverse(prefix.len()));
        Ok(Self { client, mounts })
    }

    /// A file of the client's bundle, if the request names one that exists; otherwise the request goes on.
    pub(crate) async fn client<B>(
        &self,
        driver: &Driver,
        request: &Request<B>,
    ) -> Option<Response<Body>> {
        let (path, resolver) = self.client.as_ref()?;
        let name = request.uri().path().strip_prefix(path.as_str())?;
        let bundle = name.strip_suffix(".map").unwrap_or(name);
        if !BUNDLES.contains(&bundle) || !is_read(request.method()) {
            return None;
        }
        match open(driver, resolver, name).await {
            Opened::File(file) => Some(send(request.method(), request.headers(), file)),
            _ => None,
        }
    }

    /// The answer to a request that is not Socket.IO's, if it names a file that exists.
    pub(crate) async fn mounted<B>(
        &self,
        driver: &Driver,
        request: &Request<B>,
    ) -> Option<Response<Body>> {
        if request.headers().contains_key(header::UPGRADE) || !is_read(request.method()) {
            return None;
        }
        let path = request.uri().path();
        let (rest, resolver) = self
            .mounts
            .iter()
            .find_map(|(prefix, resolver)| Some((below(prefix, path)?, resolver)))?;
        match open(driver, resolver, rest).await {
            Opened::File(file) => Some(send(request.method(), request.headers(), file)),
            Opened::Folder => Some(redirect(request.uri())),
            Opened::Nothing => None,
            Opened::Failed => Some(plain(StatusCode::INTERNAL_SERVER_ERROR, "cannot be read\n")),
        }
    }
}

enum Opened {
    File(ResolvedFile),
    /// A folder without the slash at its end, which relative links need.
    Folder,
    Nothing,
    Failed,
}

async fn open(driver: &Driver, resolver: &Resolver, path: &str) -> Opened {
    match resolver.resolve_path(path, AcceptEncoding::none()).await {
        Ok(ResolveResult::Found(file)) => Opened::File(file),
        Ok(ResolveResult::IsDirectory { .. }) => Opened::Folder,
        Ok(_) => Opened::Nothing,
        Err(error) if is_no_such_name(&error) => Opened::Nothing,
        Err(error) => {
            driver.log(
                Level::Error,
                format!("a static file cannot be read: {error}"),
            );
            Opened::Failed
        }
    }
}

/// Names that are not served or cannot exist: a hidden one, a file used as a folder, a NUL byte, a name too long for the file system.
fn is_no_such_name(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::NotADirectory | ErrorKind::InvalidInput | ErrorKind::InvalidFilename
    )
}

/// The part of `path` below `prefix`: empty, or with a slash in front.
fn below<'a>(prefix: &str, path: &'a str) -> Option<&'a str> {
    path.strip_prefix(prefix)
        .filter(|rest| rest.is_empty() || rest.starts_with('/'))
}

fn send(method: &Method, headers: &HeaderMap, mut file: ResolvedFile) -> Response<Body> {
    // The resolver does not know source maps, and browsers' tools want them as what they are.
    if file.path.extension().is_some_and(|it| it == "map") {
        file.content_type = Some("application/json".into());
    }
    if let Some(kind) = &mut file.content_type
        && kind.starts_with("text/")
        && !kind.contains("charset")
    {
        kind.push_str("; charset=utf-8");
    }
    let modified = file.modified;
    let mut builder = FileResponseBuilder::new();
    builder.request_headers(headers);
    // Compared below, where If-None-Match goes first as RFC 9110 (13.2.2) wants.
    let since = builder.if_modified_since.take();
    // Several ranges may name the same bytes thousands of times, and nobody who loads a page asks for them: the answer is
    // the whole, as RFC 9110 (14.2) allows.
    let several = builder
        .range
        .as_ref()
        .is_some_and(|range| range.contains(','));
    if *method == Method::HEAD || several {
        builder.range = None;
    }
    let Ok(response) = builder.build(file) else {
        return plain(StatusCode::INTERNAL_SERVER_ERROR, "cannot be read\n");
    };
    let unchanged = match headers.get(header::IF_NONE_MATCH) {
        Some(known) => matches_etag(known, response.headers().get(header::ETAG)),
        None => match (since, modified) {
            // HTTP's dates have whole seconds.
            (Some(since), Some(modified)) => modified
                .duration_since(since)
                .map_or(true, |newer| newer.as_secs() == 0),
            _ => false,
        },
    };
    if unchanged {
        return not_modified(response.headers());
    }
    if *method == Method::HEAD {
        return response.map(|_| Either::Right(Either::Left(hyper_staticfile::Body::Empty)));
    }
    response.map(|file| Either::Right(Either::Left(file)))
}

/// Whether `known` lists the tag; weak and strong ones are equal here (RFC 9110, 13.1.2).
fn matches_etag(known: &HeaderValue, tag: Option<&HeaderValue>) -> bool {
    let (Ok(known), Some(Ok(tag))) = (known.to_str(), tag.map(HeaderValue::to_str)) else {
        return false;
    };
    let strong = |tag: &str| tag.trim().trim_start_matches("W/").to_owned();
    known.trim() == "*" || known.split(',').any(|one| strong(one) == strong(tag))
}

fn not_modified(headers: &HeaderMap) -> Response<Body> {
    let mut response = Response::new(Either::Left(Full::default()));
    *response.status_mut() = StatusCode::NOT_MODIFIED;
    for name in [header::ETAG, header::LAST_MODIFIED] {
        if let Some(value) = headers.get(&name) {
            response.headers_mut().insert(name, value.clone());
        }
    }
    response
}

fn redirect(uri: &Uri) -> Response<Body> {
    // Slashes at the beginning become one: `//name/` would be another host.
    let path = uri.path().trim_start_matches('/');
    let query = uri
        .query()
        .map_or(String::new(), |query| format!("?{query}"));
    let Ok(location) = HeaderValue::try_from(format!("/{path}/{query}")) else {
        return not_found();
    };
    let mut response = plain(StatusCode::MOVED_PERMANENTLY, "moved\n");
    response.headers_mut().insert(header::LOCATION, location);
    response
}

/// The answer where nobody has one.
pub(crate) fn not_found() -> Response<Body> {
    plain(StatusCode::NOT_FOUND, "not found\n")
}

/// An answer for people to read.
pub(crate) fn plain(status: StatusCode, text: impl Into<Bytes>) -> Response<Body> {
    let mut response = Response::new(Either::Left(Full::new(text.into())));
    *response.status_mut() = status;
    response.headers_mut().insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("text/plain; charset=utf-8"),
    );
    response
}

fn is_read(method: &Method) -> bool {
    *method == Method::GET || *method == Method::HEAD
}

/// With a slash in front and none at the end; the root is empty.
fn normalise(path: &str) -> String {
    match path.trim_matches('/') {
        "" => String::new(),
        inner => format!("/{inner}"),
    }
}

fn resolver(option: &str, folder: &Path) -> io::Result<Resolver> {
    let explain = |error: io::Error| {
        io::Error::new(
            error.kind(),
            format!("{option}: {}: {error}", folder.display()),
        )
    };
    let root: PathBuf = std::fs::canonicalize(folder).map_err(explain)?;
    if !root.is_dir() {
        return Err(explain(io::Error::from(ErrorKind::NotADirectory)));
    }
    let mut resolver = Resolver::new(root);
    // Asked with the decoded path, after `..` was resolved inside the folder.
    resolver.set_rewrite(|params| {
        let allowed = !has_hidden_name(&params.path);
        async move {
            allowed
                .then_some(params)
                .ok_or_else(|| ErrorKind::InvalidInput.into())
        }
    });
    Ok(resolver)
}

/// A name that begins with a dot is nobody's business: `.git`, `.env`, `.htpasswd`.
fn has_hidden_name(path: &Path) -> bool {
    path.iter()
        .any(|name| name.as_encoded_bytes().starts_with(b"."))
}
