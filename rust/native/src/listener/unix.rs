//! Listening on a Unix socket: a path instead of an address, and the file that it leaves.

use std::{
    io::{self, ErrorKind},
    os::{
        fd::OwnedFd,
        unix::{
            fs::{FileTypeExt, MetadataExt},
            net::{UnixListener as StdUnixListener, UnixStream as StdUnixStream},
        },
    },
    path::{Path, PathBuf},
    rc::Rc,
};

use socket2::{Domain, SockAddr, Socket, Type};
use tokio::net::UnixListener;

use super::Accepting;
use crate::{driver::Driver, service, stream::Stream};

/// A listening socket and its file, which is removed with it.
#[derive(Debug)]
pub(crate) struct BoundPath {
    pub(crate) listener: StdUnixListener,
    pub(crate) file: Option<SocketFile>,
}

impl BoundPath {
    /// The same socket for one more thread; the first one takes the file.
    pub(super) fn share(&mut self) -> io::Result<Self> {
        Ok(Self {
            listener: self.listener.try_clone()?,
            file: self.file.take(),
        })
    }
}

/// The file of a listening socket. Dropping it removes the file, if it still is the one that was made here.
#[derive(Debug)]
pub(crate) struct SocketFile {
    path: PathBuf,
    device: u64,
    inode: u64,
}

pub(super) fn bind(path: &Path, backlog: u32) -> io::Result<BoundPath> {
    let explain = |error: io::Error| {
        io::Error::new(
            error.kind(),
            format!("cannot listen on {}: {error}", path.display()),
        )
    };
    remove_stale(path).map_err(explain)?;
    let bound = (|| {
        let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
        socket.bind(&SockAddr::unix(path)?)?;
        let metadata = std::fs::symlink_metadata(path)?;
        let file = SocketFile {
            path: path.to_owned(),
            device: metadata.dev(),
            inode: metadata.ino(),
        };
        socket.listen(i32::try_from(backlog).unwrap_or(i32::MAX))?;
        socket.set_nonblocking(true)?;
        let listener = StdUnixListener::from(OwnedFd::from(socket));
        Ok(BoundPath {
            listener,
            file: Some(file),
        })
    })();
    bound.map_err(explain)
}

/// A server that was killed leaves its socket behind. One that nobody listens on is removed, anything else is not.
fn remove_stale(path: &Path) -> io::Result<()> {
    match std::fs::symlink_metadata(path) {
        Ok(metadata) if metadata.file_type().is_socket() => {}
        _ => return Ok(()),
    }
    match StdUnixStream::connect(path) {
        Err(error) if error.kind() == ErrorKind::ConnectionRefused => std::fs::remove_file(path),
        _ => Ok(()),
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        if let Ok(metadata) = std::fs::symlink_metadata(&self.path)
            && (metadata.dev(), metadata.ino()) == (self.device, self.inode)
        {
            // Nothing is lost when it stays: the next start removes it.
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

/// Accepts until the stop begins; the listening socket and its file are gone when this returns.
pub(crate) async fn accept(
    driver: Rc<Driver>,
    options: Rc<service::Options>,
    listener: UnixListener,
    file: Option<SocketFile>,
) {
    let mut accepting = Accepting::new(driver, options);
    while accepting.may_go_on().await {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = accepting.driver.stopped() => break,
        };
        match accepted {
            Ok((stream, _)) => accepting.take(Stream::Unix(stream), None).await,
            Err(error) => accepting.fail(&error).await,
        }
    }
    drop(file);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(name: &str) -> PathBuf {
        std::env::temp_dir().join(format!("sio-{name}-{}", std::process::id()))
    }

    #[test]
    fn the_file_goes_with_the_socket() {
        let path = path("goes");
        let bound = bind(&path, 8).unwrap();
        assert!(path.exists());
        drop(bound);
        assert!(!path.exists());
    }

    #[test]
    fn a_stale_socket_is_replaced_and_a_living_one_is_not() {
        let path = path("stale");
        drop(StdUnixListener::bind(&path).unwrap());
        assert!(path.exists());
        let living = bind(&path, 8).unwrap();
        let error = bind(&path, 8).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::AddrInUse);
        assert!(
            error.to_string().contains(&*path.to_string_lossy()),
            "{error}"
        );
        assert!(path.exists());
        drop(living);
    }

    #[test]
    fn a_file_that_is_no_socket_is_left_alone() {
        let path = path("file");
        std::fs::write(&path, "precious").unwrap();
        let error = bind(&path, 8).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::AddrInUse);
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "precious");
        std::fs::remove_file(&path).unwrap();
    }
}
