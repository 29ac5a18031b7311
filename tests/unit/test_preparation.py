"""``call_wrapper``: every handler is wrapped once, and what others fill is no argument of an event."""

from __future__ import annotations

import functools
import inspect
import re
from typing import TYPE_CHECKING, Annotated, Any

import anyio
import dishka
import msgspec
import pytest
from dishka.integrations.base import wrap_injection
from fast_depends import Depends, inject

from sio_fast import Ack, Namespace, Server, Socket, on
from sio_fast.preparation import UNPREPARED, Preparation
from sio_fast.validation import Validation
from unit.conftest import running, settled, until
from unit.test_dispatch import connected

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    Make = Callable[..., Server[Any]]

pytestmark = pytest.mark.anyio


class Message(msgspec.Struct):
    text: str


class Database:
    def __init__(self) -> None:
        self.closed = False

    async def store(self, text: str) -> str:
        await anyio.lowlevel.checkpoint()
        return f"stored {text}"


class Recorder:
    """A wrapper by hand: what it was given, and what went through."""

    def __init__(self) -> None:
        self.given: list[Callable[..., Any]] = []
        self.calls: list[tuple[Any, ...]] = []

    def __call__(self, fn: Callable[..., Any]) -> Callable[..., Any]:
        self.given.append(fn)

        @functools.wraps(fn)
        def wrapped(*args: Any, **names: Any) -> Any:
            self.calls.append(args)
            return fn(*args, **names)

        return wrapped


async def asked(io: Server[Any], core: Any, name: str, *args: Any, namespace: str = "/") -> Any:
    """The answer of the server to an event."""
    client = core.client_connect(namespace)
    await until(lambda: client.connected)
    client.client_event(name, *args, ack_id=1)
    await until(lambda: client.acks)
    return client.acks[0][1]


async def test_every_handler_is_wrapped_once(make: Make) -> None:
    recorder = Recorder()
    io = make(call_wrapper=recorder)

    def connect(socket: Socket) -> None:
        socket.on("own", own)

    def event(socket: Socket, msg: Message) -> str:
        return msg.text

    def own(msg: Message) -> str:
        return msg.text

    def manual(socket: Socket, ack: Ack, text: str) -> None:
        ack(text)

    def leave(socket: Socket, reason: str) -> None: ...
    def gate(socket: Socket) -> None: ...
    def packet_gate(socket: Socket, packet: Any) -> None: ...

    class Space(Namespace[Socket]):
        @on("declared")
        async def declared(self, socket: Socket, msg: Message) -> str:
            return msg.text

    io.use(gate)
    io.use_event(packet_gate)
    io.on("connect", connect)
    io.on("event", event)
    io.on("manual", manual)
    io.on("disconnect", leave)
    space = Space("/space")
    space.on("event", event)
    assert recorder.given == [connect, event, manual, leave]
    io.register(space)
    assert recorder.given == [connect, event, manual, leave, event, space.declared]
    with pytest.raises(ValueError, match="registered for 'event' already"):
        io.on("event", event)
    async with running(io) as core:
        assert await asked(io, core, "event", {"text": "a"}) == ("a",)
        assert await asked(io, core, "own", {"text": "b"}) == ("b",)
        assert await asked(io, core, "manual", "c") == ("c",)
        assert await asked(io, core, "declared", {"text": "d"}, namespace="/space") == ("d",)
        io.off("event", event)
        client = await connected(io, core)
        client.client_event("event", {"text": "a"}, ack_id=1)
        client.client_leave()
        await settled()
        assert client.acks == []
    assert len(recorder.given) == 6 + 4, "each of the four sockets has its own listener"
    assert any(call[1:] == ("transport close",) for call in recorder.calls)


async def test_children_take_over_what_is_wrapped(make: Make) -> None:
    recorder = Recorder()
    io = make(call_wrapper=recorder)
    io.of(re.compile("/room-.*")).on("e", lambda socket: 1)
    async with running(io) as core:
        assert await asked(io, core, "e", namespace="/room-1") == (1,)
        assert await asked(io, core, "e", namespace="/room-2") == (1,)
    assert len(recorder.given) == 1


async def test_the_signature_of_the_result_counts(make: Make) -> None:
    def wrapper(fn: Callable[..., Any]) -> Callable[..., Any]:
        assert list(inspect.signature(fn).parameters) == ["socket", "msg", "service"]

        async def wrapped(socket: Socket, msg: Message) -> Any:
            return await fn(socket, msg, "service")

        return wrapped

    io = make(call_wrapper=wrapper)

    @io.on("e")
    async def handler(socket: Socket, msg: Message, service: str) -> list[str]:
        return [msg.text, service]

    async with running(io) as core:
        assert await asked(io, core, "e", {"text": "a"}) == (["a", "service"],)


async def test_fast_depends(make: Make) -> None:
    io, made = make(call_wrapper=inject), list[Database]()

    async def database() -> AsyncIterator[Database]:
        made.append(Database())
        yield made[-1]
        made[-1].closed = True

    def prefix() -> str:
        return "> "

    def plain(socket: Socket, text: str, sign: str = Depends(prefix)) -> str:
        return sign + text

    async def by_name(socket: Socket, msg: Message, *, db: Database = Depends(database)) -> str:
        return await db.store(msg.text)

    async def annotated(socket: Socket, text: str, ack: Ack, db: Annotated[Database, Depends(database)]) -> None:
        ack(await db.store(text))

    # Names of this function mean nothing to the module, so not as text.
    annotated.__annotations__["db"] = Annotated[Database, Depends(database)]
    io.on("plain", plain)
    io.on("by name", by_name)
    io.on("annotated", annotated)
    async with running(io) as core:
        assert await asked(io, core, "plain", "a") == ("> a",)
        assert await asked(io, core, "by name", {"text": "b"}) == ("stored b",)
        assert await asked(io, core, "annotated", "c") == ("stored c",)
        assert [db.closed for db in made] == [True, True]
        # Nobody but the container may fill what it fills.
        client = await connected(io, core)
        for name in ("plain", "by name", "annotated"):
            client.client_event(name, "a", "mine", ack_id=1)
        client.client_event("by name", {"text": 1}, ack_id=2)
        await settled()
        assert client.acks == []
        assert len(made) == 2


async def test_dishka(make: Make) -> None:
    provider = dishka.Provider(scope=dishka.Scope.APP)
    provider.provide(Database)
    container = dishka.make_async_container(provider)

    def wrapper(fn: Callable[..., Any]) -> Callable[..., Any]:
        return wrap_injection(func=fn, is_async=True, container_getter=lambda args, names: container)

    io = make(call_wrapper=wrapper)

    @io.on("e")
    async def handler(socket: Socket, msg: Message, db: dishka.FromDishka[Database]) -> str:
        return await db.store(msg.text)

    async with running(io) as core:
        assert await asked(io, core, "e", {"text": "a"}) == ("stored a",)
        client = await connected(io, core)
        client.client_event("e", {"text": "a"}, "mine", ack_id=1)
        client.client_event("e", {"text": 1}, ack_id=2)
        await settled()
        assert client.acks == []


async def test_the_log_names_the_handler_that_failed(make: Make, caplog: pytest.LogCaptureFixture) -> None:
    io = make(call_wrapper=inject)

    @io.on("e")
    async def handler(socket: Socket, number: int = Depends(lambda: 1)) -> None:
        raise RuntimeError("a fault of the application")

    async with running(io) as core:
        client = await connected(io, core)
        client.client_event("e", ack_id=1)
        await until(lambda: caplog.records)
        assert client.connected
    assert "a fault of the application" in caplog.text


def test_an_argument_behind_what_is_filled(make: Make) -> None:
    io = make(call_wrapper=inject)

    def made() -> str:
        return "made"

    def wrong(socket: Socket, sign: str = Depends(made), text: str = "") -> None: ...
    def many(socket: Socket, sign: str = Depends(made), *texts: str) -> None: ...

    for fn, name in ((wrong, "text"), (many, "texts")):
        with pytest.raises(TypeError, match=rf"{name!r} is an argument of the event and stands behind 'sign'"):
            io.on("e", fn)


def test_wrappers_that_are_none(make: Make) -> None:
    wrong: Any = 1
    with pytest.raises(TypeError, match="call_wrapper is a function of a handler, or None, not 1"):
        make(call_wrapper=wrong)
    with pytest.raises(TypeError, match="call_wrapper gave None for"):
        make(call_wrapper=lambda fn: None).on("e", lambda socket: None)

    def broken(fn: Any) -> Any:
        raise LookupError("nothing provides Database")

    with pytest.raises(LookupError, match="Database"):
        make(call_wrapper=broken).on("e", lambda socket: None)


def test_unprepared_is_as_it_is() -> None:
    def fn(msg: Message) -> None: ...

    assert UNPREPARED.wrapped(fn) is fn
    wrapped = Preparation(Validation(None), functools.lru_cache).wrapped(fn)
    assert wrapped is not fn
