//! The edge: everything that knows both Python and the core. No policy lives here.

mod asgi;
mod codec;
mod core;
mod errors;
mod facts;
mod heap;
mod mailbox;
mod namespace;
mod notices;
mod options;
mod outgoing;
mod question;
mod raw_args;
mod socket;
mod wake;

use pyo3::prelude::*;

/// `sio_fast._core`: see `_core.pyi` for what each name promises.
#[pymodule(gil_used = true)]
fn _core(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<core::Core>()?;
    module.add_class::<namespace::NamespaceCore>()?;
    module.add_class::<socket::SocketCore>()?;
    module.add_class::<question::QuestionCore>()?;
    module.add_class::<raw_args::RawArgs>()?;
    module.add_class::<asgi::LoopShard>()?;
    let numbers = notices::KINDS
        .iter()
        .chain(&asgi::VERDICTS)
        .chain(&asgi::STATES);
    for (name, number) in numbers {
        module.add(*name, *number)?;
    }
    module.add_function(wrap_pyfunction!(facts::generate_id, module)?)?;
    module.add_function(wrap_pyfunction!(facts::close_reasons, module)?)?;
    module.add_function(wrap_pyfunction!(facts::config_fields, module)?)?;
    module.add_function(wrap_pyfunction!(facts::version, module)?)?;
    module.add_function(wrap_pyfunction!(codec::pyfunctions::encode_packet, module)?)?;
    module.add_function(wrap_pyfunction!(
        codec::pyfunctions::encode_connect,
        module
    )?)?;
    module.add_function(wrap_pyfunction!(codec::pyfunctions::decode_packet, module)?)?;
    Ok(())
}
