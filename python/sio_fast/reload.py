"""Starting a program again whenever one of its files changes. Refuses to know what the program is."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from typing import TYPE_CHECKING, Any, Final

import watchfiles

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

__all__ = ("Reloader",)

# The program's own grace is 5 s, and its end takes a moment more.
_PATIENCE: Final = 10.0
# How often we look whether the program has ended by itself, in milliseconds.
_LOOK: Final = 500

_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)


class Reloader:
    """The parent of one program at a time. Main thread only, since it takes SIGINT and SIGTERM.

    Args:
        command: The program.
        folder: Python files below it are watched.
        say: Gets lines for people.
    """

    def __init__(self, command: Sequence[str], folder: Path, say: Callable[[str], None]) -> None:
        self._command = command
        self._folder = folder
        self._say = say
        self._stop = threading.Event()
        self._signal = 0
        self._program: subprocess.Popen[bytes] | None = None

    def run(self) -> int:
        """Runs until SIGINT or SIGTERM, and returns the program's exit status; a second signal kills it."""
        for number in _SIGNALS:
            signal.signal(number, self._obey)
        self._say(f"watching {self._folder} for changes")
        self._start()
        changes = watchfiles.watch(
            self._folder,
            watch_filter=watchfiles.PythonFilter(),
            stop_event=self._stop,
            rust_timeout=_LOOK,
            yield_on_timeout=True,
        )
        ended = False
        for changed in changes:
            if changed:
                names = sorted({os.path.relpath(path, self._folder) for _, path in changed})
                self._say(f"{', '.join(names)} changed: starting again")
                self._end(signal.SIGTERM)
                self._start()
                ended = False
            elif not ended and self._program is not None and self._program.poll() is not None:
                ended = True
                self._say(f"the program has ended with status {self._program.returncode}; waiting for a change")
        # Ctrl+C has reached the program already, and a second one would be taken for impatience.
        return self._end(None if self._signal == signal.SIGINT and _has_terminal() else signal.SIGTERM)

    def _start(self) -> None:
        self._program = subprocess.Popen(self._command)  # noqa: S603 - our own command line again

    def _end(self, number: signal.Signals | None) -> int:
        """The program's end: its exit status."""
        program = self._program
        if program is None:
            return 0
        if number is not None and program.poll() is None:
            program.send_signal(number)
        try:
            return program.wait(_PATIENCE)
        except subprocess.TimeoutExpired:
            self._say(f"the program did not end within {_PATIENCE:g} s and is killed")
            program.kill()
            return program.wait()

    def _obey(self, number: int, _frame: Any) -> None:
        if self._stop.is_set() and self._program is not None:
            self._program.kill()
        self._signal = number
        self._stop.set()


def _has_terminal() -> bool:
    """Whether the terminal sends Ctrl+C to us, and so to our children."""
    try:
        return os.tcgetpgrp(sys.stdin.fileno()) == os.getpgrp()
    except (AttributeError, OSError, ValueError):
        return False
