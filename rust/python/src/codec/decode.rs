//! From JSON text to Python objects, in one pass and without a tree in between.
//!
//! Strict RFC 8259: no NaN, no leading zeros, no trailing comma, no raw control characters, UTF-8 only. Beyond it,
//! as `JSON.parse` does: lone surrogates are read (JavaScript strings may hold them) and of equal keys the last wins;
//! unlike it: integers keep all their digits, and a number that overflows a double is refused.
//!
//! Placeholders are looked for only when the packet came with attachments; without, such an object is ordinary data.
//! As in the official parser other keys of a placeholder are ignored and an attachment may be named twice or never.

#![expect(
    clippy::unnecessary_box_returns,
    reason = "a fault is boxed where it is born and stays so on its way out"
)]

use bytes::Bytes;
use pyo3::PyTypeInfo;
use pyo3::exceptions::PyValueError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::string::PyStringData;
use pyo3::types::{PyBool, PyBytes, PyDict, PyFloat, PyInt, PyList, PyString, PyTuple};
use sio_protocol::socketio::packet::RESERVED_EVENTS;
use smallvec::SmallVec;

use super::error::DecodeError;
use super::keys::KeyCache;
use super::number::{self, Number};
use super::text::{self, Run, Unescaped};
use super::{DEPTH_CEILING, raw};

/// A fault on its way out; boxed, so that the happy path moves one word.
type Parsed<T> = Result<T, Box<DecodeError>>;

/// Reads `["name",arg1,…]`: the name (str, int or float) and the other elements.
pub fn decode_event<'py>(
    py: Python<'py>,
    body: &[u8],
    attachments: &[Bytes],
    max_depth: usize,
) -> Result<(Bound<'py, PyAny>, Bound<'py, PyTuple>), DecodeError> {
    decode(py, body, attachments, max_depth, Parser::event)
}

/// Reads `[arg1,…]`, the body of an ack.
pub fn decode_args<'py>(
    py: Python<'py>,
    body: &[u8],
    attachments: &[Bytes],
    max_depth: usize,
) -> Result<Bound<'py, PyTuple>, DecodeError> {
    decode(py, body, attachments, max_depth, Parser::args)
}

/// Reads any single value; whether it has to be an object is the packet's rule, not the codec's.
pub fn decode_value<'py>(
    py: Python<'py>,
    body: &[u8],
    max_depth: usize,
) -> Result<Bound<'py, PyAny>, DecodeError> {
    decode(py, body, &[], max_depth, |parser| {
        parser.skip_space();
        parser.value()
    })
}

fn decode<'py, 'b, T>(
    py: Python<'py>,
    body: &'b [u8],
    attachments: &'b [Bytes],
    max_depth: usize,
    read: impl FnOnce(&mut Parser<'b, 'py>) -> Parsed<T>,
) -> Result<T, DecodeError> {
    let mut parser = Parser {
        py,
        body,
        at: 0,
        depth: 0,
        max_depth: max_depth.min(DEPTH_CEILING),
        attachments,
        shared: SmallVec::new(),
        keys: KeyCache::take(),
        scratch: Vec::new(),
        items: SmallVec::new(),
    };
    let result = read(&mut parser).and_then(|value| {
        parser.skip_space();
        if parser.at == body.len() {
            Ok(value)
        } else {
            Err(parser.syntax("expected the end"))
        }
    });
    parser.keys.give_back();
    result.map_err(|error| *error)
}

struct Parser<'b, 'py> {
    py: Python<'py>,
    body: &'b [u8],
    at: usize,
    depth: usize,
    max_depth: usize,
    attachments: &'b [Bytes],
    /// The bytes objects made so far, by number: a client that names one attachment a thousand times gets one copy.
    shared: SmallVec<[Option<Bound<'py, PyBytes>>; 4]>,
    keys: KeyCache,
    /// A string with escapes, while it is put together.
    scratch: Vec<u8>,
    /// The elements of all open arrays: a list is made when its length is known.
    items: SmallVec<[Bound<'py, PyAny>; 16]>,
}

impl<'b, 'py> Parser<'b, 'py> {
    fn event(&mut self) -> Parsed<(Bound<'py, PyAny>, Bound<'py, PyTuple>)> {
        self.open_arguments()?;
        let name = match self.peek() {
            Some(b'"') => {
                self.at += 1;
                let name = self.key()?;
                if let Some(reserved) = reserved(&name).map_err(python)? {
                    return Err(DecodeError::Reserved(reserved).into());
                }
                name.into_any()
            }
            Some(b'-' | b'0'..=b'9') => self.number()?,
            None => return Err(self.syntax("unexpected end")),
            Some(_) => return Err(DecodeError::BadName.into()),
        };
        self.skip_space();
        if self.peek() == Some(b',') {
            self.at += 1;
            self.skip_space();
            self.elements()?;
        } else if !self.eat(b']') {
            return Err(self.syntax("expected , or ]"));
        }
        Ok((name, self.tuple()?))
    }

    fn args(&mut self) -> Parsed<Bound<'py, PyTuple>> {
        self.open_arguments()?;
        if !self.eat(b']') {
            self.elements()?;
        }
        self.tuple()
    }

    fn open_arguments(&mut self) -> Parsed<()> {
        self.skip_space();
        if !self.eat(b'[') {
            return Err(DecodeError::NotAnArray.into());
        }
        self.enter()?;
        self.skip_space();
        Ok(())
    }

    fn tuple(&mut self) -> Parsed<Bound<'py, PyTuple>> {
        self.depth -= 1;
        PyTuple::new(self.py, self.items.drain(..)).map_err(python)
    }

    fn value(&mut self) -> Parsed<Bound<'py, PyAny>> {
        match self.peek() {
            Some(b'"') => {
                self.at += 1;
                self.string().map(Bound::into_any)
            }
            Some(b'{') => {
                self.at += 1;
                self.object()
            }
            Some(b'[') => {
                self.at += 1;
                self.array()
            }
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(b't') => {
                self.word(b"true")?;
                Ok(PyBool::new(self.py, true).to_owned().into_any())
            }
            Some(b'f') => {
                self.word(b"false")?;
                Ok(PyBool::new(self.py, false).to_owned().into_any())
            }
            Some(b'n') => {
                self.word(b"null")?;
                Ok(self.py.None().into_bound(self.py))
            }
            Some(_) => Err(self.syntax("expected a value")),
            None => Err(self.syntax("unexpected end")),
        }
    }

    fn array(&mut self) -> Parsed<Bound<'py, PyAny>> {
        self.enter()?;
        self.skip_space();
        let start = self.items.len();
        if !self.eat(b']') {
            self.elements()?;
        }
        self.depth -= 1;
        self.list(start)
    }

    /// Makes a list of the items from `start` on. Apart, like all that makes objects here: what recurses keeps its
    /// stack frames small.
    #[inline(never)]
    fn list(&mut self, start: usize) -> Parsed<Bound<'py, PyAny>> {
        PyList::new(self.py, self.items.drain(start..))
            .map(Bound::into_any)
            .map_err(python)
    }

    /// Reads the elements of a non-empty array onto `items`, and the closing bracket.
    fn elements(&mut self) -> Parsed<()> {
        loop {
            let value = self.value()?;
            self.items.push(value);
            self.skip_space();
            match self.peek() {
                Some(b',') => {
                    self.at += 1;
                    self.skip_space();
                }
                Some(b']') => {
                    self.at += 1;
                    return Ok(());
                }
                _ => return Err(self.syntax("expected , or ]")),
            }
        }
    }

    #[inline(never)]
    fn object(&mut self) -> Parsed<Bound<'py, PyAny>> {
        self.enter()?;
        let dict = PyDict::new(self.py);
        self.skip_space();
        if !self.eat(b'}') {
            loop {
                if !self.eat(b'"') {
                    return Err(self.syntax("expected a string as key"));
                }
                let key = self.key()?;
                self.skip_space();
                if !self.eat(b':') {
                    return Err(self.syntax("expected :"));
                }
                self.skip_space();
                let value = self.value()?;
                dict.set_item(key, value).map_err(python)?;
                self.skip_space();
                match self.peek() {
                    Some(b',') => {
                        self.at += 1;
                        self.skip_space();
                    }
                    Some(b'}') => {
                        self.at += 1;
                        break;
                    }
                    _ => return Err(self.syntax("expected , or }")),
                }
            }
        }
        self.depth -= 1;
        if !self.attachments.is_empty()
            && let Some(bytes) = self.placeholder(&dict)?
        {
            return Ok(bytes.into_any());
        }
        Ok(dict.into_any())
    }

    /// The attachment that `dict` stands for, if it is a placeholder.
    #[inline(never)]
    fn placeholder(&mut self, dict: &Bound<'py, PyDict>) -> Parsed<Option<Bound<'py, PyBytes>>> {
        let mark = dict
            .get_item(intern!(self.py, "_placeholder"))
            .map_err(python)?;
        if !mark.is_some_and(|mark| mark.is(&*PyBool::new(self.py, true))) {
            return Ok(None);
        }
        let Some(num) = dict.get_item(intern!(self.py, "num")).map_err(python)? else {
            return Err(DecodeError::Placeholder("no num").into());
        };
        let index = match num.cast_exact::<PyInt>() {
            Ok(int) => raw::small_int(int.as_borrowed()),
            // JavaScript tells no `0` from `0.0`.
            Err(_) => match num.cast_exact::<PyFloat>().map(PyFloatMethods::value) {
                Ok(float) if float.fract() == 0.0 => Some(float as i64),
                _ => return Err(DecodeError::Placeholder("num is no integer").into()),
            },
        };
        let index = index.and_then(|index| usize::try_from(index).ok());
        let Some((index, data)) =
            index.and_then(|index| Some((index, self.attachments.get(index)?)))
        else {
            return Err(DecodeError::Placeholder("num is out of range").into());
        };
        if self.shared.len() <= index {
            self.shared.resize(index + 1, None);
        }
        Ok(Some(
            self.shared[index]
                .get_or_insert_with(|| PyBytes::new(self.py, data))
                .clone(),
        ))
    }

    #[inline(never)]
    fn number(&mut self) -> Parsed<Bound<'py, PyAny>> {
        let (number, taken) =
            number::read(&self.body[self.at..]).map_err(|what| self.syntax(what))?;
        let start = self.at;
        self.at += taken;
        match number {
            Number::Small(value) => Ok(int(self.py, value)),
            Number::Float(value) => Ok(PyFloat::new(self.py, value).into_any()),
            Number::Big => big_int(self.py, &self.body[start..self.at])?
                .ok_or_else(|| self.syntax("integer of too many digits")),
        }
    }

    /// Reads a key behind its opening quote.
    #[inline(never)]
    fn key(&mut self) -> Parsed<Bound<'py, PyString>> {
        let run = text::scan(&self.body[self.at..]);
        let end = self.at + run.len;
        if run.ascii && self.body.get(end) == Some(&b'"') {
            let name = &self.body[self.at..end];
            self.at = end + 1;
            return self.keys.ascii(self.py, name).map_err(python);
        }
        self.string_from(&run)
    }

    /// Reads a string behind its opening quote.
    #[inline(never)]
    fn string(&mut self) -> Parsed<Bound<'py, PyString>> {
        let run = text::scan(&self.body[self.at..]);
        let end = self.at + run.len;
        if run.ascii && self.body.get(end) == Some(&b'"') {
            let text = &self.body[self.at..end];
            self.at = end + 1;
            return raw::ascii_str(self.py, text).map_err(python);
        }
        self.string_from(&run)
    }

    /// Reads a string that is not simply ASCII; its first plain part has been scanned.
    #[inline(never)]
    fn string_from(&mut self, run: &Run) -> Parsed<Bound<'py, PyString>> {
        let end = self.at + run.len;
        if self.body.get(end) == Some(&b'"') {
            let text = self.utf8(end)?;
            let string = PyString::new(self.py, text);
            self.at = end + 1;
            return Ok(string);
        }
        self.scratch.clear();
        let mut lone = false;
        let mut len = run.len;
        loop {
            let end = self.at + len;
            let plain = self.utf8(end)?.as_bytes();
            self.scratch.extend_from_slice(plain);
            self.at = end;
            match self.peek() {
                Some(b'"') => break,
                Some(b'\\') => {
                    let (piece, taken) = text::unescape(&self.body[self.at + 1..])
                        .map_err(|what| self.syntax(what))?;
                    match piece {
                        Unescaped::Char(char) => {
                            self.scratch
                                .extend_from_slice(char.encode_utf8(&mut [0; 4]).as_bytes());
                        }
                        Unescaped::Lone(unit) => {
                            lone = true;
                            text::push_lone(&mut self.scratch, unit);
                        }
                    }
                    self.at += 1 + taken;
                }
                Some(_) => return Err(self.syntax("control character in a string")),
                None => return Err(self.syntax("string without an end")),
            }
            len = text::scan(&self.body[self.at..]).len;
        }
        self.at += 1;
        raw::utf8_str(self.py, &self.scratch, lone).map_err(python)
    }

    /// The text from here to `end`. Its ends lie beside ASCII characters, so no character is cut.
    fn utf8(&self, end: usize) -> Parsed<&'b str> {
        std::str::from_utf8(&self.body[self.at..end]).map_err(|error| {
            let offset = self.at + error.valid_up_to();
            DecodeError::Syntax {
                offset,
                what: "not UTF-8",
            }
            .into()
        })
    }

    fn word(&mut self, word: &[u8]) -> Parsed<()> {
        if !self.body[self.at..].starts_with(word) {
            return Err(self.syntax("expected a value"));
        }
        self.at += word.len();
        Ok(())
    }

    #[inline]
    fn enter(&mut self) -> Parsed<()> {
        if self.depth >= self.max_depth {
            return Err(DecodeError::TooDeep.into());
        }
        self.depth += 1;
        Ok(())
    }

    #[inline]
    fn peek(&self) -> Option<u8> {
        self.body.get(self.at).copied()
    }

    #[inline]
    fn eat(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    #[inline]
    fn skip_space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    #[cold]
    fn syntax(&self, what: &'static str) -> Box<DecodeError> {
        DecodeError::Syntax {
            offset: self.at,
            what,
        }
        .into()
    }
}

/// The protocol's own event name that `name` is. The packet's head refuses the plain spellings, this the escaped ones.
fn reserved(name: &Bound<'_, PyString>) -> PyResult<Option<&'static str>> {
    let name = name.as_borrowed();
    let PyStringData::Ucs1(bytes) = raw::characters(&name)? else {
        return Ok(None);
    };
    Ok(RESERVED_EVENTS
        .into_iter()
        .find(|reserved| reserved.as_bytes() == bytes))
}

/// An integer of many digits; `None` if the interpreter takes fewer, since an application may have lowered its own limit.
#[cold]
pub(super) fn big_int<'py>(py: Python<'py>, digits: &[u8]) -> Parsed<Option<Bound<'py, PyAny>>> {
    let text = raw::ascii_str(py, digits).map_err(python)?;
    match PyInt::type_object(py).call1((text,)) {
        Ok(int) => Ok(Some(int)),
        Err(error) if error.is_instance_of::<PyValueError>(py) => Ok(None),
        Err(error) => Err(python(error)),
    }
}

#[inline]
fn int(py: Python<'_>, value: i64) -> Bound<'_, PyAny> {
    let Ok(int) = value.into_pyobject(py);
    int.into_any()
}

#[cold]
fn python(error: PyErr) -> Box<DecodeError> {
    DecodeError::Python(error).into()
}
