"""Emitting to one client: the methods everything that emits has, and what they come down to. Refuses to know rooms."""

from __future__ import annotations

import math
import warnings
from typing import Any, NamedTuple, Protocol, overload

from .exceptions import AckTimeout, DisconnectedError
from .outgoing import Hearer, tell
from .sent import ACCEPTED, DROPPED, CongestedSocket, Sent
from .types import Event, EventName, P, R, outgoing_name

__all__ = ("NO_FLAGS", "VOLATILE", "CanEmit", "CanEmitWithAck", "Flags", "Unicast", "ask", "checked_timeout", "emit_to")

# A timeout above it is nearly always one in milliseconds: 5000 is 83 minutes.
_SUSPICIOUS_TIMEOUT = 600.0
_warned_of_timeout = False


class Flags(NamedTuple):
    """What the modifiers of an operator say.

    Attributes:
        volatile: Dropped for a client that has something queued.
        timeout: Seconds to wait for answers, None without a limit.
        local: This node only; there is but one, so nothing depends on it yet.
        compress: False leaves a packet uncompressed; nothing is compressed yet.
    """

    volatile: bool = False
    timeout: float | None = None
    local: bool = False
    compress: bool = True

    def with_volatile(self) -> Flags:
        """The same, volatile. Cursors and the like are emitted so all day, hence the shared value."""
        return VOLATILE if self is NO_FLAGS else self._replace(volatile=True)

    def told(self) -> str:
        """Those that are set, for texts: ``, volatile=True``."""
        return "".join(f", {name}={value}" for name, value in self._asdict().items() if value != _DEFAULTS[name])


_DEFAULTS = Flags._field_defaults
NO_FLAGS = Flags()
VOLATILE = Flags(volatile=True)


class Unicast(Hearer, Protocol):
    """The socket that an operator belongs to."""

    @property
    def _in_use(self) -> bool: ...


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
        raise DisconnectedError(core.reason)
    if not waits.here():
        raise RuntimeError("emit_with_ack() belongs on the server's loop; from a thread use anyio.from_thread.run")
    ack_id = core.emit_with_ack(name, args, volatile)
    if ack_id >= 0:
        if socket._nsp._heard:
            tell(socket, name, args)
        return await waits.ack(core, ack_id, timeout)
    if core.connected:  # volatile, and something was queued: it was never sent
        raise AckTimeout((), (core.id,))
    raise DisconnectedError(core.reason)


def checked_timeout(seconds: float, what: str = "timeout()") -> float:
    """A timeout in seconds, with one warning per process if it looks like milliseconds.

    Args:
        seconds: 0 or more.
        what: Where it was given, for the text.

    Raises:
        TypeError: Not a number.
        ValueError: Negative, infinite or not a number at all.
    """
    global _warned_of_timeout  # noqa: PLW0603 - one warning per process
    if isinstance(seconds, bool) or not isinstance(seconds, int | float):
        raise TypeError(f"{what} takes seconds as a number, not {type(seconds).__name__}")
    if not (seconds >= 0 and math.isfinite(seconds)):
        raise ValueError(f"{what} is given {seconds}; it must be 0 or more seconds")
    if seconds > _SUSPICIOUS_TIMEOUT and not _warned_of_timeout:
        _warned_of_timeout = True
        warnings.warn(
            f"{what} is given {seconds}, which is {seconds / 60:.0f} minutes: durations are seconds, not milliseconds",
            stacklevel=3,
        )
    return float(seconds)
