"""Words shared by every floor: reasons, names, type variables, typed events, packets. Refuses to know sockets and the core."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Container, Iterable
from typing import TYPE_CHECKING, Any, ClassVar, Final, Generic, Literal, ParamSpec, TypeAlias, cast, final

from typing_extensions import TypeVar

from .exceptions import ForeignRoom, ReservedEventName

if TYPE_CHECKING:
    from ._core import RawArgs

__all__ = (
    "CONNECT_EVENTS",
    "LIFECYCLE_EVENTS",
    "RESERVED_EVENTS",
    "Arguments",
    "Event",
    "EventName",
    "H",
    "Middleware",
    "P",
    "Packet",
    "R",
    "ReadyState",
    "Reason",
    "Transport",
    "declared_types",
    "event_name",
    "outgoing_name",
    "refuse_foreign",
    "room_names",
)

P = ParamSpec("P")
R = TypeVar("R", default=Any)
H = TypeVar("H", bound=Callable[..., Any])

Reason: TypeAlias = Literal[
    "transport error",
    "transport close",
    "forced close",
    "forced server close",
    "ping timeout",
    "parse error",
    "server shutting down",
    "client namespace disconnect",
    "server namespace disconnect",
]
"""Why a socket left: the official server's strings, exactly."""

Transport: TypeAlias = Literal["polling", "websocket", "webtransport"]
"""Name of the transport that carries a connection now."""

ReadyState: TypeAlias = Literal["open", "closing", "closed"]
"""State of the connection below a socket."""

Arguments: TypeAlias = "tuple[Any, ...] | RawArgs"
"""Arguments of an event: values, or the JSON that came, which gives values to whoever goes through it."""

EventName: TypeAlias = "str | int"
"""Names on the wire: text, or a number, which the protocol permits too."""

Middleware: TypeAlias = "Callable[[Any], Awaitable[object] | object]"
"""A gate with one argument, sync or async: returning lets pass, raising stops."""

RESERVED_EVENTS: Final = frozenset(
    ("connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener")
)
"""Names no side may emit (protocol, "EVENT": the official server's list)."""

CONNECT_EVENTS: Final = frozenset(("connect", "connection"))
"""Two spellings of one lifecycle event."""

LIFECYCLE_EVENTS: Final = frozenset(("connect", "connection", "disconnecting", "disconnect", "error"))
"""Names whose handlers the library itself calls."""


@final
class Event(Generic[P, R]):
    """A typed event: its name with the types of its arguments and of its acknowledgement.

    ``Event[[str, str], int]("message")`` can stand wherever an event's name can; a type checker then knows what handlers
    take and return and what ``emit`` and ``emit_with_ack`` are given and give. At run time the name counts, and what comes
    from clients is checked against the types of the arguments as if handlers were annotated with them; see
    ``Server(validation=…)``. The decorator ``@io.event`` is another thing: it takes the name of an event from the
    function.

    Args:
        name: The name on the wire.
    """

    __slots__ = ("__orig_class__", "name")

    def __init__(self, name: str, /) -> None:
        if not isinstance(name, str):
            raise TypeError(f"an event's name is a str, not {type(name).__name__}")
        self.name: Final = name

    def __repr__(self) -> str:
        return f"Event({self.name!r})"


class Packet:
    """An event on its way in, as ``socket.use`` sees it. ``name`` and ``args`` may be replaced or changed.

    Attributes:
        name: Name of the event.
        ack_requested: True if the client waits for an answer.
        nsp: Name of the namespace.
    """

    __slots__ = ("_args", "_unread", "ack_requested", "name", "nsp")

    _given_as: ClassVar[str] = "packet"

    def __init__(self, name: EventName, args: Arguments | list[Any], *, ack_requested: bool, nsp: str) -> None:
        self.name: EventName = name
        self._unread: Arguments | None = None if isinstance(args, list) else args
        self._args: list[Any] = args if isinstance(args, list) else []
        self.ack_requested = ack_requested
        self.nsp = nsp

    @property
    def args(self) -> list[Any]:
        """Its arguments, without the acknowledgement."""
        if self._unread is not None:
            self._args = list(self._unread)
            self._unread = None
        return self._args

    @args.setter
    def args(self, args: list[Any]) -> None:
        self._args = args
        self._unread = None

    def _arguments(self) -> Arguments:
        """The arguments as they came if nobody has looked at them, else as they have become."""
        return tuple(self._args) if self._unread is None else self._unread

    def __repr__(self) -> str:
        return f"Packet({self.name!r}, {self.args!r}, ack_requested={self.ack_requested}, nsp={self.nsp!r})"


def event_name(event: object) -> EventName:
    """The name on the wire of what stands where an event is expected.

    Raises:
        TypeError: It is neither a name nor an :class:`Event`.
    """
    if isinstance(event, str):
        return event
    if isinstance(event, Event):
        # A checker cannot know the parameters of an Event met as a plain object.
        return event.name  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
    if isinstance(event, int) and not isinstance(event, bool):
        return event
    raise TypeError(f"an event is a name (str) or an Event, not {type(event).__name__}")


def declared_types(event: object) -> tuple[Any, ...]:
    """The types of the arguments of an :class:`Event`, as far as they were said. Of a name: none."""
    said: tuple[Any, ...] = getattr(getattr(event, "__orig_class__", None), "__args__", ())
    first: Any = said[0] if said else ...
    if isinstance(first, tuple):
        return (*first,)  # pyright: ignore[reportUnknownVariableType] - types, whatever they are
    return () if first is ... or isinstance(first, ParamSpec) else (first,)


def outgoing_name(event: object) -> EventName:
    """The same for what is to be sent.

    Raises:
        ReservedEventName: Only the protocol may send that one.
        TypeError: It is neither a name nor an :class:`Event`.
    """
    name = event_name(event)
    if name in RESERVED_EVENTS:
        raise ReservedEventName(str(name))
    return name


def room_names(method: str, rooms: tuple[object, ...]) -> tuple[str, ...]:
    """The names of rooms as they were given, checked.

    Args:
        method: Whose arguments they are, for the text.
        rooms: The arguments.

    Raises:
        TypeError: One of them is not a str.
    """
    for room in rooms:
        if not isinstance(room, str):
            if isinstance(room, list | tuple | set | frozenset):
                raise TypeError(f"{method}(*rooms) takes the rooms one by one: write {method}(*rooms)")
            raise TypeError(f"{method}(*rooms): a room's name is a str, not {type(room).__name__} ({room!r:.50})")
    return cast("tuple[str, ...]", rooms)


def refuse_foreign(ids: Container[str], rooms: Iterable[str], own: str | None = None) -> None:
    """What ``strict_rooms`` asks for.

    Args:
        ids: Those of the connected sockets.
        rooms: What is to be joined.
        own: The id of the one that joins.

    Raises:
        ForeignRoom: One of the rooms is that of another socket's id.
    """
    for room in rooms:
        if room != own and room in ids:
            raise ForeignRoom(room)
