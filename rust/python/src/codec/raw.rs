//! The codec's only unsafe code: borrowed looks into str, list and dict, and compact str construction.
//!
//! It refuses to know JSON. Every function is a few lines around one C call that the binding's safe surface does not
//! offer without a reference count, a check or a copy per element; `benches/python/bench_codec.py` justifies them.

#![expect(
    clippy::inline_always,
    reason = "a tenth of the instructions of a small event, as the bench showed"
)]

use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::string::PyStringData;
use pyo3::types::{PyByteArray, PyDict, PyInt, PyList, PyString};
use pyo3::{Borrowed, PyTypeInfo};

/// Appends `text` between quotes, and behind them a colon if it is a `KEY`.
///
/// One update of the length instead of three: each would wait for the one before to come back from memory, and keys
/// and short strings are most of what we write.
#[inline(always)]
pub(super) fn append_quoted<const KEY: bool>(out: &mut Vec<u8>, text: &[u8]) {
    let added = text.len() + 2 + usize::from(KEY);
    out.reserve(added);
    let start = out.len();
    // SAFETY: the room was just reserved, all of it is written before the length says so, and `text`, being borrowed
    // beside `out`, does not overlap it.
    unsafe {
        let end = out.as_mut_ptr().add(start);
        end.write(b'"');
        std::ptr::copy_nonoverlapping(text.as_ptr(), end.add(1), text.len());
        end.add(1 + text.len()).write(b'"');
        if KEY {
            end.add(2 + text.len()).write(b':');
        }
        out.set_len(start + added);
    }
}

/// `object` as a `T` when its type is exactly `T`, without the reference that a failed cast would take.
#[inline(always)]
pub(super) fn exact<'a, 'py, T: PyTypeInfo>(
    object: Borrowed<'a, 'py, PyAny>,
) -> Option<Borrowed<'a, 'py, T>> {
    // SAFETY: the type was just compared, and `T`'s layout is that of its own type object.
    T::is_exact_type_of(&object).then(|| unsafe { object.cast_unchecked() })
}

/// The code points of a str in the width it is stored in.
///
/// Unlike `to_str` this neither fails on lone surrogates nor leaves a UTF-8 copy cached in the application's string.
#[inline(always)]
pub(super) fn characters<'a>(text: &'a Borrowed<'_, '_, PyString>) -> PyResult<PyStringData<'a>> {
    // SAFETY: str is immutable and `text` keeps it alive; the memory was written by the interpreter itself.
    unsafe { text.data() }
}

/// The value of an int that fits 64 signed bits.
#[inline(always)]
pub(super) fn small_int(int: Borrowed<'_, '_, PyInt>) -> Option<i64> {
    let mut overflow = 0;
    // SAFETY: `int` is an int (or a subclass), so the call runs no Python code and sets no exception.
    let value = unsafe { ffi::PyLong_AsLongLongAndOverflow(int.as_ptr(), &raw mut overflow) };
    (overflow == 0).then_some(value)
}

/// The data of a bytearray.
///
/// # Safety
/// No Python code may run and the interpreter may not be detached while the slice lives.
pub(super) unsafe fn byte_array<'a>(array: &'a Bound<'_, PyByteArray>) -> &'a [u8] {
    // SAFETY: the caller keeps everybody else from resizing it.
    unsafe { array.as_bytes() }
}

/// The element at `index`, or `None` at the end.
///
/// # Safety
/// The list owns the element: no Python code may run while it is held, unless the caller takes a reference first.
#[inline(always)]
pub(super) unsafe fn list_item<'a, 'py>(
    list: Borrowed<'a, 'py, PyList>,
    index: usize,
) -> Option<Borrowed<'a, 'py, PyAny>> {
    // SAFETY: the length is read anew for every element, so a list that shrank meanwhile ends the walk.
    unsafe {
        if index >= ffi::PyList_GET_SIZE(list.as_ptr()).cast_unsigned() {
            return None;
        }
        let item = ffi::PyList_GET_ITEM(list.as_ptr(), index.cast_signed());
        Some(Borrowed::from_ptr(list.py(), item))
    }
}

/// The entry behind `position`, which starts at 0, or `None` at the end.
///
/// # Safety
/// The dict owns key and value: no Python code may run while they are held, unless the caller takes references first.
#[inline(always)]
pub(super) unsafe fn dict_entry<'a, 'py>(
    dict: Borrowed<'a, 'py, PyDict>,
    position: &mut ffi::Py_ssize_t,
) -> Option<(Borrowed<'a, 'py, PyAny>, Borrowed<'a, 'py, PyAny>)> {
    let mut key = std::ptr::null_mut();
    let mut value = std::ptr::null_mut();
    // SAFETY: the interpreter checks `position` against the present table, whatever happened since the last call.
    unsafe {
        if ffi::PyDict_Next(dict.as_ptr(), position, &raw mut key, &raw mut value) == 0 {
            return None;
        }
        Some((
            Borrowed::from_ptr(dict.py(), key),
            Borrowed::from_ptr(dict.py(), value),
        ))
    }
}

/// A str of ASCII bytes; the caller has looked at every one of them.
#[inline(always)]
pub(super) fn ascii_str<'py>(py: Python<'py>, ascii: &[u8]) -> PyResult<Bound<'py, PyString>> {
    debug_assert!(ascii.is_ascii());
    if ascii.len() < 2 {
        // The interpreter shares the empty str and those of one character, and nobody may write to them.
        return utf8_str(py, ascii, false);
    }
    // SAFETY: a fresh str of this length and width 1 that nobody else has seen is filled to its end; ASCII is ensured
    // by the caller, as the flag that 127 sets demands. Lengths of slices fit `Py_ssize_t`.
    unsafe {
        let text = ffi::PyUnicode_New(ascii.len().cast_signed(), 127);
        if text.is_null() {
            return Err(PyErr::fetch(py));
        }
        std::ptr::copy_nonoverlapping(
            ascii.as_ptr(),
            ffi::PyUnicode_DATA(text).cast::<u8>(),
            ascii.len(),
        );
        Ok(Bound::from_owned_ptr(py, text).cast_into_unchecked())
    }
}

/// A str from UTF-8, checked by the interpreter; with `surrogates` also from the three-byte form of lone surrogates.
pub(super) fn utf8_str<'py>(
    py: Python<'py>,
    utf8: &[u8],
    surrogates: bool,
) -> PyResult<Bound<'py, PyString>> {
    let errors = if surrogates {
        c"surrogatepass".as_ptr()
    } else {
        std::ptr::null()
    };
    // SAFETY: pointer and length describe `utf8`; the result is a new reference to a str, or null with an exception.
    unsafe {
        let text =
            ffi::PyUnicode_DecodeUTF8(utf8.as_ptr().cast(), utf8.len().cast_signed(), errors);
        Bound::from_owned_ptr_or_err(py, text).map(|text| text.cast_into_unchecked())
    }
}
