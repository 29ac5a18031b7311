//! The end of a WebSocket connection: what still waits is written, then the stream is shut down and given up.
//!
//! Both steps have a deadline, for peers that never read and peers that never close.

use std::{
    future::poll_fn,
    io,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use sio_hub::shard::{LinkKey, LinkState};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::link::{Link, Written};
use crate::driver::Driver;

/// For the rest of the output, the close frame at its end.
const FLUSH: Duration = Duration::from_secs(5);

/// For the peer's own end of stream. Closing a socket with unread bytes makes the kernel send a reset, which can
/// destroy our last bytes on their way.
const LINGER: Duration = Duration::from_secs(2);

/// Ends the connection of a link, whether the shard decided it or the peer was gone.
pub(super) async fn close(driver: &Driver, key: LinkKey, link: &Link) {
    let ours = driver.ask(|shard| shard.link_state(key)) == LinkState::Closing;
    let written = ours
        && matches!(
            tokio::time::timeout(FLUSH, flush(driver, key, link)).await,
            Ok(true)
        );
    super::close(driver, key);
    if written {
        // The peer's fault if it takes longer; nothing is lost then.
        let _ = tokio::time::timeout(LINGER, linger(driver, link)).await;
    }
}

/// True when everything was written.
async fn flush(driver: &Driver, key: LinkKey, link: &Link) -> bool {
    loop {
        match driver.write_link(key, link) {
            Written::All => return true,
            Written::Failed => return false,
            Written::Blocked => {
                if poll_fn(|cx| link.stream.borrow().poll_write_ready(cx))
                    .await
                    .is_err()
                {
                    return false;
                }
            }
        }
    }
}

/// Ends our direction and reads until the peer ended its own.
async fn linger(driver: &Driver, link: &Link) -> io::Result<()> {
    poll_fn(|cx| Pin::new(&mut *link.stream.borrow_mut()).poll_shutdown(cx)).await?;
    while poll_fn(|cx| discard(driver, link, cx)).await? > 0 {}
    Ok(())
}

fn discard(driver: &Driver, link: &Link, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
    let mut buffer = driver.read_buffer.borrow_mut();
    let mut read = ReadBuf::new(&mut buffer);
    let mut stream = link.stream.borrow_mut();
    Pin::new(&mut *stream)
        .poll_read(cx, &mut read)
        .map_ok(|()| read.filled().len())
}
