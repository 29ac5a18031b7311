"""``io.engine``: the Engine.IO side of a server, as its users see it. Refuses to know namespaces and sockets."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ._core import Core

__all__ = ("Engine",)


class Engine:
    """``io.engine``: the Engine.IO side of a server."""

    __slots__ = ("_core",)

    def __init__(self, core: Core) -> None:
        self._core = core

    @property
    def clients_count(self) -> int:
        """Connections that are open now. Safe from any thread."""
        return self._core.clients_count
