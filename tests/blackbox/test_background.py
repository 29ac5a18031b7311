"""Tasks of the server beside its clients: they outlive who started them, and end with the server."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from clients.raw_client import RawClient
from clients.wire import open_wire
from harness.process import ServerProcess

if TYPE_CHECKING:
    from collections.abc import Callable

    from clients.official import OfficialClient

    Official = Callable[..., OfficialClient]

APP = pytest.mark.server(app="background.py", ping_interval=5)


@APP
def test_a_task_goes_on_without_who_started_it(server: ServerProcess, official: Official, transport: str) -> None:
    first = official(transport)
    assert first.expect("beat")[0] == "tick"
    first.disconnect()
    server.expect("disconnect", id=first.id)
    second = official(transport)
    earlier = second.expect("beat")[1]
    assert second.expect("beat")[1] > earlier
    assert server.noted("beat over") == []


@APP
def test_what_a_client_can_learn_of_its_server(official: Official, transport: str) -> None:
    facts = official(transport).ask("facts")
    assert facts == [{"recovered": False, "home": True, "ping_interval": 5, "path": "/socket.io"}]


def test_tasks_end_behind_the_disconnect_handlers(backend: str, closing: list[Any]) -> None:
    server = ServerProcess("background.py", backend=backend)
    try:
        client = RawClient(open_wire("websocket", server.port))
        closing.append(client.wire)
        client.connect()
        client.expect("beat")
        server.stop()
    finally:
        server.kill()
    what = [entry["what"] for entry in server.journal]
    assert what == ["disconnect", "beat over"]
    assert server.journal[0]["reason"] == "server shutting down"
    assert server.journal[1]["sockets"] == 0
