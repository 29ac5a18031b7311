//! What must hold of every session, whatever clients, application and clock do: a script of acts is played against a hub,
//! and a model that knows nothing of its inside watches the notices. Knows neither who wrote the script nor why.

use std::{
    collections::{HashMap, HashSet},
    io::IoSlice,
    sync::Arc,
    time::Duration,
};

use sio_hub::{
    delivery::Selection,
    shard::{Dirty, LinkKey, LinkState, Message, SessionKey, Verdict},
    sink::Notice,
    socket::{ReadyState, Session, Socket, SocketState},
};
use sio_protocol::close::CloseReason;

use super::{World, config, event, sid, text};

/// One thing that happens. Numbers choose among what there is, modulo how many there are.
#[derive(Clone, Debug)]
pub enum Act {
    OpenPolling,
    OpenWebSocket,
    /// A WebSocket that asks to become the transport of a polling session.
    Upgrade(u8),
    Say(u8, String),
    SayBytes(u8, Vec<u8>),
    /// The client answers an awaited acknowledgement, or one that is not awaited any more.
    Answer(u8, u8),
    Poll(u8),
    AbortPoll(u8),
    Post(u8, String),
    /// A body that never ends: it breaks off, or is larger than allowed.
    BreakPost(u8, bool),
    CloseFrame(u8),
    Violate(u8),
    Cut(u8),
    Write,
    Accept(u8),
    Refuse(u8),
    Disconnect(u8),
    DisconnectSession(u8),
    CloseSession(u8),
    FailSession(u8),
    Emit(u8, bool),
    Broadcast,
    Join(u8),
    Leave(u8),
    Ask(u8),
    Forget(u8),
    /// Handlers of the application ran.
    CatchUp,
    /// Milliseconds.
    Wait(u32),
    Shutdown,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Life {
    Asked,
    In,
    Refused,
    Gone,
}

struct Known {
    socket: Arc<Socket>,
    life: Life,
    /// Awaited acknowledgements.
    awaited: HashSet<u64>,
}

/// The script's side: clients, the application, and what was promised.
pub struct Model {
    world: World,
    polling: Vec<(String, Option<SessionKey>)>,
    links: Vec<LinkKey>,
    closing: HashSet<LinkKey>,
    unwritten: HashSet<LinkKey>,
    sockets: Vec<Known>,
    by_handle: HashMap<u64, usize>,
    ended: Vec<Arc<Session>>,
    /// Every ack id that was ever given out.
    asked: Vec<u64>,
    /// Counted for their sessions until the application catches up.
    waiting: Vec<(Arc<Session>, usize)>,
}

/// Plays a script to its end, lets everybody go, and insists that nothing is left.
pub fn play(script: &[Act]) {
    let mut model = Model::new();
    for act in script {
        model.act(act);
        model.drive_after(act);
        model.look();
    }
    model.end();
}

fn choose<T>(from: &[T], number: u8) -> Option<&T> {
    from.get(usize::from(number) % from.len().max(1))
}

impl Model {
    fn new() -> Self {
        Self {
            world: World::with(config()),
            polling: Vec::new(),
            links: Vec::new(),
            closing: HashSet::new(),
            unwritten: HashSet::new(),
            sockets: Vec::new(),
            by_handle: HashMap::new(),
            ended: Vec::new(),
            asked: Vec::new(),
            waiting: Vec::new(),
        }
    }

    fn link(&self, number: u8) -> Option<LinkKey> {
        choose(&self.links, number).copied()
    }

    fn known(&self, number: u8) -> Option<Arc<Socket>> {
        choose(&self.sockets, number).map(|known| Arc::clone(&known.socket))
    }

    fn act(&mut self, act: &Act) {
        match act {
            Act::OpenPolling
            | Act::OpenWebSocket
            | Act::Upgrade(_)
            | Act::Say(..)
            | Act::SayBytes(..)
            | Act::Answer(..)
            | Act::Poll(_)
            | Act::AbortPoll(_)
            | Act::Post(..)
            | Act::BreakPost(..)
            | Act::CloseFrame(_)
            | Act::Violate(_)
            | Act::Cut(_)
            | Act::Write => self.act_of_a_client(act),
            Act::Wait(milliseconds) => self.world.advance(f64::from(*milliseconds) / 1000.0),
            Act::Shutdown => self.world.hub.shutdown(),
            Act::CatchUp => self.catch_up(),
            Act::Broadcast => {
                let everybody: Selection<'_, &str> = Selection {
                    rooms: &["r"],
                    except: &[],
                    sender: None,
                };
                let namespace = self.world.hub.namespace("/");
                self.world
                    .hub
                    .broadcast(&namespace, &everybody, &event("[\"e\"]"), false);
            }
            Act::Accept(number)
            | Act::Refuse(number)
            | Act::Disconnect(number)
            | Act::DisconnectSession(number)
            | Act::CloseSession(number)
            | Act::FailSession(number)
            | Act::Emit(number, _)
            | Act::Join(number)
            | Act::Leave(number)
            | Act::Ask(number)
            | Act::Forget(number) => {
                if let Some(socket) = self.known(*number) {
                    self.act_of_the_application(act, &socket);
                }
            }
        }
    }

    fn act_of_a_client(&mut self, act: &Act) {
        let now = self.world.now();
        match act {
            Act::OpenPolling => {
                if let Some(opened) = self.open_polling() {
                    self.polling.push((opened, None));
                }
            }
            Act::OpenWebSocket => self.open_link(""),
            Act::Upgrade(number) => {
                if let Some((sid, _)) = choose(&self.polling, *number) {
                    self.open_link(&format!("&sid={sid}"));
                }
            }
            Act::Say(number, message) => self.say(*number, Message::Text(message)),
            Act::SayBytes(number, message) => self.say(*number, Message::Binary(message)),
            Act::Answer(number, ack) => {
                if let Some(id) = choose(&self.asked, *ack).copied() {
                    self.say(*number, Message::Text(&format!("43{id}[]")));
                }
            }
            Act::Poll(number) => self.poll(*number),
            Act::AbortPoll(number) => {
                if let Some((_, Some(session))) = choose(&self.polling, *number) {
                    self.world.shard.handle_poll_aborted(*session, now);
                }
            }
            Act::Post(number, body) => {
                if let Some(session) = self.begin_post(*number) {
                    self.world.shard.handle_post(session, now, body.as_bytes());
                }
            }
            Act::BreakPost(number, large) => match self.begin_post(*number) {
                Some(session) if *large => {
                    self.world.shard.handle_post_too_large(session, now);
                }
                Some(session) => self.world.shard.handle_post_aborted(session, now),
                None => {}
            },
            Act::CloseFrame(number) => {
                if let Some(link) = self.readable(*number) {
                    self.world
                        .shard
                        .handle_link_close_frame(link, now, Some(1000));
                }
            }
            Act::Violate(number) => {
                if let Some(link) = self.readable(*number) {
                    self.world
                        .shard
                        .handle_link_violation(link, now, 1002, "violated");
                }
            }
            Act::Cut(number) => {
                if let Some(link) = self.link(*number) {
                    self.cut(link);
                }
            }
            _ => self.write(),
        }
    }

    fn act_of_the_application(&mut self, act: &Act, socket: &Arc<Socket>) {
        let hub = Arc::clone(&self.world.hub);
        let at = self.by_handle[&socket.handle];
        match act {
            Act::Accept(_) => {
                let was = socket.state();
                let accepted = hub.accept(socket);
                assert_eq!(accepted, was == SocketState::Connecting);
                if accepted {
                    assert_eq!(self.sockets[at].life, Life::Asked);
                    self.sockets[at].life = Life::In;
                }
            }
            Act::Refuse(_) => {
                if socket.state() == SocketState::Connecting {
                    self.sockets[at].life = Life::Refused;
                }
                hub.refuse(socket, b"{\"message\":\"no\"}");
            }
            Act::Disconnect(_) => drop(hub.disconnect(socket)),
            Act::DisconnectSession(_) => drop(hub.disconnect_session(&socket.session)),
            Act::CloseSession(_) => {
                hub.close_session(&socket.session, CloseReason::ForcedClose, None, false);
            }
            Act::FailSession(_) => hub.fail_session(&socket.session, "bad body".to_owned(), b"42["),
            Act::Emit(_, volatile) => drop(hub.send(socket, event("[\"e\"]"), *volatile)),
            Act::Join(_) => hub.join(socket, ["r"]),
            Act::Leave(_) => hub.leave(socket, ["r"]),
            Act::Ask(_) => {
                let id = hub.expect_ack(socket);
                assert!(!self.asked.contains(&id), "ack ids are never used again");
                self.asked.push(id);
                self.sockets[at].awaited.insert(id);
            }
            _ => {
                if let Some(id) = self.sockets[at].awaited.iter().min().copied() {
                    self.sockets[at].awaited.remove(&id);
                    hub.forget_ack(socket, id);
                }
            }
        }
    }

    // --- clients

    fn open_polling(&mut self) -> Option<String> {
        match self
            .world
            .request("GET", "/socket.io/?EIO=4&transport=polling", &[])
        {
            Verdict::Respond { response, .. } => {
                (response.status == 200).then(|| sid(&text(&response)))
            }
            other => panic!("{other:?}"),
        }
    }

    fn open_link(&mut self, query: &str) {
        let headers: &[(&str, &[u8])] = &[
            ("connection", b"Upgrade"),
            ("upgrade", b"websocket"),
            ("sec-websocket-version", b"13"),
            ("sec-websocket-key", b"dGhlIHNhbXBsZSBub25jZQ=="),
        ];
        let target = format!("/socket.io/?EIO=4&transport=websocket{query}");
        match self.world.request("GET", &target, headers) {
            Verdict::Accept { link, .. } => {
                self.world.shard.handle_link_open(link, self.world.now());
                self.links.push(link);
            }
            Verdict::Respond { response, .. } => assert!(response.status >= 400),
            other => panic!("{other:?}"),
        }
    }

    /// A link that a skin would read from now.
    fn readable(&self, number: u8) -> Option<LinkKey> {
        self.link(number)
            .filter(|link| self.world.shard.link_state(*link) == LinkState::Open)
    }

    fn say(&mut self, number: u8, message: Message<'_>) {
        if let Some(link) = self.readable(number) {
            let now = self.world.now();
            self.world.shard.handle_link_message(link, now, message);
        }
    }

    fn poll(&mut self, number: u8) {
        let Some((sid, hanging)) = choose(&self.polling, number).cloned() else {
            return;
        };
        if hanging.is_some() {
            return;
        }
        let at = usize::from(number) % self.polling.len();
        match self.world.poll(&sid) {
            Err(session) => self.polling[at].1 = Some(session),
            Ok((status, _)) => assert!(matches!(status, 200 | 400), "a poll was answered {status}"),
        }
    }

    fn begin_post(&mut self, number: u8) -> Option<SessionKey> {
        let (sid, _) = choose(&self.polling, number)?.clone();
        let target = format!("/socket.io/?EIO=4&transport=polling&sid={sid}");
        match self.world.request("POST", &target, &[]) {
            Verdict::ReadBody { session, .. } => Some(session),
            Verdict::Respond { response, .. } => {
                assert_eq!(response.status, 400);
                None
            }
            other => panic!("{other:?}"),
        }
    }

    fn cut(&mut self, link: LinkKey) {
        let now = self.world.now();
        self.world.shard.handle_link_closed(link, now);
        self.links.retain(|known| *known != link);
        self.closing.remove(&link);
    }

    /// The application is another thread: what it wants reaches the driver some time later, which may be behind what a
    /// client says next.
    fn drive_after(&mut self, act: &Act) {
        let of_the_application = matches!(
            act,
            Act::Accept(_)
                | Act::Disconnect(_)
                | Act::DisconnectSession(_)
                | Act::CloseSession(_)
                | Act::FailSession(_)
                | Act::Emit(..)
        );
        if !of_the_application {
            self.drive();
            self.world.take_resumed();
        }
    }

    /// A driver answers polls at once; what is for a link waits until its client reads.
    fn drive(&mut self) {
        self.world.settle();
        while let Some(dirty) = self.world.shard.next_dirty() {
            match dirty {
                Dirty::Link(link) => {
                    self.unwritten.insert(link);
                }
                Dirty::Poll(session) => {
                    let now = self.world.now();
                    if self.world.shard.take_poll(session, now).is_some() {
                        for (_, hanging) in &mut self.polling {
                            hanging.take_if(|hanging| *hanging == session);
                        }
                    }
                }
            }
        }
    }

    /// Clients read: links get what waits for them, and those that had their last word are closed.
    fn write(&mut self) {
        self.drive();
        for link in std::mem::take(&mut self.unwritten) {
            self.write_link(link);
        }
    }

    fn write_link(&mut self, link: LinkKey) {
        loop {
            let mut slices = [IoSlice::new(&[]); 4];
            let filled = self.world.shard.link_slices(link, &mut slices);
            let bytes: usize = slices[..filled].iter().map(|slice| slice.len()).sum();
            if bytes == 0 {
                break;
            }
            self.world.shard.link_wrote(link, bytes);
        }
        if self.closing.contains(&link) {
            self.cut(link);
        }
    }

    // --- what must hold

    fn catch_up(&mut self) {
        for (session, size) in std::mem::take(&mut self.waiting) {
            self.world.hub.release_events(&session, 1, size);
        }
    }

    /// Compares what the hub reports with what it may report.
    fn look(&mut self) {
        for notice in self.world.notices() {
            let size = notice.size();
            match notice {
                Notice::Connect { socket, .. } => {
                    let handle = socket.handle;
                    let known = Known {
                        socket,
                        life: Life::Asked,
                        awaited: HashSet::new(),
                    };
                    let before = self.by_handle.insert(handle, self.sockets.len());
                    assert!(before.is_none(), "a handle was used twice");
                    self.sockets.push(known);
                }
                Notice::Event { socket, .. } => {
                    let known = &self.sockets[self.by_handle[&socket.handle]];
                    assert_eq!(known.life, Life::In, "an event outside of a connection");
                    self.waiting.push((Arc::clone(&socket.session), size));
                }
                Notice::Ack { socket, ack_id, .. } => {
                    let known = &mut self.sockets[self.by_handle[&socket.handle]];
                    assert_eq!(known.life, Life::In, "an answer outside of a connection");
                    assert!(known.awaited.remove(&ack_id), "nobody awaits this answer");
                    self.waiting.push((Arc::clone(&socket.session), size));
                }
                Notice::Disconnect { socket, reason, .. } => {
                    assert_eq!(socket.reason(), Some(reason));
                    let known = &mut self.sockets[self.by_handle[&socket.handle]];
                    assert_eq!(known.life, Life::In, "a disconnect without its connect");
                    known.life = Life::Gone;
                    known.awaited.clear();
                }
                Notice::Drained { .. }
                | Notice::Deadline { .. }
                | Notice::Log { .. }
                | Notice::Request { .. }
                | Notice::Rooms { .. }
                | Notice::Stopped => {}
            }
        }
        self.closed_stays_closed();
    }

    fn is_open(socket: &Socket) -> bool {
        socket.session.ready_state() == ReadyState::Open
    }

    fn closed_stays_closed(&mut self) {
        for link in &self.closing {
            assert_eq!(self.world.shard.link_state(*link), LinkState::Closing);
        }
        for link in &self.links {
            if self.world.shard.link_state(*link) == LinkState::Closing {
                self.closing.insert(*link);
            }
        }
        for session in &self.ended {
            assert_ne!(session.ready_state(), ReadyState::Open);
        }
        for known in &self.sockets {
            let state = known.socket.state();
            let left = known.socket.reason().is_some();
            match known.life {
                Life::In => assert_eq!((state, left), (SocketState::Connected, false)),
                Life::Gone => assert_eq!((state, left), (SocketState::Closed, true)),
                Life::Refused => assert_eq!(state, SocketState::Closed),
                // Its session may have ended before anybody decided.
                Life::Asked => assert_ne!(state, SocketState::Connected),
            }
            if !Self::is_open(&known.socket) {
                assert_ne!(known.life, Life::In, "a session ended without its sockets");
                self.ended.push(Arc::clone(&known.socket.session));
            }
        }
        self.ended.dedup_by_key(|session| session.number);
    }

    /// Everybody goes: every connect had its disconnect, and nothing is held for anybody.
    fn end(&mut self) {
        self.write();
        self.look();
        for link in self.links.clone() {
            self.cut(link);
        }
        for _ in 0..60 {
            self.world.advance(10.0);
            self.drive();
            self.look();
        }
        self.catch_up();
        self.world.settle();
        for known in &self.sockets {
            assert_ne!(known.life, Life::In, "connected for ever");
            assert_eq!(known.socket.session.ready_state(), ReadyState::Closed);
        }
        assert_eq!(self.world.gauges(), [0; 4]);
        assert_eq!(self.world.hub.rooms_count(), 0);
        assert!(self.world.shard.is_empty());
        assert!(
            self.world
                .shard
                .next_deadline()
                .is_none_or(|due| due > self.world.clock || due == Duration::MAX),
            "a deadline of nobody"
        );
    }
}
