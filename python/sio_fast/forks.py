"""What becomes of a running server in a forked child: nothing, with an error that says so. Refuses to know how one runs."""

from __future__ import annotations

import os
import weakref
from typing import TYPE_CHECKING, Any

from .exceptions import NotRunning

if TYPE_CHECKING:
    from .server import Server

__all__ = ("watch",)


class Forked:
    """Stands for the core in a child of the server's process: whatever is asked of it is an error that says so."""

    def __init__(self, name: str = "") -> None:
        self.name = name

    def __getattr__(self, name: str) -> Any:
        raise NotRunning("the process was forked after the server had started; only the parent has its connections")


_servers: weakref.WeakSet[Server[Any]] = weakref.WeakSet()
_watching = False


def watch(server: Server[Any]) -> None:
    """From now on a child of this process finds that this server does not run there."""
    global _watching  # noqa: PLW0603 - hooks on forks cannot be taken back
    _servers.add(server)
    if not _watching and hasattr(os, "register_at_fork"):
        _watching = True
        os.register_at_fork(after_in_child=_after_fork)


def _after_fork() -> None:
    for server in tuple(_servers):
        if server._lifetime is not None:
            _disown(server)


def _disown(server: Server[Any]) -> None:
    """In a child: the thread or the loop that would send what is emitted here lives in the parent."""
    server._lifetime = None
    server._host = None
    server._addresses = ()
    server._forked = True
    for nsp in server._registry.by_name.values():
        for socket in nsp._sockets.values():
            object.__setattr__(socket, "_core", Forked())
        nsp._sockets.clear()
        nsp._namespace_core = Forked(nsp.name)  # type: ignore[assignment]
