"""The examples do what they say, started and used as their readers would."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from websockets.sync.client import connect

from clients.raw_client import RawClient
from clients.raw_http import HttpConnection
from clients.wire import WebSocketWire

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from clients.official import Driver

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
PATIENCE = 20.0


@pytest.fixture
def uvicorn() -> Iterator[Callable[[str], int]]:
    """Runs uvicorn as its command line does; gives the port."""
    started: list[subprocess.Popen[str]] = []
    readers: list[threading.Thread] = []

    def run(app: str) -> int:
        command = [sys.executable, "-m", "uvicorn", app, "--port", "0", "--app-dir", str(EXAMPLES)]
        process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=dict(os.environ))
        started.append(process)
        found: list[int] = []
        lines: list[str] = []
        listening = threading.Event()

        def read() -> None:
            assert process.stderr is not None
            for line in process.stderr:
                lines.append(line)
                if (running := re.search(r"running on http://127\.0\.0\.1:(\d+)", line)) is not None:
                    found.append(int(running[1]))
                    listening.set()
            listening.set()

        readers.append(threading.Thread(target=read, daemon=True))
        readers[-1].start()
        listening.wait(PATIENCE)
        assert found, "".join(lines)
        return found[0]

    yield run
    for process in started:
        process.terminate()
        assert process.wait(PATIENCE) in (0, -15), "it did not end"
        for reader in readers:
            reader.join(PATIENCE)
        assert process.stderr is not None
        process.stderr.close()


@pytest.fixture
def program() -> Iterator[Callable[[str], int]]:
    """Runs an example as ``python examples/….py`` on a free port, which it gives; the example ends in order."""
    started: list[subprocess.Popen[str]] = []

    def run(name: str) -> int:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port: int = probe.getsockname()[1]
        process = subprocess.Popen(
            [sys.executable, str(EXAMPLES / f"{name}.py")],
            env={**os.environ, "PORT": str(port)},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        deadline = time.monotonic() + PATIENCE
        while True:
            assert process.poll() is None, process.communicate()[1]
            assert time.monotonic() < deadline, "it does not listen"
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    return port
            time.sleep(0.02)

    yield run
    for process in started:
        process.terminate()
        errors = process.communicate(timeout=PATIENCE)[1]
        assert process.returncode == 0, errors
        assert "Traceback" not in errors


def test_fastapi(uvicorn: Callable[[str], int], driver: Driver) -> None:
    port = uvicorn("fastapi_app:api")
    with HttpConnection(port) as http:
        assert http.request("POST", "/rooms/cats/news?text=x").status == 404
        stranger = driver.connect(port, "websocket", wait=False, auth={"token": "guess"})
        assert stranger.report("connect_error")["message"] == "unknown token"
        ann = driver.connect(port, "websocket", auth={"token": "secret"})
        bob = driver.connect(port, "upgrade", auth={"token": "hidden"})
        assert ann.ask("join", "cats") == [["ann"]]
        assert bob.ask("join", "cats") == [["ann", "bob"]]
        assert ann.expect("joined") == ["cats", "bob"]
        bob.emit("say", "cats", "meow")
        assert ann.expect("said") == ["cats", "bob", "meow"]
        assert http.request("POST", "/rooms/cats/news?text=fish").json() == {"told": "cats"}
        for each in (ann, bob):
            assert each.expect("news") == ["cats", "fish"]
        assert http.request("GET", "/people").json() == ["ann", "bob"]
        for each in (stranger, ann, bob):
            each.close()


def test_starlette(uvicorn: Callable[[str], int], driver: Driver) -> None:
    port = uvicorn("starlette_app:app")
    watcher = driver.connect(port, "upgrade")
    assert watcher.ask("watch", "website") == ["1"]
    with HttpConnection(port) as http:
        assert http.request("POST", "/deploys/website", body=b"version=7").json() == {"watchers": 1}
    assert watcher.expect("deployed") == ["website", "7"]
    watcher.close()


def test_litestar(uvicorn: Callable[[str], int], driver: Driver) -> None:
    port = uvicorn("litestar_app:app")
    player = driver.connect(port, "websocket")
    with HttpConnection(port) as http:
        question = b'{"text": "2 + 2?", "seconds": 0.2}'
        answer = http.request("POST", "/questions", body=question, headers={"content-type": "application/json"})
        assert (answer.status, answer.json()) == (201, {}), "nobody has answered in time"
    assert player.expect("question")[0] == "2 + 2?"
    player.close()


def test_standalone(program: Callable[[str], int], driver: Driver) -> None:
    port = program("standalone")
    ann = driver.connect(port, "upgrade", auth={"name": "ann"})
    referee = driver.connect(port, "websocket", nsp="/referees", auth={"password": "whistle"})
    assert ann.ask("join", "one") == [["ann"]]
    assert ann.ask("point", "one") == [1]
    assert referee.expect("score") == ["one", "ann", 1]
    for each in (ann, referee):
        each.close()


def raw(port: int) -> RawClient:
    client = RawClient(WebSocketWire.open(port))
    client.connect()
    return client


def test_trio_program(program: Callable[[str], int]) -> None:
    client = raw(program("trio_program"))
    [tick] = client.expect("tick")
    assert client.ask("since", tick - 1)[0][0] == tick
    assert client.ask("stop") == ["goodbye"]
    client.wire.close()


def test_producer_thread(program: Callable[[str], int]) -> None:
    client = raw(program("producer_thread"))
    client.expect("measured")
    assert client.ask("limit", -1) == [0.999]
    client.expect("alarm")
    client.wire.close()


def test_one_port(program: Callable[[str], int]) -> None:
    port = program("one_port")
    client = raw(port)
    assert client.ask("stock") == [{"tea": 5, "milk": 2}]
    with HttpConnection(port) as http:
        assert http.request("POST", "/orders/tea").json() == {"tea": 4}
    assert client.expect("stock") == ["tea", 4]
    with connect(f"ws://127.0.0.1:{port}/shout") as websocket:
        websocket.send("hello")
        assert websocket.recv() == "HELLO"
    client.wire.close()


def test_injection(program: Callable[[str], int]) -> None:
    client = raw(program("injection"))
    assert client.ask("order", {"item": "tea", "count": 2}) == [1]
    assert client.ask("order", {"item": "milk", "count": 1}) == [2]
    faults: list[tuple[list[Any], str, list[Any]]] = [
        ([{"item": "tea", "count": 0}], "greater_than_equal", [0, "count"]),
        ([{"item": "tea", "count": 1}, {"orders": []}], "arity", []),
    ]
    for args, kind, location in faults:
        client.emit("order", *args)
        name, [fault] = client.expect("invalid")
        assert (name, fault["type"], fault["location"]) == ("order", kind, location)
    assert client.ask("order", {"item": "bread", "count": 1}) == [3]
    client.wire.close()
