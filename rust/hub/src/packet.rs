//! Socket.IO packets as frames: the body is written first, the head backwards in front of it.
//!
//! Whether a packet is binary is known only when its body has been encoded; the room left in front makes a second
//! buffer unnecessary.

use std::sync::Arc;

use sio_protocol::{
    ids::Id,
    socketio::packet::{PacketType, encode_head},
};

use crate::frame::{Frame, HEADROOM};

/// `4`, type, attachment count with dash (at most 20 digits each), ack id.
const HEAD_MAX: usize = 1 + 1 + 21 + 20;

/// A body under construction.
#[derive(Debug)]
pub struct PacketBuilder<'a> {
    /// Append the JSON text here.
    pub body: Vec<u8>,
    reserved: usize,
    namespace: &'a str,
}

impl<'a> PacketBuilder<'a> {
    pub fn new(namespace: &'a str) -> Self {
        let reserved = HEADROOM + HEAD_MAX + namespace.len() + 1;
        let mut body = Vec::with_capacity(reserved + 64);
        body.resize(reserved, 0);
        Self {
            body,
            reserved,
            namespace,
        }
    }

    /// The finished frame. Attachments (each with headroom) make an event or an ack binary.
    pub fn finish(
        mut self,
        kind: PacketType,
        ack_id: Option<u64>,
        attachments: Vec<Vec<u8>>,
    ) -> Arc<Frame> {
        let mut head = Vec::with_capacity(HEAD_MAX);
        head.push(b'4');
        let kind = match kind {
            PacketType::Event if !attachments.is_empty() => PacketType::BinaryEvent,
            PacketType::Ack if !attachments.is_empty() => PacketType::BinaryAck,
            plain => plain,
        };
        encode_head(kind, attachments.len(), self.namespace, ack_id, &mut head);
        let start = self.reserved - head.len();
        self.body[start..self.reserved].copy_from_slice(&head);
        let frame = Frame::packet(self.body, start, attachments);
        let plain_event = matches!(kind, PacketType::Event | PacketType::BinaryEvent);
        Arc::new(if plain_event && ack_id.is_none() {
            frame.droppable()
        } else {
            frame
        })
    }
}

fn packet(kind: PacketType, namespace: &str, body: &[u8]) -> Arc<Frame> {
    let mut builder = PacketBuilder::new(namespace);
    builder.body.extend_from_slice(body);
    builder.finish(kind, None, Vec::new())
}

/// `40{"sid":"…"}`
pub fn connect(namespace: &str, id: &Id) -> Arc<Frame> {
    packet(
        PacketType::Connect,
        namespace,
        format!("{{\"sid\":\"{id}\"}}").as_bytes(),
    )
}

/// `44{"message":…}`: the body is JSON already.
pub fn connect_error(namespace: &str, body: &[u8]) -> Arc<Frame> {
    packet(PacketType::ConnectError, namespace, body)
}

/// `41`
pub fn disconnect(namespace: &str) -> Arc<Frame> {
    packet(PacketType::Disconnect, namespace, b"")
}
