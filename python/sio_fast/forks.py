"""A process that forks after its server has started: the child has neither the thread nor the connections, and is told so.

Refuses to know what a server has; it says itself what it gives up.
"""

from __future__ import annotations

import os
import weakref
from typing import Any, Protocol

from .exceptions import NotRunning

__all__ = ("Forked", "watch_forks")


class Forking(Protocol):
    """What has something to give up in a child."""

    def _after_fork(self) -> None: ...


class Forked:
    """Stands for the core in a child of the server's process: whatever is asked of it is an error that says so."""

    def __init__(self, name: str = "") -> None:
        self.name = name

    def __getattr__(self, name: str) -> Any:
        raise NotRunning("the process was forked after the server had started; only the parent has its connections")


_servers: weakref.WeakSet[Forking] = weakref.WeakSet()
_watching = False


def watch_forks(server: Forking) -> None:
    """Calls its ``_after_fork`` in every child that is made from now on."""
    global _watching  # noqa: PLW0603 - hooks on forks cannot be taken back
    _servers.add(server)
    if not _watching and hasattr(os, "register_at_fork"):
        _watching = True
        os.register_at_fork(after_in_child=_after_fork)


def _after_fork() -> None:
    for server in tuple(_servers):
        server._after_fork()
