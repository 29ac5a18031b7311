//! Why a value could not be encoded and why a text could not be decoded.
//!
//! An encoding fault is the caller's and becomes a Python exception that names the place (`args[1].user.tags[3]`) and
//! the way out. A decoding fault is the peer's and stays a value: what to do with the
//! session is not the codec's to know.

#![expect(
    clippy::unnecessary_box_returns,
    reason = "a fault is boxed where it is born and stays so on its way out"
)]

use std::fmt::{self, Write};

use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;

/// Longest excerpt of a key in a message, in characters.
const EXCERPT: usize = 40;

/// What went wrong while encoding.
pub(super) enum Cause {
    /// Code of the application raised: a hook, a property, an iterator.
    Raised(PyErr),
    /// No rule for this type, and no `default=` hook.
    Unsupported(String),
    /// A mapping's key of this type.
    Key(String),
    /// An event name of this type.
    Name(String),
    /// An event name that is NaN or infinite.
    NameNotFinite,
    /// Nested deeper than this, or a cycle.
    TooDeep(usize),
    /// A binary value where no attachment can follow.
    Binary,
    /// A mapping that the peer would take for one of our placeholders.
    Lookalike,
}

/// One step from the outermost value to the fault.
enum Step {
    Index(usize),
    Key(String),
}

/// A cause and its place; boxed, so that the happy path returns one word.
pub(super) struct Refusal {
    cause: Cause,
    /// Innermost first: each level adds its own step while the fault travels outwards.
    path: Vec<Step>,
}

pub(super) type Outcome<T = ()> = Result<T, Box<Refusal>>;

impl From<Cause> for Box<Refusal> {
    #[cold]
    fn from(cause: Cause) -> Self {
        Box::new(Refusal {
            cause,
            path: Vec::new(),
        })
    }
}

impl From<PyErr> for Box<Refusal> {
    #[cold]
    fn from(error: PyErr) -> Self {
        Cause::Raised(error).into()
    }
}

/// Adds the place to a fault on its way out.
pub(super) trait At {
    /// It happened in the element of this index.
    fn at_index(self, index: usize) -> Self;
    /// It happened in the value of this key.
    fn at_key(self, key: &Bound<'_, PyAny>) -> Self;
}

impl At for Outcome {
    #[inline]
    fn at_index(self, index: usize) -> Self {
        self.map_err(|refusal| refusal.under(Step::Index(index)))
    }

    #[inline]
    fn at_key(self, key: &Bound<'_, PyAny>) -> Self {
        self.map_err(|refusal| refusal.under(Step::Key(shown(key))))
    }
}

impl Refusal {
    #[cold]
    fn under(mut self: Box<Self>, step: Step) -> Box<Self> {
        self.path.push(step);
        self
    }

    /// The exception for the caller; `root` names the outermost value (`args`).
    pub(super) fn into_exception(self, py: Python<'_>, root: &str) -> PyErr {
        let place = place(root, &self.path);
        match self.cause {
            Cause::Raised(error) => {
                // An exception that refuses notes is passed on without.
                let _ = error
                    .value(py)
                    .call_method1("add_note", (format!("while encoding {place}"),));
                error
            }
            Cause::Unsupported(kind) => PyTypeError::new_err(format!(
                "{place} is of type {kind}, which has no JSON form: convert it, or give the server a \
                 default= hook that does"
            )),
            Cause::Key(kind) => PyTypeError::new_err(format!(
                "{place} has a key of type {kind}: keys must be str, int, float, bool, None or an Enum of these; \
                 convert it with str(key)"
            )),
            Cause::Name(kind) => {
                PyTypeError::new_err(format!("an event name is a str or a number, not {kind}"))
            }
            Cause::NameNotFinite => {
                PyValueError::new_err("an event name must be a finite number, or a str")
            }
            Cause::TooDeep(limit) => PyValueError::new_err(format!(
                "{place} is nested deeper than max_depth={limit} levels, or contains itself"
            )),
            Cause::Binary => PyTypeError::new_err(format!(
                "{place} is binary, and this packet cannot carry attachments: encode it as text (base64), or send \
                 it as an argument of an event"
            )),
            Cause::Lookalike => PyValueError::new_err(format!(
                "{place} holds \"_placeholder\": true beside binary values: the peer would take it for an \
                 attachment; rename the key, or send it without binary values"
            )),
        }
    }
}

/// The place in the notation of the language: `args[1].user["first name"]`, the middle of a very long one left out.
fn place(root: &str, path: &[Step]) -> String {
    const SHOWN: usize = 8;
    let mut text = root.to_owned();
    for (index, step) in path.iter().rev().enumerate() {
        if path.len() > 2 * SHOWN && index == SHOWN {
            text.push('…');
        }
        if path.len() > 2 * SHOWN && (SHOWN..path.len() - SHOWN).contains(&index) {
            continue;
        }
        // Writing to a String never fails.
        let _ = match step {
            Step::Index(index) => write!(text, "[{index}]"),
            Step::Key(key) if is_identifier(key) => write!(text, ".{key}"),
            Step::Key(key) => write!(text, "[{key:?}]"),
        };
    }
    text
}

fn is_identifier(key: &str) -> bool {
    key.starts_with(|first: char| first.is_alphabetic() || first == '_')
        && key
            .chars()
            .all(|char| char.is_alphanumeric() || char == '_')
}

fn shown(key: &Bound<'_, PyAny>) -> String {
    let text = key
        .str()
        .map(|text| text.to_string_lossy().into_owned())
        .unwrap_or_default();
    match text.char_indices().nth(EXCERPT) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

/// Why a received text is no packet body. All but [`DecodeError::Python`] are the peer's fault.
#[derive(Debug)]
pub enum DecodeError {
    /// Not JSON: what was wrong at which byte.
    Syntax {
        /// Bytes from the beginning of the body.
        offset: usize,
        /// What was wrong.
        what: &'static str,
    },
    /// Nested deeper than allowed.
    TooDeep,
    /// A placeholder that names no attachment.
    Placeholder(&'static str),
    /// The body of an event or an ack is no array.
    NotAnArray,
    /// An event without a name, or whose name is neither a string nor a number.
    BadName,
    /// An event name that the protocol keeps for itself.
    Reserved(&'static str),
    /// The interpreter failed (out of memory): nobody's fault on the wire.
    Python(PyErr),
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Syntax { offset, what } => write!(f, "invalid JSON at byte {offset}: {what}"),
            Self::TooDeep => f.write_str("nested deeper than max_depth"),
            Self::Placeholder(what) => write!(f, "illegal attachments: {what}"),
            Self::NotAnArray => f.write_str("invalid payload: expected an array"),
            Self::BadName => {
                f.write_str("invalid payload: the event name must be a string or a number")
            }
            Self::Reserved(name) => write!(f, "invalid payload: {name:?} is a reserved event name"),
            Self::Python(error) => write!(f, "decoding failed: {error}"),
        }
    }
}

impl std::error::Error for DecodeError {}

impl From<DecodeError> for PyErr {
    fn from(error: DecodeError) -> Self {
        match error {
            DecodeError::Python(error) => error,
            other => PyValueError::new_err(other.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_read_like_python() {
        let path = [
            Step::Index(3),
            Step::Key("first name".into()),
            Step::Key("user".into()),
            Step::Index(1),
        ];
        assert_eq!(place("args", &path), "args[1].user[\"first name\"][3]");
        let deep: Vec<_> = (0..600).map(|_| Step::Index(0)).collect();
        assert_eq!(
            place("args", &deep),
            format!("args{}…{}", "[0]".repeat(8), "[0]".repeat(8))
        );
    }

    #[test]
    fn messages_keep_their_data() {
        let error = DecodeError::Syntax {
            offset: 7,
            what: "leading zero",
        };
        assert_eq!(error.to_string(), "invalid JSON at byte 7: leading zero");
    }
}
