//! Socket.IO, revision 5: the packets that travel inside Engine.IO messages.
//!
//! [`packet`] reads and writes the head of a packet and leaves its JSON alone; [`attachments`] waits for the binary
//! messages that a packet announced.

pub mod attachments;
pub mod client;
pub mod packet;
