"""The same for tests that are plain functions: the loop runs in a thread of its own, and every call waits for its result.

Refuses to know anything of clients and time that ``client`` and ``socket`` do not say; it only passes on.
"""

from __future__ import annotations

from contextlib import ExitStack
from functools import partial
from typing import TYPE_CHECKING, Any, Literal, Self, overload

from anyio.from_thread import start_blocking_portal

from .client import TestClient
from .received import Received

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping
    from types import TracebackType

    from anyio.from_thread import BlockingPortal

    from ..asgi_types import ASGIApp
    from ..server import Server
    from ..types import Event, H, P, R, Transport
    from .socket import ClientSocket

__all__ = ("SyncClientSocket", "SyncTestClient")


class SyncTestClient:
    """:class:`TestClient` without ``await``.

    ::

        with SyncTestClient(io) as client:
            a = client.connect(auth={"token": "alice"})
            assert a.emit_with_ack("add", 1, 2) == 3

    The server's handlers run on a loop in another thread; ``portal`` calls functions there.

    Args:
        io: The server.
        backend: ``"asyncio"`` or ``"trio"``.
        backend_options: As for :func:`anyio.run`.
        app: This and the others as for :class:`TestClient`.
        path: As there.
        transport: As there.
        timeout: As there.
        grace: As there.
        raise_server_exceptions: As there.

    Attributes:
        portal: anyio's way into the loop, inside the block.
    """

    __test__ = False  # for pytest, which looks into classes of such a name
    portal: BlockingPortal

    def __init__(
        self,
        io: Server[Any],
        *,
        backend: Literal["asyncio", "trio"] = "asyncio",
        backend_options: dict[str, Any] | None = None,
        app: ASGIApp | None = None,
        path: str | None = None,
        transport: Literal["websocket", "polling"] = "websocket",
        timeout: float = 5,
        grace: float = 5,
        raise_server_exceptions: bool = True,
    ) -> None:
        self._client = TestClient(
            io,
            app=app,
            path=path,
            transport=transport,
            timeout=timeout,
            grace=grace,
            raise_server_exceptions=raise_server_exceptions,
        )
        self._loop = partial(start_blocking_portal, backend, backend_options)
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            self.portal = stack.enter_context(self._loop())
            stack.enter_context(self.portal.wrap_async_context_manager(self._client))
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool | None:
        return self._stack.__exit__(kind, error, trace)

    @property
    def timeout(self) -> float:
        """As :attr:`TestClient.timeout`."""
        return self._client.timeout

    @property
    def now(self) -> float:
        """As :attr:`TestClient.now`."""
        return self._client.now

    def connect(
        self,
        nsp: str = "/",
        *,
        auth: Any = None,
        headers: Mapping[str, str] | None = None,
        query: Mapping[str, str] | None = None,
        transport: Literal["websocket", "polling"] | None = None,
        address: str = "127.0.0.1",
    ) -> SyncClientSocket:
        """As :meth:`TestClient.connect`."""
        connect = partial(
            self._client.connect,
            nsp,
            auth=auth,
            headers=headers,
            query=query,
            transport=transport,
            address=address,
        )
        return SyncClientSocket(self.portal, self.portal.call(connect))

    def drop(self, socket: SyncClientSocket, /) -> None:
        """As :meth:`TestClient.drop`."""
        self.portal.call(self._client.drop, socket._socket)

    def advance(self, seconds: float) -> None:
        """As :meth:`TestClient.advance`."""
        self.portal.call(self._client.advance, seconds)

    def settle(self) -> None:
        """As :meth:`TestClient.settle`."""
        self.portal.call(self._client.settle)


class SyncClientSocket:
    """:class:`ClientSocket` without ``await``: what can be awaited there is awaited here, so the server has settled when a
    call returns."""

    def __init__(self, portal: BlockingPortal, socket: ClientSocket) -> None:
        self._portal = portal
        self._socket = socket

    def __repr__(self) -> str:
        return repr(self._socket)

    @property
    def id(self) -> str:
        """As :attr:`ClientSocket.id`."""
        return self._socket.id

    @property
    def nsp(self) -> str:
        """As :attr:`ClientSocket.nsp`."""
        return self._socket.nsp

    @property
    def connected(self) -> bool:
        """As :attr:`ClientSocket.connected`."""
        return self._socket.connected

    @property
    def transport(self) -> Transport:
        """As :attr:`ClientSocket.transport`."""
        return self._socket.transport

    @property
    def waiting(self) -> tuple[Received[None], ...]:
        """As :attr:`ClientSocket.waiting`."""
        return tuple(map(self._received, self._socket.waiting))

    @property
    def answer_pings(self) -> bool:
        """As :attr:`ClientSocket.answer_pings`."""
        return self._socket.answer_pings

    @answer_pings.setter
    def answer_pings(self, answer: bool) -> None:
        self._socket.answer_pings = answer

    def pause_reading(self) -> None:
        """As :meth:`ClientSocket.pause_reading`."""
        self._portal.call(self._socket.pause_reading)

    def resume_reading(self) -> None:
        """As :meth:`ClientSocket.resume_reading`."""
        self._portal.call(self._socket.resume_reading)

    def of(self, nsp: str, *, auth: Any = None) -> SyncClientSocket:
        """As :meth:`ClientSocket.of`."""
        return SyncClientSocket(self._portal, self._portal.call(partial(self._socket.of, nsp, auth=auth)))

    def upgrade(self) -> None:
        """As :meth:`ClientSocket.upgrade`."""
        self._portal.call(self._socket.upgrade)

    @overload
    def emit(self, event: Event[P, Any], /, *args: P.args, **kwargs: P.kwargs) -> None: ...
    @overload
    def emit(self, event: str, /, *args: Any) -> None: ...
    def emit(self, event: Any, /, *args: Any, **kwargs: Any) -> None:
        """As :meth:`ClientSocket.emit`."""
        self._wait(partial(self._socket.emit, event, *args, **kwargs))

    def send(self, *args: Any) -> None:
        """As :meth:`ClientSocket.send`."""
        self._wait(partial(self._socket.send, *args))

    @overload
    def emit_with_ack(self, event: Event[P, R], /, *args: P.args, **kwargs: P.kwargs) -> R: ...
    @overload
    def emit_with_ack(self, event: str, /, *args: Any, timeout: float | None = None) -> Any: ...
    def emit_with_ack(self, event: Any, /, *args: Any, **kwargs: Any) -> Any:
        """As :meth:`ClientSocket.emit_with_ack`."""
        return self._portal.call(partial(self._socket.emit_with_ack, event, *args, **kwargs))

    def disconnect(self) -> None:
        """As :meth:`ClientSocket.disconnect`."""
        self._wait(self._socket.disconnect)

    def on(self, event: str | Event[Any, Any], /) -> Callable[[H], H]:
        """As :meth:`ClientSocket.on`; the function runs on the loop, in its thread."""
        return self._socket.on(event)

    def expect(self, event: str | Event[Any, Any], *, timeout: float | None = None) -> Received[None]:
        """As :meth:`ClientSocket.expect`."""
        return self._received(self._portal.call(partial(self._socket.expect, event, timeout=timeout)))

    def expect_nothing(self, *events: str | Event[Any, Any], within: float = 0) -> None:
        """As :meth:`ClientSocket.expect_nothing`."""
        self._portal.call(partial(self._socket.expect_nothing, *events, within=within))

    def expect_disconnect(self, *, timeout: float | None = None) -> str:
        """As :meth:`ClientSocket.expect_disconnect`."""
        return self._portal.call(partial(self._socket.expect_disconnect, timeout=timeout))

    def _received(self, received: Received[Awaitable[None]]) -> Received[None]:
        def answer(values: tuple[Any, ...]) -> None:
            self._wait(partial(received.ack, *values))

        return Received(received.event, received, answer if received.ack_requested else None)

    def _wait(self, call: Callable[[], Awaitable[None]]) -> None:
        async def wait() -> None:
            await call()

        self._portal.call(wait)
