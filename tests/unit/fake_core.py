"""A core without sockets: tests say what clients do, and look at what was sent. It knows the surface of ``_core.pyi``
that the dispatcher uses; the form of arguments on the wire it leaves to the codec. Notices wake a real descriptor, so
real event loops run it."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
from typing import Any

from sio_fast._core import decode_packet, encode_packet

EVENT, CONNECT, ACK, DISCONNECT, DRAINED, DEADLINE, LOG, STOPPED, REQUEST, ROOMS = range(10)
_handles = itertools.count(1)


class FakeSocketCore:
    """One client in one namespace; ``client_*`` are what the client does."""

    def __init__(self, core: FakeCore, namespace: str, session: int) -> None:
        self._core = core
        self.namespace = namespace
        self.handle = next(_handles)
        self.session = session
        self.id = f"socket-{self.handle:013d}"
        self.conn_id = f"conn-{session}"
        self.transport = "websocket"
        self.upgraded = False
        self.ready_state = "open"
        self.connected = False
        self.gone = False
        self.reason: str | None = None
        self.detail: str | None = None
        self.buffered_amount = 0
        self.emit_code = 0
        self.sent: list[tuple[Any, ...]] = []
        self.acks: list[tuple[int, tuple[Any, ...]]] = []
        self.refused: tuple[str, Any] | None = None
        self.held = [0, 0]
        self.forgotten: list[int] = []
        self._rooms = {self.id}
        self._next_ack = itertools.count()

    # What Python asks for.

    def emit(self, event: Any, args: tuple[Any, ...], volatile: bool) -> int:
        if self.gone:
            return 2
        self.sent.append((event, *args))
        return self.emit_code

    def emit_with_ack(self, event: Any, args: tuple[Any, ...], volatile: bool) -> int:
        if self.gone or (volatile and self.buffered_amount):
            return -1
        self.sent.append((event, *args))
        return next(self._next_ack)

    def forget_ack(self, ack_id: int) -> None:
        self.forgotten.append(ack_id)

    def ack(self, ack_id: int, args: tuple[Any, ...]) -> None:
        if any(isinstance(value, complex) for value in args):
            raise TypeError("args[0]: complex cannot be encoded")
        self.acks.append((ack_id, args))

    def accept(self) -> bool:
        self.connected = not self.gone
        return self.connected

    def refuse(self, message: str, data: Any) -> None:
        if isinstance(data, complex):
            raise TypeError("complex cannot be encoded")
        self.refused = (message, data)
        self.gone = True

    def disconnect(self, close: bool) -> list[int]:
        self._leave("server namespace disconnect", dropped=True)
        return [self.handle]

    def close_connection(self, discard: bool) -> list[int]:
        self._leave("forced close", dropped=True)
        return [self.handle]

    def join(self, rooms: tuple[str, ...]) -> None:
        if not self.gone:
            self._rooms.update(rooms)

    def leave(self, rooms: tuple[str, ...]) -> None:
        self._rooms.difference_update(rooms)

    def rooms(self) -> list[str]:
        return sorted(self._rooms)

    def in_room(self, room: str) -> bool:
        return room in self._rooms

    scope = None

    def handshake(self) -> tuple[list[tuple[str, str]], str, str | None, bool, bool, int]:
        headers = [("host", "example.com"), ("x-a", "1"), ("x-a", "2")]
        return headers, "/socket.io/?EIO=4&a=1&a=2&b=", "127.0.0.1", False, False, 1606005226969

    def want_drained(self) -> bool:
        return self.buffered_amount > 0

    def hold(self, events: int, size: int) -> None:
        self.held[0] += events
        self.held[1] += size

    def release(self, events: int, size: int) -> None:
        self.held[0] -= events
        self.held[1] -= size

    # What the client does.

    def client_event(self, name: Any, *args: Any, ack_id: int = -1, size: int = 10) -> None:
        came: Any = args
        if name in self._core.namespace(self.namespace).raw_names:
            text, attachments = encode_packet(name, args)
            if not attachments:
                came = decode_packet(text, raw=True)[4]
        self._core.push((EVENT, self.handle, name, came, ack_id, size))

    def client_ack(self, ack_id: int, *args: Any) -> None:
        self._core.push((ACK, self.handle, ack_id, args))

    def client_leave(self, reason: str = "transport close") -> None:
        self._leave(reason, dropped=False)

    def _leave(self, reason: str, *, dropped: bool) -> None:
        if self.gone:
            return
        was, self.connected, self.gone = self.connected, False, True
        self.reason = reason
        rooms, self._rooms = sorted(self._rooms), set()
        if was:
            self._core.push((DISCONNECT, self.handle, reason, self.detail, rooms, dropped))


class FakeQuestionCore:
    """A request that waits; ``answers`` is what Python said."""

    def __init__(self, headers: list[tuple[str, str]], *, about_origin: bool) -> None:
        self.about_origin = about_origin
        self.headers = headers
        self.answers: list[Any] = []

    def head(self) -> tuple[str, list[tuple[str, str]], str, str | None, bool, bool] | None:
        return "GET", self.headers, "/socket.io/?EIO=4&transport=polling&token=a", "127.0.0.1", self.about_origin, False

    def allow(self) -> None:
        self.answers.append(True)

    def refuse(self, message: str | None) -> None:
        self.answers.append(message or False)

    def fail(self) -> None:
        self.answers.append("failed")


class FakeNamespaceCore:
    def __init__(self, core: FakeCore, name: str) -> None:
        self._core = core
        self.name = name
        self._next_ack = itertools.count(1000)
        self.broadcasts: list[tuple[Any, ...]] = []
        self.watched = False
        self.changes: list[tuple[str, str, str | None]] = []
        self.code = 0
        self.raw_names: tuple[str, ...] = ()

    def broadcast(self, event: Any, args: Any, rooms: Any, except_rooms: Any, sender: Any, volatile: bool) -> int:
        self.broadcasts.append((event, args, rooms, except_rooms, sender, volatile))
        return self.code

    def broadcast_with_ack(
        self, event: Any, args: Any, rooms: Any, except_rooms: Any, sender: Any, volatile: bool
    ) -> tuple[int, list[FakeSocketCore]]:
        self.broadcasts.append((event, args, rooms, except_rooms, sender, volatile))
        return next(self._next_ack), self.members(rooms, except_rooms, sender)

    def members(self, rooms: Any, except_rooms: Any, sender: Any) -> list[FakeSocketCore]:
        return [
            socket
            for socket in self._core.sockets
            if socket.connected and socket.namespace == self.name and socket is not sender
            if not rooms or socket._rooms.intersection(rooms)
            if not socket._rooms.intersection(except_rooms)
        ]

    def join_members(self, rooms: Any, except_rooms: Any, sender: Any, names: Any) -> None:
        for socket in self.members(rooms, except_rooms, sender):
            socket.join(names)

    def leave_members(self, rooms: Any, except_rooms: Any, sender: Any, names: Any) -> None:
        for socket in self.members(rooms, except_rooms, sender):
            socket.leave(names)

    def want_raw(self, names: Any) -> None:
        self.raw_names = tuple(names)

    def watch_rooms(self, watched: bool) -> None:
        self.watched = watched

    def take_room_changes(self) -> list[tuple[str, str, str | None]]:
        taken, self.changes = self.changes, []
        return taken

    def copy_data(self, data: Any) -> Any:
        return json.loads(json.dumps(data))

    def rooms(self) -> list[str]:
        return sorted({room for socket in self.members((), (), None) for room in socket._rooms})

    def room_members(self, room: str) -> list[str]:
        return [socket.id for socket in self.members((room,), (), None)]

    def room_size(self, room: str) -> int:
        return len(self.room_members(room))

    def sids(self) -> list[str]:
        return [socket.id for socket in self.members((), (), None)]

    def socket_rooms(self, sid: str) -> list[str] | None:
        found = [socket.rooms() for socket in self.members((), (), None) if socket.id == sid]
        return found[0] if found else None


class FakeCore:
    """The hub: a queue of notices and a pipe."""

    def __init__(self, settings: object) -> None:
        self.settings = settings
        self.notices: list[tuple[Any, ...]] = []
        self.drains: list[int] = []
        self.sockets: list[FakeSocketCore] = []
        self.spaces: dict[str, FakeNamespaceCore] = {}
        self.deadlines: dict[int, float] = {}
        self.cancelled: list[int] = []
        self.congested = False
        self.dynamic = False
        self.clients_count = 0
        self.listened: dict[str, Any] | None = None
        self.listen_error: OSError | None = None
        self.graces: list[float] = []
        self.joins = 0
        self.batch: int | None = None
        self._tokens = itertools.count(100)
        self._pipe: tuple[int, int] | None = None

    # What Python asks for.

    def start(self) -> int:
        if self._pipe is not None:
            raise RuntimeError("already started")
        self._pipe = os.pipe()
        os.set_blocking(self._pipe[0], False)
        return self._pipe[0]

    def listen(self, host: str, port: int, **options: Any) -> list[tuple[str, int]]:
        if self.listen_error is not None:
            raise self.listen_error
        self.listened = {"host": host, "port": port, **options}
        return [(host, port or 12345)]

    def shutdown(self, grace: float) -> None:
        self.graces.append(grace)
        for socket in self.sockets:
            socket._leave("server shutting down", dropped=False)
        self.push((STOPPED,))

    def join(self) -> None:
        self.joins += 1
        if self._pipe is not None:
            for fd in self._pipe:
                os.close(fd)
        self._pipe = None
        self.notices.clear()

    def drain(self, max_events: int) -> list[tuple[Any, ...]]:
        assert self._pipe is not None
        with contextlib.suppress(BlockingIOError):
            os.read(self._pipe[0], 4096)
        count = min(max_events, self.batch or max_events)
        taken, self.notices = self.notices[:count], self.notices[count:]
        self.drains.append(len(taken))
        return taken

    def rest(self) -> bool:
        return bool(self.notices)

    def namespace(self, name: str) -> FakeNamespaceCore:
        return self.spaces.setdefault(name, FakeNamespaceCore(self, name))

    def set_dynamic(self, dynamic: bool) -> None:
        self.dynamic = dynamic

    def start_deadline(self, seconds: float) -> int:
        token = next(self._tokens)
        self.deadlines[token] = seconds
        return token

    def cancel_deadline(self, token: int) -> None:
        self.cancelled.append(token)
        self.deadlines.pop(token, None)

    def stats(self) -> dict[str, int]:
        return {"sockets": sum(socket.connected for socket in self.sockets)}

    # What happens outside.

    def push(self, notice: tuple[Any, ...]) -> None:
        self.notices.append(notice)
        if self._pipe is not None:
            os.write(self._pipe[1], b"x")

    def expire(self, seconds: float) -> None:
        """Lets the deadlines of that length come."""
        for token, length in list(self.deadlines.items()):
            if length == seconds:
                del self.deadlines[token]
                self.push((DEADLINE, token))

    def client_request(self, *headers: tuple[str, str], about_origin: bool = False) -> FakeQuestionCore:
        question = FakeQuestionCore(list(headers), about_origin=about_origin)
        self.push((REQUEST, question))
        return question

    def client_rooms(self, namespace: str) -> None:
        self.push((ROOMS, namespace))

    def client_connect(
        self, namespace: str = "/", auth: dict[str, Any] | None = None, session: int | None = None
    ) -> FakeSocketCore:
        socket = FakeSocketCore(self, namespace, session if session is not None else len(self.sockets) + 1)
        self.sockets.append(socket)
        if namespace not in ("/", *self.spaces) and not self.dynamic:
            socket.refuse("Invalid namespace", None)
            return socket
        self.push((CONNECT, socket.handle, socket, auth or None))
        return socket
