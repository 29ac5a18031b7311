"""uvicorn as the hosted application's server, on asyncio and uvloop: without its signals, lifespan and log set-up.

Refuses to know what the application is and who connects.
"""

from __future__ import annotations

import contextlib
import logging
from typing import TYPE_CHECKING, Any, Final

import anyio
import uvicorn

if TYPE_CHECKING:
    import socket
    from collections.abc import Generator

    from anyio.abc import TaskStatus

    from ..asgi_types import Message, Receive, Scope, Send
    from .application import Application
    from .ending import Ending

__all__ = ("serve",)

# The listener closes connections that it does not need; a server that does might do so while a request is on its way.
_KEEP_ALIVE: Final = 86_400
# The listener's own limit is 32 KiB.
_MAX_HEAD: Final = 64 * 1024
# What the tasks get that are cancelled without grace: one turn.
_LEAST: Final = 0.05


_log = logging.getLogger("uvicorn.error")


class _Answering:
    """``app``; what fails after its answer, such as a background task, ends here. uvicorn would close the connection, and
    another client's request may be on its way there: the listener's connections are shared."""

    def __init__(self, app: Application) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        answered = False

        async def watched(message: Message) -> None:
            nonlocal answered
            await send(message)
            if message["type"] == "http.response.body" and not message.get("more_body", False):
                answered = True

        try:
            await self._app(scope, receive, watched)
        except Exception:
            if not answered:
                raise
            _log.exception("Exception in ASGI application")  # uvicorn's own words


class _Server(uvicorn.Server):
    """A server that leaves the signals to whoever runs the program, and says when it listens."""

    def __init__(self, config: uvicorn.Config, ready: TaskStatus[None]) -> None:
        super().__init__(config)
        self._ready = ready

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._ready.started()


async def serve(app: Application, path: str, ending: Ending, *, task_status: TaskStatus[None]) -> None:
    """Serves until ``ending`` begins, and then for at most its grace. Cancelled, it cancels what runs."""
    # Its lines about its own start and end would be the second ones in one program.
    quiet = _log.level == logging.NOTSET
    config = uvicorn.Config(
        _Answering(app),
        uds=path,
        lifespan="off",
        interface="asgi3",
        log_config=None,
        log_level="warning" if quiet else None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        date_header=False,
        timeout_keep_alive=_KEEP_ALIVE,
        h11_max_incomplete_event_size=_MAX_HEAD,
    )
    server = _Server(config, task_status)

    async def end() -> None:
        await ending.wait()
        _limit(config, ending.grace)
        server.should_exit = True

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(end)
        try:
            await server.serve()
        except anyio.get_cancelled_exc_class():
            if server.started:
                _limit(config, 0)
                with anyio.CancelScope(shield=True):
                    await server.shutdown()
            raise
        tasks.cancel_scope.cancel()


def _limit(config: Any, grace: float) -> None:
    # Declared as whole seconds; it is given to asyncio.wait_for.
    config.timeout_graceful_shutdown = max(grace, _LEAST)
