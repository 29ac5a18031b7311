"""Fixtures for pytest: clients of the server that a project names. Refuses to know anything else of a test client.

A project asks for them by ``pytest_plugins = ["sio_fast.testing.fixtures"]`` in its top conftest.py. They are no entry point:
that would import this package, compiled core and all, into every run of pytest in the environment, before coverage begins.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from .client import TestClient
from .sync import SyncTestClient

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Generator, Mapping

    from ..server import Server

__all__ = ("sio_client", "sio_client_options", "sio_server", "sync_sio_client")


@pytest.fixture
def sio_server() -> Server[Any]:
    """The server under test; a project's own fixture of this name takes the place of this one."""
    raise pytest.UsageError(
        "sio_client needs to know your server: define a fixture `sio_server` in conftest.py that returns it"
    )


@pytest.fixture
def sio_client_options() -> Mapping[str, Any]:
    """Options of the clients, such as ``{"transport": "polling"}``; to be replaced in the same way."""
    return {}


@pytest.fixture
async def sio_client(sio_server: Server[Any], sio_client_options: Mapping[str, Any]) -> AsyncGenerator[TestClient]:
    """A :class:`TestClient` of ``sio_server`` for async tests, on each back-end of anyio's plug-in."""
    async with TestClient(sio_server, **sio_client_options) as client:
        yield client


@pytest.fixture
def sync_sio_client(sio_server: Server[Any], sio_client_options: Mapping[str, Any]) -> Generator[SyncTestClient]:
    """A :class:`SyncTestClient` of ``sio_server`` for tests that are plain functions."""
    with SyncTestClient(sio_server, **sio_client_options) as client:
        yield client
