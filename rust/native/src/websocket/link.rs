//! A WebSocket connection as the flush sees it: a stream to write to at once, and a task to wake when it is full.

use std::{
    cell::{Cell, RefCell},
    fmt,
    io::{self, ErrorKind, IoSlice},
    task::{Context, Poll, Waker},
};

use sio_hub::shard::{LinkKey, LinkState, Shard};
use sio_protocol::websocket::Decoder;

use crate::stream::Stream;

/// Slices for one `writev`: above 64 the copying inside the kernel outweighs the call it saves.
const SLICES: usize = 64;

/// What most writes need; a longer array takes time to clear.
const FEW: usize = 4;

/// How a write ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Written {
    /// Nothing waits any more.
    All,
    /// The socket is full; the link's task waits until it is writable.
    Blocked,
    /// The connection is broken.
    Failed,
}

#[derive(Debug)]
pub(crate) struct Link {
    pub(crate) stream: RefCell<Stream>,
    /// The socket was full: nobody writes before the link's task saw it writable.
    pub(crate) blocked: Cell<bool>,
    /// A write failed: the link's task ends the connection.
    pub(crate) failed: Cell<bool>,
    /// Here and not in the link's task, where it would be stored once for each future that passes it on.
    pub(crate) decoder: RefCell<Decoder>,
    pub(crate) kick: Kick,
}

impl Link {
    pub(crate) fn new(stream: Stream) -> Self {
        Self {
            stream: RefCell::new(stream),
            blocked: Cell::new(false),
            failed: Cell::new(false),
            decoder: RefCell::default(),
            kick: Kick::default(),
        }
    }

    /// What a flush does, from whichever task: writes at once, and leaves to the link's task what has to wait.
    pub(crate) fn write_dirty(&self, key: LinkKey, shard: &RefCell<Shard>) {
        if self.blocked.get() || self.failed.get() {
            // The link's task waits for room already; it looks at the state of the link as well.
            self.kick_if_closing(key, shard);
            return;
        }
        match self.write(key, shard) {
            Written::All => self.kick_if_closing(key, shard),
            Written::Blocked | Written::Failed => self.kick.kick(),
        }
    }

    /// Writes until nothing waits or the socket takes no more.
    pub(crate) fn write(&self, key: LinkKey, shard: &RefCell<Shard>) -> Written {
        let mut shard = shard.borrow_mut();
        loop {
            let mut few = [IoSlice::new(&[]); FEW];
            let outcome = match shard.link_slices(key, &mut few) {
                0 => Ok(None),
                FEW => self.write_many(key, &shard).map(Some),
                filled => self.stream.borrow().try_write(&few[..filled]).map(Some),
            };
            match outcome {
                Ok(None) => {
                    self.blocked.set(false);
                    return Written::All;
                }
                Ok(Some(0)) => break,
                Ok(Some(written)) => {
                    if !shard.link_wrote(key, written) {
                        self.blocked.set(false);
                        return Written::All;
                    }
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    self.blocked.set(true);
                    return Written::Blocked;
                }
                Err(_) => break,
            }
        }
        self.failed.set(true);
        Written::Failed
    }

    fn write_many(&self, key: LinkKey, shard: &Shard) -> io::Result<usize> {
        let mut slices = [IoSlice::new(&[]); SLICES];
        let filled = shard.link_slices(key, &mut slices);
        self.stream.borrow().try_write(&slices[..filled])
    }

    fn kick_if_closing(&self, key: LinkKey, shard: &RefCell<Shard>) {
        if shard.borrow().link_state(key) == LinkState::Closing {
            self.kick.kick();
        }
    }
}

/// Tells the link's task to look again. A kick before the task waits is kept; several are one.
#[derive(Default)]
pub(crate) struct Kick {
    kicked: Cell<bool>,
    waker: Cell<Option<Waker>>,
}

impl fmt::Debug for Kick {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Kick")
            .field("kicked", &self.kicked)
            .finish_non_exhaustive()
    }
}

impl Kick {
    pub(crate) fn kick(&self) {
        self.kicked.set(true);
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }

    /// Ready once for all kicks since the last time. The waker of the last poll is the one that is woken.
    pub(crate) fn poll(&self, cx: &mut Context<'_>) -> Poll<()> {
        if self.kicked.replace(false) {
            return Poll::Ready(());
        }
        let waker = match self.waker.take() {
            Some(waker) if waker.will_wake(cx.waker()) => waker,
            _ => cx.waker().clone(),
        };
        self.waker.set(Some(waker));
        Poll::Pending
    }
}

#[cfg(test)]
mod tests {
    use std::{
        sync::{
            Arc,
            atomic::{AtomicUsize, Ordering},
        },
        task::Wake,
    };

    use super::*;

    #[derive(Default)]
    struct Count(AtomicUsize);

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn a_kick_before_the_wait_is_kept_and_many_are_one() {
        let kick = Kick::default();
        let count = Arc::new(Count::default());
        let waker = Waker::from(Arc::clone(&count));
        let mut cx = Context::from_waker(&waker);
        kick.kick();
        kick.kick();
        assert_eq!(kick.poll(&mut cx), Poll::Ready(()));
        assert_eq!(kick.poll(&mut cx), Poll::Pending);
        assert_eq!(kick.poll(&mut cx), Poll::Pending);
        assert_eq!(count.0.load(Ordering::Relaxed), 0);
        kick.kick();
        kick.kick();
        assert_eq!(count.0.load(Ordering::Relaxed), 1);
        assert_eq!(kick.poll(&mut cx), Poll::Ready(()));
    }
}
