"""The options of a handler: worker threads, cancellation with the connection; and tasks of a socket."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import anyio
import anyio.from_thread
import pytest

from sio_fast import Ack, Server, Socket, current_socket
from unit.conftest import core_of, running, settled, until
from unit.test_dispatch import VARIABLE, connected, dispatcher_of, lane_of

if TYPE_CHECKING:
    from collections.abc import Callable

    Make = Callable[..., Server[Any]]

pytestmark = pytest.mark.anyio


# Worker threads.


async def test_a_thread_runs_it_in_order_and_with_the_context(make: Make) -> None:
    io = make()
    loop = threading.get_ident()
    log: list[Any] = []

    @io.on("connect")
    def connect(socket: Socket) -> None:
        VARIABLE.set("tenant")

    @io.on("slow", thread=True)
    def slow(socket: Socket, gate: Any) -> str:
        gate.wait(5)
        log.append(("slow", threading.get_ident() != loop, VARIABLE.get(), current_socket.get() is socket))
        return "slow"

    io.on("quick", lambda socket: log.append("quick"))
    async with running(io) as core:
        client = await connected(io, core)
        gate = threading.Event()
        client.client_event("slow", gate, ack_id=1)
        client.client_event("quick")
        await settled()
        assert log == []
        gate.set()
        await until(lambda: len(log) == 2)
        assert log == [("slow", True, "tenant", True), "quick"]
        assert client.acks == [(1, ("slow",))]


async def test_a_thread_may_answer_by_hand_and_fail(make: Make) -> None:
    io = make()
    heard: list[str] = []
    io.on_error(ValueError, lambda socket, packet, error: heard.append(str(error)))

    @io.on("e", thread=True)
    def handler(socket: Socket, ack: Ack) -> None:
        ack("by hand")
        raise ValueError("boom")

    async with running(io) as core:
        client = await connected(io, core)
        client.client_event("e", ack_id=1)
        await until(lambda: heard)
        assert client.acks == [(1, ("by hand",))]


async def test_lifecycle_handlers_may_run_in_threads(make: Make) -> None:
    io = make()
    loop = threading.get_ident()
    log: list[Any] = []

    def note(socket: Socket, *args: Any) -> None:
        log.append((threading.get_ident() != loop, args))

    for name in ("connect", "disconnecting", "disconnect"):
        io.on(name, note, thread=True)
    async with running(io) as core:
        client = await connected(io, core)
        client.client_leave()
        await until(lambda: len(log) == 3)
        assert log == [(True, ()), (True, ("transport close",)), (True, ("transport close",))]


# Cancellation with the connection.


@pytest.mark.parity("faults.orphans")
@pytest.mark.parametrize("how", ["peer", "server", "server from a thread", "itself"])
async def test_cancelled_when_the_socket_leaves(make: Make, caplog: pytest.LogCaptureFixture, how: str) -> None:
    io = make()
    log: list[str] = []
    sockets: list[Socket] = []
    io.on("connect", sockets.append)
    io.on("disconnect", lambda socket, reason: log.append("disconnect"))

    @io.on("e", cancel_on_disconnect=True)
    async def handler(socket: Socket) -> str:
        log.append("start")
        if how == "itself":
            socket.disconnect()
        try:
            await anyio.sleep_forever()
        finally:
            log.append("end")
        return "unreachable"

    async with running(io) as core:
        client = await connected(io, core)
        client.client_event("e", ack_id=1)
        await until(lambda: log)
        if how == "peer":
            client.client_leave()
        elif how == "server":
            sockets[0].disconnect()
        elif how == "server from a thread":
            await anyio.to_thread.run_sync(sockets[0].disconnect)
        await until(lambda: len(log) == 3)
        assert log == ["start", "end", "disconnect"]
        assert client.acks == []
        # The worker lives on.
        other = await connected(io, core)
        other.client_event("e")
        await until(lambda: len(log) > 3)
    assert caplog.records == []


async def test_others_finish(make: Make) -> None:
    io = make()
    gate = anyio.Event()
    log: list[str] = []

    @io.on("e")
    async def handler(socket: Socket) -> None:
        await gate.wait()
        log.append("finished")

    async with running(io) as core:
        client = await connected(io, core)
        client.client_event("e")
        await settled()
        client.client_leave()
        await settled()
        gate.set()
        await until(lambda: log)


async def test_one_that_starts_too_late_ends_where_it_first_waits(make: Make) -> None:
    io = make()
    log: list[str] = []
    gate = anyio.Event()
    io.on("first", lambda socket: gate.wait())

    @io.on("e", cancel_on_disconnect=True)
    async def handler(socket: Socket) -> None:
        log.append("start")
        await anyio.sleep_forever()

    io.on("disconnect", lambda socket, reason: log.append("disconnect"))
    async with running(io) as core:
        client = await connected(io, core)
        client.client_event("first")
        client.client_event("e")
        client.client_leave()
        await settled()
        gate.set()
        await until(lambda: len(log) == 2)
        assert log == ["start", "disconnect"]


async def test_it_returns_and_fails_like_any_other(make: Make) -> None:
    io = make()
    heard: list[str] = []
    io.on_error(ValueError, lambda socket, packet, error: heard.append(str(error)))

    @io.on("e", cancel_on_disconnect=True)
    async def handler(socket: Socket, fail: bool) -> str:
        await anyio.lowlevel.checkpoint()
        if fail:
            raise ValueError("boom")
        return "value"

    async with running(io) as core:
        client = await connected(io, core)
        client.client_event("e", False, ack_id=1)
        client.client_event("e", True, ack_id=2)
        await until(lambda: heard)
        assert client.acks == [(1, ("value",))]
        assert lane_of(io, client).scopes == set()


def test_options_that_do_not_fit(make: Make) -> None:
    io = make()

    async def asynchronous(socket: Socket) -> None: ...
    def plain(socket: Socket) -> None: ...

    with pytest.raises(TypeError, match="thread=True is for plain functions"):
        io.on("e", asynchronous, thread=True)
    with pytest.raises(TypeError, match="cancel_on_disconnect=True is for async ones"):
        io.on("e", plain, cancel_on_disconnect=True)
    with pytest.raises(TypeError, match="cannot be cancelled on disconnect"):
        io._space._register("disconnect", asynchronous, cancel_on_disconnect=True)


# Tasks of a socket.


async def test_a_task_of_a_socket_has_its_context_and_ends_behind_disconnect(make: Make) -> None:
    io = make()
    log: list[Any] = []

    async def task(number: int) -> None:
        log.append((number, VARIABLE.get(), current_socket.get().id))
        VARIABLE.set("changed")
        try:
            await anyio.sleep_forever()
        finally:
            log.append("cancelled")

    @io.on("connect")
    async def connect(socket: Socket) -> None:
        VARIABLE.set("tenant")
        socket.start_soon(task, 1)

    @io.on("disconnect")
    async def gone(socket: Socket, reason: Any) -> None:
        await anyio.lowlevel.checkpoint()
        log.append(VARIABLE.get())

    async with running(io) as core:
        client = await connected(io, core)
        await until(lambda: log)
        assert dispatcher_of(io).running() == 0
        client.client_leave()
        await until(lambda: len(log) == 3)
        assert log == [(1, "tenant", client.id), "tenant", "cancelled"]


async def test_a_task_that_ends_or_fails(make: Make) -> None:
    io = make()
    heard: list[Any] = []
    sockets: list[Socket] = []
    io.on("connect", sockets.append)
    io.on_error(ValueError, lambda socket, packet, error: heard.append((socket.id, packet.name, str(error))))

    async def ends() -> None:
        heard.append("ended")

    async def fails() -> None:
        await anyio.lowlevel.checkpoint()
        raise ValueError("boom")

    async with running(io) as core:
        client = await connected(io, core)
        sockets[0].start_soon(ends)
        sockets[0].start_soon(fails)
        await until(lambda: len(heard) == 2)
        assert heard == ["ended", (client.id, "start_soon", "boom")]
        await until(lambda: not lane_of(io, client).tasks)
        assert client.connected


async def test_tasks_of_a_refused_socket_end(make: Make) -> None:
    io = make()
    log: list[str] = []

    async def task() -> None:
        log.append("start")
        try:
            await anyio.sleep_forever()
        finally:
            log.append("end")

    @io.use
    async def gate(socket: Socket) -> None:
        socket.start_soon(task)
        await until(lambda: log)
        raise ValueError("no")

    async with running(io) as core:
        client = core.client_connect()
        await until(lambda: client.refused)
        await until(lambda: len(log) == 2)
        assert log == ["start", "end"]


async def test_a_socket_that_left_starts_nothing(make: Make) -> None:
    io = make()
    sockets: list[Socket] = []
    log: list[str] = []
    io.on("connect", sockets.append)

    async def task() -> None:
        log.append("started")

    async with running(io) as core:
        client = await connected(io, core)
        client.client_leave()
        await until(lambda: client.handle not in dispatcher_of(io)._lanes)
        sockets[0].start_soon(task)
        await settled()
        assert log == []


async def test_start_soon_on_another_thread_says_how(make: Make) -> None:
    io = make()
    sockets: list[Socket] = []
    io.on("connect", sockets.append)

    async def task() -> None: ...

    async with running(io) as core:
        await connected(io, core)
        with pytest.raises(RuntimeError, match=r"anyio\.from_thread\.run_sync"):
            await anyio.to_thread.run_sync(sockets[0].start_soon, task)
        wrong: Any = None
        with pytest.raises(TypeError, match="what start_soon starts"):
            sockets[0].start_soon(wrong)


async def test_the_end_of_the_server_ends_tasks(make: Make) -> None:
    io = make()
    log: list[str] = []

    async def task() -> None:
        try:
            await anyio.sleep_forever()
        finally:
            log.append("cancelled")

    io.on("connect", lambda socket: socket.start_soon(task))
    async with running(io) as core:
        await connected(io, core)
        await settled()
        assert core is core_of(io)
    assert log == ["cancelled"]
