//! Requests for sessions of another I/O thread: the thread that has the TCP connection passes the request on and sends the
//! answer that comes back.
//!
//! The connection stays where it was accepted, except one that becomes a WebSocket: it moves to its session. What a request
//! means is not known here.

use std::{fmt, net::SocketAddr, pin::pin, rc::Rc};

use http::{Request, Response};
use hyper::body::Incoming;
use sio_hub::sink::Level;
use tokio::sync::{mpsc, oneshot};

use crate::{
    driver::Driver,
    panic,
    service::{self, Body, GivenUp, Options},
};

type Answer = Result<Response<Body>, GivenUp>;

/// A request on its way to another thread.
pub(crate) struct Handover {
    request: Request<Incoming>,
    address: Option<SocketAddr>,
    answer: oneshot::Sender<Answer>,
}

/// The way to every I/O thread of a listener, in the order of their places. Unbounded, because a connection has one request
/// at a time and connections are bounded.
#[derive(Clone)]
pub(crate) struct Threads(Vec<mpsc::UnboundedSender<Handover>>);

impl fmt::Debug for Threads {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Threads").field(&self.0.len()).finish()
    }
}

/// Where the requests for one thread arrive.
pub(crate) type Arrivals = mpsc::UnboundedReceiver<Handover>;

impl Threads {
    pub(crate) fn new(count: usize) -> (Self, Vec<Arrivals>) {
        let (senders, arrivals) = (0..count).map(|_| mpsc::unbounded_channel()).unzip();
        (Self(senders), arrivals)
    }

    /// Has another thread answer a request. Dropping the future is how the client's going away is told there.
    pub(crate) async fn pass_on(
        &self,
        shard: usize,
        request: Request<Incoming>,
        address: Option<SocketAddr>,
    ) -> Answer {
        let (answer, answered) = oneshot::channel();
        let handover = Handover {
            request,
            address,
            answer,
        };
        let thread = self.0.get(shard).ok_or(GivenUp)?;
        // A thread that has ended answers nobody.
        thread.send(handover).map_err(|_| GivenUp)?;
        answered.await.map_err(|_| GivenUp)?
    }
}

/// Answers what arrives from other threads, until the stop.
pub(crate) async fn receive(driver: Rc<Driver>, options: Rc<Options>, mut arrivals: Arrivals) {
    while let Some(handover) = arrivals.recv().await {
        tokio::task::spawn_local(answer(Rc::clone(&driver), Rc::clone(&options), handover));
    }
}

async fn answer(driver: Rc<Driver>, options: Rc<Options>, handover: Handover) {
    let Handover {
        request,
        address,
        answer: mut waiting,
    } = handover;
    let answered = {
        let answering = pin!(service::answer(&driver, &options, address, request, true));
        tokio::select! {
            biased;
            // The client went away: the guards inside tell the shard.
            () = waiting.closed() => return,
            answered = panic::catch(answering) => answered,
        }
    };
    match answered {
        // A receiver that is gone is a client that is.
        Ok(answer) => drop(waiting.send(answer)),
        Err(text) => driver.log(
            Level::Error,
            format!("an HTTP request was given up by a bug: {text}"),
        ),
    }
}
