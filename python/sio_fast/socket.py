"""``Socket``: one client in one namespace, as the application sees it. Refuses to know when its handlers run.

Mirrors the official server's Socket in snake_case. The object outlives the connection as a tombstone: what it did is
readable, what it is asked to do has no effect.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Set
from contextvars import ContextVar
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, Final, Literal, Protocol, cast, overload

from typing_extensions import TypeVar, TypeVarTuple, Unpack

from .connection import Connection
from .emitting import VOLATILE, CanEmitWithAck, Flags, ask, emit_to
from .handlers import HandlerTable, require_callable
from .handshake import Handshake
from .hooks import NO_HOOKS, Hooks, Listening
from .operator import BroadcastOperator, SocketOperator
from .rooms import RoomsView
from .sent import ACCEPTED, DROPPED, Sent
from .types import Event, EventName, H, P, R, Reason, refuse_foreign, room_names

if TYPE_CHECKING:
    from ._core import SocketCore
    from .namespace import Namespace
    from .waits import Waits

__all__ = ("S", "Socket", "current_socket")

_set: Final = object.__setattr__
_Ts = TypeVarTuple("_Ts")


class Socket(CanEmitWithAck, Listening):
    """One client in one namespace.

    Any attribute may be added to it (``socket.user = user``); declare them in a subclass given as ``socket_class`` to have
    them typed. A subclass with an ``__init__`` gets no arguments and finds ``id``, ``handshake`` and the rest in place.
    The names of this class are protected.

    ``emit``, ``send``, ``join``, ``leave``, ``disconnect`` and the operators are safe from any thread; ``on``, ``use``,
    ``start_soon`` and ``emit_with_ack`` belong on the server's loop.
    """

    __slots__ = (
        "__dict__",
        "__weakref__",
        "_auth",
        "_conn",
        "_core",
        "_data",
        "_detail",
        "_frozen_rooms",
        "_handshake",
        "_hooks",
        "_in_use",
        "_nsp",
        "_owner",
        "_table",
        "_waits",
    )

    _given_as: ClassVar[str] = "socket"

    _auth: dict[str, Any] | None
    _conn: Connection | None
    _core: SocketCore
    _data: dict[str, Any] | None
    _detail: str | None
    _frozen_rooms: frozenset[str] | None
    _handshake: Handshake | None
    _hooks: Hooks
    _in_use: bool
    _nsp: Namespace[Any]
    _owner: Owner
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
        handshake = self._handshake
        if handshake is None:
            # Made when somebody asks: of many sockets nobody does.
            handshake = Handshake(self._core.handshake, {} if self._auth is None else self._auth, self._core.scope)
            _set(self, "_handshake", handshake)
        return handshake

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
            conn = Connection(self._core, self._owner.ended)
            _set(self, "_conn", conn)
        return conn

    @property
    def connected(self) -> bool:
        """True from the acceptance (after ``use``) until it leaves, on whichever side."""
        return self._core.connected

    @property
    def recovered(self) -> bool:
        """Whether state of an earlier connection was restored: the official server's ``recovered``. Always False, as
        connection state recovery does not exist yet; handlers that ask for it are ready for it."""
        return False

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
        """The same as :meth:`to`; without names everybody else too."""
        return BroadcastOperator(self._nsp, rooms=room_names("in_", rooms), sender=self._core)

    def except_(self, *rooms: str) -> BroadcastOperator:
        """Everybody but this socket and the members of these rooms."""
        return BroadcastOperator(self._nsp, except_rooms=room_names("except_", rooms), sender=self._core)

    # Rooms and leaving.

    def join(self, *rooms: str) -> Sent:
        """Joins rooms, at once. Works inside ``use`` too; no effect once the socket has left.

        Raises:
            TypeError: A list, or a name that is no str.
            ForeignRoom: With ``strict_rooms``: the id of another socket. No room is joined then.
        """
        names = room_names("join", rooms)
        if self._frozen_rooms is not None:
            return DROPPED
        nsp = self._nsp
        if nsp._home._strict_rooms:
            refuse_foreign(nsp._sockets, names, self._core.id)
        self._core.join(names)
        nsp._room_events.changed(nsp._namespace_core, self._waits)
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
        nsp = self._nsp
        nsp._room_events.changed(nsp._namespace_core, self._waits)
        return ACCEPTED

    def disconnect(self, *, close: bool = False) -> Sent:
        """Leaves the namespace at once: ``server namespace disconnect``. Events that wait for a handler are dropped. The
        connection stays open, for the client's other namespaces, unless ``close`` is True.

        Args:
            close: True to end the whole connection, with all its namespaces.
        """
        self._owner.ended(self._core.disconnect(close))
        return ACCEPTED

    # Listening.

    def use(self, fn: Callable[..., Awaitable[object] | object], /) -> Callable[..., Awaitable[object] | object]:
        """Adds a gate for every event of this socket: ``fn(packet)``, sync or async.

        Returning lets the event pass, raising (:class:`RejectEvent`, or anything) stops it: ``on_error`` or the ``error``
        listeners get the exception, the client nothing. It runs after listeners of any event and the gates of
        ``use_event``; name and arguments may be changed. The official server's ``socket.use``.

        Raises:
            TypeError: ``fn`` is not callable.
        """
        hooks = self._hooks_to_change()
        hooks.gates = (*hooks.gates, require_callable(fn, "a middleware"))
        self._owner.replan(self._core.handle)
        return fn

    @overload
    def on(
        self, event: Event[P, R], /, *, concurrent: bool = ..., thread: bool = ..., cancel_on_disconnect: bool = ...
    ) -> Callable[[_TypedHandler[P, R]], _TypedHandler[P, R]]: ...
    @overload
    def on(  # type: ignore[overload-overlap]
        self, event: Literal["disconnect", "disconnecting"], /, *, thread: bool = ...
    ) -> Callable[[_LeaveHandler], _LeaveHandler]: ...
    @overload
    def on(
        self, event: str, /, *, concurrent: bool = ..., thread: bool = ..., cancel_on_disconnect: bool = ...
    ) -> Callable[[H], H]: ...
    @overload
    def on(
        self,
        event: Event[..., Any] | str,
        fn: H,
        /,
        *,
        concurrent: bool = ...,
        thread: bool = ...,
        cancel_on_disconnect: bool = ...,
    ) -> H: ...
    def on(
        self,
        event: Any,
        fn: Any = None,
        /,
        *,
        concurrent: bool = False,
        thread: bool = False,
        cancel_on_disconnect: bool = False,
    ) -> Any:
        """Registers a handler of this socket; it gets the event's arguments without the socket. Also a decorator.

        Args:
            event: A name or an :class:`Event`; ``disconnecting`` and ``disconnect`` bring the reason, ``error`` the
                exception; ``*`` is every event without a handler, and brings the event's name before its arguments.
            fn: The handler, sync or async. What it returns answers the client's acknowledgement, unless it has a
                parameter annotated :class:`Ack`. One annotated :class:`Packet`, :class:`Handshake` or :class:`Socket`
                gets that.
            concurrent: True to let later events of this socket start while it waits.
            thread: True to run a plain function in a worker thread.
            cancel_on_disconnect: True to cancel an async handler when this socket leaves.

        Raises:
            TypeError: ``fn`` is not callable, or an option does not fit it.
            ValueError: It is registered for this event already.
        """
        return self._register(
            event, fn, once=False, concurrent=concurrent, thread=thread, cancel_on_disconnect=cancel_on_disconnect
        )

    @overload
    def once(
        self, event: Event[P, R], /, *, concurrent: bool = ..., thread: bool = ..., cancel_on_disconnect: bool = ...
    ) -> Callable[[_TypedHandler[P, R]], _TypedHandler[P, R]]: ...
    @overload
    def once(
        self, event: str, /, *, concurrent: bool = ..., thread: bool = ..., cancel_on_disconnect: bool = ...
    ) -> Callable[[H], H]: ...
    @overload
    def once(
        self,
        event: Event[..., Any] | str,
        fn: H,
        /,
        *,
        concurrent: bool = ...,
        thread: bool = ...,
        cancel_on_disconnect: bool = ...,
    ) -> H: ...
    def once(
        self,
        event: Any,
        fn: Any = None,
        /,
        *,
        concurrent: bool = False,
        thread: bool = False,
        cancel_on_disconnect: bool = False,
    ) -> Any:
        """The same as :meth:`on` for one event only."""
        return self._register(
            event, fn, once=True, concurrent=concurrent, thread=thread, cancel_on_disconnect=cancel_on_disconnect
        )

    def off(self, event: Event[..., Any] | str, fn: Callable[..., Any] | None = None, /) -> None:
        """Removes a handler, or all handlers of an event. Something unknown: does nothing."""
        if self._table is not None:
            self._table.remove(event, fn)
            self._owner.replan(self._core.handle)

    def _register(self, event: object, fn: object, **options: bool) -> Any:
        def register(fn: H) -> H:
            table = self._table
            if table is None:
                space = self._nsp._table
                # A socket that leaves, or has left, gets no events any more.
                raw_names = space.raw_names if self._frozen_rooms is None else None
                table = HandlerTable(bare=True, preparation=space.preparation, raw_names=raw_names)
                _set(self, "_table", table)
            table.add(event, fn, **options)
            self._owner.replan(self._core.handle)
            return fn

        return register if fn is None else register(cast("Callable[..., Any]", fn))

    def _hooks_to_read(self) -> Hooks:
        return self._hooks

    def _hooks_to_change(self) -> Hooks:
        if self._hooks is NO_HOOKS:
            _set(self, "_hooks", Hooks())
        return self._hooks

    def _hooks_changed(self) -> None:
        self._nsp._listens(self, yes=bool(self._hooks.outgoing) and self._owner is not NOBODY)
        self._owner.replan(self._core.handle)

    # Beside the events.

    def start_soon(self, fn: Callable[[Unpack[_Ts]], Awaitable[object]], /, *args: *_Ts) -> None:
        """Starts ``fn(*args)`` in a task of this socket, in a copy of its context, and does not wait for it.

        The task is cancelled when the ``disconnect`` handlers are done, if it is still there; on a socket that has left it
        does not start. Its errors go where those of handlers go; ``on_error`` gets a packet named ``start_soon``. For the
        server's loop only.

        Args:
            fn: An async function.
            *args: Its arguments.

        Raises:
            TypeError: ``fn`` is not callable.
            RuntimeError: On another thread.
        """
        checked = require_callable(fn, "what start_soon starts")
        if not self._waits.here():
            raise RuntimeError(
                "start_soon() belongs on the server's loop; from a thread use anyio.from_thread.run_sync"
            )
        self._owner.begin_task(self._core.handle, partial(checked, *args))

    # For the dispatcher.

    def _bind(self, core: SocketCore, nsp: Namespace[Any], waits: Waits, auth: dict[str, Any] | None) -> None:
        """Ties a new object to its core."""
        _set(self, "_core", core)
        _set(self, "_nsp", nsp)
        _set(self, "_waits", waits)
        _set(self, "_auth", auth)
        _set(self, "_handshake", None)
        _set(self, "_owner", NOBODY)
        _set(self, "_conn", None)
        _set(self, "_data", None)
        _set(self, "_detail", None)
        _set(self, "_frozen_rooms", None)
        _set(self, "_hooks", NO_HOOKS)
        _set(self, "_in_use", True)
        _set(self, "_table", None)

    def _attach(self, owner: Owner) -> None:
        """``owner`` runs its handlers from now on."""
        _set(self, "_owner", owner)

    def _accepted(self) -> None:
        _set(self, "_in_use", False)

    def _left(self, detail: str | None) -> None:
        _set(self, "_in_use", False)
        _set(self, "_detail", detail)

    def _unbind(self) -> None:
        """Lets go of the dispatcher, so that the object is freed without the cycle collector."""
        if self._hooks.outgoing:
            self._nsp._listens(self, yes=False)
        if self._table is not None:
            self._table.close()
        _set(self, "_in_use", False)
        _set(self, "_frozen_rooms", frozenset())
        _set(self, "_owner", NOBODY)

    def _freeze_rooms(self, rooms: frozenset[str]) -> None:
        _set(self, "_frozen_rooms", rooms)

    def _rooms_left(self) -> frozenset[str] | None:
        return self._frozen_rooms


class Owner(Protocol):
    """Who runs the handlers of sockets. One object for all of them: each socket pays for one reference."""

    def replan(self, handle: int, /) -> None:
        """The handlers or gates of this socket have changed."""

    def ended(self, handles: list[int], /) -> None:
        """The server made these sockets leave."""

    def begin_task(self, handle: int, fn: Callable[[], Any], /) -> None:
        """``start_soon`` of this socket was given ``fn``."""


class _Nobody:
    """A socket that has left has nobody to tell, and nothing starts on it."""

    def replan(self, _handle: int) -> None: ...

    def ended(self, _handles: list[int]) -> None: ...

    def begin_task(self, _handle: int, _fn: Callable[[], Any]) -> None: ...


NOBODY: Final[Owner] = _Nobody()

# What users find, and the slots: an attribute of one of these names would break the socket silently.
_PROTECTED: Final = frozenset(name for name in dir(Socket) if not name.startswith("__"))

S = TypeVar("S", bound=Socket, default=Socket)

_TypedHandler = Callable[P, "Awaitable[R] | R"]
_LeaveHandler = Callable[[Reason], "Awaitable[None] | None"]

current_socket: ContextVar[Socket] = ContextVar("sio_fast.current_socket")
"""The socket whose handler runs. Set in the context that all handlers of one socket share."""
