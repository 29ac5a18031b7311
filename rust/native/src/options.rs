//! What a listener is told when it starts. It knows nothing of the protocol's options: those belong to the hub.

use std::{path::PathBuf, time::Duration};

/// Where and how to listen.
#[derive(Clone, Debug)]
pub struct ListenOptions {
    /// A host name, an IPv4 or an IPv6 address (brackets allowed). Every address that a name resolves to is bound;
    /// an empty text means all addresses of both families. IPv6 sockets take IPv6 only, as in asyncio.
    pub host: String,
    /// 0 lets the operating system choose one port, the same for all addresses.
    pub port: u16,
    /// How many connections the kernel holds before they are accepted.
    pub backlog: u32,
    /// How long a request's head may take; also how long an idle keep-alive connection stays open.
    pub header_timeout: Duration,
    /// Folders served beside Socket.IO: URL prefix and folder. The longest prefix wins.
    pub static_files: Vec<(String, PathBuf)>,
    /// The `dist` folder of the npm package `socket.io-client`, served under the Socket.IO path.
    pub serve_client: Option<PathBuf>,
    /// The Unix socket of an HTTP/1.1 server that answers what is neither Socket.IO nor a file. Whoever can connect to
    /// it is believed (see `forward/headers.rs`), so it belongs into a folder of one's own.
    pub app: Option<PathBuf>,
    /// A Unix socket to listen on instead of `host` and `port`.
    pub uds: Option<PathBuf>,
    /// Threads that read and write, each with its share of the connections; 1 to [`sio_hub::place::Place::MAX`].
    pub io_threads: u8,
    /// Above so many open connections further ones wait in the kernel's backlog. `None` = no limit of ours.
    pub max_connections: Option<usize>,
}

impl Default for ListenOptions {
    /// Port 3000 of the loopback address, with the defaults of the Python layer.
    fn default() -> Self {
        Self {
            host: "127.0.0.1".to_owned(),
            port: 3000,
            backlog: 2048,
            header_timeout: Duration::from_secs(10),
            static_files: Vec::new(),
            serve_client: None,
            app: None,
            uds: None,
            io_threads: 1,
            max_connections: None,
        }
    }
}
