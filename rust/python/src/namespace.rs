//! A namespace as Python holds it.

use std::sync::Arc;

use pyo3::{
    prelude::*,
    pybacked::PyBackedStr,
    types::{PyString, PyTuple},
};
use sio_hub::{
    delivery::Selection,
    namespace::{Namespace, RoomChange},
    socket::Socket,
};

use crate::{
    outgoing::{Shared, status},
    socket::SocketCore,
};

#[pyclass(frozen, module = "sio_fast._core")]
#[derive(Debug)]
pub struct NamespaceCore {
    pub shared: Arc<Shared>,
    pub namespace: Arc<Namespace>,
}

#[pymethods]
#[expect(
    clippy::needless_pass_by_value,
    reason = "the names are extracted from Python tuples"
)]
impl NamespaceCore {
    #[getter]
    fn name(&self) -> &str {
        &self.namespace.name
    }

    #[pyo3(signature = (event, args, rooms, except_rooms, sender, volatile))]
    fn broadcast(
        &self,
        event: &Bound<'_, PyAny>,
        args: &Bound<'_, PyTuple>,
        rooms: Vec<PyBackedStr>,
        except_rooms: Vec<PyBackedStr>,
        sender: Option<&Bound<'_, SocketCore>>,
        volatile: bool,
    ) -> PyResult<u8> {
        let (frame, _) = self
            .shared
            .event(&self.namespace.name, event, args, || None)?;
        Ok(status(self.shared.hub.broadcast(
            &self.namespace,
            &selection(&rooms, &except_rooms, sender),
            &frame,
            volatile,
        )))
    }

    #[pyo3(signature = (event, args, rooms, except_rooms, sender, volatile))]
    fn broadcast_with_ack(
        &self,
        event: &Bound<'_, PyAny>,
        args: &Bound<'_, PyTuple>,
        rooms: Vec<PyBackedStr>,
        except_rooms: Vec<PyBackedStr>,
        sender: Option<&Bound<'_, SocketCore>>,
        volatile: bool,
    ) -> PyResult<(u64, Vec<SocketCore>)> {
        let (frame, ack_id) = self.shared.event(&self.namespace.name, event, args, || {
            Some(self.namespace.next_ack_id())
        })?;
        let ack_id = ack_id.unwrap_or_default();
        let asked = self.shared.hub.broadcast_with_ack(
            &self.namespace,
            &selection(&rooms, &except_rooms, sender),
            &frame,
            ack_id,
            volatile,
        );
        Ok((ack_id, self.cores(asked)))
    }

    #[pyo3(signature = (rooms, except_rooms, sender))]
    fn members(
        &self,
        rooms: Vec<PyBackedStr>,
        except_rooms: Vec<PyBackedStr>,
        sender: Option<&Bound<'_, SocketCore>>,
    ) -> Vec<SocketCore> {
        let selection = selection(&rooms, &except_rooms, sender);
        self.cores(self.shared.hub.members(&self.namespace, &selection))
    }

    #[pyo3(signature = (rooms, except_rooms, sender, names))]
    fn join_members(
        &self,
        rooms: Vec<PyBackedStr>,
        except_rooms: Vec<PyBackedStr>,
        sender: Option<&Bound<'_, SocketCore>>,
        names: Vec<PyBackedStr>,
    ) {
        let selection = selection(&rooms, &except_rooms, sender);
        self.shared
            .hub
            .join_members(&self.namespace, &selection, &names);
    }

    #[pyo3(signature = (rooms, except_rooms, sender, names))]
    fn leave_members(
        &self,
        rooms: Vec<PyBackedStr>,
        except_rooms: Vec<PyBackedStr>,
        sender: Option<&Bound<'_, SocketCore>>,
        names: Vec<PyBackedStr>,
    ) {
        let selection = selection(&rooms, &except_rooms, sender);
        self.shared
            .hub
            .leave_members(&self.namespace, &selection, &names);
    }

    fn want_raw(&self, names: Vec<Bound<'_, PyString>>) {
        self.shared.raw_events.set(&self.namespace.name, names);
    }

    fn copy_data<'py>(&self, data: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        self.shared.copy("data", data)
    }

    fn watch_rooms(&self, watched: bool) {
        self.namespace.watch_rooms(watched);
    }

    fn take_room_changes(&self) -> Vec<(&'static str, String, Option<String>)> {
        let plain = |change| match change {
            RoomChange::Created(room) => ("create-room", room.into(), None),
            RoomChange::Joined(room, id) => ("join-room", room.into(), Some(id.to_string())),
            RoomChange::Left(room, id) => ("leave-room", room.into(), Some(id.to_string())),
            RoomChange::Deleted(room) => ("delete-room", room.into(), None),
        };
        let changes = self.namespace.take_room_changes();
        changes.into_iter().map(plain).collect()
    }

    fn room_members(&self, room: &str) -> Vec<String> {
        texts(self.namespace.room_members(room))
    }

    fn room_size(&self, room: &str) -> usize {
        self.namespace.room_size(room)
    }

    fn sids(&self) -> Vec<String> {
        texts(self.namespace.socket_ids())
    }

    fn socket_rooms(&self, sid: &str) -> Option<Vec<String>> {
        self.namespace.socket_rooms(sid).map(texts)
    }

    fn rooms(&self) -> Vec<String> {
        texts(self.namespace.room_names())
    }
}

impl NamespaceCore {
    fn cores(&self, sockets: Vec<Arc<Socket>>) -> Vec<SocketCore> {
        let wrap = |socket| SocketCore {
            shared: Arc::clone(&self.shared),
            socket,
        };
        sockets.into_iter().map(wrap).collect()
    }
}

fn selection<'a>(
    rooms: &'a [PyBackedStr],
    except: &'a [PyBackedStr],
    sender: Option<&'a Bound<'_, SocketCore>>,
) -> Selection<'a, PyBackedStr> {
    Selection {
        rooms,
        except,
        sender: sender.map(|one| &*one.get().socket),
    }
}

fn texts(names: Vec<Box<str>>) -> Vec<String> {
    names.into_iter().map(String::from).collect()
}
