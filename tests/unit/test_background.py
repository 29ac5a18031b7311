"""Tasks of the server itself: when they may start, how they end, what becomes of their errors."""

from __future__ import annotations

import contextvars
import logging
from typing import TYPE_CHECKING, Any

import anyio
import pytest

from sio_fast import NotRunning, Server, Socket, current_socket
from unit.conftest import running, until
from unit.test_dispatch import connected

if TYPE_CHECKING:
    from collections.abc import Callable

    Make = Callable[..., Server[Any]]

pytestmark = pytest.mark.anyio

VARIABLE: contextvars.ContextVar[str] = contextvars.ContextVar("variable", default="unset")


async def test_a_task_runs_beside_and_is_cancelled_at_the_end(make: Make) -> None:
    io = make()
    log: list[Any] = []

    async def task(number: int, text: str) -> None:
        log.append((number, text))
        try:
            await anyio.sleep_forever()
        finally:
            log.append("cancelled")

    async with running(io, grace=60):  # nobody waits that long for it
        io.start_soon(task, 1, "x")
        await until(lambda: log)
    assert log == [(1, "x"), "cancelled"]


async def test_it_ends_behind_the_handlers(make: Make) -> None:
    io = make()
    log: list[str] = []

    async def task() -> None:
        try:
            await anyio.sleep_forever()
        finally:
            log.append("task")

    @io.on("disconnect")
    async def gone(socket: Socket, reason: str) -> None:
        for _ in range(5):
            await anyio.lowlevel.checkpoint()
        log.append(reason)

    async with running(io) as core:
        await connected(io, core)
        io.start_soon(task)
    assert log == ["server shutting down", "task"]


async def test_one_that_a_handler_starts_outlives_its_socket(make: Make) -> None:
    io = make()
    go = anyio.Event()
    log: list[Any] = []

    async def task() -> None:
        await go.wait()
        log.append((current_socket.get(None), VARIABLE.get()))

    @io.on("connect")
    async def connect(socket: Socket) -> None:
        VARIABLE.set("of the socket")
        io.start_soon(task)

    VARIABLE.set("of the server")
    async with running(io) as core:
        client = await connected(io, core)
        client.client_leave()
        await until(lambda: not io.sockets)
        go.set()
        await until(lambda: log)
    assert log == [(None, "of the server")]


async def test_errors_go_to_the_log_and_end_nothing(make: Make, caplog: pytest.LogCaptureFixture) -> None:
    io = make()
    heard: list[str] = []
    io.on_error(Exception, lambda socket, packet, error: heard.append(repr(error)))

    async def fails() -> None:
        await anyio.lowlevel.checkpoint()
        raise KeyError("boom")

    def at_once() -> Any:
        raise KeyError("at once")

    async with running(io) as core:
        with caplog.at_level(logging.ERROR, "sio_fast.server"):
            io.start_soon(fails)
            io.start_soon(at_once)
            await until(lambda: len(caplog.records) == 2)
        assert {str(record.exc_info[1]) for record in caplog.records if record.exc_info} == {"'boom'", "'at once'"}
        assert (await connected(io, core)).connected
    assert heard == []


async def test_a_task_may_end_the_program(make: Make) -> None:
    io = make()
    left: list[str] = []

    async def exits() -> None:
        await anyio.lowlevel.checkpoint()
        raise SystemExit(7)

    io.on("connect", lambda socket: io.start_soon(exits))
    io.on("disconnect", lambda socket, reason: left.append(reason))
    caught: BaseException | None = None
    async with anyio.create_task_group() as tasks:
        core: Any = io._core
        tasks.start_soon(anyio.to_thread.run_sync, core.client_connect)
        try:
            await io.serve()
        except SystemExit as error:
            caught = error
    assert caught is not None
    assert left == ["server shutting down"]


async def test_a_task_may_close_the_server(make: Make) -> None:
    io = make()

    async def closes() -> None:
        await io.close(grace=1)

    with anyio.fail_after(5):
        async with anyio.create_task_group() as tasks:
            await tasks.start(io.serve)
            io.start_soon(closes)
    assert io.addresses == ()


async def test_a_server_that_does_not_run_starts_nothing(make: Make) -> None:
    io = make()

    async def task() -> None: ...

    with pytest.raises(NotRunning, match="running server"):
        io.start_soon(task)
    async with running(io):
        io.start_soon(task)
    with pytest.raises(NotRunning, match="running server"):
        io.start_soon(task)


async def test_another_thread_is_told_how(make: Make) -> None:
    io = make()
    log: list[str] = []

    async def task() -> None:
        log.append("ran")

    async with running(io):
        with pytest.raises(RuntimeError, match=r"anyio\.from_thread\.run_sync"):
            await anyio.to_thread.run_sync(io.start_soon, task)
        await anyio.to_thread.run_sync(anyio.from_thread.run_sync, io.start_soon, task)
        await until(lambda: log)
        wrong: Any = None
        with pytest.raises(TypeError, match="what start_soon starts"):
            io.start_soon(wrong)
