"""Acks, drained connections, deadlines."""

from __future__ import annotations

from typing import Any

import anyio
import pytest

from sio_fast import AckTimeout, DisconnectedError
from sio_fast.waits import Waits, process_drained
from unit.conftest import until
from unit.fake_core import FakeCore, FakeSocketCore

pytestmark = pytest.mark.anyio


def make() -> tuple[Waits, FakeCore, FakeSocketCore]:
    core = FakeCore(None)
    waits = Waits(core, 1000)  # type: ignore[arg-type]
    waits.open()
    socket = core.client_connect()
    socket.accept()
    return waits, core, socket


async def waiting(waits: Waits, socket: Any, ack_id: int, timeout: float | None, results: list[Any]) -> None:
    try:
        results.append(await waits.ack(socket, ack_id, timeout))
    except (AckTimeout, DisconnectedError) as error:
        results.append(error)


@pytest.mark.parametrize(("values", "expected"), [((), None), ((1,), 1), ((1, 2), (1, 2)), ((None,), None)])
async def test_values(values: tuple[Any, ...], expected: Any) -> None:
    waits, _, socket = make()
    results: list[Any] = []
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(waiting, waits, socket, 7, None, results)
        await until(lambda: waits._acks)
        waits.answered(socket.handle, 8, ("other",))
        waits.answered(socket.handle + 1, 7, ("other",))
        waits.answered(socket.handle, 7, values)
    assert results == [expected]
    assert not waits._acks
    assert not socket.forgotten
    waits.answered(socket.handle, 7, ("late",))


async def test_timeout_is_the_cores() -> None:
    waits, core, socket = make()
    results: list[Any] = []
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(waiting, waits, socket, 7, 2.5, results)
        await until(lambda: core.deadlines)
        [token] = core.deadlines
        assert core.deadlines[token] == 2.5
        waits.expired(token)
    [error] = results
    assert isinstance(error, AckTimeout)
    assert (error.responses, error.missing) == ([], [socket.id])
    assert socket.forgotten == [7]
    waits.expired(token)


async def test_an_answer_cancels_the_deadline() -> None:
    waits, core, socket = make()
    results: list[Any] = []
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(waiting, waits, socket, 7, 2.5, results)
        await until(lambda: core.deadlines)
        waits.answered(socket.handle, 7, ("a",))
    assert results == ["a"]
    assert len(core.cancelled) == 1
    assert not waits._deadlines


async def test_leaving_settles_at_once() -> None:
    waits, _, socket = make()
    results: list[Any] = []
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(waiting, waits, socket, 7, None, results)
        await until(lambda: waits._acks)
        waits.left(socket.handle, "ping timeout", socket.session)
    assert isinstance(results[0], DisconnectedError)
    assert results[0].reason == "ping timeout"


async def test_cancelling_forgets() -> None:
    waits, _, socket = make()
    with anyio.move_on_after(0.01):
        await waits.ack(socket, 7, None)  # type: ignore[arg-type]
    assert socket.forgotten == [7]
    assert not waits._acks


async def test_drained_wakes_everybody_of_the_session() -> None:
    waits, _, socket = make()
    socket.buffered_amount = 5000
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(waits.drain, socket)
        tasks.start_soon(waits.drain, socket)
        await until(lambda: len(waits._drains.get(socket.session, ())) == 2)
        waits.drained(socket.session)
    assert not waits._drains


async def test_leaving_wakes_only_the_socket_itself() -> None:
    waits, core, socket = make()
    other = core.client_connect(session=socket.session)
    other.accept()
    socket.buffered_amount = other.buffered_amount = 5000
    done: list[str] = []

    async def wait(name: str, of: Any) -> None:
        await waits.drain(of)
        done.append(name)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(wait, "one", socket)
        tasks.start_soon(wait, "other", other)
        await until(lambda: len(waits._drains.get(socket.session, ())) == 2)
        waits.left(socket.handle, "x", socket.session)
        await until(lambda: done)
        await anyio.sleep(0.01)
        assert done == ["one"]
        waits.close("x")
    assert done == ["one", "other"]


@pytest.mark.parity("send.not_called")
async def test_no_wait_below_the_mark_or_when_gone() -> None:
    waits, _, socket = make()
    with anyio.fail_after(1):
        await waits.drain(socket)  # type: ignore[arg-type]
        socket.buffered_amount = 5000
        socket.client_leave()
        await waits.drain(socket)  # type: ignore[arg-type]


async def test_a_foreign_thread_looks_at_the_amount() -> None:
    waits, _, socket = make()
    socket.buffered_amount = 501
    done: list[float] = []

    async def elsewhere() -> None:
        await waits.drain(socket)  # type: ignore[arg-type]
        done.append(1)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(anyio.to_thread.run_sync, anyio.run, elsewhere)
        await anyio.sleep(0.05)
        assert not done
        assert not waits._drains
        socket.buffered_amount = 500
    assert done


async def test_the_process() -> None:
    core: Any = FakeCore(None)
    core.congested = True
    done: list[int] = []

    async def wait() -> None:
        await process_drained(core)
        done.append(1)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(wait)
        await anyio.sleep(0.05)
        assert not done
        core.congested = False
    assert done
