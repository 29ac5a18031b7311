"""Tasks of the server itself, which ``io.start_soon`` begins. Refuses to know sockets, whose tasks their lanes hold."""

from __future__ import annotations

import contextlib
import contextvars
import logging
from typing import TYPE_CHECKING, Any

from . import faults
from .calls import called
from .exceptions import NotRunning

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from anyio.abc import TaskGroup

    from .failures import Failures
    from .waits import Waits

__all__ = ("Background",)

_log = logging.getLogger("sio_fast.server")


class Background:
    """Those of one run of a server. Loop thread only, but :meth:`start`, which says so elsewhere.

    Args:
        waits: Knows which loop it is.
        failures: Whose cancellation it is, and what ends the program.
    """

    __slots__ = ("_context", "_failures", "_tasks", "_waits")

    def __init__(self, waits: Waits, failures: Failures) -> None:
        self._waits = waits
        self._failures = failures
        self._context = contextvars.copy_context()
        self._tasks: TaskGroup | None = None

    @contextlib.contextmanager
    def within(self, tasks: TaskGroup) -> Generator[None]:
        """Tasks may begin in ``tasks`` while the block runs; who cancels that cancels them."""
        self._tasks = tasks
        try:
            yield
        finally:
            self._tasks = None

    def start(self, fn: Callable[[], Any]) -> None:
        """Starts ``fn()`` and does not wait for it.

        Raises:
            NotRunning: Before the start, or after the end.
            RuntimeError: On another thread.
        """
        tasks = self._tasks
        if tasks is None:
            raise NotRunning(
                "start_soon() needs a running server, and this one is only about to run, or has just ended"
            )
        if not self._waits.here():
            raise RuntimeError(
                "start_soon() belongs on the server's loop; from a thread use anyio.from_thread.run_sync"
            )
        self._context.copy().run(tasks.start_soon, self._run, fn)

    async def _run(self, fn: Callable[[], Any]) -> None:
        error, _ = await called(fn, ())
        if error is not None and not self._failures.ends(error):
            faults.tell(_log, "a task of io.start_soon failed", error=error)
