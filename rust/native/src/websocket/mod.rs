//! The WebSocket skin: the 101, then one task per connection that feeds what it reads to the shard and writes what
//! the shard has for it.
//!
//! Frames are the decoder's matter, messages the shard's. The task decides when to read, and how long a closing
//! connection may take.

mod closing;
pub(crate) mod link;

use std::{
    future::poll_fn,
    io,
    ops::ControlFlow,
    pin::{Pin, pin},
    rc::Rc,
    task::Poll,
};

use bytes::Bytes;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use sio_hub::{
    shard::{LinkKey, LinkState, Message},
    sink::Level,
};
use sio_protocol::websocket::Event;
use tokio::io::{AsyncRead, ReadBuf};

use self::link::{Link, Written};
use crate::{
    driver::{Driver, READ_BUFFER},
    panic,
    stream::{Impatient, Stream},
};

/// Takes the connection over as soon as hyper has written the 101, on whichever thread that was (`moved`: another one).
/// Every way out tells the shard that the link is closed, also a 101 that never went out and a panic.
pub(crate) fn spawn(driver: Rc<Driver>, key: LinkKey, upgrade: OnUpgrade, moved: bool) {
    let counted = driver.count_connection();
    tokio::task::spawn_local(async move {
        let ended = {
            let connection = pin!(run(&driver, key, upgrade, moved));
            panic::catch(connection).await
        };
        if let Err(text) = ended {
            driver.log(
                Level::Error,
                format!("a WebSocket connection was closed by a bug: {text}"),
            );
            close(&driver, key);
        }
        drop(counted);
    });
}

async fn run(driver: &Rc<Driver>, key: LinkKey, upgrade: OnUpgrade, moved: bool) {
    // hyper's buffers and its connection task end here; what it had read beyond the head comes along.
    let taken = upgrade
        .await
        .ok()
        .and_then(|upgraded| unwrap(upgraded, moved));
    let Some((stream, leftover)) = taken else {
        close(driver, key);
        return;
    };
    let link = Rc::new(Link::new(stream));
    driver.add_link(key, Rc::clone(&link));
    let state = begin(driver, key, &link, leftover);
    talk(driver, key, &link, state).await;
    // Boxed: the few connections that are closing pay for it, the many that are idle do not.
    Box::pin(closing::close(driver, key, &link)).await;
}

/// Opens the link and gives it what hyper had read already.
#[expect(
    clippy::needless_pass_by_value,
    reason = "the last use of a buffer that an idle connection must not keep"
)]
fn begin(driver: &Driver, key: LinkKey, link: &Link, leftover: Bytes) -> LinkState {
    let mut state = driver.with(|shard, now| shard.handle_link_open(key, now));
    for piece in leftover.chunks(READ_BUFFER) {
        if state == LinkState::Closing {
            break;
        }
        driver.read_buffer.borrow_mut()[..piece.len()].copy_from_slice(piece);
        state = feed(driver, key, link, piece.len(), state);
    }
    state
}

/// Reads and writes until the connection is to be closed or has ended.
async fn talk(driver: &Driver, key: LinkKey, link: &Link, mut state: LinkState) {
    while state != LinkState::Closing {
        match next(driver, link, state).await {
            Turn::Read(0) | Turn::Failed => return,
            Turn::Read(count) => {
                state = feed(driver, key, link, count, state);
                if count == READ_BUFFER {
                    // More waits in the socket; the others first.
                    tokio::task::yield_now().await;
                }
            }
            Turn::Writable => {
                if driver.write_link(key, link) == Written::Failed {
                    return;
                }
                state = driver.ask(|shard| shard.link_state(key));
            }
            Turn::Kicked => {
                let before = state;
                state = driver.ask(|shard| shard.link_state(key));
                if before == LinkState::Paused && state == LinkState::Open {
                    // What the decoder kept when the session was paused comes before new bytes.
                    state = feed(driver, key, link, 0, state);
                }
            }
        }
    }
}

enum Turn {
    /// So many bytes are in the thread's read buffer; 0 = the peer has ended.
    Read(usize),
    Writable,
    Kicked,
    Failed,
}

/// Waits for what happens first: bytes (unless the session is paused), room for what waits to be written, a kick.
async fn next(driver: &Driver, link: &Link, state: LinkState) -> Turn {
    poll_fn(|cx| {
        if link.failed.get() {
            return Poll::Ready(Turn::Failed);
        }
        if link.kick.poll(cx).is_ready() {
            return Poll::Ready(Turn::Kicked);
        }
        if link.blocked.get() {
            match link.stream.borrow().poll_write_ready(cx) {
                Poll::Ready(Ok(())) => return Poll::Ready(Turn::Writable),
                Poll::Ready(Err(_)) => return Poll::Ready(Turn::Failed),
                Poll::Pending => {}
            }
        }
        if state == LinkState::Open {
            let mut buffer = driver.read_buffer.borrow_mut();
            let mut read = ReadBuf::new(&mut buffer);
            let mut stream = link.stream.borrow_mut();
            match Pin::new(&mut *stream).poll_read(cx, &mut read) {
                Poll::Ready(Ok(())) => return Poll::Ready(Turn::Read(read.filled().len())),
                Poll::Ready(Err(error)) if error.kind() == io::ErrorKind::Interrupted => {
                    cx.waker().wake_by_ref();
                }
                Poll::Ready(Err(_)) => return Poll::Ready(Turn::Failed),
                Poll::Pending => {}
            }
        }
        Poll::Pending
    })
    .await
}

/// Gives the shard what the first `count` bytes of the read buffer complete, and returns the link's state.
fn feed(
    driver: &Driver,
    key: LinkKey,
    link: &Link,
    count: usize,
    mut state: LinkState,
) -> LinkState {
    let limit = driver.hub.config().max_http_buffer_size;
    driver.with(|shard, now| {
        let mut decoder = link.decoder.borrow_mut();
        let mut buffer = driver.read_buffer.borrow_mut();
        let fed = decoder.feed(&mut buffer[..count], limit, &mut |event| {
            state = match event {
                Event::Text(text) => shard.handle_link_message(key, now, Message::Text(text)),
                Event::Binary(data) => shard.handle_link_message(key, now, Message::Binary(data)),
                Event::Ping(data) => shard.handle_link_ping(key, now, data),
                Event::Pong => state,
                Event::Close(code, _) => shard.handle_link_close_frame(key, now, code),
            };
            if state == LinkState::Open {
                ControlFlow::Continue(())
            } else {
                ControlFlow::Break(())
            }
        });
        if let Err(violation) = fed {
            state = shard.handle_link_violation(key, now, violation.code, violation.detail);
        }
        state
    })
}

/// The last word about a link: after it the key is dead.
fn close(driver: &Driver, key: LinkKey) {
    driver.remove_link(key);
    driver.with(|shard, now| shard.handle_link_closed(key, now));
}

fn unwrap(upgraded: hyper::upgrade::Upgraded, moved: bool) -> Option<(Stream, Bytes)> {
    let parts = upgraded.downcast::<TokioIo<Impatient>>().ok()?;
    let stream = parts.io.into_inner().into_inner();
    let stream = if moved {
        stream.move_here().ok()?
    } else {
        stream
    };
    Some((stream, parts.read_buf))
}
