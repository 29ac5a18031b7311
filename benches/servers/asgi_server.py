"""sio_fast as an ASGI application, or the least that can be put in its place, on an ASGI server; default options.

``--app bare`` knows three messages by their first characters and nothing else: what a WebSocket costs on that server, whatever
runs on it. Prints one JSON line when it listens, then serves until SIGTERM. Measures nothing.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import platform
import socket
from importlib.metadata import version
from secrets import token_urlsafe
from typing import Any

import uvloop

__all__ = ["main"]

# Waiting connections, as in every peer.
BACKLOG = 2048
OPENING = '0{"sid":"%s","upgrades":[],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}'


async def bare(scope: Any, receive: Any, send: Any) -> None:
    """Opens, connects and acknowledges."""
    if scope["type"] == "lifespan":
        while (await receive())["type"] != "lifespan.shutdown":
            await send({"type": "lifespan.startup.complete"})
        await send({"type": "lifespan.shutdown.complete"})
        return
    await send({"type": "websocket.accept"})
    await send({"type": "websocket.send", "text": OPENING % token_urlsafe(15)})
    while True:
        message = await receive()
        if message["type"] == "websocket.disconnect":
            return
        text = message.get("text")
        if text is None:
            continue
        if text.startswith("42"):
            head, _, data = text.partition('["echo",')
            await send({"type": "websocket.send", "text": f"43{head[2:]}[{data}"})
        elif text.startswith("40"):
            await send({"type": "websocket.send", "text": f'40{{"sid":"{token_urlsafe(15)}"}}'})


def application(name: str) -> Any:
    """The application of that name."""
    if name == "bare":
        return bare
    from sio_fast_server import io  # noqa: PLC0415 - only this application needs it

    return io


async def on_uvicorn(app: Any, listening: socket.socket) -> None:
    """It takes a socket that listens already."""
    import uvicorn  # noqa: PLC0415 - each host is imported alone, for the sake of memory

    await uvicorn.Server(uvicorn.Config(app, log_level="warning")).serve([listening])


async def on_hypercorn(app: Any, listening: socket.socket) -> None:
    """It wants a descriptor."""
    from hypercorn.asyncio import serve  # noqa: PLC0415
    from hypercorn.config import Config  # noqa: PLC0415

    config = Config()
    config.bind = [f"fd://{listening.detach()}"]
    config.accesslog = None
    await serve(app, config)


async def on_granian(app: Any, listening: socket.socket) -> None:
    """In this process, as its workers would be others."""
    from granian.constants import Interfaces  # noqa: PLC0415
    from granian.server.embed import Server  # noqa: PLC0415

    port = listening.getsockname()[1]
    listening.close()
    server = Server(app, address="127.0.0.1", port=port, interface=Interfaces.ASGI, log_enabled=False)
    await server.serve()


def main() -> None:
    """Serve on a free port of the loopback interface."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--app", choices=["sio-fast", "bare"], default="sio-fast")
    parser.add_argument("--host", choices=["uvicorn", "hypercorn", "granian"], default="uvicorn")
    options = parser.parse_args()
    listening = socket.create_server(("127.0.0.1", 0), backlog=BACKLOG)
    names = ["uvloop", options.host, *(["sio-fast"] if options.app == "sio-fast" else [])]
    names += ["websockets"] if options.host == "uvicorn" else []
    versions = {**{name: version(name) for name in names}, "python": platform.python_version()}
    app = application(options.app)
    port = listening.getsockname()[1]
    serving = {"uvicorn": on_uvicorn, "hypercorn": on_hypercorn, "granian": on_granian}[options.host]

    async def serve() -> None:
        task = asyncio.ensure_future(serving(app, listening))
        while not task.done():
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                await asyncio.sleep(0.02)
                continue
            writer.close()
            break
        print(json.dumps({"port": port, "versions": versions}), flush=True)
        await task

    uvloop.run(serve())


if __name__ == "__main__":
    main()
