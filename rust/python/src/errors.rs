//! Errors of the core as Python exceptions.

use std::io;

use pyo3::{
    exceptions::{PyOSError, PyRuntimeError, PyValueError},
    prelude::*,
};
use sio_hub::config::ConfigError;

pub fn config(error: &ConfigError) -> PyErr {
    PyValueError::new_err(error.to_string())
}

/// Keeps `errno`, so that callers can tell an address in use from a forbidden one.
pub fn io(error: &io::Error) -> PyErr {
    match error.raw_os_error().or_else(|| errno(error.kind())) {
        Some(code) => PyOSError::new_err((code, error.to_string())),
        None => PyOSError::new_err(error.to_string()),
    }
}

/// An error whose text was enriched has lost its number.
fn errno(kind: io::ErrorKind) -> Option<i32> {
    if !cfg!(target_os = "linux") {
        return None;
    }
    match kind {
        io::ErrorKind::AddrInUse => Some(98),
        io::ErrorKind::AddrNotAvailable => Some(99),
        io::ErrorKind::PermissionDenied => Some(13),
        io::ErrorKind::NotFound => Some(2),
        _ => None,
    }
}

pub fn entropy(error: getrandom::Error) -> PyErr {
    PyOSError::new_err(format!(
        "the operating system gives no random numbers: {error}"
    ))
}

pub fn clock(now: f64) -> PyErr {
    PyValueError::new_err(format!("{now} is no moment of a monotonic clock"))
}

pub fn already_started() -> PyErr {
    PyRuntimeError::new_err(
        "this server is running already; close() it first, or make another Server",
    )
}
