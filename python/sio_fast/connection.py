"""``socket.conn``: the Engine.IO connection below a socket, as its users see it. Refuses to know namespaces and events."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, cast

if TYPE_CHECKING:
    from collections.abc import Callable

    from ._core import SocketCore
    from .types import ReadyState, Transport

__all__ = ("Connection",)


class Connection:
    """One Engine.IO connection; all namespaces of a client share it. Safe from any thread.

    Attributes:
        protocol: Revision of the Engine.IO protocol, always 4.
    """

    __slots__ = ("_core", "_leaving")

    protocol: Final = 4

    def __init__(self, core: SocketCore, leaving: Callable[[list[int]], None]) -> None:
        self._core = core
        self._leaving = leaving

    @property
    def id(self) -> str:
        """Id of the connection; another one than the socket's, and a secret of the client."""
        return self._core.conn_id

    @property
    def transport(self) -> Transport:
        """``"polling"`` or ``"websocket"``."""
        return cast("Transport", self._core.transport)

    @property
    def upgraded(self) -> bool:
        """True if it began with long-polling and went on with another transport."""
        return self._core.upgraded

    @property
    def remote_address(self) -> str | None:
        """Address of the peer of the TCP connection; see :attr:`Handshake.address`."""
        return self._core.handshake()[2]

    @property
    def ready_state(self) -> ReadyState:
        """``"open"``, ``"closing"`` or ``"closed"``."""
        return cast("ReadyState", self._core.ready_state)

    @property
    def buffered_amount(self) -> int:
        """Bytes queued for the client."""
        return self._core.buffered_amount

    def close(self, *, discard: bool = False) -> None:
        """Closes the connection: every socket of it leaves with ``forced close``.

        Args:
            discard: True to drop what is queued instead of sending it first.
        """
        self._leaving(self._core.close_connection(discard))

    def __repr__(self) -> str:
        return f"<Connection {self.id} {self.transport} {self.ready_state}>"
