"""An application of one of the frameworks with a server in or under it, carried by an ASGI server as its own program is.

`options` say how: `how` the server is joined to the application, `prefix` where. The ASGI server takes its signals itself.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket as sockets
import sys
import threading
import time
from typing import TYPE_CHECKING, Any

from fastapi import FastAPI, Request
from fastapi.middleware.cors import CORSMiddleware
from launch import note, say

from sio_fast import Server, Socket

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

#: A worker process of an ASGI server imports this module anew.
SPEC: dict[str, Any] = json.loads(os.environ.get("MOUNTED_SPEC") or sys.argv[1])
OPTIONS = dict(SPEC["options"])
HOW, PREFIX = OPTIONS.pop("how"), OPTIONS.pop("prefix", "/socket.io")

io: Server[Socket] = Server(**OPTIONS)


@io.on("connect")
async def connected(socket: Socket) -> None:
    note("connect", id=socket.id, address=socket.handshake.address, secure=socket.handshake.secure)
    note("url", id=socket.id, url=socket.handshake.url)


@io.on("disconnect")
async def disconnected(socket: Socket, reason: str) -> None:
    note("disconnect", id=socket.id, reason=reason)


@io.on("echo")
async def echo(socket: Socket, *args: Any) -> Any:
    return args


@contextlib.asynccontextmanager
async def own_lifespan(app: Any) -> AsyncIterator[dict[str, Any]]:
    note("app started")
    yield {"greeting": "hello from the lifespan"}
    note("app ended", sockets=len(io.sockets))


@contextlib.asynccontextmanager
async def joined_lifespan(app: Any) -> AsyncIterator[dict[str, Any]]:
    async with own_lifespan(app) as state, io.lifespan():
        yield state


def fastapi(*, mounted: bool, lifespan: Any) -> Any:
    api = FastAPI(lifespan=lifespan)
    api.add_middleware(CORSMiddleware, allow_origins=["http://elsewhere.example"])

    @api.get("/hello")
    async def hello(request: Request) -> str:
        io.emit("news", "somebody said hello")
        return str(request.state.greeting)

    if mounted:
        api.mount(PREFIX, io)
    return api


def starlette() -> Any:
    from starlette.applications import Starlette
    from starlette.responses import PlainTextResponse
    from starlette.routing import Mount, Route

    async def hello(request: Any) -> Any:
        return PlainTextResponse(request.state.greeting)

    return Starlette(routes=[Route("/hello", hello), Mount(PREFIX, io)], lifespan=joined_lifespan)


def litestar() -> Any:
    from litestar import Litestar, asgi, get

    @get("/hello", sync_to_thread=False)
    def hello() -> str:
        return "hello from the lifespan"

    return Litestar([hello, asgi(PREFIX, is_mount=True, copy_scope=True)(io)], lifespan=[own_lifespan, io.lifespan])


def make() -> Any:
    match HOW:
        case "alone":
            return io
        case "wrapped":
            return io.asgi_app(fastapi(mounted=False, lifespan=own_lifespan))
        case "mounted":
            return fastapi(mounted=True, lifespan=joined_lifespan)
        case "starlette":
            return starlette()
        case "litestar":
            return litestar()
        case "twice":
            return io.asgi_app(fastapi(mounted=False, lifespan=io.lifespan))
        case "unasked":
            api = FastAPI()
            api.mount(PREFIX, io)
            return api
    raise ValueError(HOW)


app = make()


def main() -> None:
    with sockets.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    threading.Thread(target=tell, args=(port,), daemon=True).start()
    name, _, variant = SPEC["skin"].partition("-")
    if name == "native":
        io.run("127.0.0.1", port, backend=SPEC["backend"])
    elif name == "uvicorn":
        import uvicorn

        ws = {"": "websockets", "sansio": "websockets-sansio", "wsproto": "wsproto"}[variant]
        # Our own option is under test, not uvicorn's, which trusts this machine.
        uvicorn.run(app, port=port, loop=SPEC["backend"], ws=ws, log_level="warning", proxy_headers=False)  # type: ignore[arg-type]
    elif name == "granian":
        from granian.constants import Interfaces
        from granian.server import Server as Granian

        os.environ["MOUNTED_SPEC"] = json.dumps(SPEC)
        Granian("mounted:app", port=port, interface=Interfaces.ASGI, log_enabled=False).serve()
    else:
        from hypercorn.config import Config

        config = Config()
        config.bind = [f"127.0.0.1:{port}"]
        config.graceful_timeout = 1
        if SPEC["backend"] == "trio":
            from hypercorn.run import run

            os.environ["MOUNTED_SPEC"] = json.dumps(SPEC)
            config.application_path, config.worker_class = "mounted:app", "trio"
            run(config)
        else:
            import asyncio

            from hypercorn.asyncio import serve as serve_asyncio

            asyncio.run(serve_asyncio(app, config))


def tell(port: int) -> None:
    """Says when something listens."""
    while True:
        with contextlib.suppress(OSError), sockets.create_connection(("127.0.0.1", port)):
            break
        time.sleep(0.01)
    say("listening", port=port)


if __name__ == "__main__":
    main()
