//! A bug in one connection ends that connection, not the thread: a future whose panic is a value.

use std::{
    any::Any,
    future::{Future, poll_fn},
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    task::Poll,
};

/// Completes with `Err(text of the panic)` if polling the future panics.
///
/// Unwind safety is asserted: whoever catches gives up everything that the future held, and what it shared (the
/// shard, the tables) is behind `RefCell`s whose guards the unwinding released. The future is pinned by the caller,
/// so that it is stored once and a connection's task stays small.
pub(crate) fn catch<F: Future>(
    mut future: Pin<&mut F>,
) -> impl Future<Output = Result<F::Output, String>> {
    poll_fn(
        move |cx| match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(cx))) {
            Ok(Poll::Pending) => Poll::Pending,
            Ok(Poll::Ready(value)) => Poll::Ready(Ok(value)),
            Err(payload) => Poll::Ready(Err(text(payload.as_ref()))),
        },
    )
}

/// What a panic said.
pub(crate) fn text(payload: &(dyn Any + Send)) -> String {
    if let Some(text) = payload.downcast_ref::<&'static str>() {
        (*text).to_owned()
    } else if let Some(text) = payload.downcast_ref::<String>() {
        text.clone()
    } else {
        "a panic without text".to_owned()
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;

    use super::*;

    fn block_on<F: Future>(future: F) -> F::Output {
        tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap()
            .block_on(future)
    }

    #[test]
    fn a_value_passes_through() {
        assert_eq!(block_on(catch(pin!(async { 7 }))), Ok(7));
    }

    #[test]
    fn a_panic_becomes_its_text_also_after_a_suspension() {
        let result: Result<(), String> = block_on(catch(pin!(async {
            tokio::task::yield_now().await;
            panic!("slot {} is gone", 3);
        })));
        assert_eq!(result, Err("slot 3 is gone".to_owned()));
    }
}
