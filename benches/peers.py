"""The servers that are compared, and the generator that drives them: how each is started and ended.

Knows processes and cores; does not know how a server is installed, which measures there are or what figures mean.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

__all__ = ["BENCHES", "BUN", "HOSTS", "PEERS", "SOCKETIOXIDE_TARGET", "Peer", "Pinning", "Running", "generate", "start"]

BENCHES = Path(__file__).resolve().parent
SERVERS = BENCHES / "servers"
TARGET = BENCHES.parent / "target"
BUN = SERVERS / "bun" / "node_modules" / "@oven" / "bun-linux-x64" / "bin" / "bun"
SOCKETIOXIDE_TARGET = TARGET / "peers" / "socketioxide"
BARE = TARGET / "release" / "sio-bare"
# From the start of a process to its ready line; an interpreter with a cold disk needs a few seconds.
START_TIMEOUT = 30.0
STOP_TIMEOUT = 5.0


@dataclass(frozen=True)
class Pinning:
    """Which core the server and the generator are bound to; ``None`` leaves it to the kernel."""

    server: int | None = 0
    generator: int | None = 1

    def server_prefix(self) -> list[str]:
        """The words in front of a server's command line."""
        return _taskset(self.server)

    def generator_prefix(self) -> list[str]:
        """The words in front of the generator's command line."""
        return _taskset(self.generator)


@dataclass(frozen=True)
class Peer:
    """A server program under a name; ``{python}`` in its command is the interpreter chosen at run time."""

    name: str
    command: Sequence[str]
    # What has to be installed: see install.py.
    requires: tuple[str, ...] = ()
    # Modes and transports of the generator that it has no answer to.
    lacks: frozenset[str] = frozenset()
    # Further options of the generator.
    flags: tuple[str, ...] = ()

    def argv(self, python: str) -> list[str]:
        """The command line with the interpreter filled in."""
        return [word.format(python=python) for word in self.command]


@dataclass(frozen=True)
class Running:
    """A server that listens."""

    pid: int
    port: int
    versions: dict[str, str] = field(default_factory=dict[str, str])


def _sio_fast(*arguments: str) -> list[str]:
    return ["{python}", str(SERVERS / "sio_fast_server.py"), *arguments]


def _python_socketio(host: str) -> list[str]:
    return ["{python}", str(SERVERS / "python_socketio_server.py"), "--host", host]


# The loop that is under the event handlers, and what the application does.
_VARIANTS = (
    Peer("sio-fast", _sio_fast()),
    Peer("sio-fast-asyncio", _sio_fast("--backend", "asyncio")),
    Peer("sio-fast-trio", _sio_fast("--backend", "trio"), requires=("python:trio",)),
    Peer("sio-fast-sync", _sio_fast(), flags=("--event", "echo_sync")),
    Peer("sio-fast-suspend", _sio_fast(), flags=("--event", "echo_suspend")),
    Peer("sio-fast-middleware", _sio_fast("--middleware")),
    Peer("sio-fast-busy-thread", _sio_fast("--busy-thread")),
    Peer("sio-fast-2-threads", _sio_fast("--io-threads", "2")),
    Peer("sio-fast-app", _sio_fast("--app")),
)
# ASGI servers, with the packages that each needs; the names are those of servers/asgi_server.py.
HOSTS = {
    "uvicorn": "uvicorn,websockets,httptools",
    "uvicorn-websockets": "uvicorn,websockets,httptools",
    "uvicorn-wsproto": "uvicorn,wsproto,httptools",
    "hypercorn": "hypercorn,wsproto",
    "granian": "granian",
}
_SOCKETIO = "python:socketio,uvicorn,httptools,websockets,aiohttp,uvloop"
_NO_SERVER = frozenset({"polling", "rooms", "idle"})
_HOSTED = (
    Peer(
        f"{app}-on-{host}",
        ["{python}", str(SERVERS / "asgi_server.py"), "--app", app, "--host", host],
        requires=(f"python:uvloop,{packages}{',socketio' if app == 'python-socketio' else ''}",),
        lacks=_NO_SERVER | {"echo-emit", "echo-binary"} if app == "bare" else frozenset(),
    )
    for host, packages in HOSTS.items()
    for app in ("sio-fast", "bare", "python-socketio")
)
PEERS = {
    peer.name: peer
    for peer in (
        *_VARIANTS,
        *_HOSTED,
        Peer("node", ["node", str(SERVERS / "node" / "server.mjs")], requires=("npm:node",)),
        Peer("bun", [str(BUN), str(SERVERS / "bun" / "server.mjs")], requires=("npm:bun",)),
        Peer("python-socketio", _python_socketio("uvicorn"), requires=(_SOCKETIO,)),
        Peer("python-socketio-aiohttp", _python_socketio("aiohttp"), requires=(_SOCKETIO,)),
        Peer(
            "socketioxide",
            [str(SOCKETIOXIDE_TARGET / "release" / "sio-bench-socketioxide")],
            requires=("foreign-crate:socketioxide",),
            # It runs handlers of one client beside each other, so their broadcasts overtake one another.
            flags=("--any-order",),
        ),
        Peer("bare-each", [str(BARE), "--send", "each"], requires=("crate:sio-bare",), lacks=_NO_SERVER),
        Peer("bare-joined", [str(BARE), "--send", "joined"], requires=("crate:sio-bare",), lacks=_NO_SERVER),
    )
}


@contextlib.contextmanager
def start(peer: Peer, pinning: Pinning, python: str) -> Generator[Running]:
    """Run a server for the duration of the block.

    Raises:
        RuntimeError: The process ended or stayed silent instead of saying where it listens.
    """
    command = pinning.server_prefix() + peer.argv(python)
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        yield _ready(peer, process)
    finally:
        process.terminate()
        try:
            process.wait(STOP_TIMEOUT)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if process.stdout:
            process.stdout.close()


def generate(
    program: Path, pinning: Pinning, server: Running, arguments: Sequence[str], *, beside: Sequence[str] = ()
) -> dict[str, Any]:
    """Run the generator once and return its report; a run that failed has a text under ``error``.

    ``beside`` is the command line of an instrument that runs the generator and watches the server.
    """
    command = [*beside, *pinning.generator_prefix(), str(program), *arguments]
    command += ["--port", str(server.port), "--pid", str(server.pid)]
    finished = subprocess.run(command, capture_output=True, text=True, check=False)
    try:
        report: dict[str, Any] = json.loads(finished.stdout)
    except json.JSONDecodeError:
        report = {"error": finished.stderr.strip()}
    if finished.returncode != 0 and not report.get("error"):
        report["error"] = f"the generator ended with status {finished.returncode}"
    return report


def _taskset(core: int | None) -> list[str]:
    if core is None:
        return []
    if core not in os.sched_getaffinity(0):
        raise RuntimeError(f"core {core} is not available to this process: run with --no-pin")
    if shutil.which("taskset") is None:
        raise RuntimeError("taskset (util-linux) is missing: install it or run with --no-pin")
    return ["taskset", "--cpu-list", str(core)]


def _ready(peer: Peer, process: subprocess.Popen[str]) -> Running:
    """Wait for the ready line."""
    if process.stdout is None:
        raise RuntimeError(f"{peer.name}: no pipe to its standard output")
    readable, _, _ = select.select([process.stdout], [], [], START_TIMEOUT)
    if not readable:
        raise RuntimeError(f"{peer.name} said nothing within {START_TIMEOUT:g} s")
    line = process.stdout.readline()
    if not line:
        raise RuntimeError(f"{peer.name} ended with status {process.wait(STOP_TIMEOUT)} instead of listening")
    try:
        ready = json.loads(line)
        return Running(process.pid, ready["port"], ready["versions"])
    except (ValueError, TypeError, KeyError) as problem:
        raise RuntimeError(f"{peer.name} said {line.strip()[:160]!r} instead of where it listens") from problem
