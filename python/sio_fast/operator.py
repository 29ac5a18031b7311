"""Emitting with options: what ``to``, ``except_``, ``volatile`` and ``timeout`` return. Refuses to know who is in a room.

Operators are values: every call gives a new one, so one can be kept and used often, from any thread.
"""

from __future__ import annotations

import math
import warnings
from typing import TYPE_CHECKING, Any, Protocol, Self, overload

from .exceptions import AckTimeout, DisconnectedError
from .outgoing import tell, tell_all
from .sent import ACCEPTED, DROPPED, CongestedBroadcast, CongestedSocket, Sent
from .types import Event, EventName, P, R, outgoing_name, room_names

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ._core import Core, NamespaceCore, SocketCore
    from .hooks import Hooks
    from .outgoing import Hearer
    from .waits import Waits

__all__ = ("BroadcastOperator", "Broadcaster", "CanEmit", "CanEmitWithAck", "SocketOperator", "Target", "Unicast")

# A timeout above it is nearly always one in milliseconds: 5000 is 83 minutes.
_SUSPICIOUS_TIMEOUT = 600.0
_warned_of_timeout = False


class Target(Protocol):
    """The namespace that a broadcast goes through."""

    @property
    def _namespace_core(self) -> NamespaceCore: ...
    @property
    def _process_core(self) -> Core: ...

    _heard: bool

    @property
    def _hooks(self) -> Hooks: ...
    def _hearers(self) -> Sequence[Hearer]: ...


class Unicast(Protocol):
    """The socket that an operator belongs to."""

    @property
    def _core(self) -> SocketCore: ...
    @property
    def _waits(self) -> Waits: ...
    @property
    def _in_use(self) -> bool: ...
    @property
    def _reason(self) -> str | None: ...
    @property
    def _hooks(self) -> Hooks: ...
    @property
    def _nsp(self) -> Target: ...
    @property
    def nsp(self) -> Target:
        """The namespace it belongs to."""
        ...


class CanEmit:
    """Base of everything that emits: ``emit`` and ``send``."""

    __slots__ = ()

    def _emit(self, name: EventName, args: tuple[Any, ...]) -> Sent:
        raise NotImplementedError

    @overload
    def emit(self, event: Event[P, Any], /, *args: P.args, **kwargs: P.kwargs) -> Sent: ...
    @overload
    def emit(self, event: str, /, *args: Any) -> Sent: ...
    def emit(self, event: Any, /, *args: Any, **kwargs: Any) -> Sent:
        """Emits an event. It is encoded and queued when this returns; nothing blocks. Safe from any thread.

        Args:
            event: Its name, or an :class:`Event`.
            *args: Its arguments; ``bytes``, ``bytearray`` and ``memoryview`` anywhere in them become attachments.
            **kwargs: None; there for the types of :class:`Event`.

        Returns:
            A :class:`Sent`: awaiting it is optional and waits for back-pressure.

        Raises:
            ReservedEventName: The name belongs to the protocol.
            TypeError: A value cannot be encoded; the text says where it stands.
            ValueError: Nested too deep, or too many attachments.
        """
        if kwargs:
            raise TypeError("emit() takes the event's arguments by position only")
        return self._emit(outgoing_name(event), args)

    def send(self, *args: Any) -> Sent:
        """Emits the event ``message``. Safe from any thread. The official server's ``send``."""
        return self._emit("message", args)


class CanEmitWithAck(CanEmit):
    """Adds ``emit_with_ack`` for one client."""

    __slots__ = ()

    async def _ask(self, name: EventName, args: tuple[Any, ...]) -> Any:
        raise NotImplementedError

    @overload
    async def emit_with_ack(self, event: Event[P, R], /, *args: P.args, **kwargs: P.kwargs) -> R: ...
    @overload
    async def emit_with_ack(self, event: str, /, *args: Any) -> Any: ...
    async def emit_with_ack(self, event: Any, /, *args: Any, **kwargs: Any) -> Any:
        """Emits an event and waits for the client's answer. For the server's loop; cancelling forgets the answer.

        Args:
            event: Its name, or an :class:`Event`.
            *args: Its arguments.
            **kwargs: None; there for the types of :class:`Event`.

        Returns:
            None if the client answered without a value, the value if it was one, a tuple if they were several.

        Raises:
            AckTimeout: No answer within ``timeout()``, or a volatile event that was dropped.
            DisconnectedError: The socket has left.
            ReservedEventName: The name belongs to the protocol.
            RuntimeError: On another thread or loop, or inside ``use``, where no answer can come yet.
        """
        if kwargs:
            raise TypeError("emit_with_ack() takes the event's arguments by position only")
        return await self._ask(outgoing_name(event), args)


class Broadcaster(CanEmit):
    """Common base of :class:`Server`, :class:`Namespace` and :class:`BroadcastOperator`, for annotations."""

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
        """The same as :meth:`to`."""
        return self._operator()._with_rooms(room_names("in_", rooms))

    def except_(self, *rooms: str) -> BroadcastOperator:
        """Leaves out the members of these rooms.

        Raises:
            TypeError: A list, or a name that is no str.
        """
        return self._operator()._without_rooms(room_names("except_", rooms))

    @property
    def volatile(self) -> BroadcastOperator:
        """What is emitted through it is dropped for every client that has something queued."""
        return self._operator()._made_volatile()


class BroadcastOperator(Broadcaster):
    """Emits to many: the union of rooms, minus the members of others, minus the socket it came from."""

    __slots__ = ("_except", "_nsp", "_rooms", "_sender", "_volatile")

    def __init__(
        self,
        nsp: Target,
        *,
        rooms: tuple[str, ...] = (),
        except_rooms: tuple[str, ...] = (),
        sender: SocketCore | None = None,
        volatile: bool = False,
    ) -> None:
        self._nsp = nsp
        self._rooms = rooms
        self._except = except_rooms
        self._sender = sender
        self._volatile = volatile

    def _operator(self) -> BroadcastOperator:
        return self

    def _with_rooms(self, rooms: tuple[str, ...]) -> BroadcastOperator:
        return BroadcastOperator(
            self._nsp,
            rooms=self._rooms + rooms,
            except_rooms=self._except,
            sender=self._sender,
            volatile=self._volatile,
        )

    def _without_rooms(self, rooms: tuple[str, ...]) -> BroadcastOperator:
        return BroadcastOperator(
            self._nsp,
            rooms=self._rooms,
            except_rooms=self._except + rooms,
            sender=self._sender,
            volatile=self._volatile,
        )

    def _made_volatile(self) -> BroadcastOperator:
        return BroadcastOperator(
            self._nsp, rooms=self._rooms, except_rooms=self._except, sender=self._sender, volatile=True
        )

    def _emit(self, name: EventName, args: tuple[Any, ...]) -> Sent:
        nsp = self._nsp
        core = nsp._namespace_core
        congested = core.broadcast(name, args, self._rooms, self._except, self._sender, self._volatile)
        if nsp._heard:
            tell_all(nsp, core.members(self._rooms, self._except, self._sender), name, args)
        if congested:
            return CongestedBroadcast(nsp._process_core)
        return ACCEPTED

    def __repr__(self) -> str:
        return f"BroadcastOperator(rooms={self._rooms}, except_={self._except}, volatile={self._volatile})"


class SocketOperator(CanEmitWithAck):
    """Emits to one socket with options; ``to``, ``except_`` and ``broadcast`` turn to the others and keep ``volatile``."""

    __slots__ = ("_socket", "_timeout", "_volatile")

    def __init__(self, socket: Unicast, *, volatile: bool = False, timeout: float | None = None) -> None:
        self._socket = socket
        self._volatile = volatile
        self._timeout = timeout

    @property
    def volatile(self) -> Self:
        """What is emitted through it is dropped if something is queued for the client."""
        return type(self)(self._socket, volatile=True, timeout=self._timeout)

    def timeout(self, seconds: float, /) -> Self:
        """Limits the wait of ``emit_with_ack``.

        Args:
            seconds: Seconds, not milliseconds as in JavaScript; 0 or more.

        Raises:
            TypeError: Not a number.
            ValueError: Negative, infinite or not a number at all.
        """
        return type(self)(self._socket, volatile=self._volatile, timeout=checked_timeout(seconds))

    @property
    def broadcast(self) -> BroadcastOperator:
        """Everybody in the namespace but this socket."""
        socket = self._socket
        return BroadcastOperator(socket.nsp, sender=socket._core, volatile=self._volatile)

    def to(self, *rooms: str) -> BroadcastOperator:
        """The members of these rooms but this socket; without names everybody else. See :meth:`Broadcaster.to`."""
        return self.broadcast.to(*rooms)

    def in_(self, *rooms: str) -> BroadcastOperator:
        """The same as :meth:`to`."""
        return self.broadcast.in_(*rooms)

    def except_(self, *rooms: str) -> BroadcastOperator:
        """Everybody but this socket and the members of these rooms."""
        return self.broadcast.except_(*rooms)

    def _emit(self, name: EventName, args: tuple[Any, ...]) -> Sent:
        return emit_to(self._socket, name, args, self._volatile)

    async def _ask(self, name: EventName, args: tuple[Any, ...]) -> Any:
        return await ask(self._socket, name, args, self._volatile, self._timeout)

    def __repr__(self) -> str:
        return f"SocketOperator(volatile={self._volatile}, timeout={self._timeout})"


def emit_to(socket: Unicast, name: EventName, args: tuple[Any, ...], volatile: bool) -> Sent:
    """Queues an event for one socket."""
    core = socket._core
    code = core.emit(name, args, volatile)
    if socket._nsp._heard and code != 2:
        tell(socket, name, args)
    if code == 0:
        return ACCEPTED
    if code == 1:
        return CongestedSocket(core, socket._waits)
    return DROPPED


async def ask(socket: Unicast, name: EventName, args: tuple[Any, ...], volatile: bool, timeout: float | None) -> Any:
    """Queues an event for one socket and waits for its answer."""
    core, waits = socket._core, socket._waits
    if socket._in_use:
        raise RuntimeError("emit_with_ack() inside `use`: the client is not connected yet; ask in a connect handler")
    if not core.connected:
        raise DisconnectedError(socket._reason)
    if not waits.here():
        raise RuntimeError("emit_with_ack() belongs on the server's loop; from a thread use anyio.from_thread.run")
    ack_id = core.emit_with_ack(name, args, volatile)
    if ack_id >= 0:
        if socket._nsp._heard:
            tell(socket, name, args)
        return await waits.ack(core, ack_id, timeout)
    if core.connected:  # volatile, and something was queued: it was never sent
        raise AckTimeout((), (core.id,))
    raise DisconnectedError(socket._reason)


def checked_timeout(seconds: float) -> float:
    """A timeout in seconds, with one warning per process if it looks like milliseconds.

    Raises:
        TypeError: Not a number.
        ValueError: Negative, infinite or not a number at all.
    """
    global _warned_of_timeout  # noqa: PLW0603 - one warning per process
    if isinstance(seconds, bool) or not isinstance(seconds, int | float):
        raise TypeError(f"timeout() takes seconds as a number, not {type(seconds).__name__}")
    if not (seconds >= 0 and math.isfinite(seconds)):
        raise ValueError(f"timeout({seconds}): it must be 0 or more seconds")
    if seconds > _SUSPICIOUS_TIMEOUT and not _warned_of_timeout:
        _warned_of_timeout = True
        warnings.warn(
            f"timeout({seconds}) is {seconds / 60:.0f} minutes: durations are seconds, not milliseconds", stacklevel=3
        )
    return float(seconds)
