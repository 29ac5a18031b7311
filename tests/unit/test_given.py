"""Handlers that ask for objects of the library by annotation: Packet, Handshake, and the Socket where they get none."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

import sio_fast
from sio_fast import Ack, Handshake, Namespace, Packet, Server, Socket, on
from sio_fast.testing import TestClient

if TYPE_CHECKING:
    from collections.abc import Callable

    from sio_fast.types import EventName

pytestmark = pytest.mark.anyio


@pytest.fixture(
    params=[
        pytest.param(("asyncio", {"use_uvloop": False}), id="asyncio"),
        pytest.param(("trio", {}), id="trio"),
    ]
)
def anyio_backend(request: pytest.FixtureRequest) -> Any:
    return request.param


class Named(Socket):
    name: str = "nobody"


@dataclass
class Point:
    x: int


def seen(packet: Packet) -> tuple[EventName, list[Any], bool]:
    return packet.name, packet.args, packet.ack_requested


async def last(socket: Socket, a: int, packet: Packet) -> Any:
    return a, *seen(packet)


async def first(packet: Packet, socket: Socket, a: int) -> Any:
    return a, *seen(packet)


async def between(socket: Socket, packet: Packet, handshake: Handshake, a: int = 0) -> Any:
    assert handshake.auth == {"token": "t"}
    return a, *seen(packet)


def plain(socket: Socket, a: int, *rest: int, packet: Packet) -> Any:
    return a, *seen(packet)


async def optional(socket: Socket, a: int, packet: Packet | None = None) -> Any:
    assert packet is not None
    return a, *seen(packet)


async def by_module(socket: Socket, a: int, packet: sio_fast.Packet) -> Any:
    return a, *seen(packet)


async def by_hand(socket: Socket, ack: Ack, a: int, packet: Packet) -> None:
    ack(a, *seen(packet))


def evaluated(socket: Any, a: Any, packet: Any) -> Any:
    return a, *seen(packet)


evaluated.__annotations__ = {"packet": Packet}


async def bound(more: int, socket: Socket, a: int, packet: Packet) -> Any:
    assert more == 1
    return a, *seen(packet)


@pytest.mark.parametrize(
    "handler",
    [last, first, between, plain, optional, by_module, by_hand, evaluated, functools.partial(bound, 1)],
    ids=lambda each: getattr(each, "__name__", "partial"),
)
@pytest.mark.parametrize("concurrent", [False, True])
async def test_a_handler_of_the_namespace_gets_what_it_asks_for(handler: Callable[..., Any], concurrent: bool) -> None:
    io = Server()
    io.on("event", concurrent=concurrent)(handler)
    async with TestClient(io) as client:
        a = await client.connect(auth={"token": "t"})
        assert await a.emit_with_ack("event", 5) == (5, "event", [5], True)


async def test_arguments_that_do_not_come_leave_their_defaults() -> None:
    io = Server()
    io.on("event")(between)
    async with TestClient(io) as client:
        a = await client.connect(auth={"token": "t"})
        assert await a.emit_with_ack("event") == (0, "event", [], True)


async def test_what_is_given_is_no_argument_of_the_event() -> None:
    io, errors = Server(), list[str]()
    io.on("event")(last)

    @io.on_error(sio_fast.InvalidPayload)
    async def misfit(socket: Socket, packet: Packet, error: sio_fast.InvalidPayload) -> None:
        errors.append(error.errors[0]["type"])

    async with TestClient(io) as client:
        a = await client.connect()
        await a.emit("event", 1, 2)
        await a.emit("event")
    assert errors == ["arity", "arity"]


async def test_a_listener_of_a_socket_may_ask_for_its_socket() -> None:
    io = Server(socket_class=Named)

    @io.on("connect")
    async def come(socket: Named) -> None:
        socket.name = "ann"
        socket.on("who")(who)
        socket.on("first")(who_first)

    async def who(a: int, socket: Named, packet: Packet) -> Any:
        return a, socket.name, packet.name

    async def who_first(socket: Socket, a: int) -> Any:
        assert isinstance(socket, Named)
        return a, socket.name

    async with TestClient(io) as client:
        a = await client.connect()
        assert await a.emit_with_ack("who", 1) == (1, "ann", "who")
        assert await a.emit_with_ack("first", 2) == (2, "ann")


async def test_a_class_of_handlers_and_checked_arguments() -> None:
    class Points(Namespace[Socket]):
        @on("point")
        async def point(self, socket: Socket, packet: Packet, point: Point) -> Any:
            return point.x, packet.nsp

    io = Server(validation="pydantic")
    io.register(Points("/points"))
    async with TestClient(io) as client:
        a = await client.connect("/points")
        assert await a.emit_with_ack("point", {"x": 3}) == (3, "/points")


async def test_handlers_of_the_librarys_events_get_the_handshake() -> None:
    io, heard = Server(), list[Any]()

    @io.on("connect")
    async def come(socket: Socket, handshake: Handshake) -> None:
        heard.append(("connect", handshake.auth))

    @io.on("disconnect")
    async def go(socket: Socket, handshake: Handshake, reason: str) -> None:
        heard.append((reason, handshake.query["v"]))

    async with TestClient(io) as client:
        a = await client.connect(auth={"a": 1}, query={"v": "2"})
        await client.drop(a)
    assert heard == [("connect", {"a": 1}), ("transport close", "2")]


@pytest.mark.parametrize("event", ["connect", "disconnect", "disconnecting", "error"])
def test_no_packet_belongs_to_an_event_of_the_library(event: str) -> None:
    async def handler(socket: Socket, packet: Packet) -> None: ...

    with pytest.raises(TypeError, match=f"{event!r} is an event of the library.*no Packet of it"):
        Server().on(event)(handler)


def test_nobody_gets_the_same_twice() -> None:
    async def handler(socket: Socket, packet: Packet, again: Packet) -> None: ...

    with pytest.raises(TypeError, match=r"'packet' and 'again' are the same object; take one of them away"):
        Server().on("event")(handler)


async def test_a_wrapper_sees_the_handler_and_passes_on_what_is_given() -> None:
    def wrapper(fn: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(fn)
        async def call(*args: Any, **kwargs: Any) -> Any:
            return ["wrapped", *await fn(*args, **kwargs)]

        return call

    io = Server(call_wrapper=wrapper)
    io.on("event")(last)
    async with TestClient(io) as client:
        a = await client.connect()
        assert await a.emit_with_ack("event", 5) == ["wrapped", 5, "event", [5], True]


async def test_a_class_of_the_application_with_such_a_name_is_an_argument() -> None:
    namespace: dict[str, Any] = {}
    source = "class Packet(dict): ...\nasync def handler(socket, packet: Packet): return [packet]\n"
    exec(source, namespace)
    io = Server(validation=None)
    io.on("event")(namespace["handler"])
    async with TestClient(io) as client:
        a = await client.connect()
        assert await a.emit_with_ack("event", {"own": 1}) == [{"own": 1}]
