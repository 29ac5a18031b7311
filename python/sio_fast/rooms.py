"""The read-only view behind ``socket.rooms``. Refuses to know who may join what: it only looks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Set
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from ._core import SocketCore

__all__ = ("RoomsView",)

T = TypeVar("T")


class RoomsView(Set[str]):
    """Names of the rooms a socket is in, its own id among them, live. Iterating walks over a snapshot, so leaving rooms
    while iterating is safe. Set arithmetic gives plain sets. Safe from any thread.
    """

    __slots__ = ("_core", "_frozen")

    def __init__(self, core: SocketCore, frozen: Callable[[], frozenset[str] | None]) -> None:
        self._core = core
        self._frozen = frozen

    def _names(self) -> Iterable[str]:
        frozen = self._frozen()
        return self._core.rooms() if frozen is None else frozen

    def __contains__(self, room: object) -> bool:
        frozen = self._frozen()
        if frozen is not None:
            return room in frozen
        return isinstance(room, str) and self._core.in_room(room)

    def __iter__(self) -> Iterator[str]:
        return iter(tuple(self._names()))

    def __len__(self) -> int:
        return sum(1 for _ in self._names())

    def __repr__(self) -> str:
        return f"RoomsView({set(self)!r})"

    @classmethod
    def _from_iterable(cls, it: Iterable[T]) -> set[T]:
        return set(it)
