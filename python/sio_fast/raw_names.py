"""The events of one namespace whose arguments some handler reads by itself. Refuses to know handlers.

The core hears of a name when the first wants it and when the last is gone: sockets' own handlers come and go by the thousand.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ("RawNames",)


class RawNames:
    """Belongs on the loop's thread, or before the start."""

    __slots__ = ("_counts", "_tell")

    def __init__(self) -> None:
        self._counts: dict[str, int] = {}
        self._tell: Callable[[Sequence[str]], None] | None = None

    def attach(self, tell: Callable[[Sequence[str]], None]) -> None:
        """From now on ``tell`` gets all names whenever they have changed."""
        self._tell = tell
        if self._counts:
            tell(tuple(self._counts))

    def add(self, name: str) -> None:
        """One more table has handlers that want this event's arguments raw."""
        count = self._counts.get(name, 0)
        self._counts[name] = count + 1
        if not count and self._tell is not None:
            self._tell(tuple(self._counts))

    def remove(self, name: str) -> None:
        """One table less."""
        count = self._counts[name] - 1
        if count:
            self._counts[name] = count
            return
        del self._counts[name]
        if self._tell is not None:
            self._tell(tuple(self._counts))
