"""What becomes of an exception in the application's code: ``on_error``, ``error`` listeners, the log, maybe an answer.

Refuses to know what was being done. Which exceptions end the program, and which cancellation is ours, is decided here.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, cast

from . import cancellation, faults
from .calls import answer_values, called, invoke
from .exceptions import AckError, InvalidPayload, RejectEvent

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from .ack import Ack
    from .lane import Lane
    from .namespace import Namespace
    from .types import EventName, Packet

__all__ = ("Failures", "complain", "fields_of", "misfit")

_log = logging.getLogger("sio_fast.server")


class Failures:
    """Loop thread only.

    Args:
        namespaces: The server's namespaces by name, live: ``on_error`` of ``/`` stands in for the others'.
        failed: Called for KeyboardInterrupt and SystemExit, which end the program through the normal close.
        ack_on_error: Makes the answer to an event that failed, or None.
    """

    __slots__ = ("_ack_on_error", "_failed", "_namespaces")

    def __init__(
        self,
        namespaces: Mapping[str, Namespace[Any]],
        failed: Callable[[BaseException], None],
        ack_on_error: Callable[[BaseException], Any] | None,
    ) -> None:
        self._namespaces = namespaces
        self._failed = failed
        self._ack_on_error = ack_on_error

    def ends(self, error: BaseException) -> bool:
        """True if the program is to end, which has been begun then. Raises our own cancellation."""
        if isinstance(error, Exception):
            return False
        if isinstance(error, KeyboardInterrupt | SystemExit):
            self._failed(error)
            return True
        if cancellation.is_ours():
            raise error
        ending = _ending(error)
        if ending is not None:
            self._failed(ending)
            return True
        cancellation.undo()
        return False

    def answer(self, lane: Lane, name: EventName, ack: Ack, error: BaseException) -> BaseException | None:
        """Answers an event that failed, if it is to be answered. Returns what is left to report: an AckError is no fault."""
        if isinstance(error, AckError):
            try:
                ack(*error.values)
            except Exception as unfit:  # noqa: BLE001 - reported like any fault of the handler
                return unfit
            return None
        if self._ack_on_error is not None and ack.requested and not ack.done:
            try:
                value = self._ack_on_error(error)
                if value is not None:
                    ack(*answer_values(value))
            except Exception as fault:  # noqa: BLE001 - the application's code
                complain(lane, name, fault)
        return error

    def heard(self, lane: Lane, error: BaseException) -> bool:
        """True if somebody but the log wants to know."""
        return bool(self._listeners(lane, error) or lane.listeners("error"))

    async def report(self, lane: Lane, packet: Packet, error: BaseException) -> None:
        """Tells the ``on_error`` functions for its type; without one the ``error`` listeners; without one the log."""
        if self.ends(error):
            return
        socket = lane.socket
        listeners = self._listeners(lane, error)
        if listeners:
            for fn in listeners:
                failure, _ = await called(fn, (socket, packet, error))
                self._second(lane, failure)
            return
        handlers = lane.listeners("error")
        if not handlers:
            complain(lane, packet.name, error)
        for handler in handlers:
            if handler.once and not lane.take_once("error", handler):
                continue
            failure, _ = await invoke(lane, handler, *handler.arguments(socket, "error", (error,)))
            self._second(lane, failure)

    def _second(self, lane: Lane, failure: BaseException | None) -> None:
        """Who hears of errors failed too."""
        if failure is not None and not self.ends(failure):
            complain(lane, "error", failure)

    def _listeners(self, lane: Lane, error: BaseException) -> tuple[Callable[..., Any], ...]:
        own: tuple[Callable[..., Any], ...] = lane.nsp._hooks.of_error(error)
        return own or self._namespaces["/"]._hooks.of_error(error)


def misfit(name: EventName, low: int, high: int, count: int) -> InvalidPayload:
    """The client sent fewer or more arguments than the handler takes."""
    wanted = f"{low}" if low == high else f"at least {low}" if count < low else f"at most {high}"
    message = f"{count} arguments came, the handler takes {wanted}"
    return InvalidPayload(name, [{"location": (), "message": message, "type": "arity"}])


def fields_of(lane: Lane, name: EventName) -> dict[str, Any]:
    """Fields of a log record."""
    return {"sid": lane.socket.id, "nsp": lane.nsp.name, "event": name}


def complain(lane: Lane, name: EventName, error: BaseException) -> None:
    """One line, with a traceback if it was code of the application that failed."""
    if isinstance(error, InvalidPayload):
        _log.warning("%s (socket %s)", error, lane.socket.id, extra=fields_of(lane, name))
        faults.pass_on(error)
    elif isinstance(error, RejectEvent):
        _log.warning("event %r rejected: %s (socket %s)", name, error, lane.socket.id, extra=fields_of(lane, name))
        faults.pass_on(error)
    else:
        faults.tell(
            _log,
            "a handler of event %r failed (socket %s of %r)",
            name,
            lane.socket.id,
            lane.nsp.name,
            error=error,
            extra=fields_of(lane, name),
        )


def _ending(error: BaseException) -> BaseException | None:
    """The KeyboardInterrupt or SystemExit that a task group wrapped, if there is one."""
    if isinstance(error, BaseExceptionGroup):
        group = cast("BaseExceptionGroup[BaseException]", error)
        return next((found for found in map(_ending, group.exceptions) if found is not None), None)
    return error if isinstance(error, KeyboardInterrupt | SystemExit) else None
