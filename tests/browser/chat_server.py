"""The chat demo as a child process on a free port: started, killed, started again, stopped by its own pid.

Knows how the demo is started (`PORT=`), not what it serves.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

__all__ = ["CHAT", "ChatServer", "free_port", "start_chat"]

CHAT = Path(__file__).resolve().parents[2] / "examples" / "chat"
#: Seconds to wait for the demo to answer, or to end.
PATIENCE = 20.0


def free_port() -> int:
    """A port that nobody listens on right now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def start_chat(port: str, output: int, *, by: Path | None = None) -> subprocess.Popen[bytes]:
    """The demo with that ``PORT``, as ``make demo`` starts it, or started by another program."""
    environment = {**os.environ, "PORT": port, "PYTHONUNBUFFERED": "1"}
    program = [str(by)] if by is not None else []
    command = [sys.executable, *program, str(CHAT / "app.py")]
    return subprocess.Popen(command, env=environment, stdout=output, stderr=output)


class ChatServer:
    """One port with the demo behind it, most of the time."""

    def __init__(self, *, by: Path | None = None) -> None:
        self.by = by
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}/"
        self.output = tempfile.TemporaryFile()  # noqa: SIM115 - closed in stop()
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start the demo and wait until it serves its page."""
        self.process = start_chat(str(self.port), self.output.fileno(), by=self.by)
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise AssertionError(f"the demo ended with {self.process.returncode}:\n{self.printed()}")
            try:
                with urllib.request.urlopen(self.url, timeout=1) as answer:
                    assert answer.status == 200
                    return
            except (urllib.error.URLError, ConnectionError, TimeoutError):
                time.sleep(0.05)
        self.kill()
        raise AssertionError(f"the demo did not serve {self.url} within {PATIENCE} s:\n{self.printed()}")

    def kill(self) -> None:
        """End it as a power failure would."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def stop(self) -> int:
        """Ask it to end, as Ctrl+C and service managers do; returns the exit status."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(PATIENCE)
        finally:
            self.kill()

    def printed(self) -> str:
        """Everything it has printed so far."""
        self.output.seek(0)
        return self.output.read().decode(errors="replace")
