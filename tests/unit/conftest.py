"""Fixtures of the unit tests: the back-ends, and a server on the fake core."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import anyio
import pytest

import sio_fast.server
from unit.fake_core import FakeCore

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from sio_fast import Server

BACKENDS = [
    pytest.param(("asyncio", {"use_uvloop": False}), id="asyncio"),
    pytest.param(("asyncio", {"use_uvloop": True}), id="uvloop"),
    pytest.param(("trio", {}), id="trio"),
]


@pytest.fixture(params=BACKENDS)
def anyio_backend(request: pytest.FixtureRequest) -> Any:
    return request.param


@pytest.fixture
def make(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Server[Any]]:
    """Makes servers whose core is the fake one."""
    monkeypatch.setattr(sio_fast.server, "Core", FakeCore)
    return sio_fast.server.Server


@contextlib.asynccontextmanager
async def running(io: Server[Any], *, grace: float = 1.0) -> AsyncIterator[FakeCore]:
    """Serves while the block runs, then closes. Gives the fake core."""
    async with anyio.create_task_group() as tasks:
        await tasks.start(io.serve, "127.0.0.1", 0)
        try:
            yield core_of(io)
        finally:
            with anyio.CancelScope(shield=True):
                await io.close(grace=grace)


def core_of(io: Server[Any]) -> FakeCore:
    """The fake core of a server."""
    core: Any = io._core
    return core


async def until(condition: Callable[[], object]) -> None:
    """Waits for a condition; the test's own time limit says when that is hopeless."""
    with anyio.fail_after(5):
        while not condition():  # noqa: ASYNC110 - conditions of the server have no event
            await anyio.sleep(0.001)


async def settled() -> None:
    """Lets everything run that can run now."""
    for _ in range(30):
        await anyio.lowlevel.checkpoint()
    await anyio.sleep(0.01)
