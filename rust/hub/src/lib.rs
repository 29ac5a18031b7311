//! The shared state of one process: sessions, namespaces, sockets, rooms, outboxes, timers.
//!
//! Still without I/O and without a clock. Three things happen here and nowhere else: what comes from a client enters by
//! [`shard::Shard`]'s `handle_*`, what goes to a client leaves by its outbox, and a session ends by one door.
//!
//! Threads: a [`hub::Hub`] is shared by all; a [`shard::Shard`] belongs to the thread that moves its bytes. What the
//! one wants of the other is a command in the shard's mailbox. Locks: `rooms` of a namespace, and inside it a mailbox,
//! the held frames of a socket, or the sockets of a session; never the other way round, never across a call out.

#![forbid(unsafe_code)]

pub mod config;
pub mod delivery;
pub mod frame;
pub mod hub;
pub mod inbox;
mod joined;
pub mod log_budget;
pub mod mailbox;
mod membership;
pub mod namespace;
mod namespaces;
pub mod outbox;
pub mod packet;
pub mod place;
pub mod question;
mod rooms;
pub mod shard;
pub mod sink;
mod slots;
pub mod socket;
mod sync;
pub mod time;
mod timers;
pub mod wake;

pub use hub::Hub;
