"""The Rust core as Python sees it: sessions, rooms, outboxes, timers and the JSON codec.

Every call is synchronous and short. Unless a docstring says otherwise a call may come from any thread. Private: people
write against :mod:`sio_fast`; this surface changes without notice.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final, final

from .asgi_types import Answer

__all__ = [
    "ACCEPT",
    "ACK",
    "ASK",
    "CLOSING",
    "CONNECT",
    "DEADLINE",
    "DISCONNECT",
    "DRAINED",
    "EVENT",
    "LOG",
    "NOT_OURS",
    "OPEN",
    "PAUSED",
    "POLL",
    "READ_BODY",
    "REQUEST",
    "RESPOND",
    "ROOMS",
    "STOPPED",
    "UNSETTLED",
    "Core",
    "LoopShard",
    "NamespaceCore",
    "QuestionCore",
    "RawArgs",
    "SocketCore",
    "close_reasons",
    "config_fields",
    "decode_packet",
    "encode_connect",
    "encode_packet",
    "generate_id",
    "version",
]

# Kinds of notices, the first item of the tuples that Core.drain returns.
EVENT: Final = 0
"""``(EVENT, handle, name, args, ack_id, size)``: ack_id is -1 when no answer is wanted; size in bytes; args is a tuple, or
a RawArgs for names of NamespaceCore.want_raw."""
CONNECT: Final = 1
"""``(CONNECT, handle, socket_core, auth)``: a client asks for a namespace; auth is a dict, None when it sent none."""
ACK: Final = 2
"""``(ACK, handle, ack_id, args)``: the client answered an emit_with_ack."""
DISCONNECT: Final = 3
"""``(DISCONNECT, handle, reason, detail, rooms, dropped)``: the socket has left (its effects are done); rooms are those it
was in, its own id among them; dropped is True if events that have not started are to be dropped (the server ended it)."""
DRAINED: Final = 4
"""``(DRAINED, session)``: what was queued for that session is below half the high-water mark again, or it is gone."""
DEADLINE: Final = 5
"""``(DEADLINE, token)``: a deadline of Core.start_deadline has come."""
LOG: Final = 6
"""``(LOG, level, logger, message)``: a line for the logging module (level as there, logger such as ``"sio_fast.engine"``)."""
STOPPED: Final = 7
"""``(STOPPED,)``: after shutdown: everything is flushed or the grace is over; Core.join will not block long."""

REQUEST: Final = 8
"""``(REQUEST, question_core)``: a request waits for the application's word; it comes only with ``allow_request``, or with a
function as ``cors_allowed_origins``."""

ROOMS: Final = 9
"""``(ROOMS, namespace)``: NamespaceCore.take_room_changes has something; only while its rooms are watched."""
# What LoopShard.request says, the first item of its tuples.
NOT_OURS: Final = 0
"""``(NOT_OURS,)``: not under our path, or the shard has ended."""
RESPOND: Final = 1
"""``(RESPOND, answer)``: answer now."""
POLL: Final = 2
"""``(POLL, session)``: answer with ``take_poll`` when ``settle`` lists the session."""
READ_BODY: Final = 3
"""``(READ_BODY, session, limit)``: read at most ``limit`` bytes, then ``post``, ``post_too_large`` or ``post_aborted``."""
ASK: Final = 5
"""``(ASK, question)``: the application decides: when ``settle`` lists the question, ask again with it."""
ACCEPT: Final = 4
"""``(ACCEPT, link, subprotocol, headers)``: accept the WebSocket, then ``link_open``, and in any case ``link_ended``."""

# The states of a link.
OPEN: Final = 0
"""Read on."""
PAUSED: Final = 1
"""Do not read until ``settle`` lists it among the readers."""
CLOSING: Final = 2
"""Do not read any more; what ``take`` gives still goes out, a close code last."""
UNSETTLED: Final = 4
"""Added to a state: call ``settle``."""

@final
class Core:
    """One hub with its mailbox; the state behind one ``Server``. Makes no thread and no descriptor before ``start``."""

    def __new__(cls, settings: object) -> Core:
        """Reads every name of :func:`config_fields` as an attribute of ``settings``.

        Raises:
            TypeError: An attribute has the wrong type.
            ValueError: A value is out of its range; the text names the option, the value and what is allowed.
        """

    def start(self) -> int:
        """Opens the mailbox and returns the descriptor that becomes readable when ``drain`` has something.

        Raises:
            RuntimeError: Already started, or the process was forked after the start.
        """

    def listen(
        self,
        host: str,
        port: int,
        *,
        backlog: int,
        io_threads: int,
        header_timeout: float,
        static_files: Sequence[tuple[str, str]],
        serve_client: str | None,
        app: str | None,
        uds: str | None,
    ) -> list[tuple[str, int]]:
        """Binds and starts the native I/O threads, 1 to 64. Returns the bound addresses (port 0 gives a free one).

        ``app`` is the Unix socket of an HTTP server for what is neither Socket.IO nor a file.

        Raises:
            OSError: The address is in use, not ours, or forbidden; ``errno`` is set.
        """

    def open_shard(self) -> LoopShard:
        """Makes the shard of the loop's thread, for a server that brings the bytes itself.

        Raises:
            RuntimeError: There is one already.
            OSError: No descriptor is left.
        """

    def shutdown(self, grace: float) -> None:
        """Begins the end: no new connections, every session closes with ``server shutting down`` (never a Socket.IO
        DISCONNECT), what is queued is flushed for at most ``grace`` seconds. ``STOPPED`` follows. Idempotent."""

    def join(self) -> None:
        """Waits for the I/O threads with the interpreter released and closes the mailbox. ``start`` may follow."""

    def drain(self, max_events: int) -> list[tuple[Any, ...]]:
        """Takes at most ``max_events`` notices, decoded, in order of arrival. Begins a pass: emits are queued at once
        but the I/O thread is not woken for each until ``rest``. Loop thread only."""

    def rest(self) -> bool:
        """Ends the pass: wakes the I/O thread if something was queued. True if notices wait: then drain again."""

    def namespace(self, name: str) -> NamespaceCore:
        """The namespace of that name (with its leading slash), made if it is new. Clients may join it from now on."""

    def set_dynamic(self, dynamic: bool) -> None:
        """Whether clients that ask for an unknown namespace bring a ``CONNECT`` notice too, to be answered by ``accept``
        (after ``namespace`` has made the name known) or ``refuse``. Without it they are refused unheard."""

    def start_deadline(self, seconds: float) -> int:
        """A token that comes back in a ``DEADLINE`` notice after ``seconds``."""

    def cancel_deadline(self, token: int) -> None:
        """Forgets it; unknown or past tokens do nothing."""

    def stats(self) -> dict[str, int]:
        """Gauges and counters: sessions, sockets, rooms, bytes_queued, events_queued, and totals since the start."""

    @property
    def clients_count(self) -> int: ...
    @property
    def congested(self) -> bool:
        """True while the process has too many bytes queued: what makes ``NamespaceCore.broadcast`` return 1."""

@final
class LoopShard:
    """The sessions of one event loop, for servers that bring the bytes themselves. Loop thread only, but for ``wake``.
    ``now`` is the loop's time in seconds, and not negative. Stale keys of links and sessions are harmless."""

    @property
    def fd(self) -> int:
        """Readable when ``run_commands`` is to be called."""

    @property
    def stop_asked(self) -> int:
        """0: no. 1: ``end`` when nobody is left who could be told anything. 2: ``end`` now."""

    def wake(self) -> None:
        """Makes ``fd`` readable. From any thread, and from a signal handler."""

    def end(self) -> None:
        """Ends the shard: sockets that are left leave with ``server shutting down``. Other calls do nothing afterwards."""

    def request(
        self,
        now: float,
        question: int | None,
        method: str,
        target: str,
        path: str,
        root: str,
        mounted: bool,
        websocket: bool,
        secure: bool,
        client: tuple[str, int] | None,
        scope: object,
        headers: Sequence[tuple[bytes, bytes]],
    ) -> tuple[Any, ...]:
        """A request came: ``target`` as it was sent, ``path`` decoded, ``root`` the part of it that belongs to whoever
        mounted us. ``question`` is that of an ``ASK`` which was decided. Call ``settle`` afterwards."""

    def request_aborted(self, question: int) -> None: ...
    def link_open(self, now: float, link: int) -> int:
        """The WebSocket was accepted. Returns the state of the link."""

    def link_text(self, now: float, link: int, text: str) -> int: ...
    def link_bytes(self, now: float, link: int, data: bytes) -> int:
        """A message, text or binary. Returns the state of the link."""

    def link_ended(self, now: float, link: int, code: int | None) -> None:
        """The WebSocket has ended, with this code of the host's. Call ``settle`` afterwards."""

    def link_state(self, link: int) -> int: ...
    def take(self, link: int) -> str | bytes | int | None:
        """The next message, the one before it having been sent; an int is the code to close with, and the last."""

    def take_poll(self, now: float, session: int) -> Answer | None:
        """The answer to a poll that hangs, if there is something to say."""

    def poll_aborted(self, now: float, session: int, by_host: bool) -> None:
        """The client went away while its poll hung, or the host gave it up to stop. Call ``settle`` afterwards."""

    def post(self, now: float, session: int, body: bytes) -> tuple[bool, Answer] | None:
        """The body of a POST. True: hold the answer back until ``settle`` lists the session among the posts. None: the
        shard has ended. Call ``settle`` afterwards."""

    def post_too_large(self, now: float, session: int) -> Answer | None: ...
    def post_aborted(self, now: float, session: int) -> None:
        """The body of a POST is over the limit, or broke off. Call ``settle`` afterwards."""

    def run_commands(self, now: float) -> None:
        """Carries out what other threads asked for, and makes ``fd`` unreadable. Call ``settle`` afterwards."""

    def expire(self, now: float) -> None: ...
    def settle(self, most: int) -> tuple[list[int], list[int], list[int], list[int], list[int], list[int], bool]:
        """What the calls so far left behind: links to write to, polls to answer (``most`` of both at most), links to read
        from again, posts to go on with or to answer, questions that are decided, links that are over, does more wait."""

    @property
    def next_deadline(self) -> float | None: ...

@final
class NamespaceCore:
    """One namespace: its sockets and rooms."""

    @property
    def name(self) -> str: ...
    def broadcast(
        self,
        event: str | int,
        args: tuple[Any, ...],
        rooms: tuple[str, ...],
        except_rooms: tuple[str, ...],
        sender: SocketCore | None,
        volatile: bool,
    ) -> int:
        """Encodes once and queues for the union of ``rooms`` (all connected sockets if empty) minus the members of
        ``except_rooms`` and minus ``sender``. Returns 0, or 1 if the process has too many bytes queued (await then).

        Raises:
            TypeError: A value that cannot be encoded, with its path.
            ValueError: Nested deeper than ``max_depth``, or more attachments than ``max_attachments``.
        """

    def broadcast_with_ack(
        self,
        event: str | int,
        args: tuple[Any, ...],
        rooms: tuple[str, ...],
        except_rooms: tuple[str, ...],
        sender: SocketCore | None,
        volatile: bool,
    ) -> tuple[int, list[SocketCore]]:
        """The same with an ack id. Returns it with the sockets whose answers are awaited from now on: an ``ACK`` or a
        ``DISCONNECT`` notice follows for each. Raises like broadcast."""

    def members(
        self, rooms: tuple[str, ...], except_rooms: tuple[str, ...], sender: SocketCore | None
    ) -> list[SocketCore]:
        """The connected sockets among those that such a broadcast would reach now."""

    def join_members(
        self,
        rooms: tuple[str, ...],
        except_rooms: tuple[str, ...],
        sender: SocketCore | None,
        names: tuple[str, ...],
    ) -> None:
        """They join the rooms ``names``, all in one moment."""

    def leave_members(
        self,
        rooms: tuple[str, ...],
        except_rooms: tuple[str, ...],
        sender: SocketCore | None,
        names: tuple[str, ...],
    ) -> None:
        """They leave the rooms ``names``, all in one moment."""

    def want_raw(self, names: Sequence[str]) -> None:
        """From now on the arguments of these events, and of no others, come as RawArgs, unless a packet has attachments or
        spells the name with escapes. They are checked as JSON all the same."""

    def copy_data(self, data: Any) -> Any:
        """What would arrive if ``data`` were sent.

        Raises:
            TypeError: A value that cannot be encoded, with its path.
            ValueError: Nested deeper than ``max_depth``.
        """

    def watch_rooms(self, watched: bool) -> None:
        """Whether changes of rooms are recorded."""

    def take_room_changes(self) -> list[tuple[str, str, str | None]]:
        """``(event, room, id)`` of every change since the last call, in order; event as in ``adapter.on``, id None where
        the event has none."""

    def room_members(self, room: str) -> list[str]:
        """Ids of the sockets in a room."""

    def room_size(self, room: str) -> int:
        """How many sockets are in a room; 0: there is no such room."""

    def sids(self) -> list[str]:
        """Ids of the sockets that are accepted or in a room."""

    def socket_rooms(self, sid: str) -> list[str] | None:
        """Names of the rooms of a socket, its own first; None: there is no such socket."""

    def rooms(self) -> list[str]:
        """Names of the rooms that have members; sockets' own ids included."""

@final
class RawArgs:
    """The arguments of one event as JSON that has been checked. Whoever goes through them, or asks for one, gets values."""

    def __len__(self) -> int: ...
    def __iter__(self) -> Iterator[Any]: ...
    def __getitem__(self, index: int, /) -> Any: ...
    def raw(self, index: int) -> bytes:
        """The JSON of one of them. Raises IndexError."""

@final
class SocketCore:
    """One client in one namespace."""

    @property
    def id(self) -> str: ...
    @property
    def handle(self) -> int:
        """Unique in the process's life; the key in notices."""

    @property
    def session(self) -> int:
        """Number of its Engine.IO session; the key in DRAINED."""

    @property
    def namespace(self) -> str:
        """Name of its namespace; how a CONNECT notice says which one the client asks for."""

    @property
    def connected(self) -> bool:
        """True from ``accept`` until the socket has left."""

    @property
    def reason(self) -> str | None:
        """Why it has left, known before the DISCONNECT notice is taken. None: it is there, or was refused."""

    def emit(self, event: str | int, args: tuple[Any, ...], volatile: bool) -> int:
        """Queues an event. 0 = accepted, 1 = accepted and over the high-water mark, 2 = dropped (gone, or volatile while
        something was queued). While the socket is in ``use`` it is held until ``accept``. Raises like broadcast."""

    def emit_with_ack(self, event: str | int, args: tuple[Any, ...], volatile: bool) -> int:
        """The same with an ack id, which is returned; -1 if it was dropped."""

    def forget_ack(self, ack_id: int) -> None:
        """A later answer is ignored."""

    def ack(self, ack_id: int, args: tuple[Any, ...]) -> None:
        """Answers an event of the client. Nothing happens if the socket is gone."""

    def accept(self) -> bool:
        """Sends CONNECT and what was held. False: the client has left meanwhile (nothing to undo, no DISCONNECT comes)."""

    def refuse(self, message: str, data: object) -> None:
        """Sends CONNECT_ERROR (``data`` left out if None) and forgets the socket, its rooms and what was held."""

    def disconnect(self, close: bool) -> list[int]:
        """Leaves now, everywhere: sends DISCONNECT; with ``close`` all sockets of the connection leave and it ends.
        A DISCONNECT notice follows for each; their handles are returned. Idempotent."""

    def join(self, rooms: tuple[str, ...]) -> None: ...
    def leave(self, rooms: tuple[str, ...]) -> None: ...
    def rooms(self) -> list[str]: ...
    def in_room(self, room: str) -> bool: ...
    @property
    def scope(self) -> Any: ...
    def handshake(self) -> tuple[list[tuple[str, str]], str, str | None, bool, bool, int]:
        """(headers in order with lower-case names, url, address, xdomain, secure, issued in ms)."""

    @property
    def buffered_amount(self) -> int: ...
    def want_drained(self) -> bool:
        """Asks for one DRAINED notice of this session. False: it is below the mark already (or gone), none will come."""

    def hold(self, events: int, size: int) -> None:
        """Counts events that wait in Python again against ``max_queued_events`` / ``max_queued_bytes``."""

    def release(self, events: int, size: int) -> None:
        """Undoes ``hold``."""

    @property
    def detail(self) -> str | None:
        """Why the session ended, beside the reason."""

    # The connection below (socket.conn)
    @property
    def conn_id(self) -> str: ...
    @property
    def transport(self) -> str: ...
    @property
    def upgraded(self) -> bool: ...
    @property
    def remote_address(self) -> str | None: ...
    @property
    def ready_state(self) -> str: ...
    def close_connection(self, discard: bool) -> list[int]:
        """Closes the Engine.IO session: reason ``forced close``. Returns the handles of the sockets that left."""

@final
class QuestionCore:
    """A request that waits for the application's word; forgotten without an answer, it is refused."""

    @property
    def about_origin(self) -> bool:
        """True if its ``Origin`` is asked about, False if it is a handshake."""

    def head(self) -> tuple[str, list[tuple[str, str]], str, str | None, bool, bool] | None:
        """(method, headers in order with lower-case names, url, address, xdomain, secure); None once it is answered."""

    def allow(self) -> None:
        """Lets it go on. Nothing happens if it is answered, or the client has gone."""

    def refuse(self, message: str | None) -> None:
        """Refuses it with status 403, in these words or the usual ones."""

    def fail(self) -> None:
        """Refuses it with status 400: nobody decided."""

def generate_id() -> str:
    """20 random URL-safe characters."""

def close_reasons() -> list[str]: ...
def config_fields() -> list[str]: ...
def version() -> str: ...
def encode_packet(
    event: str | float | None,
    args: Sequence[Any],
    *,
    namespace: str = "/",
    ack_id: int | None = None,
    default: Callable[[Any], Any] | None = None,
    max_depth: int = ...,
) -> tuple[str, list[bytes]]:
    """An event, or with ``event=None`` the ack of ack_id, as Socket.IO text and its attachments; for tests, benches and tools.

    Raises:
        TypeError: A value has no JSON form; the message says where it is.
        ValueError: Too deep, a cycle, or a mapping that looks like a placeholder beside binary values.
    """

def encode_connect(
    auth: Any = None, *, namespace: str = "/", default: Callable[[Any], Any] | None = None, max_depth: int = ...
) -> str:
    """A CONNECT packet with its payload, which cannot hold binary values; for tests and tools."""

def decode_packet(
    text: str | bytes, attachments: Sequence[bytes] | None = None, *, max_depth: int = ..., raw: bool = False
) -> tuple[int, str, int | None, str | int | float | None, Any]:
    """``(type, namespace, ack_id, event, args)`` of a packet from a client; event is None unless it is an event. args is a
    tuple; with raw a RawArgs where the server would give one.

    Raises:
        ValueError: The packet breaks the protocol; the message says how.
    """
