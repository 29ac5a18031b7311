"""``namespace.adapter``: who is in which room, to look at and to hear of. Refuses to know how to change it: sockets join
and leave."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Set
from typing import TYPE_CHECKING, Any, Literal, TypeVar, overload

from anyio.lowlevel import checkpoint

from .types import room_names

if TYPE_CHECKING:
    from ._core import NamespaceCore
    from .room_events import RoomEvent, RoomEvents

__all__ = ("Adapter", "NamesView", "SetsView")

F = TypeVar("F", bound=Callable[..., object])
T = TypeVar("T")


_OfRoom = TypeVar("_OfRoom", bound=Callable[[str], object])
_OfMember = TypeVar("_OfMember", bound=Callable[[str, str], object])


class NamesView(Set[str]):
    """A live set of names that nobody can change. Iterating walks over a snapshot; set arithmetic gives plain sets."""

    __slots__ = ("_names",)

    def __init__(self, names: Callable[[], Iterable[str]]) -> None:
        self._names = names

    def __contains__(self, name: object) -> bool:
        return name in tuple(self._names())

    def __iter__(self) -> Iterator[str]:
        return iter(tuple(self._names()))

    def __len__(self) -> int:
        return len(tuple(self._names()))

    def __repr__(self) -> str:
        return f"NamesView({set(self)!r})"

    @classmethod
    def _from_iterable(cls, it: Iterable[T]) -> set[T]:
        return set(it)


class SetsView(Mapping[str, Set[str]]):
    """A live mapping of names to live sets that nobody can change. Iterating walks over a snapshot."""

    __slots__ = ("_has", "_keys", "_values")

    def __init__(
        self, keys: Callable[[], list[str]], has: Callable[[str], bool], values: Callable[[str], Iterable[str]]
    ) -> None:
        self._keys = keys
        self._has = has
        self._values = values

    def __contains__(self, key: object) -> bool:
        return isinstance(key, str) and self._has(key)

    def __getitem__(self, key: str) -> Set[str]:
        if key not in self:
            raise KeyError(key)
        values = self._values
        return NamesView(lambda: values(key))

    def __iter__(self) -> Iterator[str]:
        return iter(self._keys())

    def __len__(self) -> int:
        return len(self._keys())

    def __repr__(self) -> str:
        return f"SetsView({ {key: set(names) for key, names in self.items()}!r})"


class Adapter:
    """Rooms and sockets of one namespace on this node. Safe from any thread, but for :meth:`on` and :meth:`off`."""

    __slots__ = ("_core", "_events")

    def __init__(self, core: NamespaceCore, events: RoomEvents) -> None:
        self._core = core
        self._events = events

    @overload
    def on(self, event: Literal["create-room", "delete-room"], /) -> Callable[[_OfRoom], _OfRoom]: ...
    @overload
    def on(self, event: Literal["join-room", "leave-room"], /) -> Callable[[_OfMember], _OfMember]: ...
    @overload
    def on(self, event: Literal["create-room", "delete-room"], fn: _OfRoom, /) -> _OfRoom: ...
    @overload
    def on(self, event: Literal["join-room", "leave-room"], fn: _OfMember, /) -> _OfMember: ...
    def on(self, event: RoomEvent, fn: Any = None, /) -> Any:
        """Listens to rooms: ``fn(room)`` when one has its first member or has lost its last, ``fn(room, id)`` when a socket
        joins or leaves one, its own among them. Also a decorator.

        Every change comes once, in the order in which it took effect: at a connection ``create-room`` and ``join-room`` of
        the socket's own before its ``connect`` handlers. A socket that leaves leaves its rooms at once, so ``leave-room``
        and ``delete-room`` come before its ``disconnecting`` handlers. Plain functions only: on the server's loop they run
        before ``join`` or ``leave`` returns, for changes from elsewhere soon. Errors are logged. On the server's loop, or
        before its start. The official adapter's events.

        Raises:
            ValueError: No such event, or ``fn`` is registered for it already.
            TypeError: ``fn`` is not callable, or async.
            RuntimeError: The namespace belongs to no server yet.
            AttributeError: It is a parent, which has no rooms.
        """

        def register(fn: F) -> F:
            self._events.add(self._core, event, fn)
            return fn

        return register if fn is None else register(fn)

    def off(self, event: RoomEvent, fn: Callable[..., object] | None = None, /) -> None:
        """Removes a listener, or all of an event. Something unknown: does nothing.

        Raises:
            ValueError: No such event.
        """
        self._events.remove(self._core, event, fn)

    @property
    def rooms(self) -> Mapping[str, Set[str]]:
        """Ids of the sockets in each room, live. A socket's id is a room too."""
        core = self._core
        return SetsView(core.rooms, lambda room: core.room_size(room) > 0, core.room_members)

    @property
    def sids(self) -> Mapping[str, Set[str]]:
        """Rooms of each socket by its id, live."""
        core = self._core
        return SetsView(
            core.sids, lambda sid: core.socket_rooms(sid) is not None, lambda sid: core.socket_rooms(sid) or ()
        )

    def sockets(self, rooms: Iterable[str] = ()) -> set[str]:
        """Ids of the connected sockets in any of these rooms, of all if there are none.

        Raises:
            TypeError: A single str instead of several, or a name that is no str.
        """
        if isinstance(rooms, str):
            raise TypeError(f"sockets(rooms) takes several names: write sockets([{rooms!r}])")
        names = room_names("sockets", tuple(rooms))
        return {core.id for core in self._core.members(names, (), None)}

    def socket_rooms(self, id: str, /) -> set[str] | None:  # noqa: A002 - the official name, by position only
        """Rooms of a socket, or None if there is no such socket."""
        found = self._core.socket_rooms(id)
        return None if found is None else set(found)

    async def server_count(self) -> int:
        """How many nodes share the rooms: this one."""
        await checkpoint()
        return 1

    def __repr__(self) -> str:
        return f"<Adapter of {self._core.name!r}>"
