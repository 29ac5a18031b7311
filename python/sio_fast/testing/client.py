"""``TestClient``: runs a server for a test without sockets, connects clients to it, and moves its clock.

It is a host as any ASGI server is, with a clock that stands still. Refuses to know packets and what clients expect.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, Self
from urllib.parse import urlencode

import anyio

from .. import faults
from ..calls import answer_values, called
from ..driver import Driver
from ..hosted.lifespan import Lifespan
from ..names import namespace_name
from .apart import Apart
from .connection import Connection
from .settling import quiet
from .socket import ClientSocket
from .transports import Request

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence
    from types import TracebackType

    from anyio.abc import TaskGroup, TaskStatus

    from .._core import Core
    from ..asgi_types import ASGIApp
    from ..server import Server

__all__ = ("TestClient",)

# After a deadline by so much: what is due must be past when seconds have become nanoseconds.
_PAST = 1e-6
# Real seconds for settling. It takes none; on a machine that does much else, its turn must come all the same.
_PATIENCE = 10.0

_RUNS = (
    "this Server runs already, and a TestClient starts and ends it by itself: leave io.lifespan(), io.run() or another "
    "TestClient first; for an application whose lifespan starts the server there is TestClient(io, app=app)"
)


class TestClient:
    """Clients of a server in one process, on asyncio and trio.

    ::

        async with TestClient(io) as client:
            a = await client.connect(auth={"token": "alice"})
            assert await a.emit_with_ack("add", 1, 2) == 3

    Entering starts the server as :meth:`Server.lifespan` does, leaving closes it; all ``disconnect`` handlers have run then,
    and the same server may be used again. Handlers run on the loop of the test.

    **Errors.** What a handler, middleware or task of the server raises, and no ``on_error`` or ``error`` listener hears, is
    raised in the test: by whatever it awaits of this package just then, or next, or when the block is left.

    **Time.** One clock, the hub's, for all that the server waits for: pings, ``connect_timeout``, ``disconnect_wait``, the
    timeouts of acknowledgements. It stands still until :meth:`advance` moves it. What your own code awaits, such as
    ``anyio.sleep``, takes real time.

    Args:
        io: The server.
        app: The ASGI application that ``io`` is mounted in or wrapped around, if the test is to go through it: clients
            connect to it, and its lifespan runs around the block, or starts ``io`` if it does so by itself.
        path: Path of the clients' requests; None: the server's option.
        transport: What clients use that do not say it themselves.
        timeout: Real seconds that something expected may take.
        grace: Real seconds for handlers that still run when the block is left; see :meth:`Server.close`.
        raise_server_exceptions: False leaves errors of handlers to the log.

    Attributes:
        timeout: As above.
    """

    __test__ = False  # for pytest, which looks into classes of such a name

    def __init__(
        self,
        io: Server[Any],
        *,
        app: ASGIApp | None = None,
        path: str | None = None,
        transport: Literal["websocket", "polling"] = "websocket",
        timeout: float = 5,
        grace: float = 5,
        raise_server_exceptions: bool = True,
    ) -> None:
        _check_transport(transport)
        self.timeout = timeout
        self._server = io
        self._app = app
        self._path = f"{(io.options['path'] if path is None else path).rstrip('/')}/"
        self._transport: Literal["websocket", "polling"] = transport
        self._grace = grace
        self._raises = raise_server_exceptions
        self._now = 0.0
        self._driver: Driver | None = None
        self._faults: list[BaseException] = []
        self._changed = anyio.Event()
        self._apart: Apart | None = None
        self._lifespan: Lifespan | None = None
        self._leaving = self._ended = self._started = anyio.Event()
        self._connections: list[Connection] = []
        self._tasks: TaskGroup | None = None
        self._port = 49152

    # Coming and going.

    async def __aenter__(self) -> Self:
        if self._apart is not None:
            raise RuntimeError("this TestClient is in use; make another one for another block")
        self._leaving, self._ended, self._started = anyio.Event(), anyio.Event(), anyio.Event()
        self._changed = anyio.Event()
        self._apart = Apart(self._main)
        await self._apart.begin()
        try:
            await self._started.wait()
            self._raise_fault()
        except BaseException:
            await self._end()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        failure = error
        try:
            if failure is None:
                try:
                    await self.settle()
                except Exception as fault:  # noqa: BLE001 - raised below, when the server has ended
                    failure = fault
            if not isinstance(failure, anyio.get_cancelled_exc_class()):
                self._leaving.set()
                await self._ended.wait()
        finally:
            await self._end()
        if failure is None and self._faults:
            failure = self._faults.pop(0)
        if failure is not None:
            self._note(failure)
            if failure is not error:
                raise failure

    async def _end(self) -> None:
        """Ends it at once, if it has not ended."""
        if self._tasks is not None:
            self._tasks.cancel_scope.cancel()
        self._leaving.set()
        with anyio.CancelScope(shield=True):
            await self._ended.wait()
        apart, self._apart = self._apart, None
        if apart is not None:
            await apart.end()

    async def _main(self) -> None:
        faults.listener.set(self._hear)
        try:
            async with anyio.create_task_group() as tasks:
                if await self._start(tasks):
                    self._tasks = tasks
                    self._started.set()
                    await self._leaving.wait()
                    for connection in self._connections:
                        connection.read(on=True)
                    await self._server.close(grace=self._grace)
                    if self._lifespan is not None:
                        await self._lifespan.stop(self._grace)
                tasks.cancel_scope.cancel()
        finally:
            self._tasks = self._driver = None
            for connection in self._connections:
                connection.gone("transport close")  # whoever has not heard it from the server
            self._connections.clear()
            self._started.set()
            self._ended.set()
            self._tell()

    async def _start(self, tasks: TaskGroup) -> bool:
        if self._server._lifetime is not None:
            self._crash(RuntimeError(_RUNS))
            return False
        host = self._server._hosting
        usual, host.drive = host.drive, self._drive
        try:
            if self._app is not None:
                self._lifespan = Lifespan(self._app)
                await self._lifespan.start(tasks)
            if self._driver is None:
                await tasks.start(self._serve)
        except Exception as error:  # noqa: BLE001 - raised in the test
            self._crash(error)
            return False
        finally:
            host.drive = usual
        return True

    async def _serve(self, *, task_status: TaskStatus[None]) -> None:
        try:
            await self._server._hosting.run(task_status=task_status)
        except (Exception, KeyboardInterrupt, SystemExit) as error:
            if not self._started.is_set():
                raise
            self._crash(error)

    def _drive(self, core: Core) -> Driver:
        self._driver = Driver(core, lambda: self._now, watches=False)
        return self._driver

    # Clients.

    async def connect(
        self,
        nsp: str = "/",
        *,
        auth: Any = None,
        headers: Mapping[str, str] | None = None,
        query: Mapping[str, str] | None = None,
        transport: Literal["websocket", "polling"] | None = None,
        address: str = "127.0.0.1",
    ) -> ClientSocket:
        """Connects a client, and returns when the server has settled: its ``connect`` handlers have run, as far as they do
        not wait for something of their own.

        Args:
            nsp: The namespace; :meth:`ClientSocket.of` adds others to the same connection.
            auth: What ``socket.handshake.auth`` will be, any value with a JSON form.
            headers: Headers of its requests, such as ``{"origin": "https://app.example"}``.
            query: More of ``socket.handshake.query``.
            transport: ``"websocket"`` or ``"polling"``; None: the client's.
            address: Where its requests come from.

        Raises:
            ConnectError: A middleware refused, with its message and data, or there is no such namespace. What the official
                client's ``connect_error`` gets.
            HandshakeError: The handshake was refused, by ``allow_request`` or for its origin.
            AssertionError: The server has not said anything in time.
            Exception: What code of the server raised meanwhile.
        """
        tasks = self._inside()
        name = namespace_name(nsp)
        self._port += 1
        given = {"host": "testserver", "user-agent": "sio_fast.testing", **(headers or {})}
        request = Request(
            self._server if self._app is None else self._app,
            self._path,
            urlencode(query or {}),
            [(key.lower().encode("latin-1"), value.encode("latin-1")) for key, value in given.items()],
            (address, self._port),
            {} if self._lifespan is None else self._lifespan.state,
        )
        chosen = self._transport if transport is None else _check_transport(transport)
        connection = Connection(request, chosen, self._server.options["max_depth"], self._tell)
        self._connections.append(connection)
        tasks.start_soon(self._carry, connection.run)
        await self._until(lambda: connection.sid or connection.over is not None, self.timeout)
        if connection.refusal is not None:
            raise connection.refusal
        return await self._join(connection, name, auth)

    async def drop(self, socket: ClientSocket, /) -> None:
        """Breaks a client's connection, as a network does: no packet says goodbye. The server's handlers hear ``transport
        close`` (over long-polling ``transport error``), on all namespaces of the connection. Returns when it has settled."""
        socket._connection.drop()
        await self.settle()

    async def _join(self, connection: Connection, nsp: str, auth: Any) -> ClientSocket:
        socket = ClientSocket(self, connection, nsp)
        if connection.over is None:
            connection.members[nsp] = socket
            connection.connect(nsp, auth)
        try:
            await self._until(
                lambda: socket.connected or socket._error is not None or connection.over is not None, self.timeout
            )
            if socket._error is not None:
                raise socket._error
            if not socket.connected:
                why = f"within {self.timeout:g} s" if connection.over is None else f"before the end ({connection.over})"
                raise AssertionError(f"the server has not answered the CONNECT to {nsp!r} {why}")
        except BaseException:
            connection.members.pop(nsp, None)
            if not connection.members:
                connection.close()
            raise
        await self.settle()
        return socket

    async def _upgrade(self, connection: Connection) -> None:
        candidate = connection.probe()
        self._inside().start_soon(self._carry, candidate.run)
        await self._until(lambda: candidate.answered or candidate.failure is not None, self.timeout)
        if candidate.failure is not None:
            raise candidate.failure
        candidate.pause()
        await self._until(lambda: candidate.ready, self.timeout)
        candidate.take_over()
        await self.settle()

    async def _carry(self, run: Callable[[], Awaitable[None]]) -> None:
        """Runs a transport; what the application raises there is raised in the test, as its clients see an end."""
        try:
            await run()
        except Exception as error:  # noqa: BLE001 - raised in the test
            self._crash(error)

    def _call(self, socket: ClientSocket, handler: Callable[..., Any], args: Sequence[Any], ack_id: int | None) -> None:
        """Calls what :meth:`ClientSocket.on` registered."""

        async def call() -> None:
            error, value = await called(handler, tuple(args))
            if error is not None:
                self._hear(error)
            elif ack_id is not None:
                socket._connection.answer(socket.nsp, ack_id, answer_values(value))

        self._inside().start_soon(call)

    # Time.

    @property
    def now(self) -> float:
        """Seconds on the hub's clock, which began with 0."""
        return self._now

    async def advance(self, seconds: float) -> None:
        """Moves the hub's clock: deadlines expire in their order, each at its own time, and the server settles after each.
        Clients answer pings meanwhile, unless :attr:`ClientSocket.answer_pings` is off.

        It moves pings, ``connect_timeout``, ``disconnect_wait``, the timeouts of acknowledgements and all else that the
        server promises; not ``anyio.sleep`` and the like in your own code.

        Args:
            seconds: 0 or more.

        Raises:
            ValueError: Negative.
            Exception: What code of the server raised meanwhile; the clock stands where that was.
        """
        if not seconds >= 0:
            raise ValueError(f"advance() is given {seconds!r}; it must be 0 or more seconds")
        until = self._now + seconds
        await self.settle()
        while self._driver is not None:
            deadline = self._driver.shard.next_deadline
            if deadline is None or deadline > until:
                break
            self._now = max(self._now, deadline + _PAST)
            self._driver.expire()
            await self.settle()
        self._now = max(self._now, until)

    async def settle(self) -> None:
        """Returns when the server has nothing to do: what clients sent has reached their handlers, the handlers have ended
        or wait for something, and what they sent has reached the clients.

        A handler that waits for something of its own (a database, a sleep, a thread) counts as waiting: use
        :meth:`ClientSocket.expect` for what it will do.

        Raises:
            RuntimeError: It never settles, because some task does not wait for anything.
            Exception: What code of the server raised meanwhile.
        """
        __tracebackhide__ = True  # pytest then shows the line of the test
        self._inside()
        if self._driver is not None:
            self._driver.look()
        await quiet(_PATIENCE)
        self._raise_fault()

    async def _until(self, condition: Callable[[], object], seconds: float) -> None:
        """Returns when it holds, or after that time."""
        __tracebackhide__ = True
        with anyio.move_on_after(seconds):
            while True:
                self._raise_fault()
                if condition():
                    return
                await self._changed.wait()

    def _tell(self) -> None:
        """Something has changed."""
        changed, self._changed = self._changed, anyio.Event()
        changed.set()

    def _hear(self, error: BaseException) -> None:
        """Code of the server, or a test's own handler, has failed."""
        if self._raises:
            self._crash(error)

    def _crash(self, error: BaseException) -> None:
        self._faults.append(error)
        self._tell()

    def _raise_fault(self) -> None:
        __tracebackhide__ = True
        if self._faults:
            raise self._faults.pop(0)

    def _note(self, failure: BaseException) -> None:
        """What else went wrong belongs to the text of a failure."""
        for fault in self._faults:
            failure.add_note(f"and code of the server failed: {fault!r}")
        self._faults.clear()

    def _inside(self) -> TaskGroup:
        if self._tasks is None:
            raise RuntimeError("the server does not run: write `async with TestClient(io) as client:` around it")
        return self._tasks


def _check_transport(name: Any) -> Literal["websocket", "polling"]:
    if name not in ("websocket", "polling"):
        raise ValueError(f"transport is {name!r}; it must be 'websocket' or 'polling'")
    return name  # type: ignore[no-any-return]
