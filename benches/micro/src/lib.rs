//! The cases that protocol and hub are measured with: criterion takes their time, `sio-micro` runs one for a counter of
//! instructions. Knows what is called; measures nothing.

#![forbid(unsafe_code)]

mod hub;
mod protocol;

pub use hub::cases as hub;
pub use protocol::cases as protocol;

/// Something to do again and again.
pub type Run = Box<dyn FnMut()>;

/// A thing to measure; what it needs is made when it is wanted.
pub struct Case {
    pub name: String,
    make: Box<dyn FnOnce() -> Run>,
}

impl Case {
    fn new<R: FnMut() + 'static>(
        name: impl Into<String>,
        make: impl FnOnce() -> R + 'static,
    ) -> Self {
        Self {
            name: name.into(),
            make: Box::new(|| Box::new(make())),
        }
    }

    pub fn make(self) -> Run {
        (self.make)()
    }
}

impl std::fmt::Debug for Case {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Case")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_case_has_a_name_of_its_own_and_runs_twice() {
        let mut names = Vec::new();
        for case in super::protocol().into_iter().chain(super::hub()) {
            names.push(case.name.clone());
            let mut run = case.make();
            run();
            run();
        }
        let all = names.len();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), all);
    }
}
