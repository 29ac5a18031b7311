"""The sio_fast server with the handlers that every peer of the benchmarks has; default options, native listener.

Prints one JSON line when it listens, then serves until SIGTERM. Measures nothing.
"""

from __future__ import annotations

import argparse
import json
import platform
from functools import partial
from importlib.metadata import version
from typing import Any

import anyio

from sio_fast import Server, Socket

__all__ = ["io", "main"]

io = Server()


@io.on("echo")
async def echo(_socket: Socket, data: str) -> str:
    """Acknowledge with the argument."""
    return data


@io.on("echo_emit")
async def echo_emit(socket: Socket, data: str) -> None:
    """Send the argument back as an event."""
    socket.emit("echo_emit", data)


@io.on("bcast")
async def bcast(_socket: Socket, data: str) -> None:
    """Send the argument to everybody, the sender included."""
    io.emit("bcast", data)


async def app(scope: Any, receive: Any, send: Any) -> None:
    """Stand on the same port; nobody asks it."""
    assert scope["type"] == "http"
    await send({"type": "http.response.start", "status": 204, "headers": []})
    await send({"type": "http.response.body"})


async def serve(backend: str, *, beside: bool) -> None:
    """Serve on a free port of the loopback interface and announce it."""
    async with anyio.create_task_group() as tasks:
        listener = await tasks.start(partial(io.serve, "127.0.0.1", 0, app=app if beside else None))
        versions = {"sio-fast": version("sio-fast"), "python": platform.python_version()}
        if backend != "asyncio":
            versions[backend] = version(backend)
        print(json.dumps({"port": listener.port, "versions": versions}), flush=True)


def main() -> None:
    """Run on the event loop named on the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--backend", choices=["uvloop", "asyncio", "trio"], default="uvloop")
    parser.add_argument("--app", action="store_true", help="an ASGI application on the same port")
    options = parser.parse_args()
    backend: str = options.backend
    serving = partial(serve, backend, beside=options.app)
    if backend == "trio":
        anyio.run(serving, backend="trio")
    else:
        anyio.run(serving, backend_options={"use_uvloop": backend == "uvloop"})


if __name__ == "__main__":
    main()
