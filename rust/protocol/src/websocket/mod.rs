//! WebSocket (RFC 6455), the server's half, without I/O.
//!
//! [`decoder`] turns received bytes into messages in place, [`frame`] writes the headers of our own frames, [`handshake`]
//! judges the request that asks for the protocol. Closing politely, answering pings and timing are the skin's business.

pub mod decoder;
pub mod frame;
pub mod handshake;
mod partial;

pub use decoder::{Decoder, Event, Violation};
pub use frame::{Opcode, write_header};
pub use handshake::accept_key;
