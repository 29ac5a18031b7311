//! Events whose arguments the application reads by itself: which ones, and their arguments before anybody has read them.
//!
//! Refuses to know who reads them and into what. A program that wants none pays one look per batch of notices.

use std::{collections::HashMap, ops::Range, sync::Arc};

use bytes::Bytes;
use parking_lot::Mutex;
use pyo3::{
    exceptions::PyIndexError,
    prelude::*,
    types::{PyBytes, PyIterator, PyString, PyTuple},
};

use crate::codec::{DecodeError, argument_slices, decode_value, plain_name};

/// Names of events as they stand on the wire, with the str that stands for each.
type Names = HashMap<Box<[u8]>, Py<PyString>>;

/// The events of all namespaces whose arguments are wanted raw: a snapshot, so that no lock is held where Python runs.
#[derive(Debug, Default, Clone)]
pub struct RawEvents(HashMap<Box<str>, Arc<Names>>);

impl RawEvents {
    /// The length on the wire and the name of an event of `namespace`, if it is one of them.
    pub fn find(&self, namespace: &str, body: &[u8]) -> Option<(usize, &Py<PyString>)> {
        let name = plain_name(body)?;
        let found = self.0.get(namespace)?.get(name)?;
        Some((name.len(), found))
    }
}

/// The place where that snapshot is changed and taken from.
#[derive(Debug, Default)]
pub struct RawEventsCell(Mutex<Option<Arc<RawEvents>>>);

impl RawEventsCell {
    /// The events wanted raw now; `None`: there are none.
    pub fn get(&self) -> Option<Arc<RawEvents>> {
        self.0.lock().clone()
    }

    /// Replaces the names of one namespace. A name that has no form in UTF-8 cannot come plainly and is left out.
    pub fn set(&self, namespace: &str, names: Vec<Bound<'_, PyString>>) {
        let names: Names = names
            .into_iter()
            .filter_map(|name| Some((name.to_str().ok()?.as_bytes().into(), name.unbind())))
            .collect();
        let mut held = self.0.lock();
        let mut events = held.as_deref().cloned().unwrap_or_default();
        if names.is_empty() {
            events.0.remove(namespace);
        } else {
            events.0.insert(namespace.into(), Arc::new(names));
        }
        let old = std::mem::replace(&mut *held, (!events.0.is_empty()).then(|| Arc::new(events)));
        drop(held);
        drop(old);
    }
}

/// The arguments of one event, each as the JSON that came. Reading them as values decodes them.
#[pyclass(frozen, module = "sio_fast._core")]
#[derive(Debug)]
pub struct RawArgs {
    body: Bytes,
    slices: Vec<Range<usize>>,
    max_depth: usize,
}

impl RawArgs {
    /// Checks the arguments of an event that begins with a plain name of `name_len` bytes.
    pub fn new(
        py: Python<'_>,
        body: Bytes,
        name_len: usize,
        max_depth: usize,
    ) -> Result<Self, DecodeError> {
        let slices = argument_slices(py, &body, name_len, max_depth)?;
        Ok(Self {
            body,
            slices,
            max_depth,
        })
    }

    fn slice(&self, index: usize) -> PyResult<&[u8]> {
        let slice = self.slices.get(index).ok_or_else(|| {
            PyIndexError::new_err(format!("argument {index} of {}", self.slices.len()))
        })?;
        Ok(&self.body[slice.clone()])
    }
}

#[pymethods]
impl RawArgs {
    fn __len__(&self) -> usize {
        self.slices.len()
    }

    fn __getitem__<'py>(&self, py: Python<'py>, index: usize) -> PyResult<Bound<'py, PyAny>> {
        Ok(decode_value(py, self.slice(index)?, self.max_depth)?)
    }

    fn __iter__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyIterator>> {
        let values: Vec<_> = (0..self.slices.len())
            .map(|index| self.__getitem__(py, index))
            .collect::<PyResult<_>>()?;
        PyTuple::new(py, values)?.try_iter()
    }

    fn raw<'py>(&self, py: Python<'py>, index: usize) -> PyResult<Bound<'py, PyBytes>> {
        Ok(PyBytes::new(py, self.slice(index)?))
    }
}
