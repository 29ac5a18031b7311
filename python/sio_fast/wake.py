"""The event loop of any back-end below anyio: descriptors that wake it, its clock, what wakes a task, and calls from a signal
handler.

Refuses to know who signals and what for.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
from typing import TYPE_CHECKING

import anyio

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Generator

__all__ = ("Signal", "clock", "here", "on_asyncio", "reader", "reading", "signal", "soon")


@contextlib.contextmanager
def reader(fd: int, wake: Callable[[], None]) -> Generator[bool]:
    """Calls ``wake`` whenever ``fd`` is readable, if the loop can do so by itself.

    Yields:
        False: it cannot (trio, Windows' Proactor loop), and somebody must wait for ``fd``.
    """
    loop = _asyncio_loop()
    if loop is not None:
        try:
            _context().run(loop.add_reader, fd, wake)
        except NotImplementedError:  # Windows' Proactor loop
            loop = None
    try:
        yield loop is not None
    finally:
        if loop is not None:
            loop.remove_reader(fd)


@contextlib.asynccontextmanager
async def reading(fd: int, wake: Callable[[], None]) -> AsyncGenerator[None]:
    """Calls ``wake`` whenever ``fd`` is readable; where the loop cannot, a task waits for it."""

    async def wait() -> None:
        while True:
            await anyio.wait_readable(fd)
            wake()

    with reader(fd, wake) as by_itself:
        if by_itself:
            yield
        else:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(wait)
                yield
                tasks.cancel_scope.cancel()


def clock() -> Callable[[], float]:
    """The running loop's time in seconds, as a function that needs not ask which loop that is."""
    loop = _asyncio_loop()
    if loop is not None:
        return loop.time
    import trio  # noqa: PLC0415 - it runs, so it is there

    return trio.current_time


def here() -> object:
    """The running loop: the same object at each call, another one in another loop."""
    loop = _asyncio_loop()
    if loop is not None:
        return loop
    import trio  # noqa: PLC0415 - it runs, so it is there

    return trio.lowlevel.current_trio_token()


def on_asyncio() -> bool:
    """Whether the running loop is asyncio's, or one that stands in for it."""
    return _asyncio_loop() is not None


class Signal:
    """Told by anyone on the loop, awaited by one task. Told before the wait is kept; several are one."""

    __slots__ = ("_told", "_waiter")

    def __init__(self) -> None:
        self._told = False
        self._waiter: anyio.Event | None = None

    def tell(self) -> None:
        """Wakes who waits, or the next one who does."""
        self._told = True
        if self._waiter is not None:
            self._waiter.set()

    async def wait(self) -> None:
        """Returns when it is told, at once if it was."""
        if not self._told:
            self._waiter = anyio.Event()
            try:
                await self._waiter.wait()
            finally:
                self._waiter = None
        self._told = False


class _FutureSignal(Signal):
    """The same on asyncio, where a future costs a quarter of an event: there is one wait for each message that is sent."""

    __slots__ = ("_future",)

    def __init__(self) -> None:
        super().__init__()
        self._future: asyncio.Future[None] | None = None

    def tell(self) -> None:
        self._told = True
        if self._future is not None and not self._future.done():
            self._future.set_result(None)

    async def wait(self) -> None:
        if not self._told:
            self._future = asyncio.get_running_loop().create_future()
            try:
                await self._future
            finally:
                self._future = None
        self._told = False


def signal() -> Signal:
    """A new one for the running loop."""
    return _FutureSignal() if on_asyncio() else Signal()


def soon() -> Callable[[Callable[[], object]], object]:
    """A function that calls a function on the running loop; safe in a signal handler and from any thread."""
    loop = _asyncio_loop()
    if loop is not None:
        return loop.call_soon_threadsafe
    import trio  # noqa: PLC0415 - it runs, so it is there

    return trio.lowlevel.current_trio_token().run_sync_soon


def _context() -> contextvars.Context:
    """For callbacks of asyncio's loop. They run in no task, and where sniffio is installed anyio asks it which library this
    is; under a loop that anyio did not start it could not tell, and ``wake`` could start no task."""
    context = contextvars.copy_context()
    try:
        from sniffio import current_async_library_cvar  # noqa: PLC0415 - trio brings it
    except ImportError:
        return context
    context.run(current_async_library_cvar.set, "asyncio")
    return context


def _asyncio_loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:  # trio
        return None
