"""Namespaces: their handlers, their gates, their sockets, and emitting to all of them. Refuses to know how clients come in
and which namespaces a server has."""

from __future__ import annotations

import itertools
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Concatenate, Final, Generic, Literal, TypeAlias, TypeVar, cast, overload

from anyio.lowlevel import checkpoint

from .adapter import Adapter
from .handlers import HandlerTable, require_callable
from .hooks import Hooks, Listening
from .names import namespace_name, rule_of
from .operator import Broadcaster, BroadcastOperator
from .room_events import RoomEvents
from .sent import ACCEPTED
from .socket import S, Socket
from .types import outgoing_name

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from ._core import Core, NamespaceCore, SocketCore
    from .names import Rule
    from .operator import Home
    from .sent import Sent
    from .server import Server
    from .types import Event, EventName, H, Middleware, P, Packet, R, Reason
    from .waits import Waits

__all__ = ("Namespace", "NamespaceLike", "ParentNamespace")

_parent_numbers: Final = itertools.count()

# Without the default of S, which may not stand before a ParamSpec.
_S = TypeVar("_S", bound=Socket)
_Typed: TypeAlias = "Callable[Concatenate[_S, P], Awaitable[R] | R]"
_Connect: TypeAlias = "Callable[[_S], Awaitable[object] | object]"
_Leave: TypeAlias = "Callable[[_S, Reason], Awaitable[object] | object]"
_Gate: TypeAlias = "Callable[[_S, Packet], Awaitable[object] | object]"
_Wrap: TypeAlias = "Callable[[_S, Packet, Callable[[], Awaitable[Any]]], Awaitable[Any]]"
_E = TypeVar("_E", bound=BaseException)
_OnError: TypeAlias = "Callable[[_S, Packet, _E], Awaitable[object] | object]"


class NamespaceLike(Broadcaster, Listening, Generic[S]):
    """What :class:`Server` and :class:`Namespace` share: ``use`` and its relatives, ``on``, ``once``,
    ``off``, ``event``, listeners of any event, and emitting to all.

    Handlers get the socket first, then the event's arguments. Several per event run in the order of registration; the
    first that returns something other than None answers the client's acknowledgement. Registering belongs on the server's
    loop or before its start; emitting is safe from any thread.
    """

    __slots__ = ()

    @property
    def _space(self) -> Namespace[S]:
        raise NotImplementedError

    @property
    def server(self) -> Server[Any]:
        """The server that the namespace belongs to; of a server, itself. The official server's ``nsp.server``.

        Raises:
            RuntimeError: It belongs to none yet: ``io.register(namespace)`` comes first.
        """
        space = self._space
        if space._server is None:
            raise _homeless(space.name)
        return cast("Server[Any]", space._server)

    def _hooks_to_read(self) -> Hooks:
        return self._space._hooks

    def _hooks_changed(self) -> None:
        self._space._hooks_changed()

    # Emitting.

    def _operator(self) -> BroadcastOperator:
        return self._space._everybody

    def _emit(self, name: EventName, args: tuple[Any, ...]) -> Sent:
        return self._space._everybody._emit(name, args)

    def server_side_emit(self, event: str, /, *args: Any) -> Sent:  # noqa: ARG002 - for nodes that do not exist yet
        """Emits an event to the *other* nodes of a cluster. A server is one node, so it reaches nobody yet.

        Raises:
            ReservedEventName: The name belongs to the protocol.
            TypeError: The name is not a str.
        """
        outgoing_name(event)
        return ACCEPTED

    async def server_side_emit_with_ack(self, event: str, /, *args: Any) -> list[Any]:  # noqa: ARG002 - as above
        """The same, and gives one answer per other node: none yet, as a server is one node.

        Raises:
            ReservedEventName: The name belongs to the protocol.
            TypeError: The name is not a str.
        """
        outgoing_name(event)
        await checkpoint()
        return []

    @property
    def adapter(self) -> Adapter:
        """Who is in which room: live views of ``rooms`` and ``sids``, and events."""
        return Adapter(self._space._namespace_core, self._space._room_events)

    # Listening.

    def use(self, fn: Callable[[S], Awaitable[object] | object], /) -> Callable[[S], Awaitable[object] | object]:
        """Adds a gate for every client that asks for this namespace: ``fn(socket)``, sync or async. Also a decorator.

        Gates run one after the other before the client is accepted. Returning lets it pass; raising :class:`ConnectError`
        refuses it with message and data, any other exception with ``internal error`` and a line in the log. Gates are not
        inherited: those of ``/`` do not see clients of other namespaces.

        Raises:
            TypeError: ``fn`` is not callable.
        """
        space = self._space
        space._gates = (*space._gates, require_callable(fn, "a middleware"))
        return fn

    def use_event(self, fn: _Gate[S], /) -> _Gate[S]:
        """Adds a gate for every event of every socket: ``fn(socket, packet)``, sync or async. Also a decorator.

        Returning lets the event pass, raising (:class:`RejectEvent`, or anything) stops it: its handlers are skipped,
        ``on_error`` or the ``error`` listeners get the exception, the client nothing. ``packet.name`` and ``packet.args``
        may be changed. The same as ``socket.use``, which runs after it, for all sockets of the namespace.

        Raises:
            TypeError: ``fn`` is not callable.
        """
        hooks = self._space._hooks
        hooks.gates = (*hooks.gates, require_callable(fn, "a middleware"))
        self._space._hooks_changed()
        return fn

    def around_event(self, fn: _Wrap[S], /) -> _Wrap[S]:
        """Adds a wrap around the handlers of every event: ``async fn(socket, packet, call_next)``. Also a decorator.

        ``await call_next()`` runs what is further in, the handlers at last, and gives what they return or raises the first
        error of theirs; not calling it skips them, calling it twice is a RuntimeError. What the wrap returns answers the
        client, None only if handlers ran and none failed. The first one added is the outermost; gates run before all.

        Raises:
            TypeError: ``fn`` is not callable.
        """
        hooks = self._space._hooks
        hooks.wraps = (*hooks.wraps, require_callable(fn, "a middleware"))
        self._space._hooks_changed()
        return fn

    @overload
    def on_error(self, kind: type[_E], /) -> Callable[[_OnError[S, _E]], _OnError[S, _E]]: ...
    @overload
    def on_error(self, kind: type[_E], fn: _OnError[S, _E], /) -> _OnError[S, _E]: ...
    def on_error(self, kind: type[_E], fn: _OnError[S, _E] | None = None, /) -> Any:
        """Registers who hears of exceptions of a type, in gates, handlers and listeners: ``fn(socket, packet, exception)``,
        sync or async. Also a decorator.

        The most specific type that fits counts; a namespace's own come first, then those of ``/``. Where one is called,
        ``error`` listeners and the log hear nothing. Connections stay; a lifecycle event's packet has its name.

        Args:
            kind: The type of the exception, such as :class:`RejectEvent` or ``Exception``.
            fn: The function. Several of one type run in order of registration.

        Raises:
            TypeError: ``kind`` is no type of exceptions, or ``fn`` not callable.
            ValueError: ``fn`` is registered for that type already.
        """

        def register(fn: _OnError[S, _E]) -> _OnError[S, _E]:
            self._space._hooks.add_error(kind, fn)
            return fn

        return register if fn is None else register(fn)

    @overload
    def on(
        self, event: Event[P, R], /, *, concurrent: bool = ..., thread: bool = ..., cancel_on_disconnect: bool = ...
    ) -> Callable[[_Typed[S, P, R]], _Typed[S, P, R]]: ...
    @overload
    def on(  # type: ignore[overload-overlap]
        self, event: Literal["connect", "connection"], /, *, thread: bool = ...
    ) -> Callable[[_Connect[S]], _Connect[S]]: ...
    @overload
    def on(  # type: ignore[overload-overlap]
        self, event: Literal["disconnect", "disconnecting"], /, *, thread: bool = ...
    ) -> Callable[[_Leave[S]], _Leave[S]]: ...
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
        """Registers a handler for all sockets of the namespace. Also a decorator.

        Args:
            event: A name or an :class:`Event`. ``connect`` (or ``connection``) brings the socket alone,
                ``disconnecting`` and ``disconnect`` the socket and the reason, ``error`` the socket and the exception.
                ``*`` is every event without a handler and brings the socket, the event's name and its arguments; see
                :meth:`on_any` for all events.
            fn: The handler, sync or async. A parameter annotated :class:`Ack`, anywhere, gets the acknowledgement; one
                annotated :class:`Packet` or :class:`Handshake` gets that. None of them is an argument of the event.
                Arguments that are annotated are checked and converted: see ``validation`` of :class:`Server`.
            concurrent: True to let later events of the same socket start while it waits; it then runs in a copy of the
                socket's context.
            thread: True to run a plain function in a worker thread, with a copy of the socket's context; later events of
                the socket wait for it. Plain functions run on the loop otherwise.
            cancel_on_disconnect: True to cancel an async handler when its socket leaves; it finishes otherwise.

        Raises:
            TypeError: ``fn`` is not callable, takes no socket, or an option does not fit it.
            ValueError: It is registered for this event already.
        """
        return self._space._register(
            event, fn, once=False, concurrent=concurrent, thread=thread, cancel_on_disconnect=cancel_on_disconnect
        )

    @overload
    def once(
        self, event: Event[P, R], /, *, concurrent: bool = ..., thread: bool = ..., cancel_on_disconnect: bool = ...
    ) -> Callable[[_Typed[S, P, R]], _Typed[S, P, R]]: ...
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
        """The same as :meth:`on` for one event only: one for all sockets of the namespace together."""
        return self._space._register(
            event, fn, once=True, concurrent=concurrent, thread=thread, cancel_on_disconnect=cancel_on_disconnect
        )

    def off(self, event: Event[..., Any] | str, fn: Callable[..., Any] | None = None, /) -> None:
        """Removes a handler, or all handlers of an event. Something unknown: does nothing."""
        self._space._unregister(event, fn)

    def event(self, fn: H, /) -> H:
        """Registers ``fn`` for the event of its own name: ``@io.event``.

        Raises:
            TypeError: ``fn`` has no name, as a lambda.
        """
        name = getattr(require_callable(fn, "an event handler"), "__name__", "<lambda>")
        if name == "<lambda>":
            raise TypeError("@event takes the event's name from the function; a lambda has none: use on(name, fn)")
        self._space._register(name, fn, once=False)
        return fn


class Namespace(NamespaceLike[S]):
    """One namespace. ``io.of(name)`` gives it, or a subclass describes it and ``io.register`` makes it the server's.

    ::

        class Admin(Namespace):
            @on("kick user")
            async def kick(self, socket: Socket, sid: str) -> None: ...

        io.register(Admin("/admin"))

    Args:
        name: With or without its leading slash; or a pattern or predicate, which makes it a :class:`ParentNamespace`.

    Raises:
        TypeError: Neither a str, nor a pattern for str, nor callable.
        ValueError: A name that cannot stand on the wire.
    """

    __slots__ = (
        "__weakref__",
        "_children",
        "_everybody",
        "_gates",
        "_heard",
        "_hooks",
        "_listening",
        "_name",
        "_namespace_core",
        "_process_core",
        "_room_events",
        "_rule",
        "_server",
        "_socket_class",
        "_sockets",
        "_table",
    )

    def __init__(self, name: str | Rule, /) -> None:
        if isinstance(name, str):
            self._rule: Rule | None = None
            self._name = namespace_name(name)
        else:
            self._rule = rule_of(name)
            self._name = f"/_{next(_parent_numbers)}"
        self._server: object = None
        self._process_core: Core = cast("Any", _Unregistered(self._name))
        self._namespace_core: NamespaceCore = cast("Any", self._process_core)
        self._socket_class: type[S] | None = None
        self._table = HandlerTable(bare=False)
        self._hooks = Hooks()
        self._room_events = RoomEvents()
        # True if somebody listens to what is emitted; the sockets that do so by themselves.
        self._heard = False
        self._listening: dict[str, S] = {}
        self._gates: tuple[Middleware, ...] = ()
        self._sockets: dict[str, S] = {}
        # Operators are values, so one serves every broadcast.
        self._everybody = BroadcastOperator(self)
        self._children: dict[str, Namespace[S]] = {}

    @property
    def _space(self) -> Namespace[S]:
        return self

    @property
    def _home(self) -> Home:
        return cast("Home", self._server)

    @property
    def name(self) -> str:
        """Its name, with the leading slash; of a parent a made-up one, as in the official server."""
        return self._name

    @property
    def sockets(self) -> Mapping[str, S]:
        """The connected sockets of this process by id: a live view that nobody can change.

        Raises:
            AttributeError: It is a parent, which has none: look at its children in ``io.namespaces``.
        """
        if self._rule is not None:
            raise AttributeError("a parent namespace has no sockets; look at those of the namespaces in io.namespaces")
        return MappingProxyType(self._sockets)

    def _register(self, event: object, fn: object, **options: bool) -> Any:
        def register(fn: H) -> H:
            self._table.add(event, fn, **options)
            self._handlers_changed()
            return fn

        return register if fn is None else register(cast("Callable[..., Any]", fn))

    def _unregister(self, event: object, fn: object) -> None:
        self._table.remove(event, fn)
        self._handlers_changed()

    def _handlers_changed(self) -> None:
        """Sockets with handlers of their own keep plans made of both tables; they make them anew."""
        for socket in tuple(self._sockets.values()):
            if socket._table is not None:
                socket._owner.replan(socket._core.handle)

    def _hooks_to_read(self) -> Hooks:
        return self._hooks

    def _hooks_changed(self) -> None:
        """Every socket chooses anew between the short way of an event and the long one."""
        self._heard = self._rule is None and bool(self._hooks.outgoing or self._listening)
        for socket in tuple(self._sockets.values()):
            socket._owner.replan(socket._core.handle)

    def _listens(self, socket: Socket, *, yes: bool) -> None:
        """A socket has listeners of its own to what is emitted to it, or has none any more."""
        if yes:
            self._listening[socket.id] = cast("S", socket)
        else:
            self._listening.pop(socket.id, None)
        self._heard = bool(self._hooks.outgoing or self._listening)

    def _hearers(self) -> tuple[S, ...]:
        """The sockets whose listeners hear what is emitted to them."""
        return tuple((self._sockets if self._hooks.outgoing else self._listening).values())

    # For the server.

    @property
    def _registered(self) -> bool:
        """Whether it belongs to a server."""
        return self._socket_class is not None

    def _attach(self, server: object, process_core: Core, core: NamespaceCore, socket_class: type[S]) -> None:
        """Makes it a server's."""
        self._server = server
        self._process_core = process_core
        self._namespace_core = core
        self._socket_class = socket_class

    def _inherit(self, parent: Namespace[S]) -> None:
        """Puts what was registered on ``parent`` until now before what is registered here."""
        self._gates = (*parent._gates, *self._gates)
        self._table.inherit(parent._table)
        self._hooks.inherit(parent._hooks)
        self._hooks_changed()

    def _new_socket(self, core: SocketCore, waits: Waits, auth: dict[str, Any] | None) -> S:
        """The object for a client that asks for this namespace; its ``__init__`` has not run."""
        made: type[Socket] = self._socket_class or Socket
        socket = made.__new__(made)
        socket._bind(core, self, waits, auth)
        return cast("S", socket)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name!r} with {len(self._sockets)} sockets>"


class ParentNamespace(Namespace[S]):
    """What ``io.of(pattern)`` and ``io.of(predicate)`` give: it makes a namespace when a client asks for a name that fits.

    Children take over the gates and handlers that are registered when they are made; later ones reach later children.
    Emitting goes to all children that exist, as do ``sockets_join`` and ``sockets_leave``. Of its own it has no sockets, so
    ``sockets``, ``fetch_sockets``, ``emit_with_ack`` and the like are an AttributeError. The official server's
    ``ParentNamespace``.
    """

    __slots__ = ()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name!r} with {len(self._children)} namespaces>"


class _Unregistered:
    """Stands for the core of a namespace that belongs to no server."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __getattr__(self, name: str) -> Any:
        raise _homeless(self.name)


def _homeless(name: str) -> RuntimeError:
    return RuntimeError(f"namespace {name!r} belongs to no server yet: io.register(namespace) comes first")
