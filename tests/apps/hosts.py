"""ASGI servers around an application, inside this process: started on a free port, and stopped as each of them is told to.

Knows no Socket.IO.
"""

from __future__ import annotations

import asyncio
import socket
import sys
from typing import Any

import anyio

__all__ = ("Hosted", "nothing_here")


class Hosted:
    """An application in one of the ASGI servers, on the running loop."""

    def __init__(self, skin: str, app: Any) -> None:
        self.name, _, self.variant = skin.partition("-")
        self.app = app
        self.stopping = anyio.Event()
        self.server: Any = None

    async def serve(self, *, task_status: Any) -> None:
        """Until it is stopped; tells the port when it listens."""
        sock = socket.socket()
        sock.bind(("127.0.0.1", 0))
        port = sock.getsockname()[1]
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(getattr(self, f"_{self.name}"), sock, port)
            while not await answers(port):  # noqa: ASYNC110 - nobody tells
                await anyio.sleep(0.01)
            task_status.started(port)

    def stop(self) -> None:
        """Tells it as a signal would."""
        self.stopping.set()

    async def _uvicorn(self, sock: socket.socket, port: int) -> None:
        import uvicorn

        config = uvicorn.Config(
            self.app,
            lifespan="on",
            log_level="warning",
            timeout_keep_alive=60,  # as long as the clients think; a request must not meet a connection that closes
            http="h11" if self.variant == "wsproto" else "httptools",
            ws={"": "websockets", "sansio": "websockets-sansio", "wsproto": "wsproto"}[self.variant],  # type: ignore[arg-type]
        )
        server = uvicorn.Server(config)
        async with anyio.create_task_group() as tasks:

            async def stop() -> None:
                await self.stopping.wait()
                server.should_exit = True

            tasks.start_soon(stop)
            await server.serve(sockets=[sock])
            tasks.cancel_scope.cancel()

    async def _hypercorn(self, sock: socket.socket, port: int) -> None:
        from hypercorn.config import Config

        config = Config()
        config.bind = [f"fd://{sock.detach()}"]
        config.errorlog = "-"
        config.loglevel = "WARNING"
        config.graceful_timeout = 1
        if "trio" in sys.modules and _on_trio():
            from hypercorn.trio import serve
        else:
            from hypercorn.asyncio import serve  # type: ignore[assignment]
        await serve(self.app, config, shutdown_trigger=self.stopping.wait)  # type: ignore[arg-type]

    async def _granian(self, sock: socket.socket, port: int) -> None:
        from granian.constants import Interfaces
        from granian.server.embed import Server

        sock.close()
        server = Server(self.app, address="127.0.0.1", port=port, interface=Interfaces.ASGI)
        async with anyio.create_task_group() as tasks:

            async def stop() -> None:
                await self.stopping.wait()
                server.stop()

            tasks.start_soon(stop)
            await server.serve()
            tasks.cancel_scope.cancel()

    async def _daphne(self, sock: socket.socket, port: int) -> None:
        """Twisted's reactor on the loop that runs already."""
        from twisted.internet import asyncioreactor

        asyncioreactor.install(asyncio.get_running_loop())
        from daphne.server import Server
        from twisted.internet import reactor

        sock.close()
        reactor.run = lambda **_: reactor.startRunning(False)  # type: ignore[attr-defined]
        Server(self.app, endpoints=[f"tcp:port={port}:interface=127.0.0.1"], signal_handlers=False, verbosity=0).run()
        # Stopping the reactor would stop the loop.
        await self.stopping.wait()


async def nothing_here(scope: Any, receive: Any, send: Any) -> None:
    """The application that the server under test is wrapped around. It has no lifespan."""
    assert scope["type"] in ("http", "websocket")
    if scope["type"] == "http":
        await send({"type": "http.response.start", "status": 404, "headers": [(b"content-length", b"0")]})
        await send({"type": "http.response.body"})
    else:
        await receive()
        await send({"type": "websocket.close"})


async def answers(port: int) -> bool:
    """Whether something accepts connections."""
    try:
        stream = await anyio.connect_tcp("127.0.0.1", port)
    except OSError:
        return False
    await stream.aclose()
    return True


def _on_trio() -> bool:
    import trio

    return trio.lowlevel.in_trio_run()
