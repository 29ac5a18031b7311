"""``Server``: the options, the namespaces, the start and the end. Refuses to know how notices become calls of handlers."""

from __future__ import annotations

import logging
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, Literal, Never, TypeVar, cast, overload

import anyio

from . import forks
from ._core import Core
from .cookie import cookie_text
from .emitting import checked_timeout
from .exceptions import NotRunning
from .lifetime import Lifetime
from .namespace import NamespaceLike
from .registry import Registry
from .settings import (
    DEFAULT_CORS_METHODS,
    CorsOrigins,
    DispatchSettings,
    Settings,
    client_folder,
    default_mark,
    normalise_origins,
    proxies,
    unknown_option,
    words,
)
from .socket import S, Socket

if TYPE_CHECKING:
    import os
    from collections.abc import Awaitable, Callable, Mapping, Sequence
    from contextlib import AbstractAsyncContextManager

    from anyio.abc import TaskStatus

    from .asgi import Receive, Scope, Send
    from .cookie import CookieOption
    from .hosting import Application, Host
    from .namespace import Namespace, ParentNamespace, Rule
    from .native import Backend, Listener, StaticFiles
    from .waits import Waits

__all__ = ("Engine", "Server")

C = TypeVar("C", bound=Socket)
N = TypeVar("N", bound="Namespace[Any]")
T = TypeVar("T")

_MIB: Final = 1 << 20

_log = logging.getLogger("sio_fast.server")


class Engine:
    """``io.engine``: the Engine.IO side of a server."""

    __slots__ = ("_core",)

    def __init__(self, core: Core) -> None:
        self._core = core

    @property
    def clients_count(self) -> int:
        """Connections that are open now. Safe from any thread."""
        return self._core.clients_count


class Server(NamespaceLike[S]):
    """A Socket.IO server, and its namespace ``/``: ``io.on``, ``io.emit`` and the others mean that one.

    Making one opens nothing: no thread, no descriptor. Options are keyword-only, durations seconds, sizes bytes.

    Args:
        path: Path of the requests.
        transports: ``"polling"``, ``"websocket"`` or both.
        allow_upgrades: False to leave clients on long-polling.
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
            ``"*"`` or names of origins accept those.
        cors_allowed_methods: Methods for preflight requests.
        cors_allowed_headers: Headers for preflight requests; None reflects what is asked for.
        cors_exposed_headers: Headers that pages may read.
        cors_credentials: True to allow credentials.
        cors_max_age: How long a browser may keep the answer to a preflight request.
        trusted_proxies: Addresses or networks (``"10.0.0.0/8"``) of proxies whose ``X-Forwarded-For``, ``-Proto`` and
            ``-Host`` are believed.
        serve_client: Folder of the npm package's files, served below ``path``; False serves none.
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
        max_buffered_bytes: Bytes queued for a client above which it is disconnected.
        ack_timeout: How long ``emit_with_ack`` to many waits where no ``timeout()`` says it; None: it must say it.
        **unknown: None: an unknown option is a TypeError, which names ours where it knows what was meant.

    Raises:
        TypeError: An unknown option, or a value of the wrong type.
        ValueError: A value out of its range.
    """

    def __init__(
        self,
        *,
        path: str = "/socket.io",
        transports: Sequence[Literal["polling", "websocket"]] = ("polling", "websocket"),
        allow_upgrades: bool = True,
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
        ack_timeout: float | None = None,
        **unknown: Never,
    ) -> None:
        for name in unknown:
            known = (*Settings.__dataclass_fields__, *DispatchSettings.__dataclass_fields__)
            raise unknown_option(name, (*known, "socket_class", "serve_client", "ack_timeout"))
        checked_class(socket_class)
        self._settings = Settings(
            path=path,
            transports=words("transports", transports),
            allow_upgrades=allow_upgrades,
            cookie=cookie_text(cookie),
            ping_interval=ping_interval,
            ping_timeout=ping_timeout,
            upgrade_timeout=upgrade_timeout,
            connect_timeout=connect_timeout,
            max_connections=max_connections,
            max_http_buffer_size=max_http_buffer_size,
            max_attachments=max_attachments,
            max_depth=max_depth,
            cors_allowed_origins=normalise_origins(cors_allowed_origins),
            cors_allowed_methods=words("cors_allowed_methods", cors_allowed_methods),
            cors_allowed_headers=(
                None if cors_allowed_headers is None else words("cors_allowed_headers", cors_allowed_headers)
            ),
            cors_exposed_headers=words("cors_exposed_headers", cors_exposed_headers),
            cors_credentials=cors_credentials,
            cors_max_age=cors_max_age,
            trusted_proxies=proxies(trusted_proxies),
            default=default,
            max_queued_events=max_queued_events,
            max_queued_bytes=max_queued_bytes,
            high_water_mark=default_mark(max_buffered_bytes) if high_water_mark is None else high_water_mark,
            max_buffered_bytes=max_buffered_bytes,
        )
        self._dispatch_settings = DispatchSettings(
            max_concurrency_per_socket=max_concurrency_per_socket,
            max_running_handlers=max_running_handlers,
            disconnect_wait=disconnect_wait,
            ack_on_error=ack_on_error,
        )
        self._client_folder = client_folder(serve_client)
        self._ack_timeout = None if ack_timeout is None else checked_timeout(ack_timeout, "ack_timeout")
        self._core = Core(self._settings)
        self._registry: Registry[S] = Registry(self, self._core, socket_class)
        self._engine = Engine(self._core)
        self._lifetime: Lifetime | None = None
        self._addresses: tuple[tuple[str, int], ...] = ()
        self._forked = False
        self._host: Host | None = None

    @property
    def _space(self) -> Namespace[S]:
        return self._registry.root

    @property
    def _waits(self) -> Waits | None:
        return None if self._lifetime is None else self._lifetime.waits

    # Namespaces.

    @overload
    def of(self, name: str, /) -> Namespace[S]: ...
    @overload
    def of(self, name: str, /, *, socket_class: type[C]) -> Namespace[C]: ...
    @overload
    def of(self, name: Rule, /) -> ParentNamespace[S]: ...
    @overload
    def of(self, name: Rule, /, *, socket_class: type[C]) -> ParentNamespace[C]: ...
    def of(self, name: str | Rule, /, *, socket_class: type[Any] | None = None) -> Namespace[Any]:
        """The namespace of that name, made if it is new; clients may join it from now on. Safe from any thread.

        With a pattern or a predicate it is a :class:`ParentNamespace`, asked in the order of registration when a client
        wants a namespace that does not exist; without a yes the client gets ``Invalid namespace``. Namespaces that came
        into being stay. A name given here that a pattern matches belongs to that parent too. The official ``io.of``.

        Args:
            name: With or without its leading slash; or a pattern, which must match the whole name; or a predicate
                ``f(name, auth)``, sync or async, called on the server's loop. One that raises says no, with a line in
                the log.
            socket_class: Subclass of :class:`Socket` that its handlers get, instead of the server's.

        Raises:
            TypeError: No str, pattern or predicate, or no subclass of ``Socket``.
            ValueError: A name that cannot stand on the wire, or one that has another ``socket_class`` already.
        """
        return self._registry.of(name, None if socket_class is None else checked_class(socket_class))

    def register(self, namespace: N, /, *, socket_class: type[Socket] | None = None) -> N:
        """Makes an object of a :class:`Namespace` subclass the namespace of its name, with its ``@on`` methods.

        Args:
            namespace: Made with a name, a pattern or a predicate: ``Admin("/admin")``.
            socket_class: Subclass of :class:`Socket` that its handlers get, instead of the server's.

        Returns:
            The same object; ``io.of(name)`` gives it from now on.

        Raises:
            TypeError: No :class:`Namespace`, or no subclass of ``Socket``.
            ValueError: The name is taken (``/`` always is), or the object belongs to a server already.
        """
        chosen: Any = None if socket_class is None else checked_class(socket_class)
        self._registry.register(cast("Namespace[Any]", namespace), chosen)
        return namespace

    @property
    def namespaces(self) -> Mapping[str, Namespace[S]]:
        """The namespaces by name, ``/`` among them: a live view. Asking creates nothing, :meth:`of` does."""
        return MappingProxyType(self._registry.by_name)

    @property
    def sockets(self) -> Mapping[str, S]:
        """The connected sockets of ``/`` by id; in the official server ``io.sockets`` is the namespace itself."""
        return self._registry.root.sockets

    # The engine and what is counted.

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
        header_timeout: float = 10,
        static_files: StaticFiles | None = None,
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
            header_timeout: Seconds for the head of a request.
            static_files: Folders (or files) by the path they are served under, beside Socket.IO.
            uds: Path of a Unix socket to listen on instead.
            task_status: For ``task_group.start``: gets a :class:`Listener`.

        Raises:
            OSError: The address is in use, not ours, or forbidden.
            RuntimeError: This server serves already.
            NotRunning: The process was forked after the start.
        """
        from . import native  # noqa: PLC0415 - the floor above, known when it is called and not before

        await native.serve(
            self,
            host,
            port,
            backlog=backlog,
            header_timeout=header_timeout,
            static_files=static_files,
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
        header_timeout: float = 10,
        static_files: StaticFiles | None = None,
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
            header_timeout: Seconds for the head of a request.
            static_files: Folders (or files) by the path they are served under, beside Socket.IO.
            uds: Path of a Unix socket to listen on instead.

        Raises:
            SystemExit: The address cannot be listened on (code 1), or a second signal came.
            RuntimeError: This server serves already.
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
            header_timeout=header_timeout,
            static_files=static_files,
            uds=uds,
        )

    # Inside an ASGI application.

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The server as an ASGI 3 application, alone or mounted below any path: ``api.mount("/socket.io", io)``.

        Applications do not pass lifespans on to what is mounted, so give them :meth:`lifespan`. Requests that are not
        the server's get 404.
        """
        await self._hosting.alone(scope, receive, send)

    def asgi_app(self, other: Application, /) -> Application:
        """``other`` with this server in front: requests below ``path`` are the server's, all else goes to ``other``.

        Lifespans are nested: ``other`` starts first and ends last, so handlers may use what it has opened. An application
        without lifespans may be wrapped too.

        Args:
            other: An ASGI 3 application.
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
        themselves. Returns when the listener, the engine and all ``disconnect`` handlers are done. Does nothing if it
        does not run. On the server's loop only; from another thread use ``anyio.from_thread.run``.

        Args:
            grace: Seconds for flushing what is queued and for handlers to finish; what still runs then is cancelled.
        """
        lifetime = self._lifetime
        if lifetime is not None:
            if not grace >= 0:
                raise ValueError(f"grace is {grace}; it must be 0 or more seconds")
            await lifetime.close(grace)

    async def _run_lifetime(
        self,
        listen: Callable[[Core, str | None], Sequence[tuple[str, int]]],
        started: Callable[[tuple[tuple[str, int], ...]], Awaitable[None] | None],
    ) -> None:
        """Runs until :meth:`close`, with the doors that ``listen`` opens."""
        if self._forked:
            raise NotRunning("the process was forked after this server had started; make or start it in the child only")
        if self._lifetime is not None:
            raise RuntimeError("this server serves already; close it first, or make a second Server")

        def announce(addresses: Sequence[tuple[str, int]]) -> None:
            self._addresses = tuple(addresses)
            started(self._addresses)

        self._lifetime = Lifetime(
            self._core,
            self._registry,
            self._dispatch_settings,
            self._settings.high_water_mark,
        )
        forks.watch(self)
        try:
            await self._lifetime.run(lambda: listen(self._core, self._client_folder), announce)
        finally:
            self._addresses = ()
            self._lifetime = None

    def __repr__(self) -> str:
        state = f"on {self._addresses}" if self._lifetime is not None else "not running"
        return f"<{type(self).__name__} {state}, {len(self._registry.by_name)} namespaces>"


def checked_class(socket_class: type[C]) -> type[C]:
    """A class of sockets.

    Raises:
        TypeError: It is none.
    """
    if not (isinstance(socket_class, type) and issubclass(socket_class, Socket)):
        raise TypeError(f"socket_class is a subclass of Socket, not {socket_class!r:.50}")
    return socket_class
