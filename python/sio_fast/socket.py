"""``Socket``: one client in one namespace, as the application sees it. Refuses to know when its handlers run.

Mirrors the official server's Socket in snake_case. The object outlives the connection as a tombstone: what it did is
readable, what it is asked to do has no effect.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Set
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Final, Literal, cast, overload

from typing_extensions import TypeVar

from .connection import Connection
from .emitting import VOLATILE, CanEmitWithAck, Flags, ask, emit_to
from .handlers import HandlerTable, require_callable
from .handshake import Handshake
from .operator import BroadcastOperator, SocketOperator
from .rooms import RoomsView
from .sent import ACCEPTED, DROPPED, Sent
from .types import Event, EventName, H, Middleware, P, R, Reason, room_names

if TYPE_CHECKING:
    from ._core import SocketCore
    from .namespace import Namespace
    from .waits import Waits

__all__ = ("S", "Socket", "current_socket")

_set: Final = object.__setattr__


class Socket(CanEmitWithAck):
    """One client in one namespace.

    Any attribute may be added to it (``socket.user = user``); declare them in a subclass given as ``socket_class`` to have
    them typed. A subclass with an ``__init__`` gets no arguments and finds ``id``, ``handshake`` and the rest in place.
    The names of this class are protected.

    ``emit``, ``send``, ``join``, ``leave``, ``disconnect`` and the operators are safe from any thread; ``on``, ``use`` and
    ``emit_with_ack`` belong on the server's loop.
    """

    __slots__ = (
        "__dict__",
        "__weakref__",
        "_changed",
        "_conn",
        "_core",
        "_data",
        "_detail",
        "_frozen_rooms",
        "_gates",
        "_handshake",
        "_in_use",
        "_leaving",
        "_nsp",
        "_reason",
        "_table",
        "_waits",
    )

    _changed: Callable[[], None]
    _conn: Connection | None
    _core: SocketCore
    _data: dict[str, Any] | None
    _detail: str | None
    _frozen_rooms: frozenset[str] | None
    _gates: tuple[Middleware, ...]
    _handshake: Handshake
    _in_use: bool
    _leaving: Callable[[list[int]], None]
    _nsp: Namespace[Any]
    _reason: Reason | None
    _table: HandlerTable | None
    _waits: Waits

    def __setattr__(self, name: str, value: object) -> None:
        if name in _PROTECTED:
            raise AttributeError(f"{name!r} belongs to Socket and cannot be replaced; choose another name")
        object.__setattr__(self, name, value)

    def __delattr__(self, name: str) -> None:
        if name in _PROTECTED:
            raise AttributeError(f"{name!r} belongs to Socket and cannot be deleted")
        object.__delattr__(self, name)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._core.id} of {self._nsp.name!r}>"

    # What it is.

    @property
    def id(self) -> str:
        """20 random characters; also the name of a room that only this socket is in unless others join it."""
        return self._core.id

    @property
    def handshake(self) -> Handshake:
        """Headers, query, auth and address of the client's first request. Frozen."""
        return self._handshake

    @property
    def rooms(self) -> Set[str]:
        """Rooms it is in, live; during ``disconnecting`` those it was in, afterwards empty."""
        return RoomsView(self._core, self._rooms_left)

    @property
    def data(self) -> dict[str, Any]:
        """A dict for the application, local to this process."""
        if self._data is None:
            _set(self, "_data", {})
        return cast("dict[str, Any]", self._data)

    @property
    def nsp(self) -> Namespace[Any]:
        """The namespace it belongs to."""
        return self._nsp

    @property
    def conn(self) -> Connection:
        """The connection below, shared by all namespaces of the client."""
        conn = self._conn
        if conn is None:
            conn = Connection(self._core, self._leaving)
            _set(self, "_conn", conn)
        return conn

    @property
    def connected(self) -> bool:
        """True from the acceptance (after ``use``) until it leaves, on whichever side."""
        return self._core.connected

    @property
    def buffered_amount(self) -> int:
        """Bytes queued for the client."""
        return self._core.buffered_amount

    @property
    def disconnect_detail(self) -> str | None:
        """Why the connection ended, beside the reason, such as the limit that was passed. None if nothing is known."""
        return self._detail if self._detail is not None else self._core.detail

    # Emitting.

    def _emit(self, name: EventName, args: tuple[Any, ...]) -> Sent:
        return emit_to(self, name, args, False)

    async def _ask(self, name: EventName, args: tuple[Any, ...]) -> Any:
        return await ask(self, name, args, False, None)

    @property
    def volatile(self) -> SocketOperator:
        """What is emitted through it is dropped if something is queued for the client."""
        return SocketOperator(self, flags=VOLATILE)

    def compress(self, compress: bool, /) -> SocketOperator:
        """False sends it uncompressed. Nothing is compressed yet: no effect."""
        return SocketOperator(self).compress(compress)

    def timeout(self, seconds: float, /) -> SocketOperator:
        """Limits the wait of ``emit_with_ack``: seconds, 0 or more. See :meth:`SocketOperator.timeout`."""
        return SocketOperator(self).timeout(seconds)

    @property
    def broadcast(self) -> BroadcastOperator:
        """Everybody in the namespace but this socket."""
        return BroadcastOperator(self._nsp, sender=self._core)

    @property
    def local(self) -> BroadcastOperator:
        """Everybody on this node but this socket. A server is one node, so it means :attr:`broadcast` yet."""
        return BroadcastOperator(self._nsp, sender=self._core, flags=Flags(local=True))

    def to(self, *rooms: str) -> BroadcastOperator:
        """The members of these rooms but this socket; without names everybody else. See :meth:`Broadcaster.to`."""
        return BroadcastOperator(self._nsp, rooms=room_names("to", rooms), sender=self._core)

    def in_(self, *rooms: str) -> BroadcastOperator:
        """The same as :meth:`to`."""
        return BroadcastOperator(self._nsp, rooms=room_names("in_", rooms), sender=self._core)

    def except_(self, *rooms: str) -> BroadcastOperator:
        """Everybody but this socket and the members of these rooms."""
        return BroadcastOperator(self._nsp, except_rooms=room_names("except_", rooms), sender=self._core)

    # Rooms and leaving.

    def join(self, *rooms: str) -> Sent:
        """Joins rooms, at once. Works inside ``use`` too; no effect once the socket has left.

        Raises:
            TypeError: A list, or a name that is no str.
        """
        names = room_names("join", rooms)
        if self._frozen_rooms is not None:
            return DROPPED
        self._core.join(names)
        return ACCEPTED

    def leave(self, *rooms: str) -> Sent:
        """Leaves rooms, at once; its own id may be left too. No effect once the socket has left.

        Raises:
            TypeError: A list, or a name that is no str.
        """
        names = room_names("leave", rooms)
        if self._frozen_rooms is not None:
            return DROPPED
        self._core.leave(names)
        return ACCEPTED

    def disconnect(self, *, close: bool = False) -> Sent:
        """Leaves the namespace at once: ``server namespace disconnect``. Events that wait for a handler are dropped.

        Args:
            close: True to end the whole connection, with all its namespaces.
        """
        self._leaving(self._core.disconnect(close))
        return ACCEPTED

    # Listening.

    def use(self, fn: Callable[..., Awaitable[object] | object], /) -> Callable[..., Awaitable[object] | object]:
        """Adds a gate for every event of this socket: ``fn(packet)``, sync or async.

        Returning lets the event pass, raising stops it: the ``error`` listeners get the exception, the client nothing.

        Raises:
            TypeError: ``fn`` is not callable.
        """
        _set(self, "_gates", (*self._gates, require_callable(fn, "a middleware")))
        self._changed()
        return fn

    @overload
    def on(
        self, event: Event[P, R], /, *, concurrent: bool = ...
    ) -> Callable[[_TypedHandler[P, R]], _TypedHandler[P, R]]: ...
    @overload
    def on(self, event: Literal["disconnect", "disconnecting"], /) -> Callable[[_LeaveHandler], _LeaveHandler]: ...  # type: ignore[overload-overlap]
    @overload
    def on(self, event: str, /, *, concurrent: bool = ...) -> Callable[[H], H]: ...
    @overload
    def on(self, event: Event[..., Any] | str, fn: H, /, *, concurrent: bool = ...) -> H: ...
    def on(self, event: Any, fn: Any = None, /, *, concurrent: bool = False) -> Any:
        """Registers a handler of this socket; it gets the event's arguments without the socket. Also a decorator.

        Args:
            event: A name or an :class:`Event`; ``disconnecting`` and ``disconnect`` bring the reason, ``error`` the
                exception.
            fn: The handler, sync or async. What it returns answers the client's acknowledgement.
            concurrent: True to let later events of this socket start while it waits.

        Raises:
            TypeError: ``fn`` is not callable.
            ValueError: It is registered for this event already.
        """
        return self._register(event, fn, once=False, concurrent=concurrent)

    @overload
    def once(
        self, event: Event[P, R], /, *, concurrent: bool = ...
    ) -> Callable[[_TypedHandler[P, R]], _TypedHandler[P, R]]: ...
    @overload
    def once(self, event: str, /, *, concurrent: bool = ...) -> Callable[[H], H]: ...
    @overload
    def once(self, event: Event[..., Any] | str, fn: H, /, *, concurrent: bool = ...) -> H: ...
    def once(self, event: Any, fn: Any = None, /, *, concurrent: bool = False) -> Any:
        """The same as :meth:`on` for one event only."""
        return self._register(event, fn, once=True, concurrent=concurrent)

    def off(self, event: Event[..., Any] | str, fn: Callable[..., Any] | None = None, /) -> None:
        """Removes a handler, or all handlers of an event. Something unknown: does nothing."""
        if self._table is not None:
            self._table.remove(event, fn)
            self._changed()

    def _register(self, event: object, fn: object, *, once: bool, concurrent: bool) -> Any:
        def register(fn: H) -> H:
            table = self._table
            if table is None:
                table = HandlerTable(bare=True)
                _set(self, "_table", table)
            table.add(event, fn, once=once, concurrent=concurrent)
            self._changed()
            return fn

        return register if fn is None else register(cast("Callable[..., Any]", fn))

    # For the dispatcher.

    def _bind(self, core: SocketCore, nsp: Namespace[Any], waits: Waits, auth: dict[str, Any]) -> None:
        """Ties a new object to its core."""
        _set(self, "_core", core)
        _set(self, "_nsp", nsp)
        _set(self, "_waits", waits)
        _set(self, "_handshake", Handshake(core.handshake, auth))
        _set(self, "_changed", _nothing)
        _set(self, "_leaving", _nothing)
        _set(self, "_conn", None)
        _set(self, "_data", None)
        _set(self, "_detail", None)
        _set(self, "_frozen_rooms", None)
        _set(self, "_gates", ())
        _set(self, "_in_use", True)
        _set(self, "_reason", None)
        _set(self, "_table", None)

    def _attach(self, changed: Callable[[], None], leaving: Callable[[list[int]], None]) -> None:
        """``changed`` is called when its handlers change, ``leaving`` when the server makes it leave."""
        _set(self, "_changed", changed)
        _set(self, "_leaving", leaving)

    def _accepted(self) -> None:
        _set(self, "_in_use", False)

    def _left(self, reason: Reason | None, detail: str | None) -> None:
        _set(self, "_in_use", False)
        _set(self, "_reason", reason)
        _set(self, "_detail", detail)

    def _unbind(self) -> None:
        """Lets go of the dispatcher, so that the object is freed without the cycle collector."""
        _set(self, "_in_use", False)
        _set(self, "_frozen_rooms", frozenset())
        _set(self, "_changed", _nothing)
        _set(self, "_leaving", _nothing)

    def _freeze_rooms(self, rooms: frozenset[str]) -> None:
        _set(self, "_frozen_rooms", rooms)

    def _rooms_left(self) -> frozenset[str] | None:
        return self._frozen_rooms


def _nothing(_handles: list[int] | None = None) -> None:
    """A socket that has left has nobody to tell."""


# What users find, and the slots: an attribute of one of these names would break the socket silently.
_PROTECTED: Final = frozenset(name for name in dir(Socket) if not name.startswith("__"))

S = TypeVar("S", bound=Socket, default=Socket)

_TypedHandler = Callable[P, "Awaitable[R] | R"]
_LeaveHandler = Callable[[Reason], "Awaitable[None] | None"]

current_socket: ContextVar[Socket] = ContextVar("sio_fast.current_socket")
"""The socket whose handler runs. Set in the context that all handlers of one socket share."""
