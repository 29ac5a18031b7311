"""The event loop of any back-end below anyio: descriptors that wake it, its clock, and calls from a signal handler.

Refuses to know who signals and what for.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

import anyio

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Generator

__all__ = ("clock", "here", "on_asyncio", "reader", "reading", "soon")


@contextlib.contextmanager
def reader(fd: int, wake: Callable[[], None]) -> Generator[bool]:
    """Calls ``wake`` whenever ``fd`` is readable, if the loop can do so by itself.

    Yields:
        False: it cannot (trio, Windows' Proactor loop), and somebody must wait for ``fd``.
    """
    loop = _asyncio_loop()
    if loop is not None:
        try:
            loop.add_reader(fd, wake)
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


def soon() -> Callable[[Callable[[], object]], object]:
    """A function that calls a function on the running loop; safe in a signal handler and from any thread."""
    loop = _asyncio_loop()
    if loop is not None:
        return loop.call_soon_threadsafe
    import trio  # noqa: PLC0415 - it runs, so it is there

    return trio.lowlevel.current_trio_token().run_sync_soon


def _asyncio_loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:  # trio
        return None
