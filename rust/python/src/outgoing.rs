//! From Python values to frames, with the interpreter attached.

use std::sync::Arc;

use bytes::Bytes;
use pyo3::{exceptions::PyValueError, prelude::*, types::PyTuple};
use sio_hub::{Hub, delivery::Sent, frame::Frame, packet::PacketBuilder};
use sio_protocol::socketio::packet::PacketType;

use crate::codec::{
    Attachments, DecodeError, EncodeOptions, HEADROOM, decode_args, encode_alone, encode_args,
    encode_event,
};
use crate::raw_args::RawEventsCell;

/// What the objects of one server share.
#[derive(Debug)]
pub struct Shared {
    pub hub: Arc<Hub>,
    pub encode: EncodeOptions,
    pub raw_events: RawEventsCell,
}

/// The numbers by which Python knows what became of a packet.
pub const fn status(sent: Sent) -> u8 {
    match sent {
        Sent::Accepted => 0,
        Sent::Congested => 1,
        Sent::Dropped => 2,
    }
}

impl Shared {
    /// `["event",…]` as an EVENT packet.
    pub fn event(
        &self,
        namespace: &str,
        event: &Bound<'_, PyAny>,
        args: &Bound<'_, PyTuple>,
        ack_id: impl FnOnce() -> Option<u64>,
    ) -> PyResult<(Arc<Frame>, Option<u64>)> {
        let mut builder = PacketBuilder::new(namespace);
        let mut attachments = Attachments::default();
        encode_event(
            event.py(),
            &mut builder.body,
            &mut attachments,
            event,
            args,
            &self.encode,
        )?;
        self.check(&attachments)?;
        // Only now, so that a value that cannot be encoded leaves no ack waiting.
        let ack_id = ack_id();
        Ok((
            builder.finish(PacketType::Event, ack_id, attachments.parts),
            ack_id,
        ))
    }

    /// `[…]` as an ACK packet.
    pub fn answer(
        &self,
        namespace: &str,
        ack_id: u64,
        args: &Bound<'_, PyTuple>,
    ) -> PyResult<Arc<Frame>> {
        let mut builder = PacketBuilder::new(namespace);
        let mut attachments = Attachments::default();
        encode_args(
            args.py(),
            &mut builder.body,
            &mut attachments,
            args,
            &self.encode,
        )?;
        self.check(&attachments)?;
        Ok(builder.finish(PacketType::Ack, Some(ack_id), attachments.parts))
    }

    /// The value as somebody at the other end of a wire would have it. `name` is what errors call it.
    pub fn copy<'py>(&self, name: &str, value: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let py = value.py();
        let (mut body, mut attachments) = (Vec::new(), Attachments::default());
        encode_alone(py, &mut body, &mut attachments, value, name, &self.encode)?;
        let parts: Vec<Bytes> = attachments
            .parts
            .into_iter()
            .map(|part| Bytes::from(part).slice(HEADROOM..))
            .collect();
        // One level more than the value has: the array around it.
        match decode_args(py, &body, &parts, self.encode.max_depth + 1) {
            Ok(values) => values.get_item(0),
            Err(DecodeError::Python(error)) => Err(error),
            Err(error) => Err(PyValueError::new_err(format!("{name}: {error}"))),
        }
    }

    /// A peer of the same limits would close the connection.
    fn check(&self, attachments: &Attachments) -> PyResult<()> {
        let (count, limit) = (attachments.parts.len(), self.hub.config().max_attachments);
        if count <= limit {
            return Ok(());
        }
        Err(PyValueError::new_err(format!(
            "{count} binary values in one packet; max_attachments is {limit}, and the official client refuses more than \
             10: join them into one bytes object, or raise the option on both sides"
        )))
    }
}
