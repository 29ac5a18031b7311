//! Small facts about the core, for Python and for the tests that keep both sides alike.

use pyo3::prelude::*;
use sio_protocol::{close::CloseReason, ids::Id};

use crate::{errors, options};

/// 15 bytes of the operating system's generator. Nothing is kept, so a fork has nothing to inherit.
pub fn entropy() -> Result<[u8; Id::ENTROPY], getrandom::Error> {
    let mut bytes = [0; Id::ENTROPY];
    getrandom::fill(&mut bytes)?;
    Ok(bytes)
}

/// 20 random URL-safe characters.
#[pyfunction]
pub fn generate_id() -> PyResult<String> {
    Ok(Id::from_entropy(entropy().map_err(errors::entropy)?).to_string())
}

/// The nine reasons of a disconnect.
#[pyfunction]
pub fn close_reasons() -> Vec<&'static str> {
    CloseReason::ALL
        .iter()
        .map(|reason| reason.as_str())
        .collect()
}

/// The attributes that `Core` reads from its settings.
#[pyfunction]
pub fn config_fields() -> Vec<&'static str> {
    options::FIELDS.to_vec()
}

/// The version of the package.
#[pyfunction]
pub fn version() -> &'static str {
    env!("CARGO_PKG_VERSION")
}
