//! Everything the protocol *means*, without I/O, clock, threads or Python.
//!
//! Engine.IO 4 and Socket.IO 5 as pure functions and state machines: time and randomness are arguments, bytes go in,
//! values and verdicts come out. Start reading at [`engineio::session`].

#![forbid(unsafe_code)]

pub mod close;
pub mod engineio;
pub mod ids;
pub mod json;
pub mod socketio;
pub mod websocket;
