"""The long way of an event: listeners of any event, gates, wraps, handlers one after the other, and who answers.

Refuses to know when it may start. An event with one plain handler and nothing else to see it never comes here.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from .ack import Ack
from .calls import answer_values, called, invoke
from .failures import misfit
from .sent import Sent
from .types import Packet

if TYPE_CHECKING:
    from collections.abc import Callable

    from .failures import Failures
    from .handlers import Handler
    from .lane import Lane
    from .types import Arguments, EventName

__all__ = ("Course",)


class Course:
    """One event of a client. Loop thread only.

    Args:
        failures: Where errors go.
        lane: The socket it came for.
        name: Its name.
        args: Its arguments.
        ack_id: -1 if no answer is wanted.
    """

    __slots__ = ("_ack", "_failed", "_failures", "_first", "_lane", "_manual", "_packet", "_ran")

    def __init__(self, failures: Failures, lane: Lane, name: EventName, args: Arguments, ack_id: int) -> None:
        self._failures = failures
        self._lane = lane
        self._packet = Packet(name, args, ack_requested=ack_id >= 0, nsp=lane.nsp.name)
        self._ack = Ack(lane.core, ack_id)
        # The handlers: did one run, does one answer by hand, did one fail, and the error that the wraps are to see.
        self._ran = False
        self._manual = False
        self._failed = False
        self._first: BaseException | None = None

    async def run(self) -> None:
        """Goes the whole way."""
        lane, packet = self._lane, self._packet
        space, own = lane.nsp._hooks, lane.socket._hooks
        if space.incoming or own.incoming:
            name, args = packet.name, tuple(packet.args)
            for fn in space.incoming:
                await self._listen(fn, (lane.socket, name, *args))
            for fn in own.incoming:
                await self._listen(fn, (name, *args))
        for fn in space.gates:
            if not await self._pass(fn, (lane.socket, packet)):
                return
        for fn in own.gates:
            if not await self._pass(fn, (packet,)):
                return
        wraps = space.wraps
        if not wraps:
            await self._finish(await self._handlers(wrapped=False))
            return
        error, value = await called(self._wrapped, (wraps, 0))
        if error is not None:
            await self._fail(error)
        else:
            await self._finish(value)

    async def _listen(self, fn: Callable[..., Any], args: tuple[Any, ...]) -> None:
        error, _ = await called(fn, args)
        if error is not None:
            await self._failures.report(self._lane, self._packet, error)

    async def _pass(self, gate: Callable[..., Any], args: tuple[Any, ...]) -> bool:
        """False: the gate rejected the event, or the server made the socket leave meanwhile."""
        error, _ = await called(gate, args)
        if error is not None:
            await self._fail(error)
            return False
        return not self._lane.ended

    async def _wrapped(self, wraps: tuple[Callable[..., Any], ...], index: int) -> Any:
        """The wrap at ``index`` around what is further in. Raises the first error of the handlers."""
        if index == len(wraps):
            value = await self._handlers(wrapped=True)
            first, self._first = self._first, None
            if first is not None:
                raise first
            return value
        inside = _once(partial(self._wrapped, wraps, index + 1))
        error, value = await called(wraps[index], (self._lane.socket, self._packet, inside))
        if error is not None:
            raise error
        return value

    async def _handlers(self, *, wrapped: bool) -> Any:
        """Runs the handlers; the first result that is not None answers, or is returned for the wraps."""
        lane, packet = self._lane, self._packet
        name, args = packet.name, packet._arguments()
        answer = None
        for handler in lane.resolve(name):
            if lane.ended and self._ran:
                break
            if handler.once and not lane.take_once(name, handler):
                continue
            self._ran = True
            if handler.low <= len(args) <= handler.high:
                self._manual = self._manual or handler.manual
                # Who checks has what came, the others share one set of values.
                error, value = await self._call(handler, name, tuple(packet.args) if handler.checks is None else args)
            else:
                error, value = misfit(name, handler.low, handler.high, len(args)), None
            if error is not None:
                self._failed = True
                if not wrapped:
                    await self._fail(error)
                elif not isinstance(error, Exception):
                    raise error
                elif self._first is None:
                    self._first = error
                else:
                    await self._fail(error)
            elif answer is None and value is not None and not handler.manual and not isinstance(value, Sent):
                answer = value
                if not wrapped:
                    await self._finish(value)
        return answer if wrapped else None

    async def _call(self, handler: Handler, name: EventName, args: Arguments) -> tuple[BaseException | None, Any]:
        """Calls a handler whose number of arguments fits. Returns ``(exception, None)`` or ``(None, value)``."""
        try:
            values, names = handler.arguments(self._lane.socket, name, args, self._packet, self._ack)
        except Exception as error:  # noqa: BLE001 - the caller judges it
            return error, None
        return await invoke(self._lane, handler, values, names)

    async def _finish(self, value: Any) -> None:
        """Answers with what the handlers or the wraps returned. None answers too if handlers ran and all went well."""
        if value is None and (self._manual or self._failed or not self._ran):
            return
        if not self._lane.core.connected:  # among them who was cancelled because of that
            return
        try:
            self._ack(*answer_values(value))
        except Exception as error:  # noqa: BLE001 - reported like any fault of the handler
            self._failed = True
            await self._fail(error)

    async def _fail(self, error: BaseException) -> None:
        if self._failures.ends(error):
            return
        left = self._failures.answer(self._lane, self._packet.name, self._ack, error)
        if left is not None:
            await self._failures.report(self._lane, self._packet, left)


def _once(fn: Callable[[], Any]) -> Callable[[], Any]:
    """``fn`` for one call: handlers must not run twice for one event."""
    used = False

    async def call_next() -> Any:
        nonlocal used
        if used:
            raise RuntimeError("call_next() was called twice; an event goes on once")
        used = True
        return await fn()

    return call_next
