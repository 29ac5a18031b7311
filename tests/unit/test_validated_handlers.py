"""Handlers of a server get values of the types they are annotated with: on every way, and beside all the rest."""

from __future__ import annotations

import logging
import re
from typing import TYPE_CHECKING, Any

import anyio
import msgspec
import pydantic
import pytest

from sio_fast import Ack, InvalidPayload, Namespace, Packet, RejectEvent, Server, Socket, on
from sio_fast.socket import current_socket
from unit.conftest import core_of, running, settled, until
from unit.test_dispatch import connected

if TYPE_CHECKING:
    from collections.abc import Callable

    from unit.fake_core import FakeSocketCore

    Make = Callable[..., Server[Any]]


class Struct(msgspec.Struct):
    text: str
    n: int = 0


class Model(pydantic.BaseModel):
    text: str
    n: int = 0


class Opaque:
    pass


async def served(io: Server[Any], core: Any, *events: tuple[Any, ...]) -> FakeSocketCore:
    """Sends the events, each with an acknowledgement of its number, and lets all of them end."""
    client: FakeSocketCore = await connected(io, core)
    for number, (name, *args) in enumerate(events):
        client.client_event(name, *args, ack_id=number)
    await settled()
    return client


KINDS = ["def", "async", "suspended", "thread", "ack", "once", "concurrent", "several"]
WAYS = [(way, kind) for way in ("namespace", "socket", "class") for kind in KINDS]
WAYS = [each for each in WAYS if each not in (("class", "once"), ("class", "several"))]


@pytest.mark.anyio
@pytest.mark.parametrize(("way", "kind"), WAYS)
async def test_every_handler_is_checked(make: Make, kind: str, way: str, caplog: pytest.LogCaptureFixture) -> None:
    io, got = make(), list[Any]()

    def took(msg: Any, *more: Any) -> str:
        got.append(msg)
        return f"took {msg.text}"

    def plain(msg: Struct) -> str:
        return took(msg)

    async def asynchronous(msg: Struct) -> str:
        if kind == "suspended":
            await anyio.lowlevel.checkpoint()
        return took(msg)

    def manual(msg: Struct, ack: Ack) -> None:
        ack(took(msg))

    def with_socket(socket: Socket, msg: Struct) -> str:
        return plain(msg)

    async def async_with_socket(socket: Socket, msg: Struct) -> str:
        return await asynchronous(msg)

    def manual_with_socket(socket: Socket, msg: Struct, ack: Ack) -> None:
        manual(msg, ack)

    options = {"thread": {"thread": True}, "concurrent": {"concurrent": True}}.get(kind, {})
    index = 2 if kind == "ack" else int(kind in ("async", "suspended", "concurrent"))
    bare: Any = (plain, asynchronous, manual)[index]
    full: Any = (with_socket, async_with_socket, manual_with_socket)[index]

    def register(target: Any, fn: Any) -> None:
        if kind == "several":
            target.on("e", (lambda msg: None) if fn is bare else lambda socket, msg: None)
        (target.once if kind == "once" else target.on)("e", fn, **options)

    if way == "namespace":
        register(io, full)
    elif way == "socket":
        io.on("connect", lambda socket: register(socket, bare))
    else:

        class Space(Namespace[Socket]):
            pass

        setattr(Space, "handle", staticmethod(on("e", **options)(full)))  # noqa: B010
        io.register(Space("/space"))
    name = "/space" if way == "class" else "/"
    async with running(io) as core:
        client = core.client_connect(name)
        await until(lambda: client.connected)
        await settled()
        assert core.namespace(name).raw_names == ("e",)
        client.client_event("e", {"text": "ok"}, ack_id=1)
        await until(lambda: client.acks)
        assert client.acks == [(1, ("took ok",))]
        client.client_event("e", {"text": 1}, ack_id=2)
        client.client_event("e", ack_id=3)
        client.client_event("e", {"text": "again"}, ack_id=4)
        if kind == "once":
            await settled()
            assert got == [Struct("ok")]
            assert core.namespace(name).raw_names == ()
        else:
            await until(lambda: len(client.acks) == 2)
            assert client.acks[1] == (4, ("took again",))
            assert got == [Struct("ok"), Struct("again")]
    warnings = [record for record in caplog.records if record.levelno >= logging.WARNING]
    if kind not in ("once", "several"):
        assert [record.exc_info for record in warnings] == [None, None]
        assert "args[0]['text']" in warnings[0].getMessage()
        assert "\n" not in warnings[0].getMessage()


@pytest.mark.anyio
async def test_a_bad_payload_reaches_on_error_only(make: Make, caplog: pytest.LogCaptureFixture) -> None:
    io, heard = make(), list[Any]()

    @io.on("e")
    def handler(socket: Socket, msg: Model) -> str:
        raise AssertionError("called")

    @io.on_error(InvalidPayload)
    def hear(socket: Socket, packet: Packet, error: InvalidPayload) -> None:
        heard.append((packet.name, packet.args, packet.ack_requested, error))

    async with running(io) as core:
        client = await served(io, core, ("e", {"text": 1, "n": "x"}))
        assert client.acks == []
        assert client.connected
    [(name, args, requested, error)] = heard
    assert (name, args, requested) == ("e", [{"text": 1, "n": "x"}], True)
    assert [(fault["location"], fault["type"]) for fault in error.errors] == [
        ((0, "text"), "string_type"),
        ((0, "n"), "int_parsing"),
    ]
    assert isinstance(error.__cause__, pydantic.ValidationError)
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


@pytest.mark.anyio
async def test_ack_on_error_may_answer(make: Make) -> None:
    io = make(ack_on_error=lambda error: {"error": str(error)})
    io.on("e", lambda socket, msg: None)

    @io.on("f")
    def handler(socket: Socket, msg: Struct) -> None: ...

    async with running(io) as core:
        client = await served(io, core, ("f", 1))
        [(_, [answer])] = client.acks
        assert answer["error"].startswith("event 'f': args[0]: Expected `object`")


@pytest.mark.anyio
async def test_each_of_several_handlers_gets_what_it_asked_for(make: Make) -> None:
    io, got = make(), list[Any]()

    @io.on("e")
    def plain(socket: Socket, msg: Any) -> None:
        msg["text"] = "changed"
        got.append(msg)

    @io.on("e")
    def struct(socket: Socket, msg: Struct) -> None:
        got.append(msg)

    @io.on("e")
    async def model(socket: Socket, msg: Model) -> str:
        got.append(msg)
        return "answer"

    @io.on("e")
    def same(socket: Socket, msg: Any) -> None:
        got.append(msg)

    async with running(io) as core:
        client = await served(io, core, ("e", {"text": "a"}))
        assert got == [{"text": "changed"}, Struct("a"), Model(text="a"), {"text": "changed"}]
        assert got[0] is got[3]
        assert client.acks == [(0, ("answer",))]
        got.clear()
        client.client_event("e", {"text": "a", "n": 1.5})
        await settled()
        assert [type(value) for value in got] == [dict, dict]


@pytest.mark.anyio
@pytest.mark.parametrize("looks", ["gate", "own gate", "wrap", "any", "replaces", "blind", "rejects"])
async def test_middlewares_see_values_and_may_change_them(make: Make, looks: str) -> None:
    io, got, seen = make(), list[Any](), list[Any]()

    @io.on("e")
    def handler(socket: Socket, msg: Struct) -> None:
        got.append(msg)

    def change(packet: Packet) -> None:
        seen.append(packet.args)
        packet.args[0]["text"] = "changed"

    if looks == "gate":
        io.use_event(lambda socket, packet: change(packet))
    elif looks == "own gate":
        io.on("connect", lambda socket: socket.use(change) and None)
    elif looks == "wrap":

        @io.around_event
        async def wrap(socket: Socket, packet: Packet, call_next: Any) -> Any:
            change(packet)
            return await call_next()
    elif looks == "any":

        @io.on_any
        def listen(socket: Socket, event: str, msg: Any) -> None:
            seen.append([msg])
            msg["text"] = "changed"
    elif looks == "replaces":
        io.use_event(lambda socket, packet: setattr(packet, "args", [{"text": "changed"}]))
    elif looks == "blind":
        io.use_event(lambda socket, packet: None)
    else:

        @io.use_event
        def reject(socket: Socket, packet: Packet) -> None:
            raise RejectEvent("no")

    async with running(io) as core:
        await served(io, core, ("e", {"text": "a"}))
        await settled()
    if looks == "rejects":
        assert got == []
    else:
        assert got == [Struct("a" if looks == "blind" else "changed")]
    assert seen == ([[{"text": "changed"}]] if looks in ("gate", "own gate", "wrap", "any") else [])


@pytest.mark.anyio
async def test_handlers_that_came_meanwhile_get_values(make: Make) -> None:
    """An event may have been taken raw for a handler that is gone when its turn comes."""
    io, got = make(), list[Any]()
    go = anyio.Event()

    @io.on("e")
    async def struct(socket: Socket, msg: Struct) -> None:
        await go.wait()
        got.append(msg)

    async with running(io) as core:
        client = await connected(io, core)
        for _ in range(2):
            client.client_event("e", {"text": "a"})
        await settled()
        io.off("e", struct)
        io.on("e", lambda socket, msg: got.append(msg))
        assert core.namespace("/").raw_names == ()
        go.set()
        await until(lambda: len(got) == 2)
        assert got == [Struct("a"), {"text": "a"}]


@pytest.mark.anyio
async def test_the_core_hears_of_names_once(make: Make) -> None:
    io = make()

    def struct(msg: Struct) -> None: ...

    @io.on("connect")
    def connect(socket: Socket) -> None:
        socket.on("mine", struct)
        socket.on("plain", lambda msg: None)

    async with running(io) as core:
        space = core.namespace("/")
        assert space.raw_names == ()
        one = await connected(io, core)
        two = await connected(io, core)
        await settled()
        assert space.raw_names == ("mine",)
        one.client_leave()
        await settled()
        assert space.raw_names == ("mine",)
        two.client_leave()
        await settled()
        assert space.raw_names == ()


def test_handlers_of_an_object_are_prepared_when_it_is_registered(make: Make) -> None:
    io = make()
    space: Namespace[Socket] = Namespace("/space")

    def fn(socket: Socket, msg: Struct) -> None: ...

    space.on("e", fn)
    io.register(space)
    core: Any = core_of(io)
    assert core.namespace("/space").raw_names == ("e",)
    space.off("e", fn)
    assert core.namespace("/space").raw_names == ()


def test_one_that_cannot_be_prepared_is_not_registered(make: Make) -> None:
    io = make()
    space: Namespace[Socket] = Namespace("/space")

    def fn(socket: Socket, msg: Opaque) -> None: ...

    space.on("e", fn)
    with pytest.raises(TypeError, match="Opaque"):
        io.register(space)
    assert "/space" not in io.namespaces
    space.off("e")
    io.register(space)


@pytest.mark.anyio
async def test_names_that_are_numbers_and_those_without_a_handler(make: Make) -> None:
    io, got = make(), list[Any]()
    numbered: Any = 7

    def struct(socket: Socket, msg: Struct) -> None:
        got.append(msg)

    def rest(socket: Socket, name: str, msg: Struct) -> None:
        got.append((name, msg))

    io.on(numbered, struct)
    io.on("*", rest)
    async with running(io) as core:
        await served(io, core, (7, {"text": "a"}), ("other", {"text": "b"}), (7, 1), ("other", 1))
        assert core.namespace("/").raw_names == ()
    assert got == [Struct("a"), ("other", Struct("b"))]


@pytest.mark.anyio
async def test_children_check_like_their_parent(make: Make) -> None:
    io, got = make(), list[Any]()
    parent = io.of(re.compile(r"/room-\d+"))

    def struct(socket: Socket, msg: Struct) -> None:
        got.append(msg)

    parent.on("e", struct)
    async with running(io) as core:
        client = core.client_connect("/room-1")
        await until(lambda: client.connected)
        assert core.namespace("/room-1").raw_names == ("e",)
        client.client_event("e", {"text": "a"})
        await until(lambda: got)
        assert got == [Struct("a")]


class Checking(pydantic.BaseModel):
    text: str

    @pydantic.field_validator("text")
    @classmethod
    def check(cls, text: str) -> str:
        if text == "bug":
            raise RuntimeError("a fault of the application")
        if text == "who":
            return current_socket.get().id
        raise ValueError("not this one")


@pytest.mark.anyio
@pytest.mark.parametrize("several", [False, True])
async def test_checkers_of_the_application(make: Make, caplog: pytest.LogCaptureFixture, several: bool) -> None:
    io, got = make(), list[Any]()

    @io.on("e")
    def handler(socket: Socket, msg: Checking) -> None:
        got.append(msg.text == socket.id)

    if several:
        io.on("e", lambda socket, msg: None)
    async with running(io) as core:
        client = await served(io, core, ("e", {"text": "who"}), ("e", {"text": "bug"}), ("e", {"text": "x"}))
        assert client.connected
    assert got == [True]
    bug, fault = (record for record in caplog.records if record.levelno >= logging.WARNING)
    assert bug.exc_info is not None
    assert isinstance(bug.exc_info[1], RuntimeError)
    assert fault.exc_info is None
    assert "not this one" in fault.getMessage()


@pytest.mark.anyio
@pytest.mark.parametrize("early", [True, False])
async def test_handlers_of_a_socket_that_has_left_are_nobodys(make: Make, early: bool) -> None:
    io = make()

    def struct(msg: Struct) -> None: ...

    @io.on("connect")
    def connect(socket: Socket) -> None:
        if registers:
            socket.on("mine", struct)

    async with running(io) as core:
        registers = early
        client = await connected(io, core)
        await settled()
        [socket] = io.sockets.values()
        client.client_leave()
        await settled()
        socket.on("other", struct)
        registers = True
        socket.off("mine")
        socket.on("mine", struct)
        socket.off("mine")
        assert core.namespace("/").raw_names == ()
        await connected(io, core)
        await settled()
        assert core.namespace("/").raw_names == ("mine",)
