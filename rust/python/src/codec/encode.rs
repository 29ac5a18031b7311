//! From Python values to JSON text, in one pass into the packet's buffer.
//!
//! This file knows the types of every message: str, int, float, bool, None, dict, list, tuple and the binary ones. All
//! other types are [`super::rich`]'s. It refuses to know what the text is part of.
//!
//! A mapping in the application's own data that looks like a placeholder (`{"_placeholder": true, …}`) is harmless in
//! a packet without attachments, because a peer looks for placeholders in binary packets only. Beside binary values it
//! would be replaced by an attachment or end the peer's connection (the official server sends it and lets that
//! happen); there it is a `ValueError`.

#![expect(
    clippy::inline_always,
    reason = "a tenth of the instructions of a small event, as the bench showed"
)]

use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use pyo3::types::string::PyStringData;
use pyo3::types::{PyBool, PyBytes, PyDict, PyFloat, PyInt, PyList, PyString, PyTuple};
use pyo3::{Borrowed, PyTypeInfo};

use super::error::{At, Cause, Outcome};
use super::{Attachments, DEFAULT_MAX_DEPTH, DEPTH_CEILING, number, raw, text};

/// The key that makes a mapping a placeholder for the peer when its value is true.
const PLACEHOLDER: &[u8] = b"_placeholder";

/// What the application chose.
#[derive(Debug)]
pub struct EncodeOptions {
    /// Called with a value of unknown type; what it returns is encoded in its place.
    pub default: Option<Py<PyAny>>,
    /// The deepest nesting that is written. At most [`DEPTH_CEILING`] counts.
    pub max_depth: usize,
}

impl Default for EncodeOptions {
    fn default() -> Self {
        Self {
            default: None,
            max_depth: DEFAULT_MAX_DEPTH,
        }
    }
}

/// Appends `["event",arg1,…]` to `out` and the binary values to `attachments`.
///
/// A name is a str or a finite number. On an error both are as before: `TypeError` for what has no JSON form,
/// `ValueError` for what is nested too deep, and whatever the application's own code raised.
pub fn encode_event<'py>(
    py: Python<'py>,
    out: &mut Vec<u8>,
    attachments: &mut Attachments,
    event: &Bound<'py, PyAny>,
    args: &Bound<'py, PyTuple>,
    options: &EncodeOptions,
) -> PyResult<()> {
    encode(py, out, Some(attachments), options, "args", |encoder| {
        encoder.enter()?;
        encoder.out.push(b'[');
        encoder.name(event)?;
        for (index, value) in args.iter_borrowed().enumerate() {
            encoder.out.push(b',');
            encoder.value(value).at_index(index)?;
        }
        encoder.leave(b']');
        Ok(())
    })
}

/// Appends `[arg1,…]`, the body of an ack; otherwise like [`encode_event`].
pub fn encode_args<'py>(
    py: Python<'py>,
    out: &mut Vec<u8>,
    attachments: &mut Attachments,
    args: &Bound<'py, PyTuple>,
    options: &EncodeOptions,
) -> PyResult<()> {
    encode(py, out, Some(attachments), options, "args", |encoder| {
        encoder.tuple(args.as_borrowed())
    })
}

/// Appends `[value]`, what [`decode_args`](super::decode_args) reads again; `root` is what errors call the value.
pub fn encode_alone<'py>(
    py: Python<'py>,
    out: &mut Vec<u8>,
    attachments: &mut Attachments,
    value: &Bound<'py, PyAny>,
    root: &str,
    options: &EncodeOptions,
) -> PyResult<()> {
    encode(py, out, Some(attachments), options, root, |encoder| {
        encoder.out.push(b'[');
        encoder.value(value.as_borrowed())?;
        encoder.out.push(b']');
        Ok(())
    })
}

/// Appends one value of a packet that has no attachments (CONNECT and its error); a binary value is a `TypeError`.
pub fn encode_value<'py>(
    py: Python<'py>,
    out: &mut Vec<u8>,
    value: &Bound<'py, PyAny>,
    options: &EncodeOptions,
) -> PyResult<()> {
    encode(py, out, None, options, "value", |encoder| {
        encoder.value(value.as_borrowed())
    })
}

fn encode<'py>(
    py: Python<'py>,
    out: &mut Vec<u8>,
    attachments: Option<&mut Attachments>,
    options: &EncodeOptions,
    root: &str,
    body: impl Fn(&mut Encoder<'_, 'py>) -> Outcome,
) -> PyResult<()> {
    let start = out.len();
    let first_part = attachments
        .as_ref()
        .map_or(0, |attachments| attachments.parts.len());
    let mut encoder = Encoder {
        py,
        out,
        attachments,
        default: options.default.as_ref(),
        depth: 0,
        max_depth: options.max_depth.min(DEPTH_CEILING),
        lookalike: Lookalike::Unseen,
    };
    let mut outcome = body(&mut encoder);
    if outcome.is_ok() && encoder.lookalike == Lookalike::Seen && encoder.parts() > first_part {
        // Only now is it known that the packet is a binary one: a second walk finds the place for the message.
        encoder.rewind(start, first_part);
        encoder.lookalike = Lookalike::Refused;
        outcome = body(&mut encoder).and(Err(Cause::Lookalike.into()));
    }
    outcome.map_err(|refusal| {
        encoder.rewind(start, first_part);
        refusal.into_exception(py, root)
    })
}

/// Whether the data holds something that a peer could take for a placeholder of ours.
#[derive(PartialEq, Eq)]
enum Lookalike {
    Unseen,
    Seen,
    /// The packet is binary: the next one is an error.
    Refused,
}

/// The state of one walk.
pub(super) struct Encoder<'o, 'py> {
    pub(super) py: Python<'py>,
    pub(super) out: &'o mut Vec<u8>,
    attachments: Option<&'o mut Attachments>,
    pub(super) default: Option<&'o Py<PyAny>>,
    depth: usize,
    max_depth: usize,
    lookalike: Lookalike,
}

impl<'py> Encoder<'_, 'py> {
    /// Writes any value that something else keeps alive.
    #[inline]
    pub(super) fn value(&mut self, object: Borrowed<'_, 'py, PyAny>) -> Outcome {
        if self.leaf(object)? {
            Ok(())
        } else {
            self.branch(&object)
        }
    }

    /// Goes one level down.
    #[inline]
    pub(super) fn enter(&mut self) -> Outcome {
        if self.depth >= self.max_depth {
            return Err(Cause::TooDeep(self.max_depth).into());
        }
        self.depth += 1;
        Ok(())
    }

    /// Comes back up, closing what was opened.
    #[inline]
    pub(super) fn leave(&mut self, close: u8) {
        self.out.push(close);
        self.depth -= 1;
    }

    /// Writes what `object` was converted to; the conversion counts as a level, so that endless ones end.
    pub(super) fn converted(&mut self, object: &Bound<'py, PyAny>) -> Outcome {
        self.enter()?;
        self.value(object.as_borrowed())?;
        self.depth -= 1;
        Ok(())
    }

    /// Writes the exact builtin scalars, without running any Python code. `false`: it is something else.
    #[inline(always)]
    fn leaf(&mut self, object: Borrowed<'_, 'py, PyAny>) -> Outcome<bool> {
        if let Some(string) = raw::exact::<PyString>(object) {
            self.string(string)?;
        } else if let Some(int) = raw::exact::<PyInt>(object) {
            // A bigger one is written by the interpreter, which may run code for it.
            let Some(value) = raw::small_int(int) else {
                return Ok(false);
            };
            number::write_int(self.out, value);
        } else if let Some(float) = raw::exact::<PyFloat>(object) {
            number::write_float(self.out, float.value());
        } else if object.is_none() {
            self.out.extend_from_slice(b"null");
        } else if let Some(bool) = raw::exact::<PyBool>(object) {
            self.out
                .extend_from_slice(if bool.is_true() { b"true" } else { b"false" });
        } else {
            return Ok(false);
        }
        Ok(true)
    }

    /// Writes everything else. It may run Python code, hence the owned reference.
    fn branch(&mut self, object: &Bound<'py, PyAny>) -> Outcome {
        let borrowed = object.as_borrowed();
        if let Some(dict) = raw::exact::<PyDict>(borrowed) {
            self.dict(dict)
        } else if let Some(list) = raw::exact::<PyList>(borrowed) {
            self.list(list)
        } else if let Some(tuple) = raw::exact::<PyTuple>(borrowed) {
            self.tuple(tuple)
        } else if let Some(bytes) = raw::exact::<PyBytes>(borrowed) {
            self.binary(bytes.as_bytes())
        } else {
            self.rich(object)
        }
    }

    #[inline]
    pub(super) fn string(&mut self, string: Borrowed<'_, 'py, PyString>) -> Outcome {
        match raw::characters(&string)? {
            PyStringData::Ucs1(bytes) => text::write_latin1(self.out, bytes),
            PyStringData::Ucs2(units) => text::write_wide(self.out, units),
            PyStringData::Ucs4(points) => text::write_wide(self.out, points),
        }
        Ok(())
    }

    /// Writes an int of any size (or of a subclass) by its digits.
    pub(super) fn int(&mut self, int: &Bound<'py, PyInt>) -> Outcome {
        if let Some(value) = raw::small_int(int.as_borrowed()) {
            number::write_int(self.out, value);
        } else {
            // The interpreter refuses more digits than its limit (4300): the conversion is quadratic.
            let digits = PyInt::type_object(self.py).call_method1("__repr__", (int,))?;
            self.out.extend_from_slice(
                digits
                    .cast::<PyString>()
                    .map_err(PyErr::from)?
                    .to_str()?
                    .as_bytes(),
            );
        }
        Ok(())
    }

    /// Writes a placeholder and keeps the data.
    pub(super) fn binary(&mut self, data: &[u8]) -> Outcome {
        let Some(attachments) = self.attachments.as_mut() else {
            return Err(Cause::Binary.into());
        };
        let num = attachments.add(data);
        self.out
            .extend_from_slice(b"{\"_placeholder\":true,\"num\":");
        number::write_int(self.out, num.cast_signed() as i64);
        self.out.push(b'}');
        Ok(())
    }

    pub(super) fn list(&mut self, list: Borrowed<'_, 'py, PyList>) -> Outcome {
        self.enter()?;
        self.out.push(b'[');
        let mut index = 0;
        // SAFETY: `leaf` runs no Python code; for what may, a reference is taken first.
        while let Some(item) = unsafe { raw::list_item(list, index) } {
            if index > 0 {
                self.out.push(b',');
            }
            if !self.leaf(item)? {
                let item = item.to_owned();
                self.branch(&item).at_index(index)?;
            }
            index += 1;
        }
        self.leave(b']');
        Ok(())
    }

    pub(super) fn tuple(&mut self, tuple: Borrowed<'_, 'py, PyTuple>) -> Outcome {
        self.enter()?;
        self.out.push(b'[');
        for (index, item) in tuple.iter_borrowed().enumerate() {
            if index > 0 {
                self.out.push(b',');
            }
            self.value(item).at_index(index)?;
        }
        self.leave(b']');
        Ok(())
    }

    fn dict(&mut self, dict: Borrowed<'_, 'py, PyDict>) -> Outcome {
        self.enter()?;
        self.out.push(b'{');
        let len = dict.len();
        let mut position = 0;
        let mut first = true;
        // SAFETY: exact str keys and leaves run no Python code; for what may, references are taken first.
        while let Some((key, value)) = unsafe { raw::dict_entry(dict, &mut position) } {
            if !first {
                self.out.push(b',');
            }
            first = false;
            if let Some(name) = raw::exact::<PyString>(key) {
                self.name_of_entry(name, value)?;
                if self.leaf(value)? {
                    continue;
                }
            }
            let (key, value) = (key.to_owned(), value.to_owned());
            self.entry(&key, &value)?;
            if dict.len() != len {
                return Err(
                    PyRuntimeError::new_err("dictionary changed size during iteration").into(),
                );
            }
        }
        self.leave(b'}');
        Ok(())
    }

    /// The rarer half of a dict's entry: the key, unless an exact str was written already, and the value.
    fn entry(&mut self, key: &Bound<'py, PyAny>, value: &Bound<'py, PyAny>) -> Outcome {
        if raw::exact::<PyString>(key.as_borrowed()).is_none() {
            self.key(key, value)?;
        }
        self.value(value.as_borrowed()).at_key(key)
    }

    /// Writes a str key and its colon, with an eye on what the peer could take for a placeholder.
    #[inline]
    pub(super) fn name_of_entry(
        &mut self,
        name: Borrowed<'_, 'py, PyString>,
        value: Borrowed<'_, 'py, PyAny>,
    ) -> Outcome {
        if let PyStringData::Ucs1(bytes) = raw::characters(&name)? {
            if bytes == PLACEHOLDER {
                self.guard_placeholder(value)?;
            }
            text::write_latin1_key(self.out, bytes);
            return Ok(());
        }
        self.string(name)?;
        self.out.push(b':');
        Ok(())
    }

    #[cold]
    fn guard_placeholder(&mut self, value: Borrowed<'_, 'py, PyAny>) -> Outcome {
        if raw::exact::<PyBool>(value).is_some_and(|flag| flag.is_true()) {
            if self.lookalike == Lookalike::Refused {
                return Err(Cause::Lookalike.into());
            }
            self.lookalike = Lookalike::Seen;
        }
        Ok(())
    }

    /// Writes an event name.
    fn name(&mut self, event: &Bound<'py, PyAny>) -> Outcome {
        if let Ok(name) = event.cast::<PyString>() {
            self.string(name.as_borrowed())
        } else if event.is_exact_instance_of::<PyInt>() {
            self.value(event.as_borrowed())
        } else if let Ok(number) = event.cast_exact::<PyFloat>() {
            if !number.value().is_finite() {
                return Err(Cause::NameNotFinite.into());
            }
            self.value(event.as_borrowed())
        } else {
            Err(Cause::Name(event.get_type().to_string()).into())
        }
    }

    fn parts(&self) -> usize {
        self.attachments
            .as_ref()
            .map_or(0, |attachments| attachments.parts.len())
    }

    /// Takes back everything written since the beginning of the walk.
    fn rewind(&mut self, start: usize, first_part: usize) {
        self.depth = 0;
        self.out.truncate(start);
        if let Some(attachments) = self.attachments.as_mut() {
            attachments.parts.truncate(first_part);
        }
    }
}
