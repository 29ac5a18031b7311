"""python-socketio on uvicorn with the handlers that every peer of the benchmarks has; default options, uvloop.

Prints one JSON line when it listens, then serves until SIGTERM. Measures nothing. Needs the packages python-socketio
and uvicorn[standard].
"""

# python-socketio has no annotations.
# pyright: reportUnknownMemberType=false

from __future__ import annotations

import json
import platform
from importlib.metadata import version
from typing import TYPE_CHECKING

import socketio  # type: ignore[import-untyped]
import uvicorn
from typing_extensions import override

if TYPE_CHECKING:
    import socket

__all__ = ["app", "main"]

sio = socketio.AsyncServer(async_mode="asgi")
app = socketio.ASGIApp(sio)


@sio.on("echo")  # type: ignore[untyped-decorator]
async def echo(_sid: str, data: str) -> str:
    """Acknowledge with the argument."""
    return data


@sio.on("echo_emit")  # type: ignore[untyped-decorator]
async def echo_emit(sid: str, data: str) -> None:
    """Send the argument back as an event."""
    await sio.emit("echo_emit", data, to=sid)


@sio.on("bcast")  # type: ignore[untyped-decorator]
async def bcast(_sid: str, data: str) -> None:
    """Send the argument to everybody, the sender included."""
    await sio.emit("bcast", data)


class AnnouncingServer(uvicorn.Server):
    """A uvicorn server that says where it listens."""

    @override
    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, then print the ready line."""
        await super().startup(sockets)
        port = self.servers[0].sockets[0].getsockname()[1]
        names = ["python-socketio", "python-engineio", "uvicorn", "uvloop", "websockets"]
        versions = {name: version(name) for name in names}
        versions["python"] = platform.python_version()
        print(json.dumps({"port": port, "versions": versions}), flush=True)


def main() -> None:
    """Serve on a free port of the loopback interface."""
    config = uvicorn.Config(app, host="127.0.0.1", port=0, loop="uvloop", log_level="warning")
    AnnouncingServer(config).run()


if __name__ == "__main__":
    main()
