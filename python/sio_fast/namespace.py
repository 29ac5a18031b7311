"""Namespaces: their handlers, their gates, their sockets, and emitting to all of them. Refuses to know how clients come in
and which namespaces a server has."""

from __future__ import annotations

import itertools
import re
from collections.abc import Awaitable, Callable
from types import MappingProxyType
from typing import (
    TYPE_CHECKING,
    Any,
    Concatenate,
    Final,
    Generic,
    Literal,
    TypeAlias,
    TypeVar,
    cast,
    overload,
)

from anyio.lowlevel import checkpoint

from .adapter import Adapter
from .handlers import HandlerTable, require_callable
from .operator import Broadcaster, BroadcastOperator
from .sent import ACCEPTED
from .socket import S, Socket
from .types import outgoing_name

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ._core import Core, NamespaceCore, SocketCore
    from .operator import Home
    from .sent import Sent
    from .types import Event, EventName, H, Middleware, P, R, Reason
    from .waits import Waits

__all__ = ("Namespace", "NamespaceLike", "ParentNamespace", "Predicate", "Rule", "rule_of")

Predicate: TypeAlias = Callable[[str, Any], "Awaitable[object] | object"]
"""Says whether a namespace is to come into being: ``f(name, auth)``, sync or async."""

Rule: TypeAlias = "re.Pattern[str] | Predicate"
"""For which names a parent makes namespaces: those a pattern matches as a whole, or a predicate says yes to."""

_parent_numbers: Final = itertools.count()

# Without the default of S, which may not stand before a ParamSpec.
_S = TypeVar("_S", bound=Socket)
_Typed: TypeAlias = "Callable[Concatenate[_S, P], Awaitable[R] | R]"
_Connect: TypeAlias = "Callable[[_S], Awaitable[object] | object]"
_Leave: TypeAlias = "Callable[[_S, Reason], Awaitable[object] | object]"


class NamespaceLike(Broadcaster, Generic[S]):
    """What :class:`Server` and :class:`Namespace` share: ``use``, ``on``, ``once``, ``off``, ``event`` and emitting to all.

    Handlers get the socket first, then the event's arguments. Several per event run in the order of registration; the
    first that returns something other than None answers the client's acknowledgement. Registering belongs on the server's
    loop or before its start; emitting is safe from any thread.
    """

    __slots__ = ()

    @property
    def _space(self) -> Namespace[S]:
        raise NotImplementedError

    # Emitting.

    def _operator(self) -> BroadcastOperator:
        return BroadcastOperator(self._space)

    def _emit(self, name: EventName, args: tuple[Any, ...]) -> Sent:
        return BroadcastOperator(self._space)._emit(name, args)

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
        """Who is in which room: live views of ``rooms`` and ``sids``."""
        return Adapter(self._space._namespace_core)

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

    @overload
    def on(self, event: Event[P, R], /, *, concurrent: bool = ...) -> Callable[[_Typed[S, P, R]], _Typed[S, P, R]]: ...
    @overload
    def on(self, event: Literal["connect", "connection"], /) -> Callable[[_Connect[S]], _Connect[S]]: ...  # type: ignore[overload-overlap]
    @overload
    def on(self, event: Literal["disconnect", "disconnecting"], /) -> Callable[[_Leave[S]], _Leave[S]]: ...  # type: ignore[overload-overlap]
    @overload
    def on(self, event: str, /, *, concurrent: bool = ...) -> Callable[[H], H]: ...
    @overload
    def on(self, event: Event[..., Any] | str, fn: H, /, *, concurrent: bool = ...) -> H: ...
    def on(self, event: Any, fn: Any = None, /, *, concurrent: bool = False) -> Any:
        """Registers a handler for all sockets of the namespace. Also a decorator.

        Args:
            event: A name or an :class:`Event`. ``connect`` (or ``connection``) brings the socket alone,
                ``disconnecting`` and ``disconnect`` the socket and the reason, ``error`` the socket and the exception.
            fn: The handler, sync or async.
            concurrent: True to let later events of the same socket start while it waits; it then runs in a copy of the
                socket's context.

        Raises:
            TypeError: ``fn`` is not callable, or takes no socket.
            ValueError: It is registered for this event already.
        """
        return self._space._register(event, fn, once=False, concurrent=concurrent)

    @overload
    def once(
        self, event: Event[P, R], /, *, concurrent: bool = ...
    ) -> Callable[[_Typed[S, P, R]], _Typed[S, P, R]]: ...
    @overload
    def once(self, event: str, /, *, concurrent: bool = ...) -> Callable[[H], H]: ...
    @overload
    def once(self, event: Event[..., Any] | str, fn: H, /, *, concurrent: bool = ...) -> H: ...
    def once(self, event: Any, fn: Any = None, /, *, concurrent: bool = False) -> Any:
        """The same as :meth:`on` for one event only: one for all sockets of the namespace together."""
        return self._space._register(event, fn, once=True, concurrent=concurrent)

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
        self._space._register(name, fn, once=False, concurrent=False)
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

    Attributes:
        server: The server it belongs to, once it does.

    Raises:
        TypeError: Neither a str, nor a pattern for str, nor callable.
        ValueError: A name that cannot stand on the wire.
    """

    __slots__ = (
        "__weakref__",
        "_children",
        "_gates",
        "_name",
        "_namespace_core",
        "_process_core",
        "_rule",
        "_socket_class",
        "_sockets",
        "_table",
        "server",
    )

    def __init__(self, name: str | Rule, /) -> None:
        if isinstance(name, str):
            self._rule: Rule | None = None
            self._name = namespace_name(name)
        else:
            self._rule = rule_of(name)
            self._name = f"/_{next(_parent_numbers)}"
        self.server: object = None
        self._process_core: Core = cast("Any", _Unregistered(self._name))
        self._namespace_core: NamespaceCore = cast("Any", self._process_core)
        self._socket_class: type[S] | None = None
        self._table = HandlerTable(bare=False)
        self._gates: tuple[Middleware, ...] = ()
        self._sockets: dict[str, S] = {}
        self._children: dict[str, Namespace[S]] = {}

    @property
    def _space(self) -> Namespace[S]:
        return self

    @property
    def _home(self) -> Home:
        return cast("Home", self.server)

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
                socket._changed()

    # For the server.

    @property
    def _registered(self) -> bool:
        """Whether it belongs to a server."""
        return self._socket_class is not None

    def _attach(self, server: object, process_core: Core, core: NamespaceCore, socket_class: type[S]) -> None:
        """Makes it a server's."""
        self.server = server
        self._process_core = process_core
        self._namespace_core = core
        self._socket_class = socket_class

    def _inherit(self, parent: Namespace[S]) -> None:
        """Puts what was registered on ``parent`` until now before what is registered here."""
        self._gates = (*parent._gates, *self._gates)
        self._table.inherit(parent._table)

    def _new_socket(self, core: SocketCore, waits: Waits, auth: dict[str, Any]) -> S:
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
        raise RuntimeError(f"namespace {self.name!r} belongs to no server yet: io.register(namespace) comes first")


def namespace_name(name: str) -> str:
    """The name with its leading slash: ``of("x")`` is ``of("/x")``.

    Raises:
        TypeError: Not a str.
        ValueError: A comma, which ends the name on the wire.
    """
    if not isinstance(name, str):
        raise TypeError(f"a namespace's name is a str, not {type(name).__name__}")
    if "," in name:
        raise ValueError(f"namespace {name!r:.50}: a comma ends the name on the wire")
    return name if name.startswith("/") else f"/{name}"


def rule_of(rule: object) -> Rule:
    """A pattern or a predicate, checked.

    Raises:
        TypeError: It is neither, or a pattern for bytes.
    """
    if isinstance(rule, re.Pattern):
        pattern = cast("re.Pattern[str]", rule)
        if not isinstance(cast("object", pattern.pattern), str):
            raise TypeError(f"{pattern!r:.50} is a pattern for bytes; names of namespaces are str")
        return pattern
    if callable(rule):
        return rule
    raise TypeError(f"a namespace's name is a str, a pattern or a predicate, not {type(rule).__name__}")
