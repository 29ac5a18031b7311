"""A server without free descriptors: accepting rests and does not spin, the log says so once, and clients that waited come in."""

from __future__ import annotations

import os
import resource
import socket
import sys
import time
from typing import TYPE_CHECKING, Any

import pytest

from clients.wire import target
from harness.process import ServerProcess

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [
    pytest.mark.native,
    pytest.mark.skipif(not sys.platform.startswith("linux"), reason="limits of another process: Linux has prlimit"),
]

REQUEST = f"GET {target(transport='polling')} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()
FREE = 4


@pytest.fixture
def full(backend: str) -> Iterator[ServerProcess]:
    """A server that may open `FREE` descriptors more."""
    server = ServerProcess("descriptors.py", backend=backend, options={"ping_interval": 300})
    try:
        server.command("stats")
        _, hard = resource.prlimit(server.pid, resource.RLIMIT_NOFILE)
        # The limit is on the number of a descriptor, so holes below the highest one count too.
        used = {int(name) for name in os.listdir(f"/proc/{server.pid}/fd")}
        limit = next(
            limit for limit in range(len(used), 1 << 16) if limit - len([n for n in used if n < limit]) == FREE
        )
        resource.prlimit(server.pid, resource.RLIMIT_NOFILE, (limit, hard))
        yield server
    finally:
        server.stop()


def ask(server: ServerProcess, closing: list[Any]) -> socket.socket:
    """A connection that has asked for a session."""
    client = socket.create_connection(("127.0.0.1", server.port), timeout=15)
    closing.append(client)
    client.sendall(REQUEST)
    return client


def is_answered(client: socket.socket) -> bool:
    client.settimeout(15)
    return client.recv(12) == b"HTTP/1.1 200"


def complaints(server: ServerProcess) -> list[dict[str, Any]]:
    return [entry for entry in server.noted("log") if "cannot accept connections" in entry["text"]]


@pytest.mark.loops("asyncio", "trio")
def test_accepting_rests_until_descriptors_are_free(full: ServerProcess, closing: list[Any]) -> None:
    clients = [ask(full, closing) for _ in range(FREE + 3)]
    served, waiting = clients[:FREE], clients[FREE:]
    assert all(is_answered(client) for client in served)
    line = full.expect("log", level="ERROR")
    assert "Too many open files" in line["text"]
    assert "ulimit -n" in line["text"]

    before, since = full.cpu_seconds(), time.monotonic()
    waiting[0].settimeout(1)
    with pytest.raises(TimeoutError):
        waiting[0].recv(1)
    assert full.cpu_seconds() - before < 0.3 * (time.monotonic() - since), "it spins"

    # One after the other: the shortage goes and comes again, and the log has heard of it.
    for leaving, coming in zip(served, waiting, strict=False):
        leaving.close()
        assert is_answered(coming)
    assert len(complaints(full)) == 1

    # And the limit may be raised while it runs.
    late = [ask(full, closing) for _ in range(3)]
    _, hard = resource.prlimit(full.pid, resource.RLIMIT_NOFILE)
    resource.prlimit(full.pid, resource.RLIMIT_NOFILE, (256, hard))
    assert all(is_answered(client) for client in late)
    assert len(complaints(full)) == 1
