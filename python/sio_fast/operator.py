"""Emitting with options: what ``to``, ``except_``, ``volatile`` and ``timeout`` return. Refuses to know who is in a room.

Operators are values: every call gives a new one, so one can be kept and used often, from any thread.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, Self, overload

from anyio.lowlevel import checkpoint

from .emitting import NO_FLAGS, CanEmit, CanEmitWithAck, Flags, Unicast, ask, checked_timeout, emit_to
from .outgoing import Space, tell_all
from .remote import RemoteSocket
from .sent import ACCEPTED, CongestedBroadcast, Sent
from .types import Event, EventName, P, R, outgoing_name, refuse_foreign, room_names

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ._core import Core, NamespaceCore, SocketCore
    from .remote import Local
    from .room_events import RoomEvents
    from .waits import Waits

__all__ = ("BroadcastOperator", "Broadcaster", "CanEmit", "CanEmitWithAck", "SocketOperator", "Target")


class Home(Protocol):
    """The server that a namespace belongs to."""

    @property
    def _waits(self) -> Waits | None: ...
    @property
    def _ack_timeout(self) -> float | None: ...
    @property
    def _strict_rooms(self) -> bool: ...


class Target(Space, Protocol):
    """The namespace that a broadcast goes through."""

    @property
    def _namespace_core(self) -> NamespaceCore: ...
    @property
    def _process_core(self) -> Core: ...
    @property
    def _home(self) -> Home: ...

    @property
    def _sockets(self) -> Mapping[str, Local]: ...

    _room_events: RoomEvents

    @property
    def sockets(self) -> Mapping[str, Local]:
        """Its connected sockets by id."""
        ...


class Member(Unicast, Protocol):
    """The socket that an operator belongs to."""

    @property
    def nsp(self) -> Target:
        """The namespace it belongs to."""
        ...


class Broadcaster(CanEmit):
    """Common base of :class:`Server`, :class:`Namespace` and :class:`BroadcastOperator`, for annotations.

    Everything here but ``emit_with_ack`` is safe from any thread.
    """

    __slots__ = ()

    def _operator(self) -> BroadcastOperator:
        raise NotImplementedError

    def to(self, *rooms: str) -> BroadcastOperator:
        """Addresses the members of these rooms; called again, the union. A socket's id is a room.

        Without names it addresses **everybody**, as the official server does: mind ``to(*names)`` with an empty list.

        Raises:
            TypeError: A list, or a name that is no str.
        """
        return self._operator()._with_rooms(room_names("to", rooms))

    def in_(self, *rooms: str) -> BroadcastOperator:
        """The same as :meth:`to`, without names everybody too: the official server's ``in``."""
        return self._operator()._with_rooms(room_names("in_", rooms))

    def except_(self, *rooms: str) -> BroadcastOperator:
        """Leaves out the members of these rooms: the official server's ``except``.

        Raises:
            TypeError: A list, or a name that is no str.
        """
        return self._operator()._without_rooms(room_names("except_", rooms))

    @property
    def volatile(self) -> BroadcastOperator:
        """What is emitted through it is dropped for every client that has something queued."""
        operator = self._operator()
        return operator._flagged(operator._flags.with_volatile())

    @property
    def local(self) -> BroadcastOperator:
        """Addresses the sockets of this node only. A server is one node, so it changes nothing yet."""
        operator = self._operator()
        return operator._flagged(operator._flags._replace(local=True))

    def compress(self, compress: bool, /) -> BroadcastOperator:
        """False sends it uncompressed, as the official server's ``compress``. Nothing is compressed yet: no effect."""
        operator = self._operator()
        return operator._flagged(operator._flags._replace(compress=bool(compress)))

    def timeout(self, seconds: float, /) -> BroadcastOperator:
        """Limits the wait of :meth:`emit_with_ack`.

        Args:
            seconds: Seconds, not milliseconds as in JavaScript; 0 or more.

        Raises:
            TypeError: Not a number.
            ValueError: Negative, infinite or not a number at all.
        """
        operator = self._operator()
        return operator._flagged(operator._flags._replace(timeout=checked_timeout(seconds)))

    @overload
    async def emit_with_ack(self, event: Event[P, R], /, *args: P.args, **kwargs: P.kwargs) -> list[R]: ...
    @overload
    async def emit_with_ack(self, event: str, /, *args: Any) -> list[Any]: ...
    async def emit_with_ack(self, event: Any, /, *args: Any, **kwargs: Any) -> list[Any]:
        """Emits an event to all of them and waits for their answers. For the server's loop; cancelling forgets the answers.

        Needs a limit: ``timeout(seconds)`` before it, or ``Server(ack_timeout=…)``. A client that leaves is no longer
        waited for. A client for which a volatile event was dropped is not asked, nor is one that waits in ``use``.

        Args:
            event: Its name, or an :class:`Event`.
            *args: Its arguments.
            **kwargs: None; there for the types of :class:`Event`.

        Returns:
            The first value of each client, None from one that answered without a value, in order of arrival; empty if
            nobody was addressed.

        Raises:
            AckTimeout: Somebody did not answer in time. It has ``responses``, and the ids of the others as ``missing``.
            ReservedEventName: The name belongs to the protocol.
            RuntimeError: On another thread or loop.
            ValueError: No limit was given.
        """
        if kwargs:
            raise TypeError("emit_with_ack() takes the event's arguments by position only")
        return await self._operator()._ask_all(outgoing_name(event), args)

    async def fetch_sockets(self) -> list[RemoteSocket]:
        """The sockets that are addressed, as they are now: the official server's ``fetchSockets``.

        Raises:
            TypeError: ``socket.data`` of one of them has a value that cannot be encoded; the text names its key.
            ValueError: The same, nested too deep.
        """
        operator = self._operator()
        await checkpoint()
        return operator._fetched()

    def sockets_join(self, *rooms: str) -> Sent:
        """Makes the sockets that are addressed join rooms, at once: the official server's ``socketsJoin``.

        Raises:
            TypeError: A list, or a name that is no str.
            ForeignRoom: With ``strict_rooms``: the id of a socket. Nobody joins anything then.
        """
        operator, names = self._operator(), room_names("sockets_join", rooms)
        nsp = operator._nsp
        if nsp._home._strict_rooms:
            refuse_foreign(nsp._sockets, names)
        nsp._namespace_core.join_members(*operator._selection(), names)
        nsp._room_events.changed(nsp._namespace_core, nsp._home._waits)
        return ACCEPTED

    def sockets_leave(self, *rooms: str) -> Sent:
        """Makes the sockets that are addressed leave rooms, at once: the official server's ``socketsLeave``.

        Raises:
            TypeError: A list, or a name that is no str.
        """
        operator, names = self._operator(), room_names("sockets_leave", rooms)
        nsp = operator._nsp
        nsp._namespace_core.leave_members(*operator._selection(), names)
        nsp._room_events.changed(nsp._namespace_core, nsp._home._waits)
        return ACCEPTED

    def disconnect_sockets(self, *, close: bool = False) -> Sent:
        """Makes the sockets that are addressed leave the namespace: the official server's ``disconnectSockets``.

        Args:
            close: True to end their whole connections.
        """
        operator = self._operator()
        sockets = operator._nsp.sockets
        for core in operator._members():
            socket = sockets.get(core.id)
            if socket is not None:
                socket.disconnect(close=close)
            else:  # accepted on the loop's thread at this very moment, while we are on another
                core.disconnect(close)
        return ACCEPTED


class BroadcastOperator(Broadcaster):
    """Emits to many: the union of rooms, minus the members of others, minus the socket it came from."""

    __slots__ = ("_except", "_flags", "_nsp", "_rooms", "_sender")

    def __init__(
        self,
        nsp: Target,
        rooms: tuple[str, ...] = (),
        except_rooms: tuple[str, ...] = (),
        sender: SocketCore | None = None,
        flags: Flags = NO_FLAGS,
    ) -> None:
        self._nsp = nsp
        self._rooms = rooms
        self._except = except_rooms
        self._sender = sender
        self._flags = flags

    def _operator(self) -> BroadcastOperator:
        return self

    def _with_rooms(self, rooms: tuple[str, ...]) -> BroadcastOperator:
        return BroadcastOperator(self._nsp, self._rooms + rooms, self._except, self._sender, self._flags)

    def _without_rooms(self, rooms: tuple[str, ...]) -> BroadcastOperator:
        return BroadcastOperator(self._nsp, self._rooms, self._except + rooms, self._sender, self._flags)

    def _flagged(self, flags: Flags) -> BroadcastOperator:
        return BroadcastOperator(self._nsp, self._rooms, self._except, self._sender, flags)

    def _selection(self) -> tuple[tuple[str, ...], tuple[str, ...], SocketCore | None]:
        return self._rooms, self._except, self._sender

    def _emit(self, name: EventName, args: tuple[Any, ...]) -> Sent:
        nsp = self._nsp
        core = nsp._namespace_core
        congested = core.broadcast(name, args, self._rooms, self._except, self._sender, self._flags.volatile)
        if nsp._heard:
            tell_all(nsp, core.members(self._rooms, self._except, self._sender), name, args)
        if congested:
            return CongestedBroadcast(nsp._process_core)
        return ACCEPTED

    async def _ask_all(self, name: EventName, args: tuple[Any, ...]) -> list[Any]:
        home = self._nsp._home
        timeout = self._flags.timeout if self._flags.timeout is not None else home._ack_timeout
        if timeout is None:
            raise ValueError(
                "emit_with_ack() to many needs a limit, since one silent client would keep it waiting for ever: write "
                "timeout(seconds).emit_with_ack(…), or make the Server with ack_timeout=seconds"
            )
        waits = home._waits
        if waits is not None and not waits.here():
            raise RuntimeError("emit_with_ack() belongs on the server's loop; from a thread use anyio.from_thread.run")
        nsp = self._nsp
        ack_id, asked = nsp._namespace_core.broadcast_with_ack(name, args, *self._selection(), self._flags.volatile)
        if nsp._heard:
            tell_all(nsp, asked, name, args)
        if waits is None or not asked:  # a server that does not run has no clients
            await checkpoint()
            return []
        return await waits.acks(asked, ack_id, timeout)

    def _members(self) -> list[SocketCore]:
        return self._nsp._namespace_core.members(*self._selection())

    def _fetched(self) -> list[RemoteSocket]:
        sockets, copy = self._nsp.sockets, self._nsp._namespace_core.copy_data
        found = (sockets.get(core.id) for core in self._members())
        return [RemoteSocket._of(socket, copy) for socket in found if socket is not None]

    def __repr__(self) -> str:
        return f"BroadcastOperator(rooms={self._rooms}, except_={self._except}{self._flags.told()})"


class SocketOperator(CanEmitWithAck):
    """Emits to one socket with options; ``to``, ``except_``, ``broadcast`` and ``local`` turn to the others and keep them."""

    __slots__ = ("_flags", "_socket")

    def __init__(self, socket: Member, *, flags: Flags = NO_FLAGS) -> None:
        self._socket = socket
        self._flags = flags

    @property
    def volatile(self) -> Self:
        """What is emitted through it is dropped if something is queued for the client."""
        return type(self)(self._socket, flags=self._flags.with_volatile())

    def compress(self, compress: bool, /) -> Self:
        """False sends it uncompressed. Nothing is compressed yet: no effect."""
        return type(self)(self._socket, flags=self._flags._replace(compress=bool(compress)))

    def timeout(self, seconds: float, /) -> Self:
        """Limits the wait of ``emit_with_ack``.

        Args:
            seconds: Seconds, not milliseconds as in JavaScript; 0 or more.

        Raises:
            TypeError: Not a number.
            ValueError: Negative, infinite or not a number at all.
        """
        return type(self)(self._socket, flags=self._flags._replace(timeout=checked_timeout(seconds)))

    @property
    def broadcast(self) -> BroadcastOperator:
        """Everybody in the namespace but this socket."""
        socket = self._socket
        return BroadcastOperator(socket.nsp, sender=socket._core, flags=self._flags)

    @property
    def local(self) -> BroadcastOperator:
        """Everybody on this node but this socket. A server is one node, so it means :attr:`broadcast` yet."""
        return self.broadcast.local

    def to(self, *rooms: str) -> BroadcastOperator:
        """The members of these rooms but this socket; without names everybody else. See :meth:`Broadcaster.to`."""
        return self.broadcast.to(*rooms)

    def in_(self, *rooms: str) -> BroadcastOperator:
        """The same as :meth:`to`; without names everybody else too."""
        return self.broadcast.in_(*rooms)

    def except_(self, *rooms: str) -> BroadcastOperator:
        """Everybody but this socket and the members of these rooms."""
        return self.broadcast.except_(*rooms)

    def _emit(self, name: EventName, args: tuple[Any, ...]) -> Sent:
        return emit_to(self._socket, name, args, self._flags.volatile)

    async def _ask(self, name: EventName, args: tuple[Any, ...]) -> Any:
        return await ask(self._socket, name, args, self._flags.volatile, self._flags.timeout)

    def __repr__(self) -> str:
        return f"SocketOperator({self._flags.told().removeprefix(', ')})"
