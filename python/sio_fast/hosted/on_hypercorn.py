"""hypercorn as the hosted application's server, on trio: quiet, and with WebSockets that hear of the end.

Refuses to know what the application is and who connects.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final

import anyio
import hypercorn.config
import hypercorn.trio

if TYPE_CHECKING:
    from anyio.abc import TaskStatus

    from ..asgi_types import Message, Receive, Scope, Send
    from .application import Application
    from .ending import Ending

__all__ = ("serve",)

# The listener closes connections that it does not need; a server that does might do so while a request is on its way.
_KEEP_ALIVE: Final = 86_400
_MAX_REQUESTS: Final = 1 << 62
# The listener's own limit is 32 KiB.
_MAX_HEAD: Final = 64 * 1024
# As uvicorn: service restart.
_RESTART: Final = 1012


async def serve(app: Application, path: str, ending: Ending, *, task_status: TaskStatus[None]) -> None:
    """Serves until ``ending`` begins, and then for at most its grace. Cancelled, it cancels what runs."""
    log = logging.getLogger("hypercorn.error")
    if log.level == logging.NOTSET:
        # Its lines about its own start would be the second ones in one program.
        log.setLevel(logging.WARNING)
    config = hypercorn.config.Config()
    config.bind = [f"unix:{path}"]
    config.errorlog = log
    config.include_server_header = False
    config.include_date_header = False
    config.keep_alive_timeout = _KEEP_ALIVE
    config.keep_alive_max_requests = _MAX_REQUESTS
    config.h11_max_incomplete_size = _MAX_HEAD

    closing = _ClosingWebSockets(app)

    async def end() -> None:
        await ending.wait()
        config.graceful_timeout = ending.grace
        closing.end()

    await hypercorn.trio.serve(  # pyright: ignore[reportUnknownMemberType] - its WSGI half is not typed
        closing,  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
        config,
        shutdown_trigger=end,
        task_status=task_status,  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
        mode="asgi",
    )


class _ClosingWebSockets:
    """``app`` with WebSockets that close when the end begins: hypercorn would let them run until the grace is over."""

    def __init__(self, app: Application) -> None:
        self._app = app
        self._open: set[_WebSocket] = set()

    def end(self) -> None:
        """Ends those that are open."""
        for connection in tuple(self._open):
            connection.end()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "websocket":
            await self._app(scope, receive, send)
            return
        connection = _WebSocket(receive, send)
        self._open.add(connection)
        try:
            await self._app(scope, connection.receive, send)
        finally:
            self._open.discard(connection)


class _WebSocket:
    """The receiving half of one connection, which can be ended from outside."""

    def __init__(self, receive: Receive, send: Send) -> None:
        self._receive = receive
        self._send = send
        self._ended = False
        self._scope: anyio.CancelScope | None = None

    def end(self) -> None:
        """Whoever receives, now or next, hears that the connection has ended."""
        self._ended = True
        if self._scope is not None:
            self._scope.cancel()

    async def receive(self) -> Message:
        """The next message, or the end."""
        if not self._ended:
            with anyio.CancelScope() as self._scope:
                return await self._receive()
        await self._send({"type": "websocket.close", "code": _RESTART})
        return {"type": "websocket.disconnect", "code": _RESTART, "reason": ""}
