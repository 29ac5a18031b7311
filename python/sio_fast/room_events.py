"""What happens to rooms, told to whoever listens: ``namespace.adapter.on("create-room")`` and its relatives.

Refuses to know who joins and leaves: the core records every change in its order, while somebody listens and not otherwise.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

from . import faults
from .arguments import is_async
from .handlers import require_callable

if TYPE_CHECKING:
    from collections.abc import Callable

    from ._core import NamespaceCore
    from .waits import Waits

__all__ = ("RoomEvent", "RoomEvents")

RoomEvent: TypeAlias = Literal["create-room", "delete-room", "join-room", "leave-room"]
"""A room has its first member, has lost its last, has one more, has one less."""

_NAMES: Final = ("create-room", "delete-room", "join-room", "leave-room")

_log = logging.getLogger("sio_fast.server")


class RoomEvents:
    """The listeners of one namespace. They are registered and called on the loop's thread.

    Attributes:
        heard: True if somebody listens.
    """

    __slots__ = ("_listeners", "_telling", "heard")

    def __init__(self) -> None:
        self._listeners: dict[str, tuple[Callable[..., object], ...]] = {}
        self._telling = False
        self.heard = False

    def add(self, core: NamespaceCore, event: object, fn: object) -> None:
        """Registers a listener.

        Raises:
            ValueError: No such event, or ``fn`` is registered for it already.
            TypeError: ``fn`` is not callable, or async.
        """
        name = _known(event)
        listener = require_callable(fn, "a listener")
        if is_async(listener):
            raise TypeError("a listener of rooms is a plain function: join() and leave() do not wait for it")
        held = self._listeners.get(name, ())
        if listener in held:
            raise ValueError(f"{listener!r:.80} is registered for {name} already")
        self._listeners[name] = (*held, listener)
        self._watch(core)

    def remove(self, core: NamespaceCore, event: object, fn: object) -> None:
        """Removes a listener, or all of an event."""
        name = _known(event)
        self._listeners[name] = tuple(one for one in self._listeners.get(name, ()) if fn is not None and one != fn)
        self._watch(core)

    def changed(self, core: NamespaceCore, waits: Waits | None) -> None:
        """Rooms may have changed: listeners hear it now if this is the loop's thread, otherwise by the core's notice."""
        if self.heard and waits is not None and waits.here():
            self.tell(core)

    def tell(self, core: NamespaceCore) -> None:
        """Tells what has happened, each change once and in order, also if a listener causes another."""
        if self._telling:
            return
        self._telling = True
        try:
            while changes := core.take_room_changes():
                for name, room, sid in changes:
                    self._call(name, (room,) if sid is None else (room, sid))
        finally:
            self._telling = False

    def _call(self, name: str, args: tuple[Any, ...]) -> None:
        for fn in self._listeners.get(name, ()):
            try:
                fn(*args)
            except Exception as error:  # noqa: BLE001 - the application's code; the others run
                faults.tell(_log, "a listener of %s failed", name, error=error)

    def _watch(self, core: NamespaceCore) -> None:
        wanted = any(self._listeners.values())
        if wanted != self.heard:
            core.watch_rooms(wanted)
            self.heard = wanted


def _known(event: object) -> RoomEvent:
    if event not in _NAMES:
        raise ValueError(f"an adapter has the events {', '.join(_NAMES)}, not {event!r:.50}")
    return event
