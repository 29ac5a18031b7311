"""python-socketio on uvicorn or aiohttp with the handlers that every peer of the benchmarks has; default options, uvloop.

Prints one JSON line when it listens, then serves until SIGTERM. Measures nothing. Needs the packages python-socketio,
uvicorn[standard] and aiohttp.
"""

# python-socketio has no annotations.
# pyright: reportUnknownMemberType=false

from __future__ import annotations

import argparse
import asyncio
import json
import platform
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import socketio  # type: ignore[import-untyped]
import uvicorn
import uvloop
from aiohttp import web
from typing_extensions import override

if TYPE_CHECKING:
    import socket

__all__ = ["main"]

# Waiting connections, as in every peer.
BACKLOG = 2048


def register(sio: Any) -> None:
    """Add the handlers."""

    @sio.on("echo")  # type: ignore[untyped-decorator]
    async def echo(_sid: str, data: Any) -> Any:
        return data

    @sio.on("echo_emit")  # type: ignore[untyped-decorator]
    async def echo_emit(sid: str, data: str) -> None:
        await sio.emit("echo_emit", data, to=sid)

    @sio.on("bcast")  # type: ignore[untyped-decorator]
    async def bcast(_sid: str, data: str) -> None:
        await sio.emit("bcast", data)

    @sio.on("join")  # type: ignore[untyped-decorator]
    async def join(sid: str, room: str) -> str:
        await sio.enter_room(sid, room)
        return room

    @sio.on("room")  # type: ignore[untyped-decorator]
    async def to_room(_sid: str, room: str, data: str) -> None:
        await sio.emit("room", data, room=room)


def announce(port: int, *names: str) -> None:
    """Print the ready line."""
    versions = {name: version(name) for name in ["python-socketio", "python-engineio", "uvloop", *names]}
    versions["python"] = platform.python_version()
    print(json.dumps({"port": port, "versions": versions}), flush=True)


class AnnouncingServer(uvicorn.Server):
    """A uvicorn server that says where it listens."""

    @override
    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, then print the ready line."""
        await super().startup(sockets)
        announce(self.servers[0].sockets[0].getsockname()[1], "uvicorn", "websockets", "httptools")


def serve_uvicorn() -> None:
    """Serve on uvicorn."""
    sio = socketio.AsyncServer(async_mode="asgi")
    register(sio)
    app = socketio.ASGIApp(sio)
    config = uvicorn.Config(app, host="127.0.0.1", port=0, loop="uvloop", backlog=BACKLOG, log_level="warning")
    AnnouncingServer(config).run()


async def serve_aiohttp() -> None:
    """Serve on aiohttp."""
    sio = socketio.AsyncServer(async_mode="aiohttp")
    register(sio)
    app = web.Application()
    sio.attach(app)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, backlog=BACKLOG)
    await site.start()
    announce(runner.addresses[0][1], "aiohttp")
    await asyncio.Event().wait()


def main() -> None:
    """Serve on a free port of the loopback interface."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--host", choices=["uvicorn", "aiohttp"], default="uvicorn")
    if parser.parse_args().host == "uvicorn":
        serve_uvicorn()
    else:
        uvloop.run(serve_aiohttp())


if __name__ == "__main__":
    main()
