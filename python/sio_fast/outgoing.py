"""Tells ``on_any_outgoing`` listeners what was emitted, on the server's loop. Refuses to know who emits and what is sent.

A namespace says by ``_heard`` whether anybody listens; as long as nobody does, an emit pays for that one look.
"""

from __future__ import annotations

import logging
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

from . import faults

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from ._core import SocketCore
    from .hooks import Hooks
    from .types import EventName
    from .waits import Waits

__all__ = ("Hearer", "Space", "tell", "tell_all")

_log = logging.getLogger("sio_fast.server")


class Space(Protocol):
    """A namespace and its listeners."""

    _heard: bool

    @property
    def _hooks(self) -> Hooks: ...
    def _hearers(self) -> Sequence[Hearer]: ...


class Hearer(Protocol):
    """A socket and its listeners."""

    @property
    def _core(self) -> SocketCore: ...
    @property
    def _hooks(self) -> Hooks: ...
    @property
    def _waits(self) -> Waits: ...
    @property
    def _nsp(self) -> Space: ...


def tell(socket: Hearer, name: EventName, args: tuple[Any, ...]) -> None:
    """An event goes to one socket. From any thread."""
    waits = socket._waits
    if waits.here():
        _call((socket,), name, args)
    else:
        waits.post(partial(_call, (socket,), name, args))


def tell_all(space: Space, cores: Collection[SocketCore], name: EventName, args: tuple[Any, ...]) -> None:
    """An event goes to these sockets. From any thread."""
    wanted = {core.handle for core in cores}
    sockets = [socket for socket in space._hearers() if socket._core.handle in wanted]
    if not sockets:
        return
    waits = sockets[0]._waits
    if waits.here():
        _call(sockets, name, args)
    else:
        waits.post(partial(_call, sockets, name, args))


def _call(sockets: Iterable[Hearer], name: EventName, args: tuple[Any, ...]) -> None:
    for socket in sockets:
        calls = [partial(fn, socket, name, *args) for fn in socket._nsp._hooks.outgoing]
        calls += [partial(fn, name, *args) for fn in socket._hooks.outgoing]
        for call in calls:
            try:
                call()
            except Exception as error:  # noqa: BLE001 - an emit never fails for who listens to it
                faults.tell(_log, "a listener of outgoing events failed (event %r)", name, error=error)
