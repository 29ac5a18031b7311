"""Starting, closing, starting again."""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING, Any

import anyio
import pytest

from sio_fast import Listener, Server, Socket
from unit.conftest import core_of, running, settled, until
from unit.test_dispatch import connected, dispatcher_of

if TYPE_CHECKING:
    from collections.abc import Callable

    Make = Callable[..., Server[Any]]


def test_making_one_opens_nothing() -> None:
    threads, descriptors = threading.active_count(), len(os.listdir("/proc/self/fd"))
    servers = [Server() for _ in range(5)]
    assert threading.active_count() == threads
    assert len(os.listdir("/proc/self/fd")) == descriptors
    assert all(server.addresses == () for server in servers)


def test_emitting_before_the_start_reaches_nobody() -> None:
    io = Server()
    assert io.emit("x", 1).accepted
    assert io.to("room").volatile.emit("x").accepted
    assert io.engine.clients_count == 0
    assert io.stats()["sockets"] == 0
    assert len(io.sockets) == 0
    assert "not running" in repr(io)


def test_values_out_of_range_name_the_option() -> None:
    with pytest.raises(ValueError, match="ping_interval"):
        Server(ping_interval=-1)
    with pytest.raises(TypeError, match="allow_upgrades"):
        Server(allow_upgrades="yes")  # type: ignore[arg-type]


@pytest.mark.anyio
async def test_start_close_start(make: Make) -> None:
    io = make()
    for number in range(2):
        async with anyio.create_task_group() as tasks:
            listener = await tasks.start(io.serve, "::1", 0)
            assert listener == Listener(12345, (("::1", 12345),))
            assert io.addresses == (("::1", 12345),)
            await io.close(grace=1)
            assert io.addresses == ()
            await io.close()
        assert core_of(io).joins == number + 1


def test_another_back_end_afterwards(make: Make) -> None:
    io = make()

    async def main() -> None:
        async with running(io) as core:
            await connected(io, core)

    for backend in ("asyncio", "trio", "asyncio"):
        anyio.run(main, backend=backend)
    assert core_of(io).joins == 3


@pytest.mark.anyio
async def test_a_restart_inside_the_same_task(make: Make) -> None:
    io = make()
    async with anyio.create_task_group() as tasks:
        await tasks.start(io.serve)
        await io.close()
        await tasks.start(io.serve)
        await io.close()


@pytest.mark.anyio
async def test_twice_at_once(make: Make) -> None:
    io, other = make(), make()
    async with running(io), running(other):
        with pytest.raises(RuntimeError, match="serves already"):
            await io.serve()


@pytest.mark.parity("close.never_started")
@pytest.mark.anyio
async def test_closing_what_does_not_run(make: Make) -> None:
    io = make()
    with anyio.fail_after(1):
        await io.close()


@pytest.mark.anyio
async def test_a_busy_port(make: Make) -> None:
    io = make()
    core = core_of(io)
    core.listen_error = OSError(98, "Address already in use")
    with pytest.raises(OSError, match="in use"):
        await io.serve()
    assert core.joins == 1
    core.listen_error = None
    async with running(io):
        pass


@pytest.mark.anyio
async def test_what_the_listener_is_told(make: Make, tmp_path: Any) -> None:
    io = make(serve_client=tmp_path)
    async with anyio.create_task_group() as tasks:
        await tasks.start(
            lambda task_status: io.serve(
                "0.0.0.0",
                1,
                backlog=7,
                io_threads=2,
                header_timeout=3,
                static_files={"/": tmp_path},
                task_status=task_status,
            )
        )
        assert core_of(io).listened == {
            "host": "0.0.0.0",
            "port": 1,
            "backlog": 7,
            "io_threads": 2,
            "header_timeout": 3,
            "static_files": [("/", str(tmp_path))],
            "serve_client": str(tmp_path),
            "app": None,
            "uds": None,
        }
        await io.close()
    with pytest.raises(ValueError, match="does not exist"):
        await io.serve(static_files={"/": tmp_path / "nowhere"})
    for wrong in (0, 65, "2"):
        with pytest.raises(ValueError, match="io_threads is"):
            await io.serve(io_threads=wrong)  # type: ignore[arg-type]


@pytest.mark.anyio
async def test_handlers_get_the_grace(make: Make) -> None:
    io = make()
    log: list[str] = []

    @io.on("short")
    async def short(socket: Socket) -> None:
        while not core_of(io).graces:
            await anyio.lowlevel.checkpoint()
        log.append("short ended")

    @io.on("long")
    async def long(socket: Socket) -> None:
        try:
            await anyio.sleep_forever()
        finally:
            log.append("long cancelled")

    @io.on("disconnect")
    async def gone(socket: Socket, reason: str) -> None:
        await anyio.lowlevel.checkpoint()
        log.append(reason)

    async with running(io, grace=0.4) as core:
        one, other = await connected(io, core), await connected(io, core)
        one.client_event("short")
        other.client_event("long")
        await until(lambda: dispatcher_of(io).running() == 2)
    # Who of the two leaves first is for the loop to say once half of the grace is over; that both do is not.
    assert sorted(log[:-1]) == ["server shutting down", "server shutting down", "short ended"]
    assert log[-1] == "long cancelled"
    assert core.graces[0] == 0.4


@pytest.mark.anyio
async def test_even_without_grace_handlers_see_the_end(make: Make) -> None:
    io = make()
    log: list[str] = []
    io.on("disconnect", lambda socket, reason: log.append(reason))

    @io.on("e")
    async def handler(socket: Socket) -> None:
        await anyio.sleep_forever()

    async with running(io, grace=0) as core:
        busy = await connected(io, core)
        await connected(io, core)
        busy.client_event("e")
        await until(lambda: dispatcher_of(io).running() == 1)
    assert log == ["server shutting down"] * 2


@pytest.mark.anyio
async def test_a_handler_may_close_the_server(make: Make) -> None:
    io = make()
    log: list[str] = []

    @io.on("stop")
    async def stop(socket: Socket) -> None:
        await io.close(grace=0.2)
        log.append("closed")

    @io.on("disconnect")
    def gone(socket: Socket, reason: str) -> None:
        log.append(reason)

    async with anyio.create_task_group() as tasks:
        await tasks.start(io.serve)
        core = core_of(io)
        client = await connected(io, core)
        with anyio.fail_after(5):
            client.client_event("stop")
            await until(lambda: io._lifetime is None)
    assert log == ["server shutting down", "closed"]


@pytest.mark.anyio
async def test_pending_asks_end_with_the_server(make: Make) -> None:
    io = make()
    errors: list[Any] = []

    async with anyio.create_task_group() as tasks:
        await tasks.start(io.serve)
        client = await connected(io, core_of(io))
        socket = io.sockets[client.id]

        async def ask() -> None:
            try:
                await socket.emit_with_ack("q")
            except ConnectionError as error:
                errors.append(error.reason)  # type: ignore[attr-defined]

        tasks.start_soon(ask)
        await until(lambda: client.sent)
        await io.close()
    assert errors == ["server shutting down"]


@pytest.mark.anyio
async def test_grace_is_a_number_of_seconds(make: Make) -> None:
    io = make()
    async with running(io):
        for wrong in (-1, float("nan")):
            with pytest.raises(ValueError, match="grace"):
                await io.close(grace=wrong)


@pytest.mark.anyio
async def test_stats_count_handlers(make: Make) -> None:
    io = make()
    gate = anyio.Event()

    @io.on("e")
    async def handler(socket: Socket) -> None:
        await gate.wait()

    async with running(io) as core:
        client = await connected(io, core)
        client.client_event("e")
        await until(lambda: io.stats()["handlers_running"] == 1)
        gate.set()
        await until(lambda: io.stats()["handlers_running"] == 0)
        await settled()


def test_a_fork_after_the_start() -> None:
    """The hook is installed: a child of a serving process says so."""
    import subprocess
    import sys

    program = """
import os, warnings, anyio, sio_fast
warnings.simplefilter("ignore")
io = sio_fast.Server()
io.of("/admin")
async def main():
    async with anyio.create_task_group() as tasks:
        await tasks.start(io.serve, "127.0.0.1", 0)
        child = os.fork()
        if child == 0:
            found = 0
            for call in (io.emit, io.to("a").emit, io.of("/admin").emit):
                try:
                    call("x")
                except sio_fast.NotRunning:
                    found += 1
            try:
                io.serve().send(None)
            except sio_fast.NotRunning:
                found += 1
            os._exit(40 + found if io.addresses == () else 1)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 44
        assert io.emit("x").accepted
        await io.close(grace=0.5)
anyio.run(main)
child = os.fork()
if child == 0:
    os._exit(43 if io.emit("x").accepted else 1)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 43
"""
    subprocess.run([sys.executable, "-c", program], check=True, timeout=30)
