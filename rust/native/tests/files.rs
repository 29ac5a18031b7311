//! Static files and the client's bundle from outside.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::path::{Path, PathBuf};

use common::{Server, client::Client, config, options};
use sio_native::{ListenOptions, Native};

/// A folder for one test, removed with it.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("sio-files-{name}-{}", std::process::id()));
        std::fs::create_dir_all(path.join("public/sub")).unwrap();
        let files = [
            ("secret.txt", "nobody's"),
            ("public/index.html", "<p>root"),
            ("public/page.js", "let a = 1"),
            ("public/.env", "PASSWORD=1"),
            ("public/sub/index.html", "<p>sub"),
            ("public/socket.io.js", "the client"),
            ("public/socket.io.js.map", "{}"),
            ("public/other.js", "not the client"),
        ];
        for (name, text) in files {
            std::fs::write(path.join(name), text).unwrap();
        }
        Self(path)
    }

    fn public(&self) -> PathBuf {
        self.0.join("public")
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn serve(mounts: &[(&str, &Path)]) -> Server {
    let static_files = mounts
        .iter()
        .map(|(prefix, folder)| ((*prefix).to_owned(), (*folder).to_owned()))
        .collect();
    let options = ListenOptions {
        static_files,
        ..options()
    };
    Server::with(config(), &options)
}

#[test]
fn files_folders_and_types() {
    let folder = Folder::new("types");
    let server = serve(&[("/", &folder.public())]);
    let mut client = Client::connect(server.port());
    let answer = client.get("/");
    assert_eq!((answer.status, answer.text()), (200, "<p>root"));
    assert_eq!(
        answer.header("content-type"),
        Some("text/html; charset=utf-8")
    );
    let answer = client.get("/page.js?v=2");
    assert_eq!((answer.status, answer.text()), (200, "let a = 1"));
    assert_eq!(
        answer.header("content-type"),
        Some("text/javascript; charset=utf-8")
    );
    assert_eq!(client.get("/sub/").text(), "<p>sub");
    let answer = client.get("/sub?a=b");
    assert_eq!(answer.status, 301);
    assert_eq!(answer.header("location"), Some("/sub/?a=b"));
    assert_eq!(client.get("//sub").header("location"), Some("/sub/"));
    assert_eq!(client.get("/missing").status, 404);
    assert_eq!(client.get("/page.js/").status, 404);
    assert_eq!(client.get("/page.js/more").status, 404);
    assert_eq!(client.get("/a%00b").status, 404);
    assert_eq!(client.post("/page.js", "").status, 404);
    // Socket.IO is not hidden by a folder at the root.
    client.open_session();
}

#[test]
fn head_tells_what_get_would_and_sends_no_body() {
    let folder = Folder::new("head");
    let server = serve(&[("/", &folder.public())]);
    let mut client = Client::connect(server.port());
    let answer = client.request("HEAD", "/page.js", "Range: bytes=0-1\r\n");
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("content-length"), Some("9"));
    assert_eq!(
        answer.header("content-type"),
        Some("text/javascript; charset=utf-8")
    );
    assert_eq!(client.get("/page.js").text(), "let a = 1");
}

#[test]
fn what_is_known_is_not_sent_again() {
    let folder = Folder::new("etag");
    let server = serve(&[("/", &folder.public())]);
    let mut client = Client::connect(server.port());
    let answer = client.get("/page.js");
    let tag = answer.header("etag").unwrap().to_owned();
    let date = answer.header("last-modified").unwrap().to_owned();
    for condition in [
        format!("If-None-Match: {tag}\r\n"),
        format!("If-None-Match: \"other\", {tag}\r\n"),
        "If-None-Match: *\r\n".to_owned(),
        format!("If-Modified-Since: {date}\r\n"),
    ] {
        let answer = client.request("GET", "/page.js", &condition);
        assert_eq!(answer.status, 304, "{condition}");
        assert_eq!(answer.header("etag"), Some(&*tag));
        assert!(answer.body.is_empty());
    }
    for condition in [
        "If-None-Match: \"other\"\r\n".to_owned(),
        // The tag goes first (RFC 9110, 13.2.2).
        format!("If-None-Match: \"other\"\r\nIf-Modified-Since: {date}\r\n"),
        "If-Modified-Since: Thu, 01 Jan 1998 00:00:00 GMT\r\n".to_owned(),
    ] {
        let answer = client.request("GET", "/page.js", &condition);
        assert_eq!(answer.status, 200, "{condition}");
        assert_eq!(answer.text(), "let a = 1");
    }
}

#[test]
fn a_part_of_a_file() {
    let folder = Folder::new("range");
    let server = serve(&[("/", &folder.public())]);
    let mut client = Client::connect(server.port());
    let answer = client.request("GET", "/page.js", "Range: bytes=4-4\r\n");
    assert_eq!((answer.status, answer.text()), (206, "a"));
    assert_eq!(answer.header("content-range"), Some("bytes 4-4/9"));
    assert_eq!(
        client
            .request("GET", "/page.js", "Range: bytes=50-\r\n")
            .status,
        416
    );
}

/// One request for the whole file a thousand times over (CVE-2011-3192) is not obeyed, nor is any other of several ranges.
#[test]
fn several_ranges_are_answered_with_the_whole_once() {
    let folder = Folder::new("ranges");
    let server = serve(&[("/", &folder.public())]);
    let mut client = Client::connect(server.port());
    for ranges in ["0-1,4-4".to_owned(), "0-,".repeat(8_000) + "0-"] {
        let range = format!("Range: bytes={ranges}\r\n");
        let answer = client.request("GET", "/page.js", &range);
        assert_eq!((answer.status, answer.text()), (200, "let a = 1"));
    }
}

#[test]
fn nothing_hidden_and_nothing_outside() {
    let folder = Folder::new("outside");
    let server = serve(&[("/", &folder.public())]);
    let mut client = Client::connect(server.port());
    for target in [
        "/.env",
        "/%2eenv",
        "/sub/..%2f.env",
        "/../secret.txt",
        "/%2e%2e/secret.txt",
        "/..%2fsecret.txt",
        "/sub/../../secret.txt",
        "/sub/..%5c..%5csecret.txt",
        "//secret.txt",
        "/%2fetc%2fpasswd",
    ] {
        let answer = client.get(target);
        assert_eq!(answer.status, 404, "{target}: {}", answer.text());
    }
}

#[test]
fn the_longest_prefix_wins_on_a_segment() {
    let folder = Folder::new("prefix");
    let sub = folder.public().join("sub");
    let server = serve(&[("/", &folder.public()), ("/assets", &sub)]);
    let mut client = Client::connect(server.port());
    assert_eq!(client.get("/assets/").text(), "<p>sub");
    assert_eq!(client.get("/assets/index.html").text(), "<p>sub");
    assert_eq!(client.get("/index.html").text(), "<p>root");
    assert_eq!(client.get("/assetsx").status, 404);
}

#[test]
fn the_bundle_lies_under_the_path() {
    let folder = Folder::new("bundle");
    let options = ListenOptions {
        serve_client: Some(folder.public()),
        ..options()
    };
    let server = Server::with(config(), &options);
    let mut client = Client::connect(server.port());
    let answer = client.get("/socket.io/socket.io.js");
    assert_eq!((answer.status, answer.text()), (200, "the client"));
    let tag = format!("If-None-Match: {}\r\n", answer.header("etag").unwrap());
    assert_eq!(
        client
            .request("GET", "/socket.io/socket.io.js", &tag)
            .status,
        304
    );
    let map = client.get("/socket.io/socket.io.js.map");
    assert_eq!(map.text(), "{}");
    assert_eq!(map.header("content-type"), Some("application/json"));
    // What the folder lacks, what is no bundle and what is not read goes on to the engine.
    for target in [
        "/socket.io/socket.io.min.js",
        "/socket.io/other.js",
        "/socket.io/index.html",
    ] {
        let answer = client.get(target);
        assert_eq!(
            answer.text(),
            "{\"code\":0,\"message\":\"Transport unknown\"}",
            "{target}"
        );
    }
    assert_eq!(client.post("/socket.io/socket.io.js", "").status, 400);
}

#[test]
fn a_folder_that_is_missing_is_an_error_at_the_start() {
    let folder = Folder::new("missing");
    let server = Server::start();
    for (path, kind) in [
        (folder.0.join("none"), std::io::ErrorKind::NotFound),
        (
            folder.0.join("secret.txt"),
            std::io::ErrorKind::NotADirectory,
        ),
    ] {
        let options = ListenOptions {
            serve_client: Some(path.clone()),
            ..options()
        };
        let error = Native::start(&server.hub, &options).unwrap_err();
        assert_eq!(error.kind(), kind);
        assert!(
            error.to_string().contains(&*path.to_string_lossy()),
            "{error}"
        );
    }
}
