"""Listeners of what is emitted: to one socket, to many, from another thread."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import anyio
import pytest

from unit.conftest import running, settled, until
from unit.test_dispatch import connected, dispatcher_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from sio_fast import Server, Socket

    Make = Callable[..., Server[Any]]

pytestmark = pytest.mark.anyio


@pytest.mark.parity("socket.on_any_outgoing")
async def test_one_socket_listens_to_itself(make: Make) -> None:
    io = make()
    log: list[Any] = []
    sockets: list[Socket] = []
    io.on("connect", sockets.append)

    def one(event: str, *args: Any) -> None:
        log.append(("one", event, args))

    def zero(event: str, *args: Any) -> None:
        log.append(("zero", event))

    async with running(io) as core:
        client, other = await connected(io, core), await connected(io, core)
        socket, second = sockets
        assert not io._space._heard
        socket.on_any_outgoing(one)
        socket.prepend_any_outgoing(zero)
        assert socket.listeners_any_outgoing() == [zero, one]
        socket.emit("e", 1)
        assert log == [("zero", "e"), ("one", "e", (1,))]
        second.emit("e", 2)
        socket.volatile.emit("v")
        assert log[2:] == [("zero", "v"), ("one", "v", ())]
        socket.off_any_outgoing(zero)
        with anyio.move_on_after(0):
            await socket.emit_with_ack("asked", 3)
        assert log[4:] == [("one", "asked", (3,))]
        client.gone = True
        assert not socket.emit("e").accepted
        assert len(log) == 5
        client.gone = False
        socket.off_any_outgoing()
        assert not io._space._heard
        socket.emit("e")
        assert len(log) == 5
        assert other.sent == [("e", 2)]


@pytest.mark.parity("socket.on_any_outgoing", "engine_events.packet_create")
async def test_broadcasts_are_heard_by_those_they_reach(make: Make) -> None:
    io = make()
    log: list[Any] = []
    sockets: list[Socket] = []
    io.on("connect", sockets.append)
    async with running(io) as core:
        clients = [await connected(io, core) for _ in range(3)]
        for number, socket in enumerate(sockets[:2]):
            socket.on_any_outgoing(lambda event, *args, number=number: log.append((number, event, args)))
        space = core.spaces["/"]
        for socket in sockets[1:]:
            socket.join("r")
        io.to("r").emit("e", 1)
        assert log == [(1, "e", (1,))]
        io.on_any_outgoing(lambda socket, event, *args: log.append((socket.id, event)))
        io.to("r").emit("f")
        assert log[1:] == [(clients[1].id, "f"), (1, "f", ()), (clients[2].id, "f")]
        assert len(io.listeners_any_outgoing()) == 1
        io.off_any_outgoing()
        sockets[1].off_any_outgoing()
        sockets[0].off_any_outgoing()
        io.emit("g")
        assert len(log) == 4
        assert len(space.broadcasts) == 3


async def test_from_another_thread_they_run_on_the_loop(make: Make) -> None:
    io = make()
    log: list[Any] = []
    sockets: list[Socket] = []
    io.on("connect", sockets.append)

    def hear(socket: Socket, event: str) -> None:
        log.append((event, threading.get_ident()))

    io.on_any_outgoing(hear)
    async with running(io) as core:
        await connected(io, core)
        await anyio.to_thread.run_sync(sockets[0].emit, "one")
        await anyio.to_thread.run_sync(io.emit, "all")
        await until(lambda: len(log) == 2)
        assert log == [("one", threading.get_ident()), ("all", threading.get_ident())]


async def test_a_listener_that_fails_fails_no_emit(make: Make, caplog: pytest.LogCaptureFixture) -> None:
    io = make()
    sockets: list[Socket] = []
    log: list[str] = []
    io.on("connect", sockets.append)

    @io.on_any_outgoing
    def bad(socket: Socket, event: str) -> None:
        raise ValueError("boom")

    async with running(io) as core:
        client = await connected(io, core)
        sockets[0].on_any_outgoing(log.append)
        assert sockets[0].emit("e").accepted
        assert client.sent == [("e",)]
        assert log == ["e"]
    assert "boom" in caplog.text


async def test_a_socket_that_left_is_forgotten(make: Make) -> None:
    io = make()
    sockets: list[Socket] = []
    io.on("connect", sockets.append)
    async with running(io) as core:
        client = await connected(io, core)
        sockets[0].on_any_outgoing(lambda event: None)
        assert io._space._heard
        client.client_leave()
        await until(lambda: client.handle not in dispatcher_of(io)._lanes)
        await settled()
        assert not io._space._heard
        sockets[0].prepend_any_outgoing(lambda event: None)
        assert not io._space._heard


def test_async_listeners_are_refused(make: Make) -> None:
    io = make()

    async def hear(socket: Socket, event: str) -> None: ...

    with pytest.raises(TypeError, match="plain function"):
        io.on_any_outgoing(hear)
    with pytest.raises(TypeError, match="plain function"):
        io.prepend_any_outgoing(hear)
