"""``Server``: the options, the namespaces, the start and the end. Refuses to know how notices become calls of handlers."""

from __future__ import annotations

import logging
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Literal, Never

import anyio
from typing_extensions import TypeVarTuple, Unpack

from ._core import Core
from .admission import Admission
from .emitting import checked_timeout
from .engine import Engine
from .exceptions import NotRunning
from .forks import Forked, watch_forks
from .handlers import require_callable
from .lifetime import Lifetime
from .namespaces import Namespaces, checked_class
from .options import dispatch_settings_of, in_force, settings_of
from .preparation import Preparation
from .registry import Registry
from .settings import (
    DEFAULT_CORS_METHODS,
    CorsOrigins,
    checked_parser,
    client_folder,
    judge_of_origins,
    unknown_option,
)
from .socket import S, Socket
from .validation import Engine as ValidationEngine
from .validation import Validation

if TYPE_CHECKING:
    import os
    from collections.abc import Awaitable, Callable, Mapping, Sequence
    from contextlib import AbstractAsyncContextManager

    from anyio.abc import TaskStatus

    from .admission import AllowRequest
    from .asgi_types import ASGIApp, Receive, Scope, Send
    from .cookie import CookieOption
    from .hosting import Host
    from .lifetime import Beside
    from .native import Backend, Listener, StaticFiles
    from .waits import Waits

__all__ = ("Server",)

_Ts = TypeVarTuple("_Ts")

_MIB: Final = 1 << 20

_log = logging.getLogger("sio_fast.server")


class Server(Namespaces[S]):
    """A Socket.IO server, and its namespace ``/``: ``io.on``, ``io.emit`` and the others mean that one.

    Making one opens nothing: no thread, no descriptor. Options are keyword-only, durations seconds, sizes bytes.

    Args:
        path: Path of the requests.
        transports: ``"polling"``, ``"websocket"`` or both.
        allow_upgrades: False to leave clients on long-polling.
        allow_request: ``f(request)``, sync or async, asked about every handshake that nothing else is wrong with, over both
            transports, on the server's loop. Returning None or True lets it go on; False refuses it with status 403, code
            4; raising :class:`ConnectError` refuses it with that message. One that raises anything else, returns anything
            else or takes longer than ``connect_timeout`` refuses with status 400, code 3. Other requests are not asked
            about. The official ``allowRequest``.
        ping_interval: Time between two pings.
        ping_timeout: Time for the answer to one.
        upgrade_timeout: Time for an upgrade of the transport.
        cookie: True, a :class:`Cookie` or its fields: set at the handshake over long-polling, for balancers.
        connect_timeout: Time for a connection to join its first namespace.
        max_connections: TCP connections held open at a time; further ones wait in the kernel's backlog. None: no limit. The
            native listener's; an ASGI server has its own.
        max_http_buffer_size: Largest message of a client.
        max_attachments: Most attachments of one packet.
        max_depth: Deepest nesting of JSON.
        cors_allowed_origins: None accepts an ``Origin`` of the same host only, False checks nothing and sends no headers,
            ``"*"`` or names of origins accept those; a pattern must match a whole origin; ``f(origin)``, sync or async,
            is asked on the server's loop, once for a connection.
        cors_allowed_methods: Methods for preflight requests.
        cors_allowed_headers: Headers for preflight requests; None reflects what is asked for.
        cors_exposed_headers: Headers that pages may read.
        cors_credentials: True to allow credentials.
        cors_max_age: How long a browser may keep the answer to a preflight request.
        trusted_proxies: Addresses or networks (``"10.0.0.0/8"``) of proxies whose ``X-Forwarded-For``, ``-Proto`` and
            ``-Host`` are believed.
        serve_client: Folder of the npm package's files, served below ``path``; False serves none.
        parser: ``"json"``, the format of the official client, is the only one so far.
        default: Called for values that the codec does not know; what it returns is encoded instead.
        socket_class: Subclass of :class:`Socket` that handlers get.
        max_concurrency_per_socket: Event handlers of one socket at a time.
        max_running_handlers: Waiting handlers of the process at a time; above it sessions pause.
        disconnect_wait: How long ``disconnecting`` waits for the events ahead of it.
        ack_on_error: Called with the exception when a handler or a gate fails (:class:`AckError` aside) and the client waits
            for an answer; what it returns answers, as a handler's result does, but None sends nothing. Without it nothing
            is sent.
        max_queued_events: Events of one connection that may wait for their handlers.
        max_queued_bytes: The same in bytes.
        high_water_mark: Bytes queued for a client above which awaiting an emit waits until half of it; None: a quarter of
            ``max_buffered_bytes``.
        max_buffered_bytes: Bytes queued for a client above which ``on_overflow`` acts. An empty queue takes any one packet.
        on_overflow: ``"disconnect"`` ends such a client's connection. ``"drop_oldest"`` drops the oldest events that wait for
            it, each with its attachments, as ``stats()["packets_dropped"]`` counts; what wants an answer, answers and the
            protocol's own packets are kept, and a client that does not read even those is disconnected.
        ack_timeout: How long ``emit_with_ack`` to many waits where no ``timeout()`` says it; None: it must say it.
        validation: Who checks the arguments of events against the annotations of handlers (and the types of an
            :class:`Event`), straight from the JSON that came. ``"auto"``: msgspec its own types, pydantic all others, but
            builtins such as ``str``, ``list[str]`` and ``dict[str, Any]`` are not checked; ``"pydantic"`` or ``"msgspec"``
            checks everything that is annotated; None nothing. What does not fit is an :class:`InvalidPayload` for
            ``on_error``, and the handler is not called.
        call_wrapper: Gets each handler once, when it is registered with the server, and gives what is called instead:
            the door for dependency injection. Middlewares are not wrapped. Parameters with a ``Depends`` are no arguments
            of the event.
        strict_rooms: True to refuse a socket the room of another one's id (:class:`ForeignRoom`), as python-socketio does.
        **unknown: None: an unknown option is a TypeError, which names ours where it knows what was meant.

    Raises:
        TypeError: An unknown option, or a value of the wrong type.
        ValueError: A value out of its range.
        ImportError: ``validation`` names an engine that is not installed.
    """

    def __init__(
        self,
        *,
        path: str = "/socket.io",
        transports: Sequence[Literal["polling", "websocket"]] = ("polling", "websocket"),
        allow_upgrades: bool = True,
        allow_request: AllowRequest | None = None,
        cookie: CookieOption = False,
        ping_interval: float = 25,
        ping_timeout: float = 20,
        upgrade_timeout: float = 10,
        connect_timeout: float = 45,
        max_connections: int | None = None,
        max_http_buffer_size: int = 1_000_000,
        max_attachments: int = 10,
        max_depth: int = 512,
        cors_allowed_origins: CorsOrigins = None,
        cors_allowed_methods: Sequence[str] = DEFAULT_CORS_METHODS,
        cors_allowed_headers: Sequence[str] | None = None,
        cors_exposed_headers: Sequence[str] = (),
        cors_credentials: bool = False,
        cors_max_age: int | None = None,
        trusted_proxies: Sequence[str] = (),
        serve_client: Literal[False] | str | os.PathLike[str] = False,
        parser: Literal["json"] = "json",
        default: Callable[[Any], Any] | None = None,
        socket_class: type[S] = Socket,  # type: ignore[assignment]
        max_concurrency_per_socket: int = 1,
        max_running_handlers: int = 10_000,
        disconnect_wait: float = 5,
        ack_on_error: Callable[[BaseException], Any] | None = None,
        max_queued_events: int = 1000,
        max_queued_bytes: int = _MIB,
        high_water_mark: int | None = None,
        max_buffered_bytes: int = 4 * _MIB,
        on_overflow: Literal["disconnect", "drop_oldest"] = "disconnect",
        ack_timeout: float | None = None,
        validation: ValidationEngine | None = "auto",
        call_wrapper: Callable[[Any], Callable[..., Any]] | None = None,
        strict_rooms: bool = False,
        **unknown: Never,
    ) -> None:
        given = {name: value for name, value in locals().items() if name not in ("self", "unknown")}
        for name in unknown:
            raise unknown_option(name, given)
        checked_class(socket_class)
        checked_parser(parser)
        self._settings = settings_of(given)
        self._dispatch_settings = dispatch_settings_of(given)
        self._options = in_force(given, self._settings)
        self._admission = Admission(allow_request, judge_of_origins(self._settings.cors_allowed_origins))
        self._client_folder = client_folder(serve_client)
        self._ack_timeout = None if ack_timeout is None else checked_timeout(ack_timeout, "ack_timeout")
        if not isinstance(strict_rooms, bool):
            raise TypeError(f"strict_rooms is a bool, not {strict_rooms!r:.50}")
        self._strict_rooms = strict_rooms
        preparation = Preparation(Validation(validation), call_wrapper)
        self._core = Core(self._settings)
        self._registry: Registry[S] = Registry(self, self._core, socket_class, preparation)
        self._engine = Engine(self._core)
        self._lifetime: Lifetime | None = None
        self._addresses: tuple[tuple[str, int], ...] = ()
        self._forked = False
        self._host: Host | None = None

    @property
    def _waits(self) -> Waits | None:
        return None if self._lifetime is None else self._lifetime.waits

    # The options, the engine and what is counted.

    @property
    def options(self) -> Mapping[str, Any]:
        """The options in force, by name: what was given to :class:`Server`, and the defaults. Read-only, as options do not
        change; ``Server(**io.options)`` makes another server of the same kind. Safe from any thread."""
        return self._options

    @property
    def engine(self) -> Engine:
        """The Engine.IO side: ``io.engine.clients_count``."""
        return self._engine

    def stats(self) -> dict[str, int]:
        """Gauges and counters: sessions, sockets, rooms, bytes and events that are queued, running handlers, and totals
        since the start. Safe from any thread."""
        counted = self._core.stats()
        counted["handlers_running"] = self._lifetime.running() if self._lifetime is not None else 0
        return counted

    @property
    def addresses(self) -> tuple[tuple[str, int], ...]:
        """Host and port of every listener that is open; empty when the server does not run."""
        return self._addresses

    # Running.

    async def serve(
        self,
        host: str = "127.0.0.1",
        port: int = 3000,
        *,
        backlog: int = 2048,
        io_threads: int = 1,
        header_timeout: float = 10,
        static_files: StaticFiles | None = None,
        app: ASGIApp | None = None,
        uds: str | os.PathLike[str] | None = None,
        task_status: TaskStatus[Listener] = anyio.TASK_STATUS_IGNORED,
    ) -> None:
        """Serves inside a program of yours, on asyncio or trio, until :meth:`close`. Installs no signal handlers.

        ``listener = await task_group.start(io.serve, host, 0)`` waits until it listens. Cancelled, it closes without
        grace. It may be called again after it has ended, also on another loop or back-end.

        Args:
            host: Name or address to listen on; ``"::"`` for IPv6.
            port: 0 takes a free one.
            backlog: Connections that may wait for being accepted.
            io_threads: Threads that read and write, 1 to 64; more than one pays when the first fills a core.
            header_timeout: Seconds for the head of a request. Three times as long its body may take, and may an answer lie
                of which the peer reads nothing.
            static_files: Folders (or files) by the path they are served under, beside Socket.IO.
            app: An ASGI application that answers what is neither Socket.IO nor a file, WebSockets included; its lifespan
                is run here. Needs the extra ``sio-fast[app]``.
            uds: Path of a Unix socket to listen on instead.
            task_status: For ``task_group.start``: gets a :class:`Listener`.

        Raises:
            OSError: The address is in use, not ours, or forbidden.
            RuntimeError: This server serves already, or the startup of ``app`` failed or starts this server itself.
            TypeError: ``app`` is no application, or this server.
            ModuleNotFoundError: ``app`` without the extra.
            NotRunning: The process was forked after the start.
        """
        from . import native  # noqa: PLC0415 - the floor above, known when it is called and not before

        await native.serve(
            self,
            host,
            port,
            backlog=backlog,
            io_threads=io_threads,
            header_timeout=header_timeout,
            static_files=static_files,
            app=app,
            uds=uds,
            task_status=task_status,
        )

    def run(
        self,
        host: str = "127.0.0.1",
        port: int = 3000,
        *,
        backend: Backend = "auto",
        grace: float = 5,
        log_level: str | int | None = "info",
        backlog: int = 2048,
        io_threads: int = 1,
        header_timeout: float = 10,
        static_files: StaticFiles | None = None,
        app: ASGIApp | None = None,
        uds: str | os.PathLike[str] | None = None,
    ) -> None:
        """Runs a program that is this server, until SIGINT or SIGTERM; a second one stops at once.

        Args:
            host: Name or address to listen on; ``"::"`` for IPv6.
            port: 0 takes a free one.
            backend: ``"auto"`` (uvloop if it is installed), ``"asyncio"``, ``"uvloop"`` or ``"trio"``.
            grace: Seconds for the end; see :meth:`close`.
            log_level: Level of the logging that is set up if the program has none; None sets up nothing.
            backlog: Connections that may wait for being accepted.
            io_threads: Threads that read and write, 1 to 64; more than one pays when the first fills a core.
            header_timeout: Seconds for the head of a request. Three times as long its body may take, and may an answer lie
                of which the peer reads nothing.
            static_files: Folders (or files) by the path they are served under, beside Socket.IO.
            app: An ASGI application that answers what is neither Socket.IO nor a file, WebSockets included; its lifespan
                is run here. Needs the extra ``sio-fast[app]``.
            uds: Path of a Unix socket to listen on instead.

        Raises:
            SystemExit: The address cannot be listened on (code 1), or a second signal came.
            RuntimeError: This server serves already, or the startup of ``app`` failed or starts this server itself.
            TypeError: ``app`` is no application, or this server.
            ModuleNotFoundError: ``app`` without the extra.
        """
        from . import native  # noqa: PLC0415 - the floor above, known when it is called and not before

        native.run(
            self,
            host,
            port,
            backend=backend,
            grace=grace,
            log_level=log_level,
            backlog=backlog,
            io_threads=io_threads,
            header_timeout=header_timeout,
            static_files=static_files,
            app=app,
            uds=uds,
        )

    def start_soon(self, fn: Callable[[Unpack[_Ts]], Awaitable[object]], /, *args: *_Ts) -> None:
        """Starts ``fn(*args)`` in a task of the server, in a copy of the context that it was started in, and does not wait
        for it. The task runs while the server does.

        When the server closes, it is cancelled once the handlers are done or the grace is over; nothing waits for it to
        finish by itself. Its errors go to the log, as ``on_error`` is about sockets; those of ``socket.start_soon``, whose
        tasks end with the socket, go there. For the server's loop only.

        Args:
            fn: An async function.
            *args: Its arguments.

        Raises:
            TypeError: ``fn`` is not callable.
            NotRunning: The server does not run: start it in a handler, or when :meth:`serve` has begun to listen.
            RuntimeError: On another thread.
        """
        checked = require_callable(fn, "what start_soon starts")
        if self._lifetime is None:
            raise NotRunning("start_soon() needs a running server: call it from a handler, or once serve() has begun")
        self._lifetime.background.start(partial(checked, *args))

    # Inside an ASGI application.

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The server as an ASGI 3 application, alone or mounted below any path: ``api.mount("/socket.io", io)``.

        Applications do not pass lifespans on to what is mounted, so give them :meth:`lifespan`. Requests that are not
        the server's get 404.
        """
        await self._hosting.alone(scope, receive, send)

    def asgi_app(self, other: ASGIApp, /) -> ASGIApp:
        """``other`` with this server in front: requests below ``path`` are the server's, all else goes to ``other``.

        Lifespans are nested: ``other`` starts first and ends last, so handlers may use what it has opened. An application
        without lifespans may be wrapped too.

        Args:
            other: An ASGI 3 application.

        Raises:
            TypeError: It is this server.
        """
        return self._hosting.wrap(other)

    def lifespan(self, _app: object = None, /) -> AbstractAsyncContextManager[None]:
        """Runs the server inside an application that it is mounted in: ``FastAPI(lifespan=io.lifespan)``.

        Leaving it is :meth:`close`. Inside a lifespan of your own: ``async with io.lifespan(): yield``.

        Raises:
            RuntimeError: On entering: this server runs already.
        """
        return self._hosting.lifespan()

    @property
    def _hosting(self) -> Host:
        if self._host is None:
            from .hosting import Host  # noqa: PLC0415 - the floor above, known when it is called and not before

            self._host = Host(self)
        return self._host

    async def close(self, *, grace: float = 5) -> None:
        """Ends the server: every connection closes with ``server shutting down``, and clients will come back by
        themselves. Returns when the listener, the engine, all ``disconnect`` handlers and the ``app`` are done. Does
        nothing if it does not run. On the server's loop only; from another thread use ``anyio.from_thread.run``.

        Args:
            grace: Seconds for flushing what is queued and for handlers to finish; what still runs then is cancelled.
        """
        lifetime = self._lifetime
        if lifetime is not None:
            if not grace >= 0:
                raise ValueError(f"grace is {grace}; it must be 0 or more seconds")
            await lifetime.close(grace)

    def _require_idle(self) -> None:
        """It can be started.

        Raises:
            NotRunning: Not in this process.
            RuntimeError: It serves already.
        """
        if self._forked:
            raise NotRunning("the process was forked after this server had started; make or start it in the child only")
        if self._lifetime is not None:
            raise RuntimeError("this server serves already; close it first, or make a second Server")

    async def _run_lifetime(
        self,
        listen: Callable[[Core, str | None], Sequence[tuple[str, int]]],
        started: Callable[[tuple[tuple[str, int], ...]], Awaitable[None] | None],
        beside: Beside | None = None,
    ) -> None:
        """Runs until :meth:`close`, with the doors that ``listen`` opens, and what is ``beside`` behind them."""
        self._require_idle()

        def announce(addresses: Sequence[tuple[str, int]]) -> None:
            self._addresses = tuple(addresses)
            started(self._addresses)

        self._lifetime = Lifetime(
            self._core,
            self._registry,
            self._dispatch_settings,
            self._settings.high_water_mark,
            self._admission,
        )
        watch_forks(self)
        try:
            await self._lifetime.run(lambda: listen(self._core, self._client_folder), announce, beside)
        finally:
            self._addresses = ()
            self._lifetime = None

    def _after_fork(self) -> None:
        """In a child: the thread that would send what is emitted here lives in the parent."""
        if self._lifetime is None:
            return
        self._lifetime = None
        self._host = None
        self._addresses = ()
        self._forked = True
        for nsp in self._registry.by_name.values():
            for socket in nsp._sockets.values():
                object.__setattr__(socket, "_core", Forked())
            nsp._sockets.clear()
            nsp._namespace_core = Forked(nsp.name)  # type: ignore[assignment]

    def __repr__(self) -> str:
        state = f"on {self._addresses}" if self._lifetime is not None else "not running"
        return f"<{type(self).__name__} {state}, {len(self._registry.by_name)} namespaces>"
