//! Engine.IO, revision 4: packets and their carriage over long-polling and WebSocket.
//!
//! [`request`] says what an HTTP request means, [`cors`] which origins may ask, [`proxies`] who is believed about where it
//! comes from, [`reject`] how a refusal reads on the wire.
//! [`packet`] and [`payload`] are the two encodings, [`handshake`] the body of the packet that opens a session, and [`session`] is
//! the state machine of one session: its transport, its heartbeat, its upgrade.

pub mod cors;
pub mod handshake;
pub mod packet;
pub mod payload;
pub mod proxies;
pub mod reject;
pub mod request;
pub mod session;
