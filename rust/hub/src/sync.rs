//! The primitives of the two queues between threads: `parking_lot` and std, or loom's when the protocols are model-checked
//! (`make loom` sets `--cfg sio_loom`).

#[cfg(not(sio_loom))]
pub use parking_lot::Mutex;
#[cfg(not(sio_loom))]
pub use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

#[cfg(sio_loom)]
pub use self::model::Mutex;
#[cfg(sio_loom)]
pub use loom::sync::atomic::{AtomicBool, AtomicU64, Ordering};

#[cfg(sio_loom)]
mod model {
    use loom::sync::MutexGuard;

    /// loom's mutex with `parking_lot`'s face.
    #[derive(Debug, Default)]
    pub struct Mutex<T>(loom::sync::Mutex<T>);

    impl<T> Mutex<T> {
        pub fn new(value: T) -> Self {
            Self(loom::sync::Mutex::new(value))
        }

        pub fn lock(&self) -> MutexGuard<'_, T> {
            self.0
                .lock()
                .unwrap_or_else(std::sync::PoisonError::into_inner)
        }
    }
}
