//! Types of other modules that the encoder knows by name, found without importing anything.
//!
//! A value of such a type can only exist when its module is loaded, so a look into `sys.modules` is enough, and a
//! program that never uses `decimal` or `msgspec` never pays for loading them.

use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyDict;

/// An attribute of a module that may not be loaded.
pub(super) struct Known {
    module: &'static str,
    name: &'static str,
    found: PyOnceLock<Py<PyAny>>,
}

pub(super) static ENUM: Known = Known::new("enum", "Enum");
pub(super) static UUID: Known = Known::new("uuid", "UUID");
pub(super) static DECIMAL: Known = Known::new("decimal", "Decimal");
pub(super) static MAPPING: Known = Known::new("collections.abc", "Mapping");
pub(super) static SET: Known = Known::new("collections.abc", "Set");
pub(super) static VALUES_VIEW: Known = Known::new("collections.abc", "ValuesView");
/// The mark of a real field; a dataclass lists its `ClassVar` and `InitVar` pseudo-fields with it.
pub(super) static DATACLASS_FIELD: Known = Known::new("dataclasses", "_FIELD");
pub(super) static MSGSPEC_UNSET: Known = Known::new("msgspec", "UNSET");

impl Known {
    const fn new(module: &'static str, name: &'static str) -> Self {
        Self {
            module,
            name,
            found: PyOnceLock::new(),
        }
    }

    /// The attribute, or `None` while its module is not loaded.
    pub(super) fn find<'py>(&self, py: Python<'py>) -> PyResult<Option<&Bound<'py, PyAny>>> {
        if let Some(found) = self.found.get(py) {
            return Ok(Some(found.bind(py)));
        }
        let modules = py.import("sys")?.getattr("modules")?;
        let Some(module) = modules.cast::<PyDict>()?.get_item(self.module)? else {
            return Ok(None);
        };
        // A module that is being loaded may lack the name yet: then no value of the type exists either.
        let Some(found) = module.getattr_opt(self.name)? else {
            return Ok(None);
        };
        Ok(Some(self.found.get_or_init(py, || found.unbind()).bind(py)))
    }

    /// `isinstance(object, …)`.
    pub(super) fn has_instance(&self, object: &Bound<'_, PyAny>) -> PyResult<bool> {
        match self.find(object.py())? {
            Some(class) => object.is_instance(class),
            None => Ok(false),
        }
    }

    /// Whether `object` is that very attribute.
    pub(super) fn is(&self, object: &Bound<'_, PyAny>) -> PyResult<bool> {
        Ok(self
            .find(object.py())?
            .is_some_and(|found| found.is(object)))
    }
}
