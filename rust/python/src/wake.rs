//! The descriptor that wakes the event loop: an eventfd on Linux, a socket pair elsewhere.

use std::io;

#[cfg(target_os = "linux")]
mod imp {
    use std::os::fd::{AsRawFd, OwnedFd, RawFd};

    use rustix::event::{EventfdFlags, eventfd};

    #[derive(Debug)]
    pub struct Inner(OwnedFd);

    impl Inner {
        pub fn new() -> std::io::Result<Self> {
            Ok(Self(eventfd(
                0,
                EventfdFlags::NONBLOCK | EventfdFlags::CLOEXEC,
            )?))
        }

        pub fn fd(&self) -> RawFd {
            self.0.as_raw_fd()
        }

        pub fn signal(&self) {
            // Fails only when the counter is full, and then the loop is woken already.
            let _ = rustix::io::write(&self.0, &1_u64.to_ne_bytes());
        }

        pub fn clear(&self) {
            // Fails only when nothing was signalled.
            let _ = rustix::io::read(&self.0, &mut [0_u8; 8]);
        }
    }
}

#[cfg(all(unix, not(target_os = "linux")))]
mod imp {
    use std::{
        io::{Read, Write},
        os::fd::{AsRawFd, RawFd},
        os::unix::net::UnixStream,
    };

    #[derive(Debug)]
    pub struct Inner(UnixStream, UnixStream);

    impl Inner {
        pub fn new() -> std::io::Result<Self> {
            let (reader, writer) = UnixStream::pair()?;
            reader.set_nonblocking(true)?;
            writer.set_nonblocking(true)?;
            Ok(Self(reader, writer))
        }

        pub fn fd(&self) -> RawFd {
            self.0.as_raw_fd()
        }

        pub fn signal(&self) {
            // Fails only when the buffer is full, and then the loop is woken already.
            let _ = (&self.1).write(&[1]);
        }

        pub fn clear(&self) {
            // Fails only when nothing was signalled.
            let _ = (&self.0).read(&mut [0; 64]);
        }
    }
}

/// Readable from `signal` until `clear`.
#[derive(Debug)]
pub struct WakeDescriptor(imp::Inner);

impl WakeDescriptor {
    pub fn new() -> io::Result<Self> {
        imp::Inner::new().map(Self)
    }

    pub fn fd(&self) -> i32 {
        self.0.fd()
    }

    pub fn signal(&self) {
        self.0.signal();
    }

    pub fn clear(&self) {
        self.0.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signals_add_up_to_one() {
        let wake = WakeDescriptor::new().expect("a descriptor");
        wake.signal();
        wake.signal();
        wake.clear();
        wake.clear();
        assert!(wake.fd() >= 0);
    }
}
