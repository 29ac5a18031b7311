//! The two queues between threads, in every order that can happen: no wake-up is lost. Run by `make loom`.
#![cfg(sio_loom)]

use std::collections::VecDeque;

use loom::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};
use sio_hub::{inbox::Inbox, mailbox::CommandQueue, wake::Wake};

/// Three preemptions go through what these protocols could get wrong in seconds; without a bound it takes minutes.
fn check(model: impl Fn() + Sync + Send + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(3);
    builder.check(model);
}

/// What was pushed is taken: by the pass that runs, or by the one that the wake-up starts.
#[test]
fn an_item_is_never_left_behind() {
    check(|| {
        let inbox = Arc::new(Inbox::default());
        let wakes = Arc::new(AtomicUsize::new(0));
        let writers: Vec<_> = (0..2)
            .map(|number| {
                let (inbox, wakes) = (Arc::clone(&inbox), Arc::clone(&wakes));
                thread::spawn(move || {
                    if inbox.push(number) {
                        wakes.fetch_add(1, Ordering::SeqCst);
                    }
                })
            })
            .collect();

        let mut seen = Vec::new();
        let mut pass = || {
            loop {
                let mut taken = VecDeque::new();
                inbox.take(1, &mut taken);
                seen.extend(taken);
                if !inbox.rest(|| {}) {
                    break;
                }
            }
        };
        pass();
        let before = wakes.load(Ordering::SeqCst);
        for writer in writers {
            writer.join().unwrap();
        }
        // Woken since the pass ended, or never: otherwise the pass has seen everything.
        let woken = wakes.load(Ordering::SeqCst) > before || before > 0;
        if woken {
            pass();
        }
        seen.sort_unstable();
        assert_eq!(seen, [0, 1]);
        assert!(!inbox.is_busy());
    });
}

struct Counter(AtomicUsize);

impl Wake for Counter {
    fn wake(&self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

/// A command that is posted while the application rests is taken by the owner, or wakes it.
#[test]
fn a_command_is_never_left_behind() {
    check(|| {
        let inbox: Arc<Inbox<()>> = Arc::new(Inbox::default());
        let counter = Arc::new(Counter(AtomicUsize::new(0)));
        let wake: std::sync::Arc<dyn Wake> = std::sync::Arc::new(Forward(Arc::clone(&counter)));
        let queue = Arc::new(CommandQueue::new(wake));
        let mut none = VecDeque::new();
        inbox.take(1, &mut none); // a pass of the application is under way,
        queue.set_polled(true); // and the owner looks by itself

        let poster = {
            let (inbox, queue) = (Arc::clone(&inbox), Arc::clone(&queue));
            thread::spawn(move || queue.post(7, || inbox.is_busy()))
        };
        let application = {
            let (inbox, queue) = (Arc::clone(&inbox), Arc::clone(&queue));
            thread::spawn(move || inbox.rest(|| queue.flush()))
        };
        // The owner looks one last time and then sleeps, as it sees that the application rests.
        let mut taken = Vec::new();
        let polls = inbox.is_busy();
        queue.set_polled(polls);
        queue.take(&mut taken);
        poster.join().unwrap();
        application.join().unwrap();
        let woken = counter.0.load(Ordering::SeqCst) > 0;
        assert!(!taken.is_empty() || woken || polls, "the command sleeps");
    });
}

struct Forward(Arc<Counter>);

impl Wake for Forward {
    fn wake(&self) {
        self.0.wake();
    }
}
