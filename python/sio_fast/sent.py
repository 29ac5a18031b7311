"""``Sent``, what ``emit`` and its relatives return: done already, and awaitable by those who want back-pressure.

Refuses to know what was sent. The settled cases are two shared objects, so an emit that nobody awaits makes none.
"""

from __future__ import annotations

from collections.abc import Awaitable, Generator
from typing import TYPE_CHECKING, Any, Final

from anyio.lowlevel import checkpoint

from .waits import process_drained

if TYPE_CHECKING:
    from ._core import Core, SocketCore
    from .waits import Waits

__all__ = ("ACCEPTED", "DROPPED", "CongestedBroadcast", "CongestedSocket", "Sent")


class Sent(Awaitable[None]):
    """What was asked for has been done when this is returned; awaiting it is optional.

    Awaiting returns at once while the client (for a broadcast: the process) keeps up, and waits while it is over its
    high-water mark. Forgetting to await loses nothing.

    Attributes:
        accepted: False if the packet was dropped: the socket is gone, or the packet was volatile and something was
            queued already.
    """

    __slots__ = ("accepted",)

    def __init__(self, *, accepted: bool) -> None:
        self.accepted: Final = accepted

    def __await__(self) -> Generator[Any, None, None]:
        if self.accepted:
            return
        # A loop that emits to a dead socket would otherwise never let go.
        yield from checkpoint().__await__()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} accepted={self.accepted}>"


class CongestedSocket(Sent):
    """Accepted, and the client is over its high-water mark."""

    __slots__ = ("_core", "_waits")

    def __init__(self, core: SocketCore, waits: Waits) -> None:
        super().__init__(accepted=True)
        self._core = core
        self._waits = waits

    def __await__(self) -> Generator[Any, None, None]:
        return self._waits.drain(self._core).__await__()


class CongestedBroadcast(Sent):
    """Accepted, and the process has too many bytes queued."""

    __slots__ = ("_core",)

    def __init__(self, core: Core) -> None:
        super().__init__(accepted=True)
        self._core = core

    def __await__(self) -> Generator[Any, None, None]:
        return process_drained(self._core).__await__()


ACCEPTED: Final = Sent(accepted=True)
DROPPED: Final = Sent(accepted=False)
