//! The encoder's rules for everything but the exact builtin types: subclasses, enums, dates, records, views, the hook.
//!
//! Rules are tried from the most specific to the most general. It refuses to import anything for a rule
//! ([`super::types`]), and knows records of other packages by their own marks: `__dataclass_fields__`,
//! `__struct_fields__` (msgspec), `model_dump` (pydantic).

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{
    PyBool, PyByteArray, PyBytes, PyDate, PyDateTime, PyDict, PyFloat, PyFrozenSet, PyInt,
    PyIterator, PyList, PyMemoryView, PySet, PyString, PyTime, PyTuple, PyType,
};

use super::encode::Encoder;
use super::error::{At, Cause, Outcome};
use super::{moment, number, raw, text, types};

impl<'py> Encoder<'_, 'py> {
    /// Writes a value that is none of the exact builtin types.
    ///
    /// Rules are told apart in a function of their own, because this one is on the stack once a level.
    pub(super) fn rich(&mut self, object: &Bound<'py, PyAny>) -> Outcome {
        match self.rule(object)? {
            Rule::Written => Ok(()),
            Rule::List(list) => self.list(list.as_borrowed()),
            Rule::Tuple(tuple) => self.tuple(tuple.as_borrowed()),
            Rule::Mapping => self.mapping(object),
            Rule::Iterable => self.iterable(object),
            Rule::Dataclass => self.dataclass(object),
            Rule::Struct => self.msgspec_struct(object),
            Rule::Converted(value) => self.converted(&value),
        }
    }

    /// Finds the rule for a value; what is one piece of text, a number or binary is written at once.
    #[inline(never)]
    fn rule<'a>(&mut self, object: &'a Bound<'py, PyAny>) -> Outcome<Rule<'a, 'py>> {
        if types::ENUM.has_instance(object)? {
            return Ok(Rule::Converted(object.getattr(intern!(self.py, "value"))?));
        }
        if let Ok(list) = object.cast::<PyList>() {
            return Ok(Rule::List(list));
        }
        if let Ok(tuple) = object.cast::<PyTuple>() {
            return Ok(Rule::Tuple(tuple));
        }
        if object.is_instance_of::<PyDict>() {
            // By `items()`, not by the table: an OrderedDict keeps its order elsewhere.
            return Ok(Rule::Mapping);
        }
        if self.builtin_subclass(object)? || self.scalar(object)? {
            return Ok(Rule::Written);
        }
        let class = object.get_type();
        if class.hasattr(intern!(self.py, "__dataclass_fields__"))? {
            return Ok(Rule::Dataclass);
        }
        if class.hasattr(intern!(self.py, "__struct_fields__"))? {
            return Ok(Rule::Struct);
        }
        if class.hasattr(intern!(self.py, "model_dump"))? {
            return Ok(Rule::Converted(
                object.call_method0(intern!(self.py, "model_dump"))?,
            ));
        }
        if object.is_instance_of::<PySet>() || object.is_instance_of::<PyFrozenSet>() {
            return Ok(Rule::Iterable);
        }
        if types::MAPPING.has_instance(object)? {
            return Ok(Rule::Mapping);
        }
        if types::SET.has_instance(object)? || types::VALUES_VIEW.has_instance(object)? {
            return Ok(Rule::Iterable);
        }
        match self.default {
            Some(default) => Ok(Rule::Converted(default.bind(self.py).call1((object,))?)),
            None => Err(Cause::Unsupported(type_name(object)).into()),
        }
    }

    /// Writes a mapping's key that is no exact str, and its colon, spelled as JavaScript spells a property name.
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
        self.out.push(b':');
        Ok(())
    }

    /// Subclasses of the builtin scalars and binary types, and ints beyond 64 bits. `false`: it is none.
    #[inline(never)]
    fn builtin_subclass(&mut self, object: &Bound<'py, PyAny>) -> Outcome<bool> {
        if let Ok(string) = object.cast::<PyString>() {
            self.string(string.as_borrowed())?;
        } else if let Ok(int) = object.cast::<PyInt>() {
            self.int(int)?;
        } else if let Ok(float) = object.cast::<PyFloat>() {
            number::write_float(self.out, float.value());
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
    fn mapping(&mut self, mapping: &Bound<'py, PyAny>) -> Outcome {
        self.enter()?;
        self.out.push(b'{');
        let items = iterator(&mapping.call_method0(intern!(self.py, "items"))?)?;
        let mut first = true;
        while let Some((key, value)) = self.next_entry(&items, &mut first)? {
            self.value(value.as_borrowed()).at_key(&key)?;
        }
        self.leave(b'}');
        Ok(())
    }

    /// The next pair of `items()`, its key written.
    #[inline(never)]
    fn next_entry(
        &mut self,
        items: &Bound<'py, PyIterator>,
        first: &mut bool,
    ) -> Outcome<Option<Entry<'py>>> {
        let Some(item) = items.clone().next() else {
            return Ok(None);
        };
        let (key, value): Entry<'py> = item?.extract()?;
        self.separate(first);
        match raw::exact::<PyString>(key.as_borrowed()) {
            Some(name) => self.name_of_entry(name, value.as_borrowed())?,
            None => self.key(&key, &value)?,
        }
        Ok(Some((key, value)))
    }

    /// A set or a view, in its own order.
    fn iterable(&mut self, iterable: &Bound<'py, PyAny>) -> Outcome {
        self.enter()?;
        self.out.push(b'[');
        let items = iterator(iterable)?;
        let mut first = true;
        let mut index = 0;
        while let Some(item) = next(&items)? {
            self.separate(&mut first);
            self.value(item.as_borrowed()).at_index(index)?;
            index += 1;
        }
        self.leave(b']');
        Ok(())
    }

    /// A dataclass as an object of its fields, in their order.
    fn dataclass(&mut self, object: &Bound<'py, PyAny>) -> Outcome {
        self.enter()?;
        self.out.push(b'{');
        let fields = dataclass_fields(object)?;
        let mut first = true;
        for name in &fields {
            let value = self.start_field(&mut first, name, object)?;
            self.value(value.as_borrowed()).at_key(name)?;
        }
        self.leave(b'}');
        Ok(())
    }

    /// Writes a field's name and returns its value.
    #[inline(never)]
    fn start_field(
        &mut self,
        first: &mut bool,
        name: &Bound<'py, PyString>,
        object: &Bound<'py, PyAny>,
    ) -> Outcome<Bound<'py, PyAny>> {
        let value = object.getattr(name)?;
        self.separate(first);
        self.name_of_entry(name.as_borrowed(), value.as_borrowed())?;
        Ok(value)
    }

    /// A `msgspec.Struct` as msgspec itself writes it: renamed fields, tag, array form, values to be left out.
    fn msgspec_struct(&mut self, object: &Bound<'py, PyAny>) -> Outcome {
        let shape = StructShape::of(&object.get_type())?;
        self.enter()?;
        self.out.push(if shape.array_like { b'[' } else { b'{' });
        let mut first = true;
        self.tag(&shape, &mut first)?;
        for index in 0..shape.fields.len() {
            if let Some((name, value)) =
                self.start_struct_field(&shape, index, &mut first, object)?
            {
                self.value(value.as_borrowed()).at_key(&name)?;
            }
        }
        self.leave(if shape.array_like { b']' } else { b'}' });
        Ok(())
    }

    /// Writes the tag by which a reader tells the members of a union apart.
    #[inline(never)]
    fn tag(&mut self, shape: &StructShape<'py>, first: &mut bool) -> Outcome {
        if shape.tag.is_none() {
            return Ok(());
        }
        self.separate(first);
        if !shape.array_like {
            let name = shape.tag_field.cast::<PyString>().map_err(PyErr::from)?;
            self.name_of_entry(name.as_borrowed(), shape.tag.as_borrowed())?;
        }
        // A str or an int; msgspec allows nothing else.
        self.value(shape.tag.as_borrowed())
    }

    /// Writes a field's wire name, unless names are left out, and returns name and value, unless both are.
    #[inline(never)]
    fn start_struct_field(
        &mut self,
        shape: &StructShape<'py>,
        index: usize,
        first: &mut bool,
        object: &Bound<'py, PyAny>,
    ) -> Outcome<Option<Entry<'py>>> {
        let name = shape
            .fields
            .get_item(index)?
            .cast_into::<PyString>()
            .map_err(PyErr::from)?;
        let value = object.getattr(&name)?;
        if !shape.array_like && shape.leaves_out(index, &value)? {
            return Ok(None);
        }
        self.separate(first);
        if !shape.array_like {
            let wire_name = shape.wire_names.get_item(index)?;
            let wire_name = wire_name.cast::<PyString>().map_err(PyErr::from)?;
            self.name_of_entry(wire_name.as_borrowed(), value.as_borrowed())?;
        }
        Ok(Some((name.into_any(), value)))
    }

    fn separate(&mut self, first: &mut bool) {
        if !std::mem::take(first) {
            self.out.push(b',');
        }
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
    #[inline(never)]
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
    #[inline(never)]
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

/// A key or name, and its value.
type Entry<'py> = (Bound<'py, PyAny>, Bound<'py, PyAny>);

/// What to do about a value.
enum Rule<'a, 'py> {
    /// Nothing more.
    Written,
    List(&'a Bound<'py, PyList>),
    Tuple(&'a Bound<'py, PyTuple>),
    Mapping,
    Iterable,
    Dataclass,
    Struct,
    /// Write this in its place.
    Converted(Bound<'py, PyAny>),
}

/// The names of a dataclass' fields.
#[inline(never)]
fn dataclass_fields<'py>(object: &Bound<'py, PyAny>) -> PyResult<Vec<Bound<'py, PyString>>> {
    let py = object.py();
    let fields = object
        .get_type()
        .getattr(intern!(py, "__dataclass_fields__"))?;
    let mut names = Vec::new();
    for (name, field) in fields.cast::<PyDict>()? {
        // `ClassVar` and `InitVar` are listed too, but are no fields.
        if types::DATACLASS_FIELD.is(&field.getattr(intern!(py, "_field_type"))?)? {
            names.push(name.cast_into()?);
        }
    }
    Ok(names)
}

#[inline(never)]
fn iterator<'py>(iterable: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyIterator>> {
    iterable.try_iter()
}

#[inline(never)]
fn next<'py>(items: &Bound<'py, PyIterator>) -> PyResult<Option<Bound<'py, PyAny>>> {
    items.clone().next().transpose()
}

#[cold]
fn type_name(object: &Bound<'_, PyAny>) -> String {
    let class = object.get_type();
    class.fully_qualified_name().map_or_else(
        |_| "?".to_owned(),
        |name| name.to_string_lossy().into_owned(),
    )
}
