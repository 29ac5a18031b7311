"""``RemoteSocket``, what ``fetch_sockets`` gives: a picture of a socket, and a way to reach it. Refuses to know handlers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from .emitting import CanEmitWithAck, Unicast, ask, checked_timeout, emit_to

if TYPE_CHECKING:
    from collections.abc import Callable, Set

    from .handshake import Handshake
    from .sent import Sent
    from .types import EventName

__all__ = ("Local", "RemoteSocket")


class Local(Unicast, Protocol):
    """A socket of this process."""

    @property
    def id(self) -> str:
        """Its id."""
        ...

    @property
    def handshake(self) -> Handshake:
        """Its handshake."""
        ...

    @property
    def rooms(self) -> Set[str]:
        """Its rooms."""
        ...

    @property
    def data(self) -> dict[str, Any]:
        """Its data."""
        ...

    def join(self, *rooms: str) -> Sent:
        """Joins rooms."""
        ...

    def leave(self, *rooms: str) -> Sent:
        """Leaves rooms."""
        ...

    def disconnect(self, *, close: bool = False) -> Sent:
        """Leaves."""
        ...


class RemoteSocket(CanEmitWithAck):
    """A socket as ``fetch_sockets`` found it, wherever it is connected: the official server's ``RemoteSocket``.

    What it shows is a picture of that moment; what it does reaches the socket itself, and has no effect once that has left.
    Everything but ``emit_with_ack`` is safe from any thread. ``namespace.sockets`` has the live sockets of this process.

    Attributes:
        id: Id of the socket.
        nsp: Name of its namespace.
        handshake: Headers, query, auth and address of the client's first request.
        rooms: The rooms it was in, its own id among them.
        data: A copy of ``socket.data`` as JSON carries it (a tuple is a list, bytes stay bytes); changes stay here.
    """

    __slots__ = ("_socket", "_timeout", "data", "handshake", "id", "nsp", "rooms")

    _socket: Local
    _timeout: float | None
    data: dict[str, Any]
    handshake: Handshake
    id: str
    nsp: str
    rooms: frozenset[str]

    @classmethod
    def _of(cls, socket: Local, copy: Callable[[Any], Any]) -> RemoteSocket:
        made = cls.__new__(cls)
        made._socket = socket
        made._timeout = None
        made.data = copy(socket.data)
        made.handshake = socket.handshake
        made.id = socket.id
        made.nsp = socket._core.namespace
        made.rooms = frozenset(socket.rooms)
        return made

    def timeout(self, seconds: float, /) -> RemoteSocket:
        """Limits the wait of ``emit_with_ack``. Gives a new object with the same picture.

        Args:
            seconds: Seconds, 0 or more.

        Raises:
            TypeError: Not a number.
            ValueError: Negative, infinite or not a number at all.
        """
        made = type(self).__new__(type(self))
        for name in RemoteSocket.__slots__:
            setattr(made, name, getattr(self, name))
        made._timeout = checked_timeout(seconds)
        return made

    def join(self, *rooms: str) -> Sent:
        """Makes the socket join rooms, at once.

        Raises:
            TypeError: A list, or a name that is no str.
            ForeignRoom: With ``strict_rooms``: the id of another socket.
        """
        return self._socket.join(*rooms)

    def leave(self, *rooms: str) -> Sent:
        """Makes the socket leave rooms, at once.

        Raises:
            TypeError: A list, or a name that is no str.
        """
        return self._socket.leave(*rooms)

    def disconnect(self, *, close: bool = False) -> Sent:
        """Makes the socket leave the namespace; with ``close`` its whole connection ends."""
        return self._socket.disconnect(close=close)

    def _emit(self, name: EventName, args: tuple[Any, ...]) -> Sent:
        return emit_to(self._socket, name, args, False)

    async def _ask(self, name: EventName, args: tuple[Any, ...]) -> Any:
        return await ask(self._socket, name, args, False, self._timeout)

    def __repr__(self) -> str:
        return f"<RemoteSocket {self.id} of {self.nsp!r}>"
