"""Types as the checkers see them; running it shows that the same lines also work."""

from __future__ import annotations

import dataclasses
import re
from typing import TYPE_CHECKING, Any, TypedDict, assert_type

import msgspec
import pydantic

from sio_fast import (
    Ack,
    Adapter,
    BroadcastOperator,
    Event,
    InvalidPayload,
    Namespace,
    Packet,
    ParentNamespace,
    Reason,
    RejectEvent,
    RemoteSocket,
    Sent,
    Server,
    ServerOptions,
    Socket,
    SocketOperator,
    on,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Set


class ChatSocket(Socket):
    username: str


message = Event[[str, str], int]("message")


def test_servers_know_their_sockets() -> None:
    plain = Server()
    assert_type(plain, Server[Socket])
    chat = Server(socket_class=ChatSocket)
    assert_type(chat, Server[ChatSocket])
    assert_type(chat.of("/x"), Namespace[ChatSocket])
    if TYPE_CHECKING:
        assert_type(chat.sockets, Mapping[str, ChatSocket])
        assert_type(chat.namespaces, Mapping[str, Namespace[ChatSocket]])


def test_handlers() -> None:
    chat = Server(socket_class=ChatSocket)

    @chat.on("connect")
    async def connect(socket: ChatSocket) -> None:
        socket.username = "ann"

    @chat.on("disconnect")
    def gone(socket: ChatSocket, reason: Reason) -> None: ...

    @chat.on(message)
    async def on_message(socket: ChatSocket, text: str, room: str) -> int:
        return 1

    @chat.on("anything")
    async def anything(socket: ChatSocket, *args: Any) -> Any: ...

    @chat.use
    async def gate(socket: ChatSocket) -> None: ...

    assert chat._space._table.handlers("message")
    assert chat._space._table.handlers("anything")


def test_middlewares() -> None:
    chat = Server(socket_class=ChatSocket)

    @chat.use_event
    async def authorize(socket: ChatSocket, packet: Packet) -> None:
        if packet.name == "admin" and socket.username != "root":
            raise RejectEvent("unauthorized event")

    @chat.on_error(RejectEvent)
    async def rejected(socket: ChatSocket, packet: Packet, exc: RejectEvent) -> None:
        socket.disconnect()

    @chat.around_event
    async def timing(socket: ChatSocket, packet: Packet, call_next: Callable[[], Awaitable[Any]]) -> Any:
        return await call_next()

    @chat.on("slow", thread=True)
    def slow(socket: ChatSocket, ack: Ack) -> None: ...

    @chat.on("long", cancel_on_disconnect=True, concurrent=True)
    async def long(socket: ChatSocket) -> None: ...

    @chat.on("connect", thread=True)
    def connected(socket: ChatSocket) -> None: ...

    @chat.on_any
    async def hear(socket: ChatSocket, event: str, *args: Any) -> None: ...

    if TYPE_CHECKING:
        assert_type(chat.listeners_any(), list[Callable[..., Any]])
    assert chat.listeners_any() == [hear]
    assert chat._space._hooks.of_error(RejectEvent("x")) == (rejected,)


def test_emitting() -> None:
    chat = Server(socket_class=ChatSocket)
    assert_type(chat.emit("x", 1), Sent)
    assert_type(chat.emit(message, "text", "room"), Sent)
    assert_type(chat.to("r"), BroadcastOperator)
    assert_type(chat.to("r").except_("s").volatile.emit("x"), Sent)
    assert_type(chat.to("r").local.volatile.compress(False).timeout(1), BroadcastOperator)
    assert_type(chat.sockets_join("r"), Sent)
    assert_type(chat.adapter, Adapter)


def test_options_from_elsewhere() -> None:
    options: ServerOptions = {"path": "/x", "ping_interval": 5, "transports": ["websocket"], "parser": "json"}
    io = Server(**options)
    assert_type(io, Server[Socket])
    chat_options: ServerOptions[ChatSocket] = {"path": "/x", "socket_class": ChatSocket}
    assert_type(Server(**chat_options), Server[ChatSocket])
    if TYPE_CHECKING:
        assert_type(io.options, Mapping[str, Any])
        assert_type(io.server, Server[Any])
        assert_type(io.of("/x").server, Server[Any])
        wrong: list[ServerOptions] = []
        wrong.append({"ping_intervall": 5})  # type: ignore[typeddict-unknown-key]  # pyright: ignore[reportArgumentType]
        wrong.append({"ping_interval": "5"})  # type: ignore[typeddict-item]  # pyright: ignore[reportArgumentType]
        Server(parser="msgpack")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    assert io.options["path"] == "/x"


async def background(io: Server[ChatSocket], socket: ChatSocket) -> None:
    async def task(number: int, text: str) -> int:
        return number

    assert_type(io.start_soon(task, 1, "x"), None)
    assert_type(socket.recovered, bool)
    if TYPE_CHECKING:
        io.start_soon(task, "x", 1)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
        io.start_soon(task, 1)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


async def asking_many(chat: Server[ChatSocket]) -> None:
    assert_type(await chat.timeout(1).emit_with_ack("x", 1), list[Any])
    assert_type(await chat.to("r").timeout(1).emit_with_ack(message, "text", "room"), list[int])
    for found in await chat.fetch_sockets():
        assert_type(found, RemoteSocket)
        assert_type(await found.timeout(1).emit_with_ack(message, "text", "room"), int)


async def of_a_socket(socket: ChatSocket) -> None:
    """Never run: a socket without a client has nobody to ask."""
    assert_type(socket.username, str)
    assert_type(socket.volatile, SocketOperator)
    assert_type(socket.timeout(5).volatile, SocketOperator)
    assert_type(socket.to("r"), BroadcastOperator)
    assert_type(socket.volatile.to("r"), BroadcastOperator)
    assert_type(await socket.emit_with_ack(message, "text", "room"), int)
    assert_type(await socket.timeout(5).emit_with_ack(message, "text", "room"), int)
    assert_type(await socket.emit_with_ack("x", 1), Any)
    assert_type(await socket.emit("x"), None)
    assert_type(socket.join("a", "b"), Sent)
    if TYPE_CHECKING:
        assert_type(socket.rooms, Set[str])
        # What must be refused; the checkers complain about every one of these that they do not refuse.
        socket.emit(message, "text")  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue]
        socket.emit(message, 1, "room")  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType, reportCallIssue]
        socket.nickname = "x"  # pyright: ignore[reportAttributeAccessIssue]
        socket.id = "x"  # type: ignore[misc]  # pyright: ignore[reportAttributeAccessIssue]
        Server(ping_intervall=3)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
        chat = Server(socket_class=ChatSocket)

        @chat.on(message)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
        async def wrong_arity(socket: ChatSocket, text: str) -> int:
            return 1

        @chat.on(message)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
        async def wrong_answer(socket: ChatSocket, text: str, room: str) -> str:
            return "x"


class AdminSocket(Socket):
    rank: int


class Admin(Namespace[AdminSocket]):
    @on("connect")
    async def hello(self, socket: AdminSocket) -> None:
        socket.rank = 1

    @on(message)
    async def on_message(self, socket: AdminSocket, text: str, room: str) -> int:
        return socket.rank

    @on("disconnect")
    def gone(self, socket: AdminSocket, reason: Reason) -> None: ...

    @on("anything", concurrent=True)
    def anything(self, socket: AdminSocket, *args: Any) -> str:
        return "x"


def test_namespaces_know_their_sockets() -> None:
    io = Server()
    assert_type(io.of("/x", socket_class=AdminSocket), Namespace[AdminSocket])
    rooms = io.of(re.compile("/room-.*"))
    assert_type(rooms, ParentNamespace[Socket])
    assert_type(rooms.emit("x"), Sent)
    assert_type(rooms.to("r"), BroadcastOperator)

    def predicate(name: str, auth: Any) -> bool:
        return True

    async def slow_predicate(name: str, auth: Any) -> bool:
        return True

    assert_type(io.of(predicate), ParentNamespace[Socket])
    assert_type(io.of(slow_predicate, socket_class=AdminSocket), ParentNamespace[AdminSocket])
    admin = io.register(Admin("/admin"), socket_class=AdminSocket)
    assert_type(admin, Admin)
    if TYPE_CHECKING:
        assert_type(admin.sockets, Mapping[str, AdminSocket])
    assert admin._table.handlers("anything")[0].concurrent

    @io.on("new_namespace")
    def made(nsp: Namespace) -> None: ...

    assert io.of("/later").server is io


class ChatMessage(msgspec.Struct):
    text: str


class Account(pydantic.BaseModel):
    name: str


@dataclasses.dataclass
class Point:
    x: float


class Typing(TypedDict):
    on: bool


chat_in = Event[[ChatMessage]]("chat")
pair = Event[[Account, list[Point]], int]("pair")


class Typed(Namespace[ChatSocket]):
    @on(chat_in)
    def chat(self, socket: ChatSocket, msg: ChatMessage) -> None:
        assert_type(msg.text, str)

    @on("typing")
    async def typing(self, socket: ChatSocket, msg: Typing) -> None: ...


def test_validated_handlers() -> None:
    chat = Server(socket_class=ChatSocket, validation="auto")
    if TYPE_CHECKING:
        Server(validation="other")  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]

    @chat.on(chat_in)
    async def on_chat(socket: ChatSocket, msg: ChatMessage) -> None:
        assert_type(msg, ChatMessage)
        socket.emit(chat_in, ChatMessage("back"))

    @chat.on(pair)
    def on_pair(socket: ChatSocket, account: Account, points: list[Point]) -> int:
        return len(points)

    @chat.on("typing")
    def on_typing(socket: ChatSocket, msg: Typing) -> None: ...

    @chat.on("connect")
    def connect(socket: ChatSocket) -> None:
        @socket.on(chat_in)
        def own(msg: ChatMessage) -> None: ...

    @chat.on_error(InvalidPayload)
    async def invalid(socket: ChatSocket, packet: Packet, error: InvalidPayload) -> None:
        for fault in error.errors:
            assert_type(fault["location"], tuple[str | int, ...])
            assert_type(fault["message"], str)

    chat.register(Typed("/typed"))
    for name, held in (("chat", on_chat), ("pair", on_pair), ("typing", on_typing)):
        [handler] = chat._space._table.handlers(name)
        assert handler.fn is held
        assert handler.checks is not None


def test_call_wrapper() -> None:
    def wrapper(fn: Callable[..., Any]) -> Callable[..., Any]:
        return fn

    chat = Server(socket_class=ChatSocket, call_wrapper=wrapper, validation=None)
    assert_type(chat, Server[ChatSocket])

    @chat.on(chat_in)
    async def on_chat(socket: ChatSocket, msg: ChatMessage) -> None: ...

    if TYPE_CHECKING:

        @chat.on(chat_in)  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
        async def wrong(socket: ChatSocket, msg: Account) -> None: ...

    assert chat._space._table.handlers("chat")[0].checks is None
