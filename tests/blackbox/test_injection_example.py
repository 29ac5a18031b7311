"""The example of dependency injection does what it says."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from clients.raw_client import RawClient
from clients.wire import WebSocketWire

if TYPE_CHECKING:
    from collections.abc import Iterator

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "injection.py"
PATIENCE = 20.0


@pytest.fixture
def port() -> Iterator[int]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        free: int = probe.getsockname()[1]
    environment = {**os.environ, "PORT": str(free)}
    process = subprocess.Popen([sys.executable, str(EXAMPLE)], env=environment, stderr=subprocess.PIPE, text=True)
    try:
        deadline = time.monotonic() + PATIENCE
        while True:
            assert process.poll() is None, process.communicate()[1]
            assert time.monotonic() < deadline, "it does not listen"
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", free)) == 0:
                    break
            time.sleep(0.02)
        yield free
    finally:
        process.terminate()
        errors = process.communicate(timeout=PATIENCE)[1]
    assert process.returncode == 0, errors
    assert "Traceback" not in errors


def test_orders(port: int) -> None:
    wire = WebSocketWire.open(port)
    client = RawClient(wire)
    client.connect()
    assert client.ask("order", {"item": "tea", "count": 2}) == [1]
    assert client.ask("order", {"item": "milk", "count": 1}) == [2]
    for args, kind, location in (
        ([{"item": "tea", "count": 0}], "greater_than_equal", [0, "count"]),
        ([{"item": "tea", "count": 1}, {"orders": []}], "arity", []),
    ):
        client.emit("order", *args)
        name, [fault] = client.expect("invalid")
        assert (name, fault["type"], fault["location"]) == ("order", kind, location)
    assert client.ask("order", {"item": "bread", "count": 1}) == [3]
    wire.close()
