"""A play in a real browser: a scenario's process, and the scenes that it reported.

Knows what a play needs on the machine, and obeys what a scenario asks for. What happens in a scene is the scenario's
part; whether that was right is the part of the tests.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from browser.chat_server import CHAT

if TYPE_CHECKING:
    from browser.chat_server import ChatServer

__all__ = ["Play", "need_browser"]

HERE = Path(__file__).resolve().parent
SCREENSHOTS = HERE / "screenshots"

Scene = dict[str, Any]


def chromium() -> str | None:
    """The browser: `CHROMIUM`, or one of its usual names."""
    wish = os.environ.get("CHROMIUM")
    if wish:
        return shutil.which(wish)
    return shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


def missing() -> str | None:
    """What the machine lacks for this test."""
    if shutil.which("node") is None:
        return "node is not installed"
    if chromium() is None:
        return "no Chromium: none on PATH and CHROMIUM names none"
    if not (HERE / "node_modules" / "playwright-core").is_dir():
        return "playwright-core is not installed: npm ci in tests/browser"
    if not (CHAT / "node_modules" / "socket.io-client").is_dir():
        return "the browser client is not installed: npm ci in examples/chat"
    return None


def need_browser() -> None:
    """Skip where there can be no play."""
    lacking = missing()
    if lacking is not None:
        pytest.skip(lacking)


class Play:
    """The scenario's process, and the scenes it has reported."""

    def __init__(self, server: ChatServer) -> None:
        self.server = server
        self.scenes: dict[str, Scene] = {}

    def run(self, scenario: str, **orders: Any) -> None:
        """Play to the end; what the scenario asks for is done to the server in between."""
        SCREENSHOTS.mkdir(exist_ok=True)
        orders |= {"url": self.server.url, "chromium": chromium(), "screenshots": str(SCREENSHOTS)}
        with (
            tempfile.TemporaryFile("w+") as errors,
            subprocess.Popen(
                ["node", str(HERE / scenario), json.dumps(orders)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
            ) as process,
        ):
            assert process.stdin is not None
            assert process.stdout is not None
            try:
                for line in process.stdout:
                    entry = json.loads(line)
                    if "scene" in entry:
                        self.scenes[entry.pop("scene")] = entry
                        continue
                    self.obey(entry["ask"])
                    process.stdin.write("done\n")
                    process.stdin.flush()
                status = process.wait()
            except BaseException:
                process.terminate()  # the scenario then closes its browser
                raise
            errors.seek(0)
            assert status == 0, (
                f"the play stopped after {list(self.scenes)}:\n{errors.read()}\n--- the server\n{self.server.printed()}"
            )

    def obey(self, wish: str) -> None:
        """Do to the server what the scenario asks for."""
        match wish:
            case "start":
                self.server.start()
            case "stop":
                assert self.server.stop() == 0, self.server.printed()
            case "kill":
                self.server.kill()
            case _:
                raise AssertionError(f"the scenario asks for {wish!r}")
