//! The arguments of an event where they lie: checked as strictly as if they were decoded, and made into nothing.
//!
//! For whoever reads JSON into types of its own. What passes here decodes, and what does not pass breaks the packet with
//! the same error; `tests/unit/test_codec_raw.py` compares the two. It refuses to know what the values mean: placeholders
//! are ordinary objects here, so packets with attachments must not come this way.

#![expect(
    clippy::unnecessary_box_returns,
    reason = "a fault is boxed where it is born and stays so on its way out"
)]

use std::ops::Range;

use pyo3::prelude::*;

use super::decode::big_int;
use super::error::DecodeError;
use super::number::{self, Number};
use super::{DEPTH_CEILING, text};

/// A fault on its way out.
type Checked<T> = Result<T, Box<DecodeError>>;

/// The name of an event between its quotes, if it stands there plainly: `["name"` without blanks and escapes. It may be
/// any bytes; who looks for it knows what is a name.
pub fn plain_name(body: &[u8]) -> Option<&[u8]> {
    let rest = body.strip_prefix(b"[\"")?;
    let run = text::scan(rest);
    (rest.get(run.len) == Some(&b'"')).then(|| &rest[..run.len])
}

/// Where the arguments of an event lie that begins with a [`plain_name`] of `name_len` bytes.
pub fn argument_slices(
    py: Python<'_>,
    body: &[u8],
    name_len: usize,
    max_depth: usize,
) -> Result<Vec<Range<usize>>, DecodeError> {
    let mut walk = Walk {
        py,
        body,
        at: name_len + 3,
        depth: 0,
        max_depth: max_depth.min(DEPTH_CEILING),
    };
    walk.arguments().map_err(|error| *error)
}

struct Walk<'b, 'py> {
    py: Python<'py>,
    body: &'b [u8],
    at: usize,
    depth: usize,
    max_depth: usize,
}

impl Walk<'_, '_> {
    fn arguments(&mut self) -> Checked<Vec<Range<usize>>> {
        let mut found = Vec::with_capacity(2);
        self.enter()?;
        loop {
            self.skip_space();
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b']') => break,
                _ => return Err(self.syntax("expected , or ]")),
            }
            self.skip_space();
            let start = self.at;
            self.value()?;
            found.push(start..self.at);
        }
        self.at += 1;
        self.skip_space();
        if self.at == self.body.len() {
            Ok(found)
        } else {
            Err(self.syntax("expected the end"))
        }
    }

    fn value(&mut self) -> Checked<()> {
        match self.peek() {
            Some(b'"') => self.string(),
            Some(b'{') => self.object(),
            Some(b'[') => self.array(),
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(b't') => self.word(b"true"),
            Some(b'f') => self.word(b"false"),
            Some(b'n') => self.word(b"null"),
            Some(_) => Err(self.syntax("expected a value")),
            None => Err(self.syntax("unexpected end")),
        }
    }

    fn array(&mut self) -> Checked<()> {
        self.enter()?;
        self.at += 1;
        self.skip_space();
        if self.peek() == Some(b']') {
            self.leave();
            return Ok(());
        }
        loop {
            self.value()?;
            self.skip_space();
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b']') => break,
                _ => return Err(self.syntax("expected , or ]")),
            }
            self.skip_space();
        }
        self.leave();
        Ok(())
    }

    fn object(&mut self) -> Checked<()> {
        self.enter()?;
        self.at += 1;
        self.skip_space();
        if self.peek() == Some(b'}') {
            self.leave();
            return Ok(());
        }
        loop {
            if self.peek() != Some(b'"') {
                return Err(self.syntax("expected a string as key"));
            }
            self.string()?;
            self.skip_space();
            if self.peek() != Some(b':') {
                return Err(self.syntax("expected :"));
            }
            self.at += 1;
            self.skip_space();
            self.value()?;
            self.skip_space();
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b'}') => break,
                _ => return Err(self.syntax("expected , or }")),
            }
            self.skip_space();
        }
        self.leave();
        Ok(())
    }

    fn number(&mut self) -> Checked<()> {
        let (number, taken) =
            number::read(&self.body[self.at..]).map_err(|what| self.syntax(what))?;
        if number == Number::Big {
            // Only the interpreter knows whether it takes so many digits.
            let digits = &self.body[self.at..self.at + taken];
            if big_int(self.py, digits)?.is_none() {
                self.at += taken;
                return Err(self.syntax("integer of too many digits"));
            }
        }
        self.at += taken;
        Ok(())
    }

    fn string(&mut self) -> Checked<()> {
        self.at += 1;
        loop {
            let run = text::scan(&self.body[self.at..]);
            let end = self.at + run.len;
            if !run.ascii
                && let Err(error) = std::str::from_utf8(&self.body[self.at..end])
            {
                self.at += error.valid_up_to();
                return Err(self.syntax("not UTF-8"));
            }
            self.at = end;
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(());
                }
                Some(b'\\') => {
                    let (_, taken) = text::unescape(&self.body[self.at + 1..])
                        .map_err(|what| self.syntax(what))?;
                    self.at += 1 + taken;
                }
                Some(_) => return Err(self.syntax("control character in a string")),
                None => return Err(self.syntax("string without an end")),
            }
        }
    }

    fn word(&mut self, word: &[u8]) -> Checked<()> {
        if !self.body[self.at..].starts_with(word) {
            return Err(self.syntax("expected a value"));
        }
        self.at += word.len();
        Ok(())
    }

    fn enter(&mut self) -> Checked<()> {
        if self.depth >= self.max_depth {
            return Err(DecodeError::TooDeep.into());
        }
        self.depth += 1;
        Ok(())
    }

    /// Behind the last bracket of an array or object.
    fn leave(&mut self) {
        self.depth -= 1;
        self.at += 1;
    }

    fn peek(&self) -> Option<u8> {
        self.body.get(self.at).copied()
    }

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
