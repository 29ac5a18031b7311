//! A namespace as Python holds it.

use std::sync::Arc;

use pyo3::{prelude::*, pybacked::PyBackedStr, types::PyTuple};
use sio_hub::{delivery::Selection, namespace::Namespace};

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
        let selection = Selection {
            rooms: &rooms,
            except: &except_rooms,
            sender: sender.map(|one| &*one.get().socket),
        };
        Ok(status(self.shared.hub.broadcast(
            &self.namespace,
            &selection,
            &frame,
            volatile,
        )))
    }

    #[pyo3(signature = (rooms, except_rooms, sender))]
    fn members(
        &self,
        rooms: Vec<PyBackedStr>,
        except_rooms: Vec<PyBackedStr>,
        sender: Option<&Bound<'_, SocketCore>>,
    ) -> Vec<u64> {
        let selection = Selection {
            rooms: &rooms,
            except: &except_rooms,
            sender: sender.map(|one| &*one.get().socket),
        };
        self.shared.hub.members(&self.namespace, &selection)
    }

    fn rooms(&self) -> Vec<String> {
        self.namespace
            .room_names()
            .into_iter()
            .map(String::from)
            .collect()
    }
}
