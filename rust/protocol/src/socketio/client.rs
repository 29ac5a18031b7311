//! One session seen as many namespaces: which are joined, and whether a packet may come now.
//!
//! Generic in what a membership means to the caller (`S`). Knows no queue and no clock; what a wrong order costs is said
//! in [`Fault`], and every fault ends the session.

use bytes::Bytes;
use smallvec::SmallVec;

use super::{
    attachments::{Assembled, Assembler, AssemblyError},
    packet::{self, Head, PacketError, PacketType},
};
use crate::close::CloseReason;

/// What the limits of the session allow.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    pub max_attachments: usize,
    /// Of a body with its attachments.
    pub max_bytes: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Standing {
    /// The middlewares of the namespace decide.
    Connecting,
    Joined,
    /// The server ended it. The client may not know yet, so what it still sends there is not its fault.
    Left,
}

/// Namespaces that were ended by the server and may still be spoken to without fault. What was in flight reaches us within
/// a round trip; the bound is for clients that are refused under ever new names.
const MAX_LEFT: usize = 64;

#[derive(Debug)]
struct Membership<S> {
    namespace: Box<str>,
    standing: Standing,
    socket: S,
}

/// What a client asks for.
#[derive(Debug, PartialEq, Eq)]
pub enum Order<S> {
    /// Nothing yet, or nothing any more.
    Nothing,
    /// Join this namespace; answer with [`Client::joining`] or a `CONNECT_ERROR`.
    Connect { namespace: Box<str>, auth: Bytes },
    Event {
        socket: S,
        ack_id: Option<u64>,
        body: Bytes,
        attachments: Vec<Bytes>,
    },
    Ack {
        socket: S,
        ack_id: u64,
        body: Bytes,
        attachments: Vec<Bytes>,
    },
    /// The client left; the membership is gone.
    Disconnect { socket: S },
}

/// Why the session must end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    Packet(PacketError),
    Assembly(AssemblyError),
    /// CONNECT for a namespace that is joined already.
    ConnectedTwice,
    /// A packet for a namespace that is not joined.
    NotJoined,
}

impl Fault {
    /// Bad bytes are a parse error; a packet at the wrong time is the official server's `forced server close`.
    pub const fn reason(&self) -> CloseReason {
        match self {
            Self::Packet(_) | Self::Assembly(_) => CloseReason::ParseError,
            Self::ConnectedTwice | Self::NotJoined => CloseReason::ForcedServerClose,
        }
    }
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Packet(error) => error.fmt(f),
            Self::Assembly(error) => error.fmt(f),
            Self::ConnectedTwice => f.write_str("CONNECT for a namespace that is joined already"),
            Self::NotJoined => f.write_str("a packet for a namespace that is not joined"),
        }
    }
}

impl std::error::Error for Fault {}

/// The namespaces of one session.
#[derive(Debug)]
pub struct Client<S> {
    members: SmallVec<[Membership<S>; 1]>,
    assembler: Assembler,
}

impl<S> Default for Client<S> {
    fn default() -> Self {
        Self {
            members: SmallVec::new(),
            assembler: Assembler::new(),
        }
    }
}

impl<S: Clone> Client<S> {
    /// The text of an Engine.IO message arrived.
    pub fn handle_text(&mut self, text: &[u8], limits: &Limits) -> Result<Order<S>, Fault> {
        let head = packet::decode(text, limits.max_attachments).map_err(Fault::Packet)?;
        let Some(head) = self.assembler.text(head).map_err(Fault::Assembly)? else {
            return Ok(Order::Nothing);
        };
        let Head {
            kind,
            namespace,
            ack_id,
            body,
            ..
        } = head;
        self.order(
            kind,
            namespace,
            ack_id,
            || Bytes::copy_from_slice(body),
            Vec::new,
        )
    }

    /// A binary Engine.IO message arrived.
    pub fn handle_binary(&mut self, data: &[u8], limits: &Limits) -> Result<Order<S>, Fault> {
        let data = Bytes::copy_from_slice(data);
        let Some(packet) = self
            .assembler
            .binary(data, limits.max_bytes)
            .map_err(Fault::Assembly)?
        else {
            return Ok(Order::Nothing);
        };
        let Assembled {
            kind,
            namespace,
            ack_id,
            body,
            attachments,
        } = packet;
        self.order(kind, &namespace, ack_id, || body, || attachments)
    }

    fn order(
        &mut self,
        kind: PacketType,
        namespace: &str,
        ack_id: Option<u64>,
        body: impl FnOnce() -> Bytes,
        attachments: impl FnOnce() -> Vec<Bytes>,
    ) -> Result<Order<S>, Fault> {
        let place = self
            .members
            .iter()
            .position(|member| *member.namespace == *namespace);
        if kind == PacketType::Connect {
            match place.map(|place| self.members[place].standing) {
                None => {}
                Some(Standing::Left) => drop(self.members.remove(place.unwrap_or_default())),
                Some(Standing::Connecting | Standing::Joined) => return Err(Fault::ConnectedTwice),
            }
            return Ok(Order::Connect {
                namespace: namespace.into(),
                auth: body(),
            });
        }
        let place = place.ok_or(Fault::NotJoined)?;
        match self.members[place].standing {
            Standing::Joined => {}
            Standing::Left => return Ok(Order::Nothing),
            // Leaving while the middlewares decide is a change of mind, not a mistake.
            Standing::Connecting if kind == PacketType::Disconnect => {}
            Standing::Connecting => return Err(Fault::NotJoined),
        }
        let socket = self.members[place].socket.clone();
        Ok(match (kind, ack_id) {
            (PacketType::Event | PacketType::BinaryEvent, ack_id) => Order::Event {
                socket,
                ack_id,
                body: body(),
                attachments: attachments(),
            },
            (PacketType::Ack | PacketType::BinaryAck, Some(ack_id)) => Order::Ack {
                socket,
                ack_id,
                body: body(),
                attachments: attachments(),
            },
            (PacketType::Disconnect, _) => {
                self.members.remove(place);
                Order::Disconnect { socket }
            }
            // An answer to nothing.
            (
                PacketType::Ack
                | PacketType::BinaryAck
                | PacketType::Connect
                | PacketType::ConnectError,
                _,
            ) => Order::Nothing,
        })
    }

    /// The middlewares of the namespace decide about `socket`.
    pub fn joining(&mut self, namespace: Box<str>, socket: S) {
        self.members.push(Membership {
            namespace,
            standing: Standing::Connecting,
            socket,
        });
    }

    /// They let it in.
    pub fn joined(&mut self, is_it: impl Fn(&S) -> bool) {
        if let Some(member) = self.find(is_it) {
            member.standing = Standing::Joined;
        }
    }

    /// They refused it, or the server made it leave.
    pub fn left(&mut self, is_it: impl Fn(&S) -> bool) {
        if let Some(member) = self.find(is_it) {
            member.standing = Standing::Left;
            self.forget_oldest_left();
        }
    }

    fn forget_oldest_left(&mut self) {
        let left = |member: &Membership<S>| member.standing == Standing::Left;
        if self.members.iter().filter(|member| left(member)).count() > MAX_LEFT
            && let Some(oldest) = self.members.iter().position(left)
        {
            self.members.remove(oldest);
        }
    }

    fn find(&mut self, is_it: impl Fn(&S) -> bool) -> Option<&mut Membership<S>> {
        self.members.iter_mut().find(|member| is_it(&member.socket))
    }

    /// Whether no namespace is joined or about to be.
    pub fn is_empty(&self) -> bool {
        self.members
            .iter()
            .all(|member| member.standing == Standing::Left)
    }

    /// Takes out everything at the end of the session.
    pub fn drain(&mut self) -> Vec<S> {
        self.members.drain(..).map(|member| member.socket).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits {
        max_attachments: 10,
        max_bytes: 1000,
    };

    fn joined() -> Client<u32> {
        let mut client = Client::default();
        client.joining("/".into(), 7);
        client.joined(|socket| *socket == 7);
        client
    }

    #[test]
    fn events_need_a_namespace() {
        let mut client = Client::<u32>::default();
        assert_eq!(
            client.handle_text(b"2[\"a\"]", &LIMITS),
            Err(Fault::NotJoined)
        );
        client.joining("/".into(), 1);
        assert_eq!(
            client.handle_text(b"2[\"a\"]", &LIMITS),
            Err(Fault::NotJoined),
            "still connecting"
        );
    }

    #[test]
    fn a_namespace_is_joined_once() {
        let mut client = joined();
        assert_eq!(
            client.handle_text(b"0", &LIMITS),
            Err(Fault::ConnectedTwice)
        );
        assert!(matches!(
            client.handle_text(b"0/b,", &LIMITS),
            Ok(Order::Connect { .. })
        ));
    }

    #[test]
    fn what_comes_after_the_server_ended_it_is_nobodys_fault() {
        let mut client = joined();
        client.left(|_| true);
        assert!(client.is_empty());
        assert_eq!(client.handle_text(b"2[\"a\"]", &LIMITS), Ok(Order::Nothing));
        assert!(
            matches!(client.handle_text(b"0", &LIMITS), Ok(Order::Connect { .. })),
            "and it may come again"
        );
    }

    #[test]
    fn what_comes_after_the_client_left_is_its_fault() {
        let mut client = joined();
        assert_eq!(
            client.handle_text(b"1", &LIMITS),
            Ok(Order::Disconnect { socket: 7 })
        );
        assert_eq!(
            client.handle_text(b"2[\"a\"]", &LIMITS),
            Err(Fault::NotJoined)
        );
    }

    #[test]
    fn refusals_do_not_pile_up() {
        let mut client = Client::<usize>::default();
        for number in 0..1000 {
            let text = format!("0/{number},");
            assert!(matches!(
                client.handle_text(text.as_bytes(), &LIMITS),
                Ok(Order::Connect { .. })
            ));
            client.joining(format!("/{number}").into(), number);
            client.left(|socket| *socket == number);
        }
        assert_eq!(client.members.len(), MAX_LEFT);
        assert_eq!(
            client.handle_text(b"1/999,", &LIMITS),
            Ok(Order::Nothing),
            "the latest is still remembered"
        );
    }

    #[test]
    fn attachments_complete_a_packet() {
        let mut client = joined();
        let text = b"51-3[\"a\",{\"_placeholder\":true,\"num\":0}]";
        assert_eq!(client.handle_text(text, &LIMITS), Ok(Order::Nothing));
        match client.handle_binary(b"xyz", &LIMITS) {
            Ok(Order::Event {
                socket: 7,
                ack_id: Some(3),
                attachments,
                ..
            }) => assert_eq!(attachments, ["xyz"]),
            other => panic!("{other:?}"),
        }
        assert!(matches!(
            client.handle_binary(b"xyz", &LIMITS),
            Err(Fault::Assembly(_))
        ));
    }

    #[test]
    fn answers_without_an_id_answer_nothing() {
        assert_eq!(joined().handle_text(b"3[]", &LIMITS), Ok(Order::Nothing));
    }
}
