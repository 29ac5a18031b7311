//! Which namespaces there are, and which one a client means that asks for a name. Refuses to know what a name is worth:
//! the application says yes or no.
//!
//! A namespace that nobody has made yet can still be *asked for*, if the application wants to hear of it: it exists for
//! the sockets that wait for the application's word and for nobody else. Made known under that name, it is the same
//! object, so clients that ask at the same moment end up in one namespace.

use std::sync::{
    Arc, Weak,
    atomic::{AtomicBool, Ordering},
};

use hashbrown::HashMap;
use parking_lot::{Mutex, RwLock};

use crate::namespace::Namespace;

/// Fewer dead names than this are not worth a look.
const PRUNE_AT_LEAST: usize = 64;

/// Locking: `known` before `asked`; nothing else is taken inside them.
#[derive(Debug, Default)]
pub struct Namespaces {
    known: RwLock<HashMap<Box<str>, Arc<Namespace>>>,
    asked: Mutex<Asked>,
    /// The application wants to hear of unknown names.
    dynamic: AtomicBool,
}

/// Namespaces that only live as long as somebody waits in them.
#[derive(Debug, Default)]
struct Asked {
    names: HashMap<Box<str>, Weak<Namespace>>,
    /// Dead names are swept out at this length, so that there are at most twice as many as live ones.
    prune_at: usize,
}

/// What a client's CONNECT names.
#[derive(Debug)]
pub enum Wanted {
    Known(Arc<Namespace>),
    /// The application is to be asked.
    Asked(Arc<Namespace>),
    Unknown,
}

impl Namespaces {
    /// Whether the application wants to hear of names that it has not made.
    pub fn set_dynamic(&self, dynamic: bool) {
        self.dynamic.store(dynamic, Ordering::SeqCst);
    }

    /// The namespace of that name, made known if it was not.
    pub fn make(&self, name: &str) -> Arc<Namespace> {
        if let Some(found) = self.known.read().get(name) {
            return Arc::clone(found);
        }
        let mut known = self.known.write();
        let made = known.entry(name.into()).or_insert_with(|| {
            let asked = self.asked.lock().names.remove(name);
            asked
                .and_then(|asked| asked.upgrade())
                .unwrap_or_else(|| Arc::new(Namespace::new(name)))
        });
        Arc::clone(made)
    }

    /// The namespace that a client asks for.
    pub fn wanted(&self, name: &str) -> Wanted {
        let known = self.known.read();
        if let Some(found) = known.get(name) {
            return Wanted::Known(Arc::clone(found));
        }
        if !self.dynamic.load(Ordering::SeqCst) {
            return Wanted::Unknown;
        }
        Wanted::Asked(self.asked.lock().of(name))
    }

    /// All that are known.
    pub fn all(&self) -> Vec<Arc<Namespace>> {
        self.known.read().values().cloned().collect()
    }
}

impl Asked {
    fn of(&mut self, name: &str) -> Arc<Namespace> {
        if let Some(found) = self.names.get(name).and_then(Weak::upgrade) {
            return found;
        }
        if self.names.len() >= self.prune_at.max(PRUNE_AT_LEAST) {
            self.names.retain(|_, asked| asked.strong_count() > 0);
            self.prune_at = 2 * self.names.len();
        }
        let made = Arc::new(Namespace::new(name));
        self.names.insert(name.into(), Arc::downgrade(&made));
        made
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(namespaces: &Namespaces, name: &str) -> Arc<Namespace> {
        match namespaces.wanted(name) {
            Wanted::Asked(namespace) => namespace,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn unknown_names_are_asked_for_only_if_the_application_wants_that() {
        let namespaces = Namespaces::default();
        assert!(matches!(namespaces.wanted("/a"), Wanted::Unknown));
        namespaces.set_dynamic(true);
        asked(&namespaces, "/a");
        assert!(namespaces.all().is_empty(), "asking makes nothing known");
        namespaces.set_dynamic(false);
        assert!(matches!(namespaces.wanted("/a"), Wanted::Unknown));
    }

    #[test]
    fn who_asks_at_the_same_time_means_the_same_namespace() {
        let namespaces = Namespaces::default();
        namespaces.set_dynamic(true);
        let first = asked(&namespaces, "/a");
        let second = asked(&namespaces, "/a");
        assert!(Arc::ptr_eq(&first, &second));
        let made = namespaces.make("/a");
        assert!(Arc::ptr_eq(&first, &made));
        assert!(
            matches!(namespaces.wanted("/a"), Wanted::Known(known) if Arc::ptr_eq(&known, &made))
        );
    }

    #[test]
    fn names_that_nobody_waits_for_are_forgotten() {
        let namespaces = Namespaces::default();
        namespaces.set_dynamic(true);
        let kept = asked(&namespaces, "/kept");
        for number in 0..10_000 {
            asked(&namespaces, &format!("/{number}"));
        }
        assert!(namespaces.asked.lock().names.len() <= PRUNE_AT_LEAST);
        assert!(Arc::ptr_eq(&kept, &asked(&namespaces, "/kept")));
    }
}
