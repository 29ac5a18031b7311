"""A server under test as a child process: started, commanded, watched and stopped by its own pid.

The child prints JSON lines: `listening` with its port, `journal` entries about what its handlers saw, and
`reply` to a command that came on its standard input. Knows nothing of Socket.IO.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import signal
    from collections.abc import Callable, Mapping

__all__ = ["APPS", "ServerDied", "ServerProcess"]

APPS = Path(__file__).resolve().parents[1] / "apps"
#: Seconds to wait for a server to start, to answer a command or to note something.
PATIENCE = 15.0


class ServerDied(AssertionError):
    """The server is gone; the text has what it printed on standard error."""


class ServerProcess:
    """One running server."""

    def __init__(
        self,
        app: str,
        *,
        backend: str,
        skin: str = "native",
        options: Mapping[str, Any] | None = None,
        port: int = 0,
        mode: str = "serve",
    ) -> None:
        self.app, self.backend, self.options, self.mode = app, backend, dict(options or {}), mode
        self.skin = skin
        self.official = app.endswith(".mjs")
        spec = {"backend": backend, "skin": skin, "options": self.options, "port": port, "mode": mode}
        command = ["node"] if self.official else [sys.executable, "-X", "faulthandler"]
        self.process = subprocess.Popen(
            [*command, str(APPS / app), json.dumps(spec)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            bufsize=1,
        )
        self.port = port
        self.journal: list[dict[str, Any]] = []
        self.replies: dict[int, Any] = {}
        self.stderr: list[str] = []
        self.changed = threading.Condition()
        self.listening = self.ended = False
        self.commands = 0
        self.readers = [
            threading.Thread(target=self._read_stdout, daemon=True),
            threading.Thread(target=self._read_stderr, daemon=True),
        ]
        for reader in self.readers:
            reader.start()
        try:
            self._wait(lambda: self.listening or self.ended, "its port")
            if not self.listening:
                raise ServerDied(self.describe("ended before it listened"))
        except BaseException:
            self.kill()
            raise

    @property
    def pid(self) -> int:
        return self.process.pid

    # --- what the child prints

    def _read_stdout(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            try:
                entry = json.loads(line)
            except json.JSONDecodeError:
                with self.changed:
                    self.stderr.append(f"(stdout) {line}")
                continue
            with self.changed:
                match entry.pop("type"):
                    case "listening":
                        self.port, self.listening = entry["port"], True
                    case "journal":
                        self.journal.append(entry)
                    case "reply":
                        self.replies[entry["command"]] = entry
                self.changed.notify_all()
        with self.changed:
            self.ended = True
            self.changed.notify_all()

    def _read_stderr(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            with self.changed:
                self.stderr.append(line)
                self.changed.notify_all()

    def _wait(self, condition: Callable[[], bool], what: str, patience: float = PATIENCE) -> None:
        with self.changed:
            if not self.changed.wait_for(condition, patience):
                raise AssertionError(self.describe(f"waited {patience} s for {what}"))

    def describe(self, problem: str) -> str:
        """The problem with what a person needs to understand it."""
        errors = "".join(self.stderr[-60:]).rstrip()
        journal = "\n".join(json.dumps(entry) for entry in self.journal[-8:])
        state = self.process.poll()
        return (
            f"{self.app} on {self.skin} {self.backend} (pid {self.pid}, exit status {state}): {problem}\n"
            f"--- its standard error\n{errors or '(empty)'}\n--- the end of its journal\n{journal or '(empty)'}"
        )

    # --- what tests ask

    def noted(self, what: str, **fields: Any) -> list[dict[str, Any]]:
        """The journal entries that match so far.

        A command comes first: its reply arrives behind everything that was noted before it.
        """
        if self.mode == "serve" and self.alive():
            self.command("stats")
        with self.changed:
            return self._matching(what, fields)

    def _matching(self, what: str, fields: Mapping[str, Any]) -> list[dict[str, Any]]:
        return [
            entry
            for entry in self.journal
            if entry["what"] == what and all(entry.get(key) == value for key, value in fields.items())
        ]

    def expect(self, what: str, *, count: int = 1, patience: float = PATIENCE, **fields: Any) -> dict[str, Any]:
        """Wait until the journal has `count` entries like that; returns the last of them."""
        self._wait(
            lambda: len(self._matching(what, fields)) >= count or self.ended,
            f"{count} × {what} {fields} in the journal",
            patience,
        )
        with self.changed:
            found = self._matching(what, fields)
        if len(found) < count:
            raise ServerDied(self.describe(f"ended without noting {what} {fields}"))
        return found[count - 1]

    def command(self, name: str, **arguments: Any) -> Any:
        """Run a command of the application inside the child and return its value."""
        return self.finish_command(self.start_command(name, **arguments))

    def start_command(self, name: str, **arguments: Any) -> int:
        """Start a command whose end depends on what the test does next."""
        self.commands += 1
        number = self.commands
        assert self.process.stdin is not None
        try:
            self.process.stdin.write(json.dumps({"command": number, "name": name, **arguments}) + "\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            raise ServerDied(self.describe(f"gone before the command {name}")) from None
        return number

    def finish_command(self, number: int) -> Any:
        self._wait(lambda: number in self.replies or self.ended, f"the reply to command {number}")
        if number not in self.replies:
            raise ServerDied(self.describe(f"ended during command {number}"))
        reply = self.replies.pop(number)
        assert "error" not in reply, self.describe(f"command {number}: {reply.get('error')}")
        return reply["value"]

    def eventually(self, question: Callable[[], Any], what: str, *, patience: float = PATIENCE) -> Any:
        """Ask until the answer is true; for facts nobody announces (gauges, memory)."""
        deadline = time.monotonic() + patience
        while not (answer := question()):
            if time.monotonic() > deadline:
                raise AssertionError(self.describe(f"waited {patience} s for {what}"))
            time.sleep(0.01)
        return answer

    def resident_bytes(self) -> int:
        """Memory of the process that is in RAM now."""
        return self._memory("VmRSS")

    def _memory(self, field: str) -> int:
        for line in Path(f"/proc/{self.pid}/status").read_text().splitlines():
            if line.startswith(f"{field}:"):
                return int(line.split()[1]) * 1024
        raise ServerDied(self.describe("has no memory left to measure"))

    def forget_peak(self) -> None:
        """From now on `peak_bytes` is about what comes."""
        Path(f"/proc/{self.pid}/clear_refs").write_text("5", encoding="ascii")

    def peak_bytes(self) -> int:
        """The most memory that was in RAM at a time."""
        return self._memory("VmHWM")

    def descriptors(self) -> int:
        """Files and connections that the process has open."""
        return len(os.listdir(f"/proc/{self.pid}/fd"))

    # --- its end

    def cpu_seconds(self) -> float:
        """Time that the server's threads have spent on a core."""
        fields = Path(f"/proc/{self.pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def alive(self) -> bool:
        return self.process.poll() is None

    def signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def wait_ended(self, patience: float = PATIENCE) -> int:
        """Wait for the process to end by itself; returns its exit status."""
        try:
            status = self.process.wait(patience)
        except subprocess.TimeoutExpired:
            raise AssertionError(self.describe(f"did not end within {patience} s")) from None
        for reader in self.readers:
            reader.join(PATIENCE)
        return status

    def kill(self) -> None:
        if self.alive():
            self.process.kill()
        self.process.wait()
        for stream in (self.process.stdin, self.process.stdout, self.process.stderr):
            if stream is not None:
                with contextlib.suppress(OSError, ValueError):
                    stream.close()

    def stop(self) -> None:
        """Ask the child to end (its standard input ends) and insist that it does so cleanly."""
        try:
            if self.alive():
                assert self.process.stdin is not None
                with contextlib.suppress(BrokenPipeError):
                    self.process.stdin.close()
                status = self.wait_ended()
            else:
                status = self.process.returncode
            if status != 0:
                raise ServerDied(self.describe("did not end cleanly"))
        finally:
            self.kill()
