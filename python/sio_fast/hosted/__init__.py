"""An ASGI application beside Socket.IO: its own lifespan, and its own server on a private Unix socket in the same loop.

Refuses to know Socket.IO, and who connects to that socket.
"""

from __future__ import annotations

import asyncio
import importlib.util
import logging
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

import anyio

from .application import Application
from .ending import Ending
from .lifespan import Lifespan

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from typing import TypeAlias

    from anyio.abc import TaskGroup, TaskStatus

    from ..asgi_types import ASGIApp

    Serve: TypeAlias = Callable[..., Awaitable[None]]

__all__ = ("Hosted", "host")

_SOCKET: Final = "app.sock"

_log = logging.getLogger("sio_fast.app")


class _Ready:
    """The word that the server listens, and whether it was said."""

    def __init__(self, task_status: TaskStatus[None]) -> None:
        self._task_status = task_status
        self.told = False

    def started(self, _value: object = None) -> None:
        """It listens. Some servers tell where; we know."""
        self.told = True
        self._task_status.started()


class Hosted:
    """An application that is being served. Loop thread only.

    Attributes:
        path: The Unix socket that its server listens on.
        application: What the server runs.
    """

    def __init__(self, app: ASGIApp, path: str) -> None:
        self.path = path
        self._lifespan = Lifespan(app)
        self.application = Application(app, self._lifespan.state)
        self._ending = Ending()
        self._served = anyio.Event()

    async def start(self, serve: Serve, tasks: TaskGroup) -> None:
        """Starts it up, and the server after it."""
        await self._lifespan.start(tasks)
        await tasks.start(self._serve, serve)

    def end(self, grace: float) -> None:
        """Begins the end: nothing new is accepted, WebSockets close, requests have ``grace`` seconds. The first one counts."""
        self._ending.begin(grace)

    async def ended(self) -> None:
        """Returns when its requests have ended and the application has shut down."""
        await self._served.wait()
        await self._lifespan.stop(self._ending.grace)

    async def _serve(self, serve: Serve, *, task_status: TaskStatus[None]) -> None:
        """If the server dies, Socket.IO goes on, and the listener answers for the application."""
        ready = _Ready(task_status)
        try:
            await serve(self.application, self.path, self._ending, task_status=ready)
            if not self._ending.begun:
                _log.error("the application's server has ended by itself; its requests are answered with 502")
        except Exception as error:  # noqa: BLE001 - once it listens, whatever it is, Socket.IO goes on
            if not ready.told:
                cause = _peeled(error)
                raise RuntimeError(f"the application's server cannot listen on {self.path}: {cause}") from cause
            _log.exception("the application's server has died; its requests are answered with 502")
        finally:
            self._served.set()


async def host(app: ASGIApp, beside: Callable[[Hosted], Awaitable[None]]) -> None:
    """Starts the application up, serves it while ``beside`` runs, and shuts it down.

    Args:
        app: An ASGI 3 application. One that knows no lifespan is served without.
        beside: Called when the application listens; what it raises is raised here. Requests that are in flight at its end
            have the seconds that it gave to :meth:`Hosted.end`.

    Raises:
        ModuleNotFoundError: The server for this event loop is not installed.
        RuntimeError: The application's startup failed, or its server's; the exception is the cause.
        TypeError: This is no application.
    """
    if not callable(app):
        raise TypeError(f"app is an ASGI application, not {app!r:.50}")
    serve = _server()
    failure: BaseException | None = None
    # Mode 0700: whoever can connect is believed when it says who the client is.
    with tempfile.TemporaryDirectory(prefix="sio-fast-", ignore_cleanup_errors=True) as folder:
        hosted = Hosted(app, str(Path(folder) / _SOCKET))
        async with anyio.create_task_group() as tasks:
            try:
                await hosted.start(serve, tasks)
            except (Exception, KeyboardInterrupt, SystemExit) as error:  # noqa: BLE001 - raised below, outside the group
                failure = error
                tasks.cancel_scope.cancel()
            else:
                try:
                    await beside(hosted)
                except (Exception, KeyboardInterrupt, SystemExit) as error:  # noqa: BLE001 - as above
                    failure = error
                hosted.end(0)
                await hosted.ended()
    if failure is not None:
        raise failure


def _peeled(error: BaseException) -> BaseException:
    """The one exception inside groups of one."""
    inside: tuple[BaseException, ...] = getattr(error, "exceptions", ())
    return _peeled(inside[0]) if len(inside) == 1 else error


def _server() -> Serve:
    """The server for the loop that runs."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        _need("trio", "hypercorn")
        from .on_hypercorn import serve as on_hypercorn  # noqa: PLC0415 - an extra

        return on_hypercorn
    _need("asyncio", "uvicorn", "websockets")
    from .on_uvicorn import serve as on_uvicorn  # noqa: PLC0415 - an extra

    return on_uvicorn


def _need(loop: str, *packages: str) -> None:
    missing = [name for name in packages if importlib.util.find_spec(name) is None]
    if missing:
        raise ModuleNotFoundError(
            f"app= needs {' and '.join(missing)} on {loop}: pip install 'sio-fast[app]'", name=missing[0]
        )
