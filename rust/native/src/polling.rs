//! The polling skin: a GET that waits for something to send, a POST whose body is read within its limits.
//!
//! What the bodies mean is the shard's matter. Drop guards tell it when a client went away in the middle.

use std::{mem, rc::Rc, time::Duration};

use bytes::Bytes;
use http::Response;
use http_body_util::BodyExt;
use hyper::body::{Body as _, Incoming};
use sio_hub::shard::{PostVerdict, SessionKey};

use crate::{
    driver::Driver,
    service::{Body, GivenUp, complete},
};

/// Answers a long poll as soon as the session has something to say.
pub(crate) async fn poll(
    driver: &Rc<Driver>,
    session: SessionKey,
) -> Result<Response<Body>, GivenUp> {
    let answer = driver.add_poll(session);
    let aborted = AbortedPoll { driver, session };
    // What waited already is given to the poll that has just been added.
    driver.with(|_, _| ());
    match answer.await {
        Ok((response, close)) => {
            mem::forget(aborted);
            Ok(complete(driver, response, close))
        }
        // Another poll took the place; the shard has said what becomes of the session.
        Err(_) => Err(GivenUp),
    }
}

/// The client went away before its poll was answered (or while the answer was on its way here).
struct AbortedPoll<'a> {
    driver: &'a Driver,
    session: SessionKey,
}

impl Drop for AbortedPoll<'_> {
    fn drop(&mut self) {
        self.driver.remove_poll(self.session);
        self.driver
            .with(|shard, now| shard.handle_poll_aborted(self.session, now));
    }
}

/// Reads the body of a POST and gives it to the session.
pub(crate) async fn post(
    driver: &Rc<Driver>,
    session: SessionKey,
    limit: usize,
    timeout: Duration,
    body: Incoming,
) -> Result<Response<Body>, GivenUp> {
    let aborted = AbortedPost { driver, session };
    let read = {
        // A session that ends has no use for the rest, and the client shall see that at once.
        let ended = driver.add_held_post(session);
        let _forgotten = HeldPost { driver, session };
        tokio::select! {
            biased;
            read = tokio::time::timeout(timeout, read(body, limit)) => read,
            _ = ended => return Err(GivenUp),
        }
    };
    let body = match read {
        Ok(Read::Whole(body)) => body,
        Ok(Read::TooLarge) => {
            mem::forget(aborted);
            let response = driver.with(|shard, now| shard.handle_post_too_large(session, now));
            // The rest of the body is not worth reading.
            return Ok(complete(driver, response, true));
        }
        Ok(Read::Broken) | Err(_) => return Err(GivenUp),
    };
    mem::forget(aborted);
    match driver.with(|shard, now| shard.handle_post(session, now, &body)) {
        PostVerdict::Respond { response, close } => Ok(complete(driver, response, close)),
        PostVerdict::Hold { response } => {
            drop(body);
            hold(driver, session).await;
            Ok(complete(driver, response, false))
        }
    }
}

/// The body did not come to its end: the client went away, or was too slow.
struct AbortedPost<'a> {
    driver: &'a Driver,
    session: SessionKey,
}

impl Drop for AbortedPost<'_> {
    fn drop(&mut self) {
        self.driver
            .with(|shard, now| shard.handle_post_aborted(self.session, now));
    }
}

enum Read {
    Whole(Bytes),
    TooLarge,
    Broken,
}

async fn read(mut body: Incoming, limit: usize) -> Read {
    // The announced length: nothing of a body that is too large is read. A chunked one is counted.
    if body.size_hint().lower() > limit as u64 {
        return Read::TooLarge;
    }
    let mut first = Bytes::new();
    let mut joined: Vec<u8> = Vec::new();
    let mut length = 0;
    while let Some(frame) = body.frame().await {
        let Ok(frame) = frame else {
            return Read::Broken;
        };
        // Trailers say nothing to us.
        let Ok(data) = frame.into_data() else {
            continue;
        };
        length += data.len();
        if length > limit {
            return Read::TooLarge;
        }
        if first.is_empty() {
            // The usual case: the whole body came with the head and is used where it lies.
            first = data;
        } else {
            if joined.is_empty() {
                let announced = usize::try_from(body.size_hint().lower()).unwrap_or(limit);
                joined.reserve(length + announced.min(limit - length));
                joined.extend_from_slice(&first);
            }
            joined.extend_from_slice(&data);
        }
    }
    Read::Whole(if joined.is_empty() {
        first
    } else {
        joined.into()
    })
}

/// Waits until the session reads on. A session that ended meanwhile needs no waiting.
async fn hold(driver: &Rc<Driver>, session: SessionKey) {
    let resumed = driver.add_held_post(session);
    let _forgotten = HeldPost { driver, session };
    // The session may have been resumed by now.
    driver.with(|_, _| ());
    // An error: the session's place was taken by another one.
    let _ = resumed.await;
}

struct HeldPost<'a> {
    driver: &'a Driver,
    session: SessionKey,
}

impl Drop for HeldPost<'_> {
    fn drop(&mut self) {
        self.driver.remove_held_post(self.session);
    }
}
