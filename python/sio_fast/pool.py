"""The pool of workers: real anyio tasks that park until there is something to do. Refuses to know what that is.

A task per event costs 12 to 30 µs (and trio starts tasks in random order); a parked worker costs one switch per wake.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import anyio

from . import cancellation

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from anyio.abc import TaskGroup

__all__ = ("Pool",)

# Parked workers that are kept: about 5 KB each, and enough that ordinary bursts of waiting handlers start no task.
_KEPT = 64


class Pool:
    """Workers of one run of a server. Loop thread only.

    Args:
        tasks: Where the workers live; cancelling it ends them.
        work: Does one piece of work; False if there was none.
    """

    __slots__ = ("_parked", "_tasks", "_work", "count")

    def __init__(self, tasks: TaskGroup, work: Callable[[], Awaitable[bool]]) -> None:
        self._tasks = tasks
        self._work = work
        self._parked: list[anyio.Event] = []
        self.count = 0

    def release(self) -> None:
        """Lets one worker look for work, a new one if none is parked. The one that parked last has the warmest caches."""
        if self._parked:
            self._parked.pop().set()
        else:
            self.count += 1
            self._tasks.start_soon(self._run)

    async def _run(self) -> None:
        try:
            while True:
                try:
                    if await self._work():
                        continue
                    if len(self._parked) >= _KEPT:
                        return
                    await self._park()
                except anyio.get_cancelled_exc_class():
                    if cancellation.is_ours():
                        raise
                    cancellation.undo()
        finally:
            self.count -= 1

    async def _park(self) -> None:
        parked = anyio.Event()
        self._parked.append(parked)
        try:
            await parked.wait()
        finally:
            if not parked.is_set():
                self._parked.remove(parked)
