//! The native listener: sockets, HTTP/1.1 and WebSocket connections on I/O threads of their own.
//!
//! A skin moves bytes and waits. What a request or a message means, which status answers it and when something is
//! due is decided by the shard ([`sio_hub::shard::Shard`]); Python is unknown here, and nothing of this crate ever
//! waits for it.
//!
//! | file | one connection's way through it |
//! |---|---|
//! | `listener` | addresses are bound, connections accepted |
//! | `service` | HTTP/1.1: a request's head becomes a verdict of the shard |
//! | `polling` | the long poll that waits, the POST whose body is read |
//! | `websocket` | after the 101: frames in, slices out, closing |
//! | `files` | what is not Socket.IO: the client's bundle and static files |
//! | `forward` | and what is no file either: to the application beside Socket.IO |
//! | `driver`, `timer`, `clock` | the shard, its dirty list, its deadlines, its time |
//! | `handover` | requests for a session of another thread |
//! | `runtime` | the threads themselves: start, stop, join |

#![forbid(unsafe_code)]

mod asking;
pub mod clock;
mod driver;
mod files;
#[cfg(unix)]
mod forward;
mod handover;
mod listener;
mod options;
mod panic;
mod polling;
mod runtime;
mod service;
mod slots;
mod stream;
mod timer;
mod websocket;

pub use options::ListenOptions;
pub use runtime::Native;
