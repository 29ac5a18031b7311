"""What wakes a task on the loop, the same on every back-end."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

import anyio
import pytest
from anyio.lowlevel import checkpoint

from sio_fast.wake import Signal, reader, signal

pytestmark = pytest.mark.anyio


@pytest.fixture(
    params=[
        pytest.param(("asyncio", {"use_uvloop": False}), id="asyncio"),
        pytest.param(("asyncio", {"use_uvloop": True}), id="uvloop"),
        pytest.param(("trio", {}), id="trio"),
    ]
)
def anyio_backend(request: pytest.FixtureRequest) -> Any:
    return request.param


async def test_what_was_told_before_the_wait_is_kept_and_several_are_one() -> None:
    told = signal()
    told.tell()
    told.tell()
    with anyio.fail_after(5):
        await told.wait()
    with anyio.move_on_after(0.01) as scope:
        await told.wait()
    assert scope.cancelled_caught


async def test_whoever_waits_is_woken_however_often_it_is_told() -> None:
    told, heard = signal(), 0

    async def listen() -> None:
        nonlocal heard
        while True:
            await told.wait()
            heard += 1

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(listen)
        for count in (1, 2, 3):
            await anyio.wait_all_tasks_blocked()
            told.tell()
            told.tell()
            await anyio.wait_all_tasks_blocked()
            assert heard == count
        tasks.cancel_scope.cancel()


async def test_a_cancelled_wait_leaves_what_is_told_meanwhile_to_the_next() -> None:
    told = signal()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(told.wait)
        await anyio.wait_all_tasks_blocked()
        tasks.cancel_scope.cancel()
        told.tell()
    with anyio.fail_after(5):
        await told.wait()
    await checkpoint()


async def test_asyncio_has_its_own(anyio_backend_name: str) -> None:
    assert (type(signal()) is Signal) is (anyio_backend_name == "trio")


def test_a_descriptor_may_wake_a_task_under_a_loop_that_anyio_did_not_start() -> None:
    # As under an ASGI server. Callbacks run in no task, and sniffio, which trio brings, would not know the library.
    async def main() -> None:
        ran = asyncio.Event()
        source, sink = socket.socketpair()

        async def run() -> None:
            ran.set()

        with source, sink:
            async with asyncio.timeout(10), anyio.create_task_group() as tasks:

                def wake() -> None:
                    source.recv(1)
                    tasks.start_soon(run)

                with reader(source.fileno(), wake):
                    sink.send(b"x")
                    await ran.wait()

    asyncio.run(main())
