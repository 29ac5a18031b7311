"""The examples do what they say, used as their readers would use them."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from clients.raw_http import HttpConnection

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from clients.official import Driver

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
PATIENCE = 15.0


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
