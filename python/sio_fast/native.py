"""The native listener: ``serve`` inside a program, ``run`` as a program, with its signals and its start line.

Refuses to know namespaces and handlers.
"""

from __future__ import annotations

import contextlib
import importlib.util
import logging
import os
import signal
import sys
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

import anyio

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from anyio.abc import TaskGroup, TaskStatus

    from ._core import Core
    from .asgi_types import ASGIApp
    from .hosted import Hosted
    from .server import Server

__all__ = ("Backend", "Listener", "StaticFiles", "run", "serve")

Backend: TypeAlias = Literal["auto", "asyncio", "uvloop", "trio"]
StaticFiles: TypeAlias = "Mapping[str, str | os.PathLike[str]]"
"""Folders or files by the path they are served under, such as ``{"/": "static"}``."""

# The first character of a session's id names its thread.
_MAX_THREADS: Final = 64
_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)
_ITSELF: Final = (
    "app is this server itself, which answers Socket.IO without it; give another application, or leave app out"
)
_TWICE: Final = (
    "the startup of app has started this Server already, which io.run() and io.serve() do themselves: drop "
    "lifespan=io.lifespan from app, and give it without io.asgi_app() or a mount of io"
)

_log = logging.getLogger("sio_fast.server")


@dataclass(frozen=True, slots=True)
class Listener:
    """What a server listens on.

    Attributes:
        port: Port of the first address; 0 for a Unix socket.
        addresses: Host and port of each.
    """

    port: int
    addresses: tuple[tuple[str, int], ...]


async def serve(
    server: Server[Any],
    host: str,
    port: int,
    *,
    backlog: int,
    io_threads: int,
    header_timeout: float,
    static_files: StaticFiles | None,
    app: ASGIApp | None,
    uds: str | os.PathLike[str] | None,
    task_status: TaskStatus[Listener],
) -> None:
    """See :meth:`Server.serve`."""
    _check_threads(io_threads)
    served = [(prefix, _existing(path)) for prefix, path in (static_files or {}).items()]
    socket = None if uds is None else os.fspath(uds)

    async def beside(hosted: Hosted | None) -> None:
        """Socket.IO, and the application's part of its beginning and end."""
        if hosted is not None and server._lifetime is not None:
            raise RuntimeError(_TWICE)

        def listen(core: Core, serve_client: str | None) -> Sequence[tuple[str, int]]:
            return core.listen(
                host,
                port,
                backlog=backlog,
                io_threads=io_threads,
                header_timeout=header_timeout,
                static_files=served,
                serve_client=serve_client,
                app=None if hosted is None else hosted.path,
                uds=socket,
            )

        def started(addresses: tuple[tuple[str, int], ...]) -> None:
            if hosted is not None:
                hosted.application.server = (socket, None) if socket is not None else addresses[0]
            task_status.started(Listener(addresses[0][1] if addresses else 0, addresses))

        await server._run_lifetime(listen, started, beside=hosted)

    if app is None:
        await beside(None)
    elif app is server:
        raise TypeError(_ITSELF)
    else:
        server._require_idle()
        from . import hosted  # noqa: PLC0415 - asked for by few

        await hosted.host(app, beside)


def run(
    server: Server[Any],
    host: str,
    port: int,
    *,
    backend: Backend,
    grace: float,
    log_level: str | int | None,
    backlog: int,
    io_threads: int,
    header_timeout: float,
    static_files: StaticFiles | None,
    app: ASGIApp | None,
    uds: str | os.PathLike[str] | None,
) -> None:
    """See :meth:`Server.run`."""
    name, options = _backend(backend)
    if log_level is not None and not logging.getLogger().handlers:
        level = log_level.upper() if isinstance(log_level, str) else log_level
        logging.basicConfig(level=level, format="%(asctime)s %(levelname)-7s %(name)s: %(message)s")
    serving = partial(
        serve,
        server,
        host,
        port,
        backlog=backlog,
        io_threads=io_threads,
        header_timeout=header_timeout,
        static_files=static_files,
        app=app,
        uds=uds,
    )
    program = _Program(server, serving, grace)
    anyio.run(program.main, backend=name, backend_options=options)
    if program.failure is not None:
        where = os.fspath(uds) if uds is not None else _url(host, port)
        text = program.failure.strerror or str(program.failure)
        sys.stderr.write(f"cannot listen on {where}: {text}\n")
        raise SystemExit(1)
    if program.forced is not None:
        raise SystemExit(128 + program.forced)


def _check_threads(count: int) -> None:
    if not isinstance(count, int) or not 1 <= count <= _MAX_THREADS:
        raise ValueError(f"io_threads is {count!r}; it must be a whole number from 1 to {_MAX_THREADS}")


class _Program:
    """``run``: serving, and the signals that end it."""

    def __init__(self, server: Server[Any], serving: Callable[..., Awaitable[None]], grace: float) -> None:
        self._server = server
        self._serving = serving
        self._grace = grace
        self._listening = False
        self._closing = False
        self.failure: OSError | None = None
        self.forced: int | None = None

    async def main(self) -> None:
        """Serves until a signal, an error or a handler's SystemExit."""
        failure: BaseException | None = None
        async with anyio.create_task_group() as tasks:
            await tasks.start(self._obey, tasks)
            try:
                await self._serving(task_status=self)
            except (Exception, KeyboardInterrupt, SystemExit) as error:  # noqa: BLE001 - raised below, outside the group
                failure = error
            tasks.cancel_scope.cancel()
        if isinstance(failure, OSError) and not self._listening:
            self.failure = failure
        elif failure is not None:
            raise failure

    def started(self, value: Listener) -> None:
        """It listens: the start line."""
        self._listening = True
        for host, port in value.addresses:
            _log.info("listening on %s (Ctrl+C stops)", _url(host, port) if port else host)

    async def _obey(self, tasks: TaskGroup, *, task_status: TaskStatus[None]) -> None:
        """The first signal closes with grace, the second at once."""
        with contextlib.ExitStack() as stack:
            try:
                received = stack.enter_context(anyio.open_signal_receiver(*_SIGNALS))
            except (NotImplementedError, ValueError, RuntimeError):
                # Not the main thread, or a platform without them: there Ctrl+C is a KeyboardInterrupt.
                task_status.started()
                return
            task_status.started()
            async for number in received:
                if self._closing:
                    self.forced = int(number)
                    tasks.cancel_scope.cancel()
                    return
                self._closing = True
                _log.info("%s: closing, at most %g s", number.name, self._grace)
                tasks.start_soon(partial(self._server.close, grace=self._grace))


def _backend(backend: Backend) -> tuple[str, dict[str, Any]]:
    """Name and options for anyio.

    Raises:
        ValueError: No such back-end.
        ModuleNotFoundError: It is not installed.
    """
    if backend == "trio":
        return "trio", {}
    if backend == "asyncio":
        return "asyncio", {}
    if backend == "uvloop":
        return "asyncio", {"use_uvloop": True}
    if backend == "auto":
        return "asyncio", {"use_uvloop": importlib.util.find_spec("uvloop") is not None}
    raise ValueError(f"backend is 'auto', 'asyncio', 'uvloop' or 'trio', not {backend!r:.50}")


def _existing(path: str | os.PathLike[str]) -> str:
    found = Path(path)
    if not found.exists():
        raise ValueError(f"static_files: {os.fspath(path)!r} does not exist")
    return str(found.absolute())


def _url(host: str, port: int) -> str:
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
