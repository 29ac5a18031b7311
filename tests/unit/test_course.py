"""The long way of an event: listeners of any event, gates, wraps, handlers, and events without a handler."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import anyio
import pytest

from sio_fast import Packet, RejectEvent, Server, Socket, current_socket
from unit.conftest import running, settled, until
from unit.test_dispatch import VARIABLE, connected, lane_of

if TYPE_CHECKING:
    from collections.abc import Callable

    Make = Callable[..., Server[Any]]

pytestmark = pytest.mark.anyio


async def test_the_order_of_everything(make: Make) -> None:
    io = make()
    log: list[Any] = []

    @io.on("connect")
    def connect(socket: Socket) -> None:
        socket.on_any(lambda event, *args: log.append(("own any", event, args)))

        @socket.use
        async def own_gate(packet: Packet) -> None:
            log.append(("own gate", packet.args))

        socket.on("e", lambda *args: log.append(("own handler", args)))

    @io.on_any
    async def any_event(socket: Socket, event: str, *args: Any) -> None:
        await anyio.lowlevel.checkpoint()
        log.append(("any", event, args))

    io.prepend_any(lambda socket, event, *args: log.append(("first", event, args)))

    @io.around_event
    async def outer(socket: Socket, packet: Packet, call_next: Callable[[], Any]) -> Any:
        log.append("outer in")
        try:
            return await call_next()
        finally:
            log.append("outer out")

    @io.around_event
    async def inner(socket: Socket, packet: Packet, call_next: Callable[[], Any]) -> Any:
        log.append("inner in")
        value = await call_next()
        log.append("inner out")
        return f"<{value}>"

    @io.use_event
    async def gate(socket: Socket, packet: Packet) -> None:
        log.append(("gate", packet.name, list(packet.args), packet.ack_requested, packet.nsp))
        packet.name = "e"
        packet.args.append(2)

    @io.on("e")
    async def handler(socket: Socket, *args: Any) -> str:
        await anyio.lowlevel.checkpoint()
        log.append(("handler", args, current_socket.get() is socket))
        return "value"

    async with running(io) as core:
        client = await connected(io, core)
        client.client_event("alias", 1, ack_id=4)
        await until(lambda: client.acks)
        assert client.acks == [(4, ("<value>",))]
        assert log == [
            ("first", "alias", (1,)),
            ("any", "alias", (1,)),
            ("own any", "alias", (1,)),
            ("gate", "alias", [1], True, "/"),
            ("own gate", [1, 2]),
            "outer in",
            "inner in",
            ("handler", (1, 2), True),
            ("own handler", (1, 2)),
            "inner out",
            "outer out",
        ]


@pytest.mark.parity("socket.on_any", "engine_events.packet")
async def test_any_listeners_come_and_go(make: Make, caplog: pytest.LogCaptureFixture) -> None:
    io = make()
    log: list[Any] = []
    sockets: list[Socket] = []
    io.on("connect", sockets.append)
    io.on("e", lambda socket, *args: "handled")

    def one(event: Any, *args: Any) -> None:
        log.append(("one", event))

    def fails(event: Any, *args: Any) -> None:
        raise ValueError("boom")

    async with running(io) as core:
        client = await connected(io, core)
        socket = sockets[0]
        assert socket.listeners_any() == []
        socket.on_any(one)
        socket.on_any(one)
        socket.prepend_any(fails)
        assert socket.listeners_any() == [fails, one, one]
        client.client_event("e", ack_id=1)
        client.client_event(7)
        await until(lambda: len(log) == 4)
        assert log == [("one", "e"), ("one", "e"), ("one", 7), ("one", 7)]
        assert client.acks == [(1, ("handled",))]
        assert len(caplog.records) == 2
        socket.off_any(one)
        socket.off_any(lambda event: None)
        assert socket.listeners_any() == [fails, one]
        socket.off_any()
        assert socket.listeners_any() == []
        assert lane_of(io, client).plans is io._space._table.plans
        client.client_event("e", ack_id=2)
        await until(lambda: len(client.acks) == 2)
        assert len(log) == 4


async def test_the_namespaces_own_can_be_added_while_clients_are_there(make: Make) -> None:
    io = make()
    log: list[Any] = []
    io.on("e", lambda socket: log.append("handler"))

    def hear(socket: Socket, event: Any) -> None:
        log.append((socket.id, event))

    async with running(io) as core:
        client = await connected(io, core)
        client.client_event("e")
        await until(lambda: len(log) == 1)
        io.on_any(hear)
        client.client_event("e")
        await until(lambda: len(log) == 3)
        io.off_any(hear)
        client.client_event("e")
        await until(lambda: len(log) == 4)
        assert log == ["handler", (client.id, "e"), "handler", "handler"]


async def test_events_without_a_handler(make: Make) -> None:
    io = make()
    log: list[Any] = []
    io.on("known", lambda socket: "known")

    @io.on("*")
    async def rest(socket: Socket, event: Any, *args: Any) -> Any:
        log.append((event, args))
        return "rest"

    @io.on("connect")
    def connect(socket: Socket) -> None:
        socket.on("own", lambda: "own")
        socket.on("*", lambda event, first: log.append(("own rest", event, first)))

    async with running(io) as core:
        client = await connected(io, core)
        for number, name in enumerate(("known", "own", "unknown", 7, "*", "connection")):
            client.client_event(name, *[1] * (number > 1), ack_id=number)
        await until(lambda: len(client.acks) == 6)
        assert [values for _, values in client.acks] == [("known",), ("own",), *[("rest",)] * 4]
        expected: list[Any] = []
        for name in ("unknown", 7, "*", "connection"):
            expected += [(name, (1,)), ("own rest", name, 1)]
        assert log == expected


async def test_once_for_the_rest_and_taken_away(make: Make) -> None:
    io = make()
    io.once("*", lambda socket, event: event)
    async with running(io) as core:
        client = await connected(io, core)
        for number in range(2):
            client.client_event("x", ack_id=number)
        await settled()
        assert client.acks == [(0, ("x",))]
        io.on("*", lambda socket, event: "again")
        client.client_event("x", ack_id=3)
        await until(lambda: len(client.acks) == 2)
        io.off("*")
        client.client_event("x", ack_id=4)
        await settled()
        assert client.acks == [(0, ("x",)), (3, ("again",))]


def test_a_catch_all_needs_room_for_the_name(make: Make) -> None:
    io = make()

    def alone(socket: Socket) -> None: ...

    with pytest.raises(TypeError, match="gets the name of the event first"):
        io.on("*", alone)


async def test_internal_errors_are_no_unhandled_events(make: Make, caplog: pytest.LogCaptureFixture) -> None:
    io = make()
    log: list[Any] = []
    io.on("*", lambda socket, *args: log.append(args))

    @io.on("e")
    def handler(socket: Socket) -> None:
        raise ValueError("boom")

    async with running(io) as core:
        client = await connected(io, core)
        client.client_event("e")
        await until(lambda: caplog.records)
        client.client_leave()
        await until(lambda: not io.sockets)
        await settled()
        assert log == []


async def test_a_gate_that_disconnects_ends_the_event(make: Make) -> None:
    io = make()
    log: list[str] = []
    io.use_event(lambda socket, packet: socket.disconnect())
    io.on("e", lambda socket: log.append("handler"))
    io.on("disconnect", lambda socket, reason: log.append(reason))
    async with running(io) as core:
        client = await connected(io, core)
        client.client_event("e", ack_id=1)
        await until(lambda: log)
        await settled()
        assert log == ["server namespace disconnect"]
        assert client.acks == []


# Wraps.


@pytest.mark.parametrize("how", ["swallows", "translates", "lets through"])
async def test_a_wrap_sees_the_error(make: Make, how: str) -> None:
    io = make()
    heard: list[str] = []
    io.on_error(Exception, lambda socket, packet, error: heard.append(repr(error)))

    @io.around_event
    async def wrap(socket: Socket, packet: Packet, call_next: Callable[[], Any]) -> Any:
        try:
            return await call_next()
        except ValueError as error:
            if how == "swallows":
                return "instead"
            if how == "translates":
                raise KeyError("translated") from error
            raise

    @io.on("e")
    async def handler(socket: Socket) -> None:
        await anyio.lowlevel.checkpoint()
        raise ValueError("boom")

    async with running(io) as core:
        client = await connected(io, core)
        client.client_event("e", ack_id=1)
        await until(lambda: client.acks or heard)
        await settled()
        assert client.acks == ([(1, ("instead",))] if how == "swallows" else [])
        assert (
            heard
            == {
                "swallows": [],
                "translates": ["KeyError('translated')"],
                "lets through": ["ValueError('boom')"],
            }[how]
        )


async def test_a_wrap_sees_the_first_of_several_errors_and_the_others_are_reported(make: Make) -> None:
    io = make()
    heard: list[Any] = []
    io.on_error(Exception, lambda socket, packet, error: heard.append(("reported", str(error))))

    @io.around_event
    async def wrap(socket: Socket, packet: Packet, call_next: Callable[[], Any]) -> Any:
        with pytest.raises(ValueError, match="first") as caught:
            await call_next()
        heard.append(("seen", str(caught.value)))

    def fail(text: str) -> Any:
        def handler(socket: Socket) -> None:
            raise ValueError(text)

        return handler

    io.on("e", fail("first"))
    io.on("e", fail("second"))
    async with running(io) as core:
        client = await connected(io, core)
        client.client_event("e", ack_id=1)
        await until(lambda: len(heard) == 2)
        await settled()
        assert heard == [("reported", "second"), ("seen", "first")]
        assert client.acks == []


@pytest.mark.parametrize("value", [None, "cached"])
async def test_a_wrap_may_skip_the_handlers(make: Make, value: Any) -> None:
    io = make()
    log: list[str] = []
    io.on("e", lambda socket: log.append("ran"))

    @io.around_event
    async def wrap(socket: Socket, packet: Packet, call_next: Callable[[], Any]) -> Any:
        log.append("wrap")
        return value

    async with running(io) as core:
        client = await connected(io, core)
        client.client_event("e", ack_id=1)
        await until(lambda: log)
        await settled()
        assert log == ["wrap"]
        assert client.acks == ([] if value is None else [(1, ("cached",))])


async def test_none_of_a_wrap_answers_as_of_a_handler(make: Make) -> None:
    io = make()
    io.on("e", lambda socket: "swallowed")

    @io.around_event
    async def wrap(socket: Socket, packet: Packet, call_next: Callable[[], Any]) -> None:
        await call_next()

    async with running(io) as core:
        client = await connected(io, core)
        client.client_event("e", ack_id=1)
        client.client_event("unknown", ack_id=2)
        await until(lambda: client.acks)
        await settled()
        assert client.acks == [(1, ())]


async def test_an_event_goes_on_once(make: Make) -> None:
    io = make()
    log: list[str] = []
    io.on("e", lambda socket: log.append("ran"))
    io.on_error(RuntimeError, lambda socket, packet, error: log.append(str(error)))

    @io.around_event
    async def wrap(socket: Socket, packet: Packet, call_next: Callable[[], Any]) -> None:
        await call_next()
        await call_next()

    async with running(io) as core:
        client = await connected(io, core)
        client.client_event("e")
        await until(lambda: len(log) == 2)
        assert log == ["ran", "call_next() was called twice; an event goes on once"]


async def test_the_long_way_shares_the_sockets_context(make: Make) -> None:
    io = make()
    log: list[Any] = []

    @io.use_event
    async def gate(socket: Socket, packet: Packet) -> None:
        await anyio.lowlevel.checkpoint()
        VARIABLE.set((VARIABLE.get() or 0) + 1)

    io.on("e", lambda socket: log.append(VARIABLE.get()))
    async with running(io) as core:
        client, other = await connected(io, core), await connected(io, core)
        client.client_event("e")
        client.client_event("e")
        other.client_event("e")
        await until(lambda: len(log) == 3)
        assert sorted(log) == [1, 1, 2]


async def test_order_holds_on_the_long_way(make: Make) -> None:
    io = make()
    log: list[Any] = []

    @io.use_event
    async def gate(socket: Socket, packet: Packet) -> None:
        for _ in range(5 - packet.args[0]):
            await anyio.lowlevel.checkpoint()
        if packet.args[0] == 2:
            raise RejectEvent("not this one")

    io.on_error(RejectEvent, lambda socket, packet, error: log.append("rejected"))
    io.on("e", lambda socket, number: log.append(number))
    async with running(io) as core:
        client = await connected(io, core)
        for number in range(5):
            client.client_event("e", number)
        await until(lambda: len(log) == 5)
        assert log == [0, 1, "rejected", 3, 4]


def test_wrong_registrations(make: Make) -> None:
    io = make()
    nothing: Any = None
    for register in (io.use_event, io.around_event, io.on_any, io.prepend_any, io.on_any_outgoing):
        with pytest.raises(TypeError, match="is a function, not NoneType"):
            register(nothing)
