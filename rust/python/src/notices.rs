//! Notices of the hub as the tuples that `Core.drain` returns; bodies are decoded here, in the one place where they
//! become Python values.

use std::{collections::VecDeque, sync::Arc};

use pyo3::{
    IntoPyObjectExt,
    prelude::*,
    types::{PyList, PyTuple},
};
use sio_hub::{
    sink::{Level, Notice},
    socket::Socket,
};

use crate::{
    codec::{DecodeError, decode_args, decode_event, decode_value},
    outgoing::Shared,
    question::QuestionCore,
    raw_args::{RawArgs, RawEvents},
    socket::SocketCore,
};

const EVENT: u8 = 0;
const CONNECT: u8 = 1;
const ACK: u8 = 2;
const DISCONNECT: u8 = 3;
const DRAINED: u8 = 4;
const DEADLINE: u8 = 5;
const LOG: u8 = 6;
const STOPPED: u8 = 7;
const REQUEST: u8 = 8;
const ROOMS: u8 = 9;

/// Names and numbers of the kinds, for the module.
pub const KINDS: [(&str, u8); 10] = [
    ("EVENT", EVENT),
    ("CONNECT", CONNECT),
    ("ACK", ACK),
    ("DISCONNECT", DISCONNECT),
    ("DRAINED", DRAINED),
    ("DEADLINE", DEADLINE),
    ("LOG", LOG),
    ("STOPPED", STOPPED),
    ("REQUEST", REQUEST),
    ("ROOMS", ROOMS),
];

/// Levels of the logging module.
const fn level_number(level: Level) -> u8 {
    match level {
        Level::Debug => 10,
        Level::Info => 20,
        Level::Warning => 30,
        Level::Error => 40,
    }
}

/// Turns a batch into tuples. A body that is no JSON ends its session and gives no tuple.
pub fn convert<'py>(
    py: Python<'py>,
    shared: &Arc<Shared>,
    notices: &mut VecDeque<Notice>,
) -> PyResult<Bound<'py, PyList>> {
    let list = PyList::empty(py);
    let raw = shared.raw_events.get();
    for notice in notices.drain(..) {
        if let Some(tuple) = one(py, shared, raw.as_deref(), notice)? {
            list.append(tuple)?;
        }
    }
    Ok(list)
}

fn one<'py>(
    py: Python<'py>,
    shared: &Arc<Shared>,
    raw: Option<&RawEvents>,
    notice: Notice,
) -> PyResult<Option<Bound<'py, PyTuple>>> {
    let size = notice.size();
    let max_depth = shared.encode.max_depth;
    let tuple = match notice {
        Notice::Event {
            socket,
            ack_id,
            body,
            attachments,
        } => {
            shared.hub.release_events(&socket.session, 1, size);
            if socket.drops_events() {
                return Ok(None);
            }
            let ack_id = ack_id.map_or(-1, u64::cast_signed);
            if let Some(raw) = raw
                && attachments.is_empty()
                && let Some((name_len, name)) = raw.find(&socket.namespace.name, &body)
            {
                return match RawArgs::new(py, body.clone(), name_len, max_depth) {
                    Ok(args) => {
                        let tuple = (EVENT, socket.handle, name, args, ack_id, size);
                        tuple.into_pyobject(py).map(Some)
                    }
                    Err(error) => refuse(shared, &socket, error, &body),
                };
            }
            match decode_event(py, &body, &attachments, max_depth) {
                Ok((name, args)) => {
                    (EVENT, socket.handle, name, args, ack_id, size).into_pyobject(py)?
                }
                Err(error) => return refuse(shared, &socket, error, &body),
            }
        }
        Notice::Ack {
            socket,
            ack_id,
            body,
            attachments,
        } => {
            shared.hub.release_events(&socket.session, 1, size);
            let args = match &*body {
                [] => Ok(PyTuple::empty(py)),
                body => decode_args(py, body, &attachments, max_depth),
            };
            match args {
                Ok(args) => (ACK, socket.handle, ack_id, args).into_pyobject(py)?,
                Err(error) => return refuse(shared, &socket, error, &body),
            }
        }
        Notice::Connect { socket, auth } => {
            let auth = match &*auth {
                [] => Ok(py.None().into_bound(py)),
                body => decode_value(py, body, max_depth),
            };
            match auth {
                Ok(auth) => {
                    let handle = socket.handle;
                    let core = SocketCore {
                        shared: Arc::clone(shared),
                        socket,
                    };
                    (CONNECT, handle, core, auth).into_pyobject(py)?
                }
                Err(error) => return refuse(shared, &socket, error, b"CONNECT"),
            }
        }
        Notice::Request { question } => (REQUEST, QuestionCore::new(question)).into_pyobject(py)?,
        Notice::Disconnect {
            socket,
            reason,
            detail,
            rooms,
        } => {
            let rooms: Vec<&str> = rooms.iter().map(|room| &**room).collect();
            (
                DISCONNECT,
                socket.handle,
                reason.as_str(),
                detail.as_deref(),
                rooms,
                reason.by_server(),
            )
                .into_pyobject(py)?
        }
        Notice::Rooms { namespace } => (ROOMS, &*namespace.name).into_pyobject(py)?,
        Notice::Drained { session } => (DRAINED, session).into_pyobject(py)?,
        Notice::Deadline { token } => (DEADLINE, token).into_pyobject(py)?,
        Notice::Log {
            level,
            target,
            message,
        } => (LOG, level_number(level), target, message).into_pyobject(py)?,
        Notice::Stopped => (STOPPED.into_py_any(py)?,).into_pyobject(py)?,
    };
    Ok(Some(tuple))
}

/// The peer's fault ends its session; the interpreter's is the caller's to see.
fn refuse<'py>(
    shared: &Arc<Shared>,
    socket: &Arc<Socket>,
    error: DecodeError,
    body: &[u8],
) -> PyResult<Option<Bound<'py, PyTuple>>> {
    if let DecodeError::Python(error) = error {
        return Err(error);
    }
    shared
        .hub
        .fail_session(&socket.session, error.to_string(), body);
    Ok(None)
}
