//! Whole packets to and from text, for Python: the codec's tests and benches, and the test client.
//!
//! Thin: the head of a packet is the protocol crate's, its JSON the codec's. The server's own paths do not come through
//! here, they write frames.

#![expect(
    clippy::doc_markdown,
    reason = "the docstrings of Python functions are written in Python's notation"
)]

use bytes::Bytes;
use pyo3::IntoPyObjectExt;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use pyo3::types::{PyBytes, PyList, PySequence, PyString, PyTuple};
use sio_protocol::socketio::packet::{self, PacketType};

use super::{Attachments, DEFAULT_MAX_DEPTH, EncodeOptions, HEADROOM};
use crate::raw_args::RawArgs;

/// Encode an event, or with ``event=None`` an ack, as one packet.
///
/// Args:
///     event: The name, a str or a number; ``None`` for the ack of ``ack_id``.
///     args: The arguments, in order.
///     namespace: The namespace's name.
///     ack_id: The id under which an answer is expected, or that is being answered.
///     default: Called with each value of an unknown type; what it returns is encoded in its place.
///     max_depth: The deepest nesting, counted from the packet's own array.
///
/// Returns:
///     The text behind Engine.IO's message digit, and the binary attachments in order.
///
/// Raises:
///     TypeError: A value has no JSON form; the message says where it is.
///     ValueError: Too deep, a cycle, or a mapping that looks like a placeholder beside binary values.
#[pyfunction]
#[pyo3(signature = (event, args, *, namespace = "/", ack_id = None, default = None, max_depth = DEFAULT_MAX_DEPTH))]
pub fn encode_packet<'py>(
    py: Python<'py>,
    event: &Bound<'py, PyAny>,
    args: &Bound<'py, PyAny>,
    namespace: &str,
    ack_id: Option<u64>,
    default: Option<Py<PyAny>>,
    max_depth: usize,
) -> PyResult<(Bound<'py, PyString>, Bound<'py, PyList>)> {
    check_namespace(namespace)?;
    let args = &match args.cast::<PyTuple>() {
        Ok(args) => args.clone(),
        Err(_) => args.cast::<PySequence>()?.to_tuple()?,
    };
    let options = EncodeOptions { default, max_depth };
    let mut attachments = Attachments::default();
    let mut text = Vec::with_capacity(256);
    // Most packets are plain ones: their head is written first, and again only if attachments turn up.
    let (plain, binary) = if event.is_none() {
        if ack_id.is_none() {
            return Err(PyValueError::new_err(
                "an ack (event=None) needs the ack_id it answers",
            ));
        }
        (PacketType::Ack, PacketType::BinaryAck)
    } else {
        (PacketType::Event, PacketType::BinaryEvent)
    };
    packet::encode_head(plain, 0, namespace, ack_id, &mut text);
    let head = text.len();
    if event.is_none() {
        super::encode_args(py, &mut text, &mut attachments, args, &options)?;
    } else {
        super::encode_event(py, &mut text, &mut attachments, event, args, &options)?;
    }
    if !attachments.is_empty() {
        let mut binary_head = Vec::with_capacity(head + 8);
        packet::encode_head(
            binary,
            attachments.parts.len(),
            namespace,
            ack_id,
            &mut binary_head,
        );
        text.splice(..head, binary_head);
    }
    let text = super::raw::utf8_str(py, &text, false)?;
    let parts = PyList::new(
        py,
        attachments
            .parts
            .iter()
            .map(|part| PyBytes::new(py, &part[HEADROOM..])),
    )?;
    Ok((text, parts))
}

/// Encode a CONNECT packet with its payload (``auth``), or without one.
///
/// Args:
///     auth: The payload; a binary value in it is a ``TypeError``. ``None``: no payload.
///     namespace: The namespace's name.
///     default: As of :func:`encode_packet`.
///     max_depth: As of :func:`encode_packet`.
///
/// Returns:
///     The text behind Engine.IO's message digit.
#[pyfunction]
#[pyo3(signature = (auth = None, *, namespace = "/", default = None, max_depth = DEFAULT_MAX_DEPTH))]
pub fn encode_connect<'py>(
    py: Python<'py>,
    auth: Option<&Bound<'py, PyAny>>,
    namespace: &str,
    default: Option<Py<PyAny>>,
    max_depth: usize,
) -> PyResult<Bound<'py, PyString>> {
    check_namespace(namespace)?;
    let mut text = Vec::new();
    packet::encode_head(PacketType::Connect, 0, namespace, None, &mut text);
    if let Some(auth) = auth {
        super::encode_value(py, &mut text, auth, &EncodeOptions { default, max_depth })?;
    }
    super::raw::utf8_str(py, &text, false)
}

/// Decode one packet as a client may send it.
///
/// Args:
///     text: The text behind Engine.IO's message digit.
///     attachments: Its binary attachments, as many as it announces.
///     max_depth: The deepest nesting, counted from the packet's own array.
///     raw: True to have the arguments of an event without attachments as :class:`RawArgs`, if its name stands plainly.
///
/// Returns:
///     ``(type, namespace, ack_id, event, args)``: the type's number, the name (``None`` unless it is an event) and
///     the arguments as a tuple; those of CONNECT are its payload, or none.
///
/// Raises:
///     ValueError: The packet breaks the protocol; the message says how.
#[pyfunction]
#[pyo3(signature = (text, attachments = None, *, max_depth = DEFAULT_MAX_DEPTH, raw = false))]
pub fn decode_packet<'py>(
    py: Python<'py>,
    text: &Bound<'py, PyAny>,
    attachments: Option<Vec<PyBackedBytes>>,
    max_depth: usize,
    raw: bool,
) -> PyResult<Decoded<'py>> {
    let text = match text.cast::<PyString>() {
        Ok(text) => text.to_str()?.as_bytes(),
        Err(_) => text.cast::<PyBytes>()?.as_bytes(),
    };
    let attachments: Vec<Bytes> = attachments
        .into_iter()
        .flatten()
        .map(Bytes::from_owner)
        .collect();
    let head = packet::decode(text, usize::MAX)
        .map_err(|error| PyValueError::new_err(error.to_string()))?;
    if head.attachments != attachments.len() {
        return Err(PyValueError::new_err(format!(
            "the packet announces {} attachments, {} were given",
            head.attachments,
            attachments.len()
        )));
    }
    let (event, args) = match head.kind {
        PacketType::Event | PacketType::BinaryEvent => {
            if raw
                && attachments.is_empty()
                && let Some(name) = super::plain_name(head.body)
            {
                let body = Bytes::copy_from_slice(head.body);
                let args = RawArgs::new(py, body, name.len(), max_depth)?;
                let name = super::raw::utf8_str(py, name, false)?;
                (Some(name.into_any()), args.into_bound_py_any(py)?)
            } else {
                let (event, args) = super::decode_event(py, head.body, &attachments, max_depth)?;
                (Some(event), args.into_any())
            }
        }
        _ if head.body.is_empty() => (None, PyTuple::empty(py).into_any()),
        PacketType::Ack | PacketType::BinaryAck => (
            None,
            super::decode_args(py, head.body, &attachments, max_depth)?.into_any(),
        ),
        _ => (
            None,
            PyTuple::new(py, [super::decode_value(py, head.body, max_depth)?])?.into_any(),
        ),
    };
    Ok((
        head.kind as u8,
        PyString::new(py, head.namespace),
        head.ack_id,
        event,
        args,
    ))
}

/// Type, namespace, ack id, event name, arguments.
type Decoded<'py> = (
    u8,
    Bound<'py, PyString>,
    Option<u64>,
    Option<Bound<'py, PyAny>>,
    Bound<'py, PyAny>,
);

fn check_namespace(namespace: &str) -> PyResult<()> {
    if namespace.starts_with('/') && !namespace.contains(',') {
        return Ok(());
    }
    Err(PyValueError::new_err(format!(
        "a namespace starts with \"/\" and holds no comma, not {namespace:?}"
    )))
}
