"""Coroutines stepped by hand."""

from __future__ import annotations

import contextvars
from typing import Any

import anyio
import pytest

from sio_fast.run import Run, outcome

pytestmark = pytest.mark.anyio

VARIABLE: contextvars.ContextVar[str] = contextvars.ContextVar("variable", default="outside")


def begin(coro: Any, context: contextvars.Context) -> Run:
    lane: Any = None
    return Run(lane, context, coro, context.run(coro.send, None), "e", (), -1)


async def test_value_and_context() -> None:
    async def handler() -> str:
        VARIABLE.set("inside")
        await anyio.sleep(0.001)
        assert VARIABLE.get() == "inside"
        await anyio.lowlevel.checkpoint()
        return VARIABLE.get()

    context = contextvars.copy_context()
    run = begin(handler(), context)
    assert await run is None
    assert run.value == "inside"
    assert VARIABLE.get() == "outside"
    assert context[VARIABLE] == "inside"


async def test_errors_are_returned() -> None:
    async def handler() -> None:
        await anyio.lowlevel.checkpoint()
        raise GeneratorExit

    run = begin(handler(), contextvars.copy_context())
    assert isinstance(await run, GeneratorExit)


async def test_scopes_and_groups_work_inside() -> None:
    async def handler() -> list[str]:
        seen: list[str] = []
        with anyio.move_on_after(0.005):
            await anyio.sleep(10)
            seen.append("never")
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(anyio.sleep, 0.001)
        seen.append("end")
        return seen

    run = begin(handler(), contextvars.copy_context())
    assert await run is None
    assert run.value == ["end"]


async def test_cancellation_from_outside_reaches_the_coroutine() -> None:
    seen: list[str] = []

    async def handler() -> None:
        try:
            await anyio.sleep(10)
        finally:
            seen.append("cleaned")

    with anyio.move_on_after(0.005) as scope:
        error = await begin(handler(), contextvars.copy_context())
        if error is not None:
            raise error
    assert scope.cancelled_caught
    assert seen == ["cleaned"]


async def test_closing_closes_the_coroutine() -> None:
    seen: list[str] = []

    async def shell(run: Run) -> None:
        await run

    class Suspend:
        def __await__(self) -> Any:
            yield None

    async def simple() -> None:
        try:
            await Suspend()
        finally:
            seen.append("closed")

    outer = shell(begin(simple(), contextvars.copy_context()))
    outer.send(None)
    outer.close()
    assert seen == ["closed"]


async def test_outcome() -> None:
    async def fine() -> int:
        await anyio.lowlevel.checkpoint()
        return 3

    async def bad() -> int:
        await anyio.lowlevel.checkpoint()
        raise ValueError("x")

    async def at_once() -> int:
        raise KeyError

    class Awaitable:
        def __await__(self) -> Any:
            yield from anyio.lowlevel.checkpoint().__await__()
            return 4

    assert await outcome(fine()) == (None, 3)
    assert await outcome(Awaitable()) == (None, 4)
    error, value = await outcome(bad())
    assert isinstance(error, ValueError)
    assert value is None
    error, _ = await outcome(at_once())
    assert isinstance(error, KeyError)
