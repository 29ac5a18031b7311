//! JSON between Python values and wire bytes, in one pass each way.
//!
//! Encoding writes straight from Python objects into the packet's buffer and lifts binary values out as attachments on
//! the way; decoding builds Python objects straight from the received bytes and puts the attachments back in. The
//! codec refuses to know packet types, namespaces, ack ids and frames: it sees the JSON part of a packet only.
//!
//! Everything here runs with the interpreter attached and may run the application's code (`default=`, properties,
//! `model_dump`), so no lock of the core may be held around a call.

mod decode;
mod encode;
mod error;
mod keys;
mod moment;
mod number;
pub mod pyfunctions;
mod raw;
mod rich;
mod slices;
mod text;
mod types;

pub use decode::{decode_args, decode_event, decode_value};
pub use encode::{EncodeOptions, encode_alone, encode_args, encode_event, encode_value};
pub use error::DecodeError;
pub use slices::{argument_slices, plain_name};

/// Free bytes in front of every attachment: the longest header of an unmasked WebSocket frame, which is written
/// backwards from the data once the length is known.
pub const HEADROOM: usize = 10;

/// The nesting that `max_depth` defaults to.
pub const DEFAULT_MAX_DEPTH: usize = 512;

/// The deepest nesting either direction follows, whatever `max_depth` says.
///
/// Both walks recurse: 1020 levels take at most 384 KiB of stack in a release build (records and mappings; lists 192),
/// and the smallest thread we meet has 512 (macOS).
pub const DEPTH_CEILING: usize = 1024;

/// The binary values of one packet in the order of their placeholders.
#[derive(Debug, Default)]
pub struct Attachments {
    /// Each part: [`HEADROOM`] zero bytes, then the data.
    pub parts: Vec<Vec<u8>>,
}

impl Attachments {
    /// Whether the packet is a plain one.
    pub fn is_empty(&self) -> bool {
        self.parts.is_empty()
    }

    /// Copies `data` behind its headroom and returns its number for the placeholder.
    fn add(&mut self, data: &[u8]) -> usize {
        let mut part = Vec::with_capacity(HEADROOM + data.len());
        part.resize(HEADROOM, 0);
        part.extend_from_slice(data);
        self.parts.push(part);
        self.parts.len() - 1
    }
}
