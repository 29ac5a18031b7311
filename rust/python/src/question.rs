//! A request that the application judges, as Python holds it. Forgotten without an answer, it is refused.

use parking_lot::Mutex;
use pyo3::prelude::*;
use sio_hub::question::{Decision, Question, Topic};

#[pyclass(frozen, module = "sio_fast._core")]
#[derive(Debug)]
pub struct QuestionCore {
    /// `None` once it is answered.
    question: Mutex<Option<Question>>,
}

impl QuestionCore {
    pub const fn new(question: Question) -> Self {
        Self {
            question: Mutex::new(Some(question)),
        }
    }

    fn answer(&self, decision: Decision) {
        // Taken first: the lock is not held while the hub is told.
        let question = self.question.lock().take();
        if let Some(question) = question {
            question.answer(decision);
        }
    }
}

/// (method, headers, url, address, xdomain, secure)
type Head = (
    String,
    Vec<(String, String)>,
    String,
    Option<String>,
    bool,
    bool,
);

#[pymethods]
impl QuestionCore {
    #[getter]
    fn about_origin(&self) -> bool {
        self.question
            .lock()
            .as_ref()
            .is_some_and(|question| question.topic == Topic::Origin)
    }

    fn head(&self) -> Option<Head> {
        self.question.lock().as_ref().map(|question| {
            let request = &question.request;
            (
                question.method.to_string(),
                request.headers().collect(),
                request.target(),
                request.address.map(|address| address.ip().to_string()),
                request.xdomain,
                request.secure,
            )
        })
    }

    fn allow(&self) {
        self.answer(Decision::Allow);
    }

    #[pyo3(signature = (message))]
    fn refuse(&self, message: Option<String>) {
        self.answer(Decision::Refuse(message));
    }

    fn fail(&self) {
        self.answer(Decision::Failed);
    }
}
