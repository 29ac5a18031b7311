//! One socket as Python holds it, and what it knows of the connection below it.

use std::{net::SocketAddr, sync::Arc};

use pyo3::{prelude::*, pybacked::PyBackedStr, types::PyTuple};
use sio_hub::{
    delivery::Sent,
    socket::{ReadyState, Socket, SocketState},
};
use sio_protocol::close::CloseReason;

use crate::{
    codec::encode_value,
    outgoing::{Shared, status},
};

/// The ack id of a packet that was dropped.
const GONE: i64 = -1;

/// (headers, url, address, xdomain, secure, issued)
type Handshake = (
    Vec<(String, String)>,
    String,
    Option<String>,
    bool,
    bool,
    u64,
);

#[pyclass(frozen, module = "sio_fast._core")]
#[derive(Debug)]
pub struct SocketCore {
    pub shared: Arc<Shared>,
    pub socket: Arc<Socket>,
}

impl SocketCore {
    /// A packet that is certain to be dropped need not be encoded.
    fn is_lost(&self, volatile: bool) -> bool {
        self.socket.state() == SocketState::Closed
            || (volatile && self.socket.session.buffered() > 0)
    }
}

#[pymethods]
impl SocketCore {
    #[getter]
    fn id(&self) -> &str {
        self.socket.id().as_str()
    }

    #[getter]
    fn namespace(&self) -> &str {
        &self.socket.namespace.name
    }

    #[getter]
    fn handle(&self) -> u64 {
        self.socket.handle
    }

    #[getter]
    fn session(&self) -> u64 {
        self.socket.session.number
    }

    #[getter]
    fn connected(&self) -> bool {
        self.socket.state() == SocketState::Connected
    }

    #[getter]
    fn reason(&self) -> Option<&'static str> {
        self.socket.reason().map(CloseReason::as_str)
    }

    fn emit(
        &self,
        event: &Bound<'_, PyAny>,
        args: &Bound<'_, PyTuple>,
        volatile: bool,
    ) -> PyResult<u8> {
        if self.is_lost(volatile) {
            return Ok(status(Sent::Dropped));
        }
        let (frame, _) = self
            .shared
            .event(&self.socket.namespace.name, event, args, || None)?;
        Ok(status(self.shared.hub.send(&self.socket, frame, volatile)))
    }

    fn emit_with_ack(
        &self,
        event: &Bound<'_, PyAny>,
        args: &Bound<'_, PyTuple>,
        volatile: bool,
    ) -> PyResult<i64> {
        if self.is_lost(volatile) {
            return Ok(GONE);
        }
        let hub = &self.shared.hub;
        let expect = || Some(hub.expect_ack(&self.socket));
        let (frame, ack_id) =
            self.shared
                .event(&self.socket.namespace.name, event, args, expect)?;
        let ack_id = ack_id.unwrap_or_default();
        if hub.send(&self.socket, frame, volatile) == Sent::Dropped {
            hub.forget_ack(&self.socket, ack_id);
            return Ok(GONE);
        }
        Ok(ack_id.cast_signed())
    }

    fn forget_ack(&self, ack_id: u64) {
        self.shared.hub.forget_ack(&self.socket, ack_id);
    }

    fn ack(&self, ack_id: u64, args: &Bound<'_, PyTuple>) -> PyResult<()> {
        if self.socket.state() != SocketState::Closed {
            let frame = self
                .shared
                .answer(&self.socket.namespace.name, ack_id, args)?;
            self.shared.hub.send(&self.socket, frame, false);
        }
        Ok(())
    }

    fn accept(&self) -> bool {
        self.shared.hub.accept(&self.socket)
    }

    fn refuse(&self, message: &Bound<'_, PyAny>, data: &Bound<'_, PyAny>) -> PyResult<()> {
        let py = message.py();
        let mut body = b"{\"message\":".to_vec();
        encode_value(py, &mut body, message, &self.shared.encode)?;
        if !data.is_none() {
            body.extend_from_slice(b",\"data\":");
            encode_value(py, &mut body, data, &self.shared.encode)?;
        }
        body.push(b'}');
        self.shared.hub.refuse(&self.socket, &body);
        Ok(())
    }

    fn disconnect(&self, close: bool) -> Vec<u64> {
        if close {
            self.shared.hub.disconnect_session(&self.socket.session)
        } else {
            self.shared.hub.disconnect(&self.socket)
        }
    }

    #[expect(
        clippy::needless_pass_by_value,
        reason = "the names are extracted from a Python tuple"
    )]
    fn join(&self, rooms: Vec<PyBackedStr>) {
        self.shared
            .hub
            .join(&self.socket, rooms.iter().map(|room| &**room));
    }

    #[expect(
        clippy::needless_pass_by_value,
        reason = "the names are extracted from a Python tuple"
    )]
    fn leave(&self, rooms: Vec<PyBackedStr>) {
        self.shared
            .hub
            .leave(&self.socket, rooms.iter().map(|room| &**room));
    }

    fn rooms(&self) -> Vec<String> {
        self.shared
            .hub
            .rooms_of(&self.socket)
            .into_iter()
            .map(String::from)
            .collect()
    }

    fn in_room(&self, room: &str) -> bool {
        self.shared.hub.is_in_room(&self.socket, room)
    }

    #[getter]
    fn buffered_amount(&self) -> usize {
        self.socket.session.buffered()
    }

    fn want_drained(&self) -> bool {
        self.shared.hub.want_drained(&self.socket.session)
    }

    fn hold(&self, events: usize, size: usize) {
        self.shared
            .hub
            .hold_events(&self.socket.session, events, size);
    }

    fn release(&self, events: usize, size: usize) {
        self.shared
            .hub
            .release_events(&self.socket.session, events, size);
    }

    // --- the connection below it: the handshake and `socket.conn`

    /// The ASGI scope of the first request; `None` on a listener of our own.
    #[getter]
    fn scope(&self, py: Python<'_>) -> Option<Py<PyAny>> {
        let carried = self.socket.session.request.carried.as_ref()?;
        let scope: &Py<PyAny> = carried.downcast_ref()?;
        Some(scope.clone_ref(py))
    }

    fn handshake(&self) -> Handshake {
        let request = &self.socket.session.request;
        (
            request.headers().collect(),
            request.target(),
            request
                .address
                .as_ref()
                .map(|address| address.ip().to_string()),
            request.xdomain,
            request.secure,
            self.socket.issued_ms,
        )
    }

    #[getter]
    fn remote_address(&self) -> Option<String> {
        self.socket
            .session
            .request
            .address
            .as_ref()
            .map(SocketAddr::ip)
            .map(|ip| ip.to_string())
    }

    #[getter]
    fn detail(&self) -> Option<String> {
        self.socket.session.detail().as_deref().map(str::to_owned)
    }

    #[getter]
    fn conn_id(&self) -> &str {
        self.socket.session.sid.as_str()
    }

    #[getter]
    fn transport(&self) -> &'static str {
        self.socket.session.transport().as_str()
    }

    #[getter]
    fn upgraded(&self) -> bool {
        self.socket.session.upgraded()
    }

    #[getter]
    fn ready_state(&self) -> &'static str {
        match self.socket.session.ready_state() {
            ReadyState::Open => "open",
            ReadyState::Closing => "closing",
            ReadyState::Closed => "closed",
        }
    }

    fn close_connection(&self, discard: bool) -> Vec<u64> {
        self.shared.hub.close_session(
            &self.socket.session,
            CloseReason::ForcedClose,
            None,
            discard,
        )
    }
}
