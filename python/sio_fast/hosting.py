"""A server as an ASGI application: who starts it and who ends it, which requests are its own, and applications around it.

Refuses to know what a request means and how packets travel.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import warnings
from typing import TYPE_CHECKING, Any, Final

import anyio

from .asgi import Hearing, answer_http, answer_websocket, refuse, respond, verdict
from .driver import Driver
from .exceptions import NotRunning
from .signals import watching
from .wake import clock, here, soon

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Sequence

    from anyio.abc import TaskStatus

    from ._core import Core
    from .asgi_types import Answer, ASGIApp, Message, Receive, Scope, Send
    from .server import Server

__all__ = ("Host", "Wrapped")

_FIX: Final = (
    "nothing has started this Server before its first request. Write app = io.asgi_app(app), or give the application "
    "around a mount its lifespan: FastAPI(lifespan=io.lifespan), Starlette(lifespan=io.lifespan), "
    "Litestar(lifespan=[io.lifespan]); and let the ASGI server run lifespans (uvicorn --lifespan on)"
)
_TWICE: Final = (
    "the lifespan of this Server was entered twice: io.asgi_app(app) enters it by itself, so drop lifespan=io.lifespan from "
    "app (or mount io instead of wrapping app)"
)
_ELSEWHERE: Final = (
    "this Server runs already, on another event loop or by io.run(): one Server belongs to one ASGI server; make a second "
    "Server, and join them with an adapter. If this application is the app= of io.run(), take the mount out of it: io.run() "
    "answers Socket.IO by itself"
)
_ITSELF: Final = (
    "io.asgi_app(io) puts the server in front of itself: io is an ASGI application already; give the ASGI server io, or "
    "io.asgi_app(app) with another application"
)

_log = logging.getLogger("sio_fast.asgi")


def _drive(core: Core) -> Driver:
    """By the loop's own clock."""
    return Driver(core, clock())


class Host:
    """What a server is while an ASGI server carries it. On the loop of that server only.

    Attributes:
        drive: Makes the driver of a run; a test puts one of its own here.
    """

    def __init__(self, server: Server[Any]) -> None:
        self._server = server
        self.drive: Callable[[Core], Driver] = _drive
        self._driver: Driver | None = None
        self._loop: object = None
        self._over = False
        self._unasked: asyncio.Task[None] | None = None
        self._starting: asyncio.Future[None] | None = None

    async def alone(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The server as an application of its own, or mounted in one."""
        await Wrapped(self, None, mounted=True)(scope, receive, send)

    def wrap(self, other: ASGIApp) -> ASGIApp:
        """The server in front of another application.

        Raises:
            TypeError: It is this server.
        """
        if other is self._server or (isinstance(other, Wrapped) and other._host is self):
            raise TypeError(_ITSELF)
        return Wrapped(self, other, mounted=False)

    # Starting and ending.

    async def run(self, *, task_status: TaskStatus[None] = anyio.TASK_STATUS_IGNORED) -> None:
        """Runs the server until it is closed, or until a signal has told the ASGI server to stop.

        Raises:
            RuntimeError: It runs already.
        """
        if self._driver is not None:
            raise RuntimeError(_TWICE if self._loop is here() else _ELSEWHERE)
        server = self._server
        failure: BaseException | None = None
        async with anyio.create_task_group() as tasks:

            def listen(core: Core, serve_client: str | None) -> Sequence[tuple[str, int]]:
                if serve_client is not None:
                    _log.warning("serve_client is for the native listener; an ASGI application serves its own files")
                self._driver, self._loop, self._over = self.drive(core), here(), False
                tasks.start_soon(self._driver.run)
                return ()

            def started(_: object) -> None:
                task_status.started()

            try:
                with watching(soon(), self._begin_close):
                    await server._run_lifetime(listen, started)
            except (Exception, KeyboardInterrupt, SystemExit) as error:  # noqa: BLE001 - raised below, outside the group
                failure = error
            finally:
                self._driver, self._over = None, True
            tasks.cancel_scope.cancel()
        if failure is not None:
            raise failure

    def _begin_close(self) -> None:
        """The ASGI server was told to stop. Some wait for requests that hang before they end lifespans."""
        if self._server._lifetime is not None:
            self._server._lifetime.begin_close()

    @contextlib.asynccontextmanager
    async def lifespan(self) -> AsyncGenerator[None]:
        """The server runs inside."""
        failure: Exception | None = None
        async with anyio.create_task_group() as tasks:
            await tasks.start(self.run)
            try:
                yield
            except Exception as error:  # noqa: BLE001 - raised below, outside the group
                failure = error
            await self._server.close()
        if failure is not None:
            raise failure

    async def _driving(self) -> Driver | None:
        """The driver of the run. None: it is over.

        Raises:
            NotRunning: Nobody has started it, and this back-end has no tasks without an owner.
            RuntimeError: It runs elsewhere.
        """
        if self._driver is not None:
            if self._loop is not here():
                raise RuntimeError(_ELSEWHERE)
            return self._driver
        if self._over:
            return None
        if self._server._lifetime is not None:
            raise RuntimeError(_ELSEWHERE)
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            raise NotRunning(_FIX) from None
        await self._start_unasked(loop)
        return self._driver

    async def _start_unasked(self, loop: asyncio.AbstractEventLoop) -> None:
        """Starts a task that nobody owns; the end of the loop cancels it."""
        if self._unasked is None or self._unasked.done():
            # Not a line in the log, which a program that set up no logging never sees.
            text = f"{_FIX}. It is started now, and will be cut off at the end instead of closed"
            warnings.warn(text, RuntimeWarning, stacklevel=2)
            started: asyncio.Future[None] = loop.create_future()

            class Status:
                def started(self, value: None = None) -> None:
                    started.set_result(value)

            self._starting = started
            self._unasked = loop.create_task(self.run(task_status=Status()))
        waiting = {task for task in (self._unasked, self._starting) if task is not None}
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        if self._unasked.done():
            self._unasked.result()

    # Requests.

    async def answer(self, scope: Scope, receive: Receive, send: Send, *, mounted: bool, other: ASGIApp | None) -> None:
        """Answers one HTTP request or WebSocket; what is not the server's own goes to ``other``."""
        if scope["type"] not in ("http", "websocket"):
            raise RuntimeError(f"an ASGI scope of type {scope['type']!r} is unknown here")
        driver = await self._driving()
        hearing = Hearing(receive)
        try:
            said = None if driver is None else await verdict(driver, scope, hearing, mounted=mounted)
            if driver is not None and said is not None:
                if said:
                    await self._carry_out(driver, scope, hearing, send, said)
                return
        finally:
            hearing.close()
        if other is not None:
            await other(scope, receive, send)
        elif scope["type"] == "http":
            await respond(scope, send, self._stranger(scope))
        else:
            await receive()
            await refuse(scope, send, self._stranger(scope))

    async def _carry_out(
        self, driver: Driver, scope: Scope, hearing: Hearing, send: Send, said: tuple[Any, ...]
    ) -> None:
        driver.begin()
        try:
            if scope["type"] == "http":
                await answer_http(driver, scope, hearing, send, said)
            else:
                if not hearing.heard:
                    await hearing()
                await answer_websocket(driver, scope, hearing.straight(), send, said)
        finally:
            driver.finish()

    def _stranger(self, scope: Scope) -> Answer:
        """The answer to a request that nobody has an answer to."""
        if self._over:
            return 503, [(b"content-type", b"text/plain")], b"the Socket.IO server is shutting down\n", True
        root, path = scope.get("root_path", ""), self._server._settings.path.strip("/")
        text = (
            f"No Socket.IO at {scope['path']}. It answers below {root}/{path}/: give the client "
            f'io(url, {{ path: "{root}/{path}/" }}), or change the server\'s option path or the mount\n'
        )
        return 404, [(b"content-type", b"text/plain; charset=utf-8")], text.encode(), False


class Wrapped:
    """An application with a server in front of it; see :meth:`Server.asgi_app`."""

    def __init__(self, host: Host, other: ASGIApp | None, *, mounted: bool) -> None:
        self._host = host
        self._other = other
        self._mounted = mounted

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The ASGI 3 application."""
        if scope["type"] == "lifespan":
            await _Lifespan(self._host, receive, send).run(scope, self._other)
        else:
            await self._host.answer(scope, receive, send, mounted=self._mounted, other=self._other)


class _Lifespan:
    """One lifespan: the other application's around the server's own, whether it has one or not."""

    def __init__(self, host: Host, receive: Receive, send: Send) -> None:
        self._host = host
        self._receive = receive
        self._send = send
        self._asked = False
        self._answered = False
        self._running = contextlib.AsyncExitStack()

    async def run(self, scope: Scope, other: ASGIApp | None) -> None:
        """Until the shutdown is complete."""
        async with self._running:
            if other is not None:
                try:
                    await other(scope, self._hear, self._say)
                except Exception:
                    if self._answered:
                        raise
                    # How an application says that it knows no lifespans.
                    _log.debug("the wrapped application has no lifespan", exc_info=True)
            if not self._answered:
                await self._alone()

    async def _hear(self) -> Message:
        """What the other application receives. Its shutdown comes after ours: our handlers may need what it has opened."""
        message = await self._receive()
        if message["type"] == "lifespan.shutdown":
            await self._host._server.close()
        else:
            self._asked = True
        return message

    async def _say(self, message: Message) -> None:
        """What it sends. When it has started, we do."""
        if message["type"] == "lifespan.startup.complete":
            await self._start()
        self._answered = True
        await self._send(message)

    async def _start(self) -> None:
        tasks = await self._running.enter_async_context(anyio.create_task_group())
        await tasks.start(self._host.run)

    async def _alone(self) -> None:
        if not self._asked:
            await self._receive()
        try:
            await self._start()
        except Exception as error:  # noqa: BLE001 - told to the ASGI server
            _log.exception("the server could not start")
            await self._send({"type": "lifespan.startup.failed", "message": str(error)})
            return
        await self._send({"type": "lifespan.startup.complete"})
        await self._receive()
        await self._host._server.close()
        await self._send({"type": "lifespan.shutdown.complete"})
