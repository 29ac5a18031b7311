"""When an event loop is quiet: every task waits for something that only time, a thread or the outside can bring.

Refuses to know what the tasks are for.
"""

from __future__ import annotations

import asyncio
from typing import Any, Final

import anyio
from anyio.lowlevel import checkpoint

__all__ = ("quiet",)

# What a readable descriptor calls runs one turn after the loop has seen it, and what that wakes another turn later.
_TURNS: Final = 4

_waiting: set[asyncio.Task[Any]] = set()
"""Those who wait for the same; each would otherwise keep the others from it."""


async def quiet(limit: float) -> None:
    """Returns when nothing can run but who waits here.

    Args:
        limit: Real seconds.

    Raises:
        RuntimeError: It never is: some task asks for its turn again and again.
    """
    try:
        task = asyncio.current_task()
    except RuntimeError:
        task = None
    if task is None:
        with anyio.move_on_after(limit) as scope:
            await anyio.wait_all_tasks_blocked()
        if scope.cancelled_caught:
            raise RuntimeError(_never(limit, ""))
        return
    _waiting.add(task)
    try:
        await _quiet(limit)
    finally:
        _waiting.discard(task)


async def _quiet(limit: float) -> None:
    loop = asyncio.get_running_loop()
    until = loop.time() + limit
    turns = 0
    while turns < _TURNS:
        await checkpoint()
        busy = next((task for task in asyncio.all_tasks(loop) if _may_run(task)), None)
        turns = 0 if busy is not None else turns + 1
        if busy is not None and loop.time() > until:
            raise RuntimeError(_never(limit, f", above all {busy!r}"))


def _may_run(task: asyncio.Task[Any]) -> bool:
    if task in _waiting:
        return False
    # What anyio's own wait_all_tasks_blocked looks at; that one sleeps a tenth of a second between two looks.
    waiter = getattr(task, "_fut_waiter", None)
    return waiter is None or waiter.done()


def _never(limit: float, which: str) -> str:
    return (
        f"nothing has settled within {limit:g} s: some task never waits for anything{which}. Let it await an event or a "
        "sleep instead of asking for its turn again and again"
    )
