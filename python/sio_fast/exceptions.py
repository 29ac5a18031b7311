"""Every exception the package raises or expects to be raised. Refuses to know anything else: it imports nothing of ours.

::

    SocketIOError
    ├── raised by the application   ConnectError · RejectEvent · AckError
    ├── the peer's fault            InvalidPayload · AckTimeout · DisconnectedError
    └── the caller's fault          ReservedEventName · NotRunning

Wrong types of arguments are the builtin :class:`TypeError`, bad values :class:`ValueError`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypedDict

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = (
    "AckError",
    "AckTimeout",
    "ConnectError",
    "DisconnectedError",
    "ForeignRoom",
    "InvalidPayload",
    "NotRunning",
    "PayloadFault",
    "RejectEvent",
    "ReservedEventName",
    "SocketIOError",
)


class SocketIOError(Exception):
    """Base of all exceptions of this package."""


class ConnectError(SocketIOError):
    """Raise it in a ``use`` middleware to refuse a client; the client's ``connect_error`` gets message and data.

    Args:
        message: The text the client sees as ``err.message``.
        data: Anything the codec can encode, as ``err.data``; left out if None.
    """

    def __init__(self, message: str, *, data: Any = None) -> None:
        super().__init__(message)
        self.message = message
        self.data = data


class RejectEvent(SocketIOError):
    """Raise it in a gate for events (``use_event``, ``socket.use``) to stop an event, as ``next(new Error(…))`` does in the
    official server: its handlers are skipped, ``on_error`` or the ``error`` listeners get it, the client hears nothing; to
    answer it, raise :class:`AckError`.

    Args:
        message: Why.
        data: Anything, for those who get it.
    """

    def __init__(self, message: str, *, data: Any = None) -> None:
        super().__init__(message)
        self.message = message
        self.data = data


class AckError(SocketIOError):
    """Raise it in a handler or a gate to answer the client's acknowledgement with these values. It is an answer and not a
    fault: no ``on_error`` and no line in the log. Without an acknowledgement it only ends the handler.

    Args:
        *values: What the client's callback gets.
    """

    def __init__(self, *values: Any) -> None:
        super().__init__(*values)
        self.values = values


class PayloadFault(TypedDict):
    """One fault of a payload."""

    location: tuple[str | int, ...]
    """The number of the argument, then the way into it; empty: the event as a whole."""
    message: str
    """What is wrong, in the words of who found it."""
    type: str
    """Its kind, as pydantic names them; ``"arity"`` is ours and ``"invalid"`` all of msgspec's."""


class InvalidPayload(SocketIOError, ValueError):
    """An event whose arguments do not fit its handler: too few or too many, or not of the types it is annotated with. The
    handler is not called, nothing is answered, the connection stays. ``__cause__`` is what the validating library raised.

    Args:
        event: Name of the event.
        errors: One dict per fault with ``location``, ``message`` and ``type``.
    """

    def __init__(self, event: str | int, errors: Sequence[PayloadFault]) -> None:
        shown = [_sentence(fault) for fault in errors[:_SHOWN]]
        if len(errors) > _SHOWN:
            shown.append(f"and {len(errors) - _SHOWN} more")
        super().__init__(f"event {event!r:.100}: " + "; ".join(shown))
        self.event = event
        self.errors = list(errors)


# The text goes into the log, and keys, and sometimes messages, are the client's.
_SHOWN: Final = 5


def _sentence(fault: PayloadFault) -> str:
    message = " ".join(fault["message"][:200].split()).encode("ascii", "backslashreplace").decode()
    if not fault["location"]:
        return message
    number, *way = fault["location"][:20]
    return f"args[{number}]{''.join(f'[{step!r:.50}]' for step in way)}: {message}"


class AckTimeout(SocketIOError, TimeoutError):
    """Nobody, or not everybody, answered in time. The text is the official server's ``operation has timed out``.

    Args:
        responses: The answers that did come, in order of arrival.
        missing: Ids of the sockets that did not answer.
    """

    def __init__(self, responses: Sequence[Any] = (), missing: Sequence[str] = ()) -> None:
        super().__init__("operation has timed out")
        self.responses = list(responses)
        self.missing = list(missing)


class DisconnectedError(SocketIOError, ConnectionError):
    """The socket has left, so its answer will never come.

    Args:
        reason: Why it left, one of :data:`sio_fast.Reason`, or None if that is not known yet.
    """

    def __init__(self, reason: str | None = None) -> None:
        super().__init__("the socket has left" if reason is None else f"the socket has left: {reason}")
        self.reason = reason


class ReservedEventName(SocketIOError, ValueError):
    """The name belongs to the protocol or the library and cannot be emitted.

    Args:
        event: The reserved name.
    """

    def __init__(self, event: str) -> None:
        super().__init__(f'"{event}" is a reserved event name')
        self.event = event


class ForeignRoom(SocketIOError, ValueError):
    """With ``strict_rooms`` no socket joins the room of another one's id.

    Args:
        room: The id.
    """

    def __init__(self, room: str) -> None:
        super().__init__(
            f"room {room!r} is the id of another socket; what is sent to that one would come here too (option strict_rooms)"
        )
        self.room = room


class NotRunning(SocketIOError, RuntimeError):
    """The server does not run here: it was closed, or the process was forked after the start."""
