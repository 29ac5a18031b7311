"""``ClientSocket``: a client in one namespace, as a test holds it. Refuses to know packets, and who starts the server."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, overload

from ..exceptions import AckTimeout, ConnectError, DisconnectedError
from ..types import Event, EventName, H, P, R, event_name, outgoing_name
from .received import Received

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from ..types import Transport
    from .client import TestClient
    from .connection import Connection

__all__ = ("ClientSocket",)

_SHOWN = 10


class ClientSocket:
    """A client in one namespace, made by :meth:`TestClient.connect`. On the loop of the test only.

    The official client's socket: ``emit``, ``emit_with_ack``, ``on``, ``disconnect``, and what a test needs besides:
    :meth:`expect`, :meth:`expect_nothing`, :meth:`expect_disconnect`. Limits such as ``timeout`` are real seconds, because
    they end a wait that would be in vain; the hub's clock moves by :meth:`TestClient.advance` alone.

    Attributes:
        id: The socket's id, which the server's socket has too: ``io.sockets[a.id]``.
        nsp: Name of the namespace.
        connected: True until it has left, on whichever side.
    """

    def __init__(self, client: TestClient, connection: Connection, nsp: str) -> None:
        self.id = ""
        self.nsp = nsp
        self.connected = False
        self._client = client
        self._connection = connection
        self._waiting: list[Received[Awaitable[None]]] = []
        self._handlers: dict[EventName, Callable[..., Any]] = {}
        self._answers: dict[int, Sequence[Any]] = {}
        self._next_ack = 0
        self._reason: str | None = None
        self._error: ConnectError | None = None

    def __repr__(self) -> str:
        state = self.id if self.connected else f"left: {self._reason}"
        return f"<{type(self).__name__} of {self.nsp!r}, {state}>"

    # What it is.

    @property
    def transport(self) -> Transport:
        """What carries it, ``"websocket"`` or ``"polling"``."""
        return self._connection.transport

    @property
    def waiting(self) -> tuple[Received[Awaitable[None]], ...]:
        """Events that came and that nobody has expected yet, oldest first."""
        return tuple(self._waiting)

    @property
    def answer_pings(self) -> bool:
        """True, as a living client does; set to False for a client that has fallen silent. It is the whole connection's."""
        return self._connection.answers_pings

    @answer_pings.setter
    def answer_pings(self, answer: bool) -> None:
        self._connection.answers_pings = answer

    def pause_reading(self) -> None:
        """Reads nothing more of the connection, as a slow client does, so that what is sent to it piles up in the
        server."""
        self._connection.read(on=False)

    def resume_reading(self) -> None:
        """Reads on."""
        self._connection.read(on=True)

    # What it does.

    async def of(self, nsp: str, *, auth: Any = None) -> ClientSocket:
        """Joins another namespace over the same connection, as the official client does by ``io("/admin")``.

        Args:
            nsp: Its name, such as ``"/admin"``.
            auth: What ``socket.handshake.auth`` will be there.

        Raises:
            ConnectError: The server refused, with its message and data.
        """
        if nsp in self._connection.members:
            raise ValueError(f"this connection is in namespace {nsp!r} already; client.connect() makes another one")
        return await self._client._join(self._connection, nsp, auth)

    async def upgrade(self) -> None:
        """Moves the connection from long-polling to WebSocket, which the official client does by itself: probes, lets
        long-polling go quiet, takes over. Returns when the server has settled.

        Raises:
            RuntimeError: It is on WebSocket already, or the server offers no upgrade (``allow_upgrades``, ``transports``).
            HandshakeError: The server refused the WebSocket.
        """
        await self._client._upgrade(self._connection)

    @overload
    def emit(self, event: Event[P, Any], /, *args: P.args, **kwargs: P.kwargs) -> Awaitable[None]: ...
    @overload
    def emit(self, event: str, /, *args: Any) -> Awaitable[None]: ...
    def emit(self, event: Any, /, *args: Any, **kwargs: Any) -> Awaitable[None]:
        """Sends an event. It is on its way when this returns; awaiting is optional and waits until the server has settled,
        see :meth:`TestClient.settle`.

        Args:
            event: Its name, or an :class:`Event`.
            *args: Its arguments; ``bytes`` anywhere in them become attachments.
            **kwargs: None; there for the types of :class:`Event`.

        Raises:
            DisconnectedError: The socket has left. The official client would keep the event for its next connection, of
                which there is none here.
            ReservedEventName: The name belongs to the protocol.
            TypeError: A value cannot be encoded.
        """
        if kwargs:
            raise TypeError("emit() takes the event's arguments by position only")
        name = outgoing_name(event)
        if not self.connected:
            raise DisconnectedError(self._reason)
        self._connection.emit(self.nsp, name, args, None)
        return _Settling(self._client)

    def send(self, *args: Any) -> Awaitable[None]:
        """Sends the event ``message``."""
        return self.emit("message", *args)

    @overload
    async def emit_with_ack(self, event: Event[P, R], /, *args: P.args, **kwargs: P.kwargs) -> R: ...
    @overload
    async def emit_with_ack(self, event: str, /, *args: Any, timeout: float | None = None) -> Any: ...
    async def emit_with_ack(self, event: Any, /, *args: Any, **kwargs: Any) -> Any:
        """Sends an event and waits for the server's answer.

        Args:
            event: Its name, or an :class:`Event`.
            *args: Its arguments.
            **kwargs: ``timeout``: real seconds; None: the client's.

        Returns:
            None if the server answered without a value, the value if it was one, a tuple if they were several.

        Raises:
            AckTimeout: No answer came in time.
            DisconnectedError: The socket has left.
            Exception: What a handler raised meanwhile; see :class:`TestClient`.
        """
        __tracebackhide__ = True  # pytest then shows the line of the test; so below
        timeout: float | None = kwargs.pop("timeout", None)
        if kwargs:
            raise TypeError("emit_with_ack() takes the event's arguments by position only")
        name = outgoing_name(event)
        ack_id, self._next_ack = self._next_ack, self._next_ack + 1
        if self.connected:
            self._connection.emit(self.nsp, name, args, ack_id)
        limit = self._client.timeout if timeout is None else timeout
        await self._client._until(lambda: ack_id in self._answers or not self.connected, limit)
        if ack_id in self._answers:
            values = self._answers.pop(ack_id)
            return values[0] if len(values) == 1 else tuple(values) or None
        await self._client.settle()  # what has failed there says more than that nothing came
        if not self.connected:
            raise DisconnectedError(self._reason)
        late = AckTimeout((), (self.id,))
        late.add_note(f"no answer to {name!r} came within {limit:g} s; {self._seen()}")
        raise late

    def disconnect(self) -> Awaitable[None]:
        """Leaves the namespace, and ends the connection if it was in no other. The official client's ``disconnect``: the
        server hears ``client namespace disconnect``. Awaiting is optional and waits until the server has settled."""
        if self.connected:
            self._connection.leave(self.nsp)
            self.left("io client disconnect")
        return _Settling(self._client)

    # What it hears.

    def on(self, event: str | Event[Any, Any], /) -> Callable[[H], H]:
        """A decorator: the function gets the arguments of each such event, and what it returns answers the server's
        ``emit_with_ack`` as a handler's result does in the server. Its events are not there for :meth:`expect`. Sync or
        async; what it raises is raised in the test, like a handler's.

        Args:
            event: Its name, or an :class:`Event`.
        """

        def register(fn: H) -> H:
            self._handlers[event_name(event)] = fn
            return fn

        return register

    async def expect(self, event: str | Event[Any, Any], *, timeout: float | None = None) -> Received[Awaitable[None]]:
        """Waits for an event and takes it. Events of other names stay where they are, and order among equals is kept.

        Args:
            event: Its name, or an :class:`Event`.
            timeout: Real seconds; None: the client's.

        Returns:
            Its arguments, a tuple always; with :meth:`Received.ack` for the answer that the server may wait for.

        Raises:
            AssertionError: It did not come; the text says what did.
            Exception: What a handler raised meanwhile; see :class:`TestClient`.
        """
        __tracebackhide__ = True
        name = event_name(event)
        limit = self._client.timeout if timeout is None else timeout

        def found() -> Received[Awaitable[None]] | None:
            return next((each for each in self._waiting if each.event == name), None)

        await self._client._until(lambda: found() is not None or not self.connected, limit)
        taken = found()
        if taken is None:
            await self._client.settle()  # as above
            how = f"within {limit:g} s" if self.connected else f"before the end ({self._reason})"
            raise AssertionError(f"expected {name!r}, which did not come {how}; {self._seen()}")
        # By identity: equal arguments are equal tuples, whatever their event.
        self._waiting = [each for each in self._waiting if each is not taken]
        return taken

    async def expect_nothing(self, *events: str | Event[Any, Any], within: float = 0) -> None:
        """Waits until the server has settled; then no event may wait here, of those that nobody has expected.

        Args:
            *events: Only these names matter; none: any event.
            within: Real seconds to go on watching then, for handlers that sleep or wait for something of their own.

        Raises:
            AssertionError: Something came.
            Exception: What a handler raised meanwhile; see :class:`TestClient`.
        """
        __tracebackhide__ = True
        names = {event_name(event) for event in events}

        def came() -> bool:
            return any(not names or each.event in names for each in self._waiting)

        await self._client.settle()
        if within > 0 and not came():
            await self._client._until(came, within)
        if came():
            what = f"no {' or '.join(sorted(map(repr, names)))}" if names else "nothing"
            raise AssertionError(f"expected {what}, but {self._seen()}")

    async def expect_disconnect(self, *, timeout: float | None = None) -> str:
        """Waits until the socket has left.

        Args:
            timeout: Real seconds; None: the client's.

        Returns:
            Why, as the official client's ``disconnect`` event says it: ``io server disconnect``, ``io client disconnect``,
            ``transport close`` or ``transport error``. What the server says is its handlers' to hear.

        Raises:
            AssertionError: It is still connected.
        """
        __tracebackhide__ = True
        limit = self._client.timeout if timeout is None else timeout
        await self._client._until(lambda: not self.connected, limit)
        if self._reason is None:
            raise AssertionError(f"expected a disconnect, which did not come within {limit:g} s; {self._seen()}")
        return self._reason

    def _seen(self) -> str:
        """What came, for texts."""
        if not self._waiting:
            return "no event waits"
        more = f" and {len(self._waiting) - _SHOWN} more" if len(self._waiting) > _SHOWN else ""
        return f"these events wait: {', '.join(map(repr, self._waiting[:_SHOWN]))}{more}"

    # What its connection says.

    def accepted(self, sid: str) -> None:
        """CONNECT came."""
        self.id = sid
        self.connected = True

    def refused(self, payload: Any) -> None:
        """CONNECT_ERROR came."""
        self._error = ConnectError(payload.get("message", ""), data=payload.get("data"))

    def left(self, reason: str) -> None:
        """It is connected no more."""
        self.connected = False
        if self._reason is None:
            self._reason = reason

    def event(self, name: EventName, args: Sequence[Any], ack_id: int | None) -> None:
        """EVENT came."""
        if (handler := self._handlers.get(name)) is not None:
            self._client._call(self, handler, args, ack_id)
            return
        self._waiting.append(Received(name, args, None if ack_id is None else self._answer_to(ack_id)))

    def answered(self, ack_id: int, args: Sequence[Any]) -> None:
        """ACK came."""
        self._answers[ack_id] = args

    def _answer_to(self, ack_id: int) -> Callable[[tuple[Any, ...]], Awaitable[None]]:
        def answer(values: tuple[Any, ...]) -> Awaitable[None]:
            self._connection.answer(self.nsp, ack_id, values)
            return _Settling(self._client)

        return answer


class _Settling(Awaitable[None]):
    """Done already; awaiting it waits until the server has settled."""

    __slots__ = ("_client",)

    def __init__(self, client: TestClient) -> None:
        self._client = client

    def __await__(self) -> Generator[Any, None, None]:
        return self._client.settle().__await__()
