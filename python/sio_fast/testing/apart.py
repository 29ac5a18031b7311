"""One task that lives while a block does, even if the ends of the block lie in different tasks.

Fixtures are such blocks where a plug-in runs their two halves in two tasks, as pytest-asyncio does; cancel scopes, and with
them task groups, must not be left in another task than the one that entered them. Refuses to know what the task does.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import anyio

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from anyio.abc import TaskGroup

__all__ = ("Apart",)


class Apart:
    """On asyncio a task by itself, on trio one in a task group around the block: there it cannot be otherwise.

    Args:
        main: What the task runs; it must raise nothing but its cancellation.
    """

    def __init__(self, main: Callable[[], Coroutine[Any, Any, None]]) -> None:
        self._main = main
        self._task: asyncio.Task[None] | None = None
        self._group: TaskGroup | None = None

    async def begin(self) -> None:
        """Starts it."""
        try:
            self._task = asyncio.get_running_loop().create_task(self._main())
        except RuntimeError:  # trio
            self._group = await anyio.create_task_group().__aenter__()
            self._group.start_soon(self._main)

    async def end(self) -> None:
        """Returns when it has ended, and raises what it raised against our word."""
        if self._task is not None:
            await asyncio.wait((self._task,))
            if not self._task.cancelled():
                self._task.result()
        elif self._group is not None:
            await self._group.__aexit__(None, None, None)
