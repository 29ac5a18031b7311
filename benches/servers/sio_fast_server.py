"""The sio_fast server with the handlers that every peer of the benchmarks has; default options, native listener.

Prints one JSON line when it listens, then serves until SIGTERM. Measures nothing. Further handlers and two switches are
for the scaling rows, which compare the server with itself.
"""

from __future__ import annotations

import argparse
import json
import platform
import threading
from functools import partial
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import anyio
import anyio.lowlevel

from sio_fast import Server, Socket

if TYPE_CHECKING:
    from sio_fast import Packet

__all__ = ["io", "main"]

io = Server()


@io.on("echo")
async def echo(_socket: Socket, data: Any) -> Any:
    """Acknowledge with the argument."""
    return data


@io.on("echo_sync")
def echo_sync(_socket: Socket, data: Any) -> Any:
    """The same without a coroutine."""
    return data


@io.on("echo_suspend")
async def echo_suspend(_socket: Socket, data: Any) -> Any:
    """The same after a turn of the event loop, as a handler that awaits something."""
    await anyio.lowlevel.checkpoint()
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


@io.on("join")
async def join(socket: Socket, room: str) -> str:
    """Join a room."""
    socket.join(room)
    return room


@io.on("room")
async def to_room(_socket: Socket, room: str, data: str) -> None:
    """Send the argument to everybody in the room."""
    io.to(room).emit("room", data)


def use_middleware() -> None:
    """One gate for every event, as an application that authorises them has."""

    @io.use_event
    async def authorise(_socket: Socket, _packet: Packet) -> None:
        pass


def compute() -> None:
    """Hold the interpreter as much as it allows, for as long as the process lives."""
    number = 1
    while True:
        number = number * 1103515245 + 12345 & 0x7FFFFFFF


async def serve(backend: str, **listen: Any) -> None:
    """Serve on a free port of the loopback interface and announce it."""
    async with anyio.create_task_group() as tasks:
        listener = await tasks.start(partial(io.serve, "127.0.0.1", 0, **listen))
        versions = {"sio-fast": version("sio-fast"), "python": platform.python_version()}
        if backend != "asyncio":
            versions[backend] = version(backend)
        print(json.dumps({"port": listener.port, "versions": versions}), flush=True)


def main() -> None:
    """Run on the event loop named on the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--backend", choices=["uvloop", "asyncio", "trio"], default="uvloop")
    parser.add_argument("--app", action="store_true", help="an ASGI application on the same port")
    parser.add_argument("--io-threads", type=int, default=1)
    parser.add_argument("--middleware", action="store_true", help="one gate for every event")
    parser.add_argument("--busy-thread", action="store_true", help="a thread that computes beside the server")
    options = parser.parse_args()
    if options.middleware:
        use_middleware()
    if options.busy_thread:
        threading.Thread(target=compute, daemon=True).start()
    backend: str = options.backend
    serving = partial(serve, backend, app=app if options.app else None, io_threads=options.io_threads)
    if backend == "trio":
        anyio.run(serving, backend="trio")
    else:
        anyio.run(serving, backend_options={"use_uvloop": backend == "uvloop"})


if __name__ == "__main__":
    main()
