"""The applications of the benchmarks on ASGI servers: sio_fast, python-socketio, and one that is nothing but an echo.

Each on the server named on the command line, one process, access log off, the server's defaults otherwise and the loop that
it is fastest on. Prints one JSON line when it listens, then serves until SIGTERM. Measures nothing.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import platform
import signal
import socket
from importlib.metadata import version
from typing import Any

import uvloop

__all__ = ["HOSTS", "main"]

# As every peer.
BACKLOG = 2048
# The implementation of WebSocket in uvicorn.
UVICORN = {"uvicorn": "auto", "uvicorn-websockets": "websockets", "uvicorn-wsproto": "wsproto"}
HOSTS = (*UVICORN, "hypercorn", "granian")
PACKAGES = {
    "uvicorn": ("uvicorn", "websockets", "httptools", "uvloop"),
    "uvicorn-websockets": ("uvicorn", "websockets", "httptools", "uvloop"),
    "uvicorn-wsproto": ("uvicorn", "wsproto", "httptools", "uvloop"),
    "hypercorn": ("hypercorn", "wsproto", "uvloop"),
    "granian": ("granian", "uvloop"),
}


def sio_fast() -> tuple[Any, str]:
    """sio_fast with the handlers of its native peer, and its package."""
    from sio_fast_server import io

    return io, "sio-fast"


def python_socketio() -> tuple[Any, str]:
    """python-socketio likewise."""
    import socketio  # type: ignore[import-untyped]
    from python_socketio_server import register

    sio = socketio.AsyncServer(async_mode="asgi")
    register(sio)
    return socketio.ASGIApp(sio), "python-socketio"


def bare() -> tuple[Any, None]:
    """The echo."""
    from bare_asgi import app

    return app, None


APPS = {"sio-fast": sio_fast, "python-socketio": python_socketio, "bare": bare}


async def uvicorn(app: Any, listening: socket.socket, host: str) -> None:
    """Serve on uvicorn, which sees to SIGTERM itself."""
    from uvicorn import Config, Server

    ws: Any = UVICORN[host]
    await Server(Config(app, ws=ws, http="httptools", log_level="warning")).serve(sockets=[listening])


async def hypercorn(app: Any, listening: socket.socket, _host: str) -> None:
    """Serve on hypercorn."""
    from hypercorn.asyncio import serve
    from hypercorn.config import Config

    config = Config()
    config.bind = [f"fd://{listening.detach()}"]
    config.loglevel = "WARNING"
    stopping = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopping.set)
    await serve(app, config, shutdown_trigger=stopping.wait)  # type: ignore[arg-type]


async def granian(app: Any, listening: socket.socket, _host: str) -> None:
    """Serve on granian within this process: it takes a port, and says nothing about when it listens."""
    from granian.constants import Interfaces
    from granian.server.embed import Server

    port = listening.getsockname()[1]
    listening.close()
    server = Server(app, "127.0.0.1", port, interface=Interfaces.ASGI, backlog=BACKLOG, log_enabled=False)
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, server.stop)
    await server.serve()


async def announce(port: int, packages: tuple[str, ...]) -> None:
    """Print the ready line once the server accepts connections."""
    while True:
        with contextlib.suppress(OSError):
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.close()
            break
        await asyncio.sleep(0.01)
    versions = {name: version(name) for name in packages}
    print(json.dumps({"port": port, "versions": versions | {"python": platform.python_version()}}), flush=True)


async def serve(app: str, host: str) -> None:
    """Serve an application on a free port of the loopback interface."""
    application, package = APPS[app]()
    listening = socket.socket()
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listening.bind(("127.0.0.1", 0))
    port = listening.getsockname()[1]
    if host != "granian":
        listening.listen(BACKLOG)
    packages = (*([package] if package else []), *PACKAGES[host])
    start = {"hypercorn": hypercorn, "granian": granian}.get(host, uvicorn)
    announcing = asyncio.create_task(announce(port, packages))
    await start(application, listening, host)
    announcing.cancel()


def main() -> None:
    """Serve what the command line names."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--app", choices=APPS, required=True)
    parser.add_argument("--host", choices=HOSTS, required=True)
    options = parser.parse_args()
    uvloop.run(serve(options.app, options.host))


if __name__ == "__main__":
    main()
