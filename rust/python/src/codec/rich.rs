//! The encoder's rules for everything but the exact builtin types: subclasses, enums, dates, records, views, the hook.
//!
//! Rules are tried from the most specific to the most general. It refuses to import anything for a rule
//! ([`super::types`]), and knows records of other packages by their own marks: `__dataclass_fields__`,
//! `__struct_fields__` (msgspec), `model_dump` (pydantic).

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{
    PyBool, PyByteArray, PyBytes, PyDate, PyDateTime, PyDict, PyFloat, PyFrozenSet, PyInt, PyList,
    PyMemoryView, PySet, PyString, PyTime, PyTuple, PyType,
};

use super::encode::Encoder;
use super::error::{At, Cause, Outcome};
use super::{moment, number, raw, text, types};

impl<'py> Encoder<'_, 'py> {
    /// Writes a value that is none of the exact builtin types.
    #[inline(never)]
    pub(super) fn rich(&mut self, object: &Bound<'py, PyAny>) -> Outcome {
        if types::ENUM.has_instance(object)? {
            return self.enum_value(object);
        }
        if self.builtin_subclass(object)? || self.scalar(object)? {
            return Ok(());
        }
        let class = object.get_type();
        if class.hasattr(intern!(self.py, "__dataclass_fields__"))? {
            return self.dataclass(object, &class);
        }
        if class.hasattr(intern!(self.py, "__struct_fields__"))? {
            return self.msgspec_struct(object, &class);
        }
        if class.hasattr(intern!(self.py, "model_dump"))? {
            let dump = object.call_method0(intern!(self.py, "model_dump"))?;
            return self.converted(&dump);
        }
        if object.is_instance_of::<PySet>() || object.is_instance_of::<PyFrozenSet>() {
            return self.iterable(object);
        }
        if types::MAPPING.has_instance(object)? {
            return self.mapping(object);
        }
        if types::SET.has_instance(object)? || types::VALUES_VIEW.has_instance(object)? {
            return self.iterable(object);
        }
        let Some(default) = self.default else {
            return Err(Cause::Unsupported(type_name(object)).into());
        };
        let replacement = default.bind(self.py).call1((object,))?;
        self.converted(&replacement)
    }

    /// Writes a mapping's key that is no exact str, spelled as JavaScript spells a property name.
    ///
    /// `{1: …, "1": …}` therefore writes one name twice; a peer keeps the last.
    #[inline(never)]
    pub(super) fn key(&mut self, key: &Bound<'py, PyAny>, value: &Bound<'py, PyAny>) -> Outcome {
        if let Ok(flag) = key.cast_exact::<PyBool>() {
            text::write_str(self.out, if flag.is_true() { "true" } else { "false" });
        } else if key.is_none() {
            text::write_str(self.out, "null");
        } else if types::ENUM.has_instance(key)? {
            let plain = key.getattr(intern!(self.py, "value"))?;
            if types::ENUM.has_instance(&plain)? {
                return Err(Cause::Key(type_name(key)).into());
            }
            return self.key(&plain, value);
        } else if let Ok(name) = key.cast::<PyString>() {
            return self.name_of_entry(name.as_borrowed(), value.as_borrowed());
        } else if let Ok(int) = key.cast::<PyInt>() {
            self.out.push(b'"');
            self.int(int)?;
            self.out.push(b'"');
        } else if let Ok(float) = key.cast::<PyFloat>() {
            text::write_str(self.out, &number::property_name(float.value()));
        } else {
            return Err(Cause::Key(type_name(key)).into());
        }
        Ok(())
    }

    #[inline(never)]
    fn enum_value(&mut self, member: &Bound<'py, PyAny>) -> Outcome {
        let value = member.getattr(intern!(self.py, "value"))?;
        self.converted(&value)
    }

    /// Subclasses of the builtin types, and ints beyond 64 bits. `false`: it is none.
    fn builtin_subclass(&mut self, object: &Bound<'py, PyAny>) -> Outcome<bool> {
        if let Ok(string) = object.cast::<PyString>() {
            self.string(string.as_borrowed())?;
        } else if let Ok(int) = object.cast::<PyInt>() {
            self.int(int)?;
        } else if let Ok(float) = object.cast::<PyFloat>() {
            number::write_float(self.out, float.value());
        } else if let Ok(list) = object.cast::<PyList>() {
            self.list(list.as_borrowed())?;
        } else if let Ok(tuple) = object.cast::<PyTuple>() {
            self.tuple(tuple.as_borrowed())?;
        } else if object.is_instance_of::<PyDict>() {
            // By `items()`, not by the table: an OrderedDict keeps its order elsewhere.
            self.mapping(object)?;
        } else if let Ok(bytes) = object.cast::<PyBytes>() {
            self.binary(bytes.as_bytes())?;
        } else if let Ok(array) = object.cast::<PyByteArray>() {
            // SAFETY: `binary` copies the data and runs no Python code.
            self.binary(unsafe { raw::byte_array(array) })?;
        } else if object.is_instance_of::<PyMemoryView>() {
            // `tobytes` also puts the pieces of a strided view together, whatever its item format.
            let bytes = object.call_method0(intern!(self.py, "tobytes"))?;
            self.binary(bytes.cast::<PyBytes>().map_err(PyErr::from)?.as_bytes())?;
        } else {
            return Ok(false);
        }
        Ok(true)
    }

    /// Values of the standard library that are one piece of text or one number. `false`: it is none.
    #[inline(never)]
    fn scalar(&mut self, object: &Bound<'py, PyAny>) -> Outcome<bool> {
        if let Ok(datetime) = object.cast::<PyDateTime>() {
            text::write_str(self.out, &moment::datetime_text(datetime)?);
        } else if let Ok(date) = object.cast::<PyDate>() {
            text::write_str(self.out, &moment::day_text(date));
        } else if let Ok(time) = object.cast::<PyTime>() {
            text::write_str(self.out, &moment::time_text(time)?);
        } else if types::UUID.has_instance(object)? {
            let bits: u128 = object.getattr(intern!(self.py, "int"))?.extract()?;
            let hex = format!("{bits:032x}");
            let groups = [
                &hex[..8],
                &hex[8..12],
                &hex[12..16],
                &hex[16..20],
                &hex[20..],
            ];
            text::write_str(self.out, &groups.join("-"));
        } else if types::DECIMAL.has_instance(object)? {
            self.decimal(object)?;
        } else {
            return Ok(false);
        }
        Ok(true)
    }

    /// A Decimal as the number it is, digit for digit: its own text (`1.10`, `1E+3`) is a JSON number.
    fn decimal(&mut self, object: &Bound<'py, PyAny>) -> Outcome {
        if object
            .call_method0(intern!(self.py, "is_finite"))?
            .is_truthy()?
        {
            let digits = match types::DECIMAL.find(self.py)? {
                // Not `str(object)`: a subclass may print itself otherwise.
                Some(class) => class.call_method1(intern!(self.py, "__str__"), (object,))?,
                None => object.str()?.into_any(),
            };
            self.out.extend_from_slice(
                digits
                    .cast::<PyString>()
                    .map_err(PyErr::from)?
                    .to_str()?
                    .as_bytes(),
            );
        } else {
            self.out.extend_from_slice(b"null");
        }
        Ok(())
    }

    /// Any mapping, by its `items()`.
    #[inline(never)]
    fn mapping(&mut self, mapping: &Bound<'py, PyAny>) -> Outcome {
        self.enter()?;
        self.out.push(b'{');
        let items = mapping.call_method0(intern!(self.py, "items"))?;
        for (index, item) in items.try_iter()?.enumerate() {
            let (key, value): (Bound<'py, PyAny>, Bound<'py, PyAny>) = item?.extract()?;
            if index > 0 {
                self.out.push(b',');
            }
            match raw::exact::<PyString>(key.as_borrowed()) {
                Some(name) => self.name_of_entry(name, value.as_borrowed())?,
                None => self.key(&key, &value)?,
            }
            self.out.push(b':');
            self.value(value.as_borrowed()).at_key(&key)?;
        }
        self.leave(b'}');
        Ok(())
    }

    /// A set or a view, in its own order.
    #[inline(never)]
    fn iterable(&mut self, iterable: &Bound<'py, PyAny>) -> Outcome {
        self.enter()?;
        self.out.push(b'[');
        for (index, item) in iterable.try_iter()?.enumerate() {
            if index > 0 {
                self.out.push(b',');
            }
            self.value(item?.as_borrowed()).at_index(index)?;
        }
        self.leave(b']');
        Ok(())
    }

    /// A dataclass as an object of its fields, in their order.
    #[inline(never)]
    fn dataclass(&mut self, object: &Bound<'py, PyAny>, class: &Bound<'py, PyType>) -> Outcome {
        let fields = class.getattr(intern!(self.py, "__dataclass_fields__"))?;
        self.enter()?;
        self.out.push(b'{');
        let mut first = true;
        for (name, field) in fields.cast::<PyDict>().map_err(PyErr::from)? {
            // `ClassVar` and `InitVar` are listed too, but are no fields.
            if !types::DATACLASS_FIELD.is(&field.getattr(intern!(self.py, "_field_type"))?)? {
                continue;
            }
            let name = name.cast::<PyString>().map_err(PyErr::from)?;
            let value = object.getattr(name)?;
            if !first {
                self.out.push(b',');
            }
            first = false;
            self.field(name, &value)?;
        }
        self.leave(b'}');
        Ok(())
    }

    /// A `msgspec.Struct` as msgspec itself writes it: renamed fields, tag, array form, values to be left out.
    #[inline(never)]
    fn msgspec_struct(
        &mut self,
        object: &Bound<'py, PyAny>,
        class: &Bound<'py, PyType>,
    ) -> Outcome {
        let shape = StructShape::of(class)?;
        self.enter()?;
        self.out.push(if shape.array_like { b'[' } else { b'{' });
        let mut first = true;
        if !shape.tag.is_none() {
            if !shape.array_like {
                self.field_name(shape.tag_field.extract()?, shape.tag.as_borrowed())?;
            }
            self.value(shape.tag.as_borrowed())?;
            first = false;
        }
        for (index, name) in shape.fields.iter().enumerate() {
            let name = name.cast_into::<PyString>().map_err(PyErr::from)?;
            let value = object.getattr(&name)?;
            if !shape.array_like && shape.leaves_out(index, &value)? {
                continue;
            }
            if !first {
                self.out.push(b',');
            }
            first = false;
            if shape.array_like {
                self.value(value.as_borrowed()).at_index(index)?;
            } else {
                let wire_name = shape
                    .wire_names
                    .get_item(index)?
                    .cast_into::<PyString>()
                    .map_err(PyErr::from)?;
                self.field(&wire_name, &value)?;
            }
        }
        self.leave(if shape.array_like { b']' } else { b'}' });
        Ok(())
    }

    fn field(&mut self, name: &Bound<'py, PyString>, value: &Bound<'py, PyAny>) -> Outcome {
        let name = name.to_str()?;
        self.field_name(name, value.as_borrowed())?;
        self.value(value.as_borrowed()).at_field(name)
    }
}

/// What a Struct's class says about its wire form.
struct StructShape<'py> {
    fields: Bound<'py, PyTuple>,
    wire_names: Bound<'py, PyTuple>,
    /// Of the last fields.
    defaults: Bound<'py, PyTuple>,
    array_like: bool,
    omit_defaults: bool,
    tag_field: Bound<'py, PyAny>,
    tag: Bound<'py, PyAny>,
}

impl<'py> StructShape<'py> {
    fn of(class: &Bound<'py, PyType>) -> PyResult<Self> {
        let py = class.py();
        let names =
            |name| -> PyResult<Bound<'py, PyTuple>> { Ok(class.getattr(name)?.cast_into()?) };
        let config = class.getattr(intern!(py, "__struct_config__"))?;
        Ok(Self {
            fields: names(intern!(py, "__struct_fields__"))?,
            wire_names: names(intern!(py, "__struct_encode_fields__"))?,
            defaults: names(intern!(py, "__struct_defaults__"))?,
            array_like: config.getattr(intern!(py, "array_like"))?.is_truthy()?,
            omit_defaults: config.getattr(intern!(py, "omit_defaults"))?.is_truthy()?,
            tag_field: config.getattr(intern!(py, "tag_field"))?,
            tag: config.getattr(intern!(py, "tag"))?,
        })
    }

    /// Whether a field is not written: unset, or at its default under `omit_defaults`.
    fn leaves_out(&self, index: usize, value: &Bound<'py, PyAny>) -> PyResult<bool> {
        if types::MSGSPEC_UNSET.is(value)? {
            return Ok(true);
        }
        let required = self.fields.len() - self.defaults.len();
        if !self.omit_defaults || index < required {
            return Ok(false);
        }
        let default = self.defaults.get_item(index - required)?;
        if default.is(value) {
            return Ok(true);
        }
        // msgspec's own test: made by the factory `list`, `dict` or `set`, of exactly that type, and empty.
        let Some(factory) = default.getattr_opt(intern!(value.py(), "factory"))? else {
            return Ok(false);
        };
        let made = value.is_exact_instance_of::<PyList>()
            || value.is_exact_instance_of::<PyDict>()
            || value.is_exact_instance_of::<PySet>();
        Ok(made && factory.is(value.get_type()) && value.len()? == 0)
    }
}

#[cold]
fn type_name(object: &Bound<'_, PyAny>) -> String {
    let class = object.get_type();
    class.fully_qualified_name().map_or_else(
        |_| "?".to_owned(),
        |name| name.to_string_lossy().into_owned(),
    )
}
