"""What a notice means for one socket: gates, handlers, answers, errors, leaving. Refuses to know workers and batches.

Every method starts something in the socket's context and returns a :class:`Run` if it suspended, None if it is done. The
usual event (one handler, arguments that fit) goes through ``begin`` alone; everything else is a coroutine below it.
"""

from __future__ import annotations

import logging
import re
from inspect import isawaitable
from typing import TYPE_CHECKING, Any, Final, cast

from . import cancellation
from .exceptions import ConnectError, InvalidPayload
from .run import NO_SETTLING, Run, awaited, outcome
from .sent import Sent
from .socket import current_socket
from .types import Packet

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from contextvars import Context

    from .handlers import Handler
    from .lane import Lane
    from .namespace import Namespace
    from .registry import Registry
    from .types import EventName, Reason
    from .waits import Waits

__all__ = ("Steps",)

# Results that are surely no awaitable: asking `inspect` costs more than a whole handler.
_PLAIN: Final = frozenset((type(None), str, int, float, bool, bytes, list, dict, tuple))

_log = logging.getLogger("sio_fast.server")


class Steps:
    """The meaning of notices. Loop thread only.

    Args:
        waits: Told when a socket was refused.
        forget: Takes a lane out of the dispatcher.
        failed: Called for KeyboardInterrupt and SystemExit, which end the program through the normal close.
        registry: The namespaces.
    """

    __slots__ = ("_failed", "_forget", "_registry", "_waits")

    def __init__(
        self,
        waits: Waits,
        forget: Callable[[Lane], None],
        failed: Callable[[BaseException], None],
        registry: Registry[Any],
    ) -> None:
        self._waits = waits
        self._registry = registry
        self._forget = forget
        self._failed = failed

    # Events.

    def begin(self, lane: Lane, name: EventName, args: tuple[Any, ...], ack_id: int) -> Run | None:
        """An event of the client; nothing of its socket is in the way."""
        plan = lane.plans.get(name)
        if plan is None:
            return self._begin_slowly(lane, name, args, ack_id)
        fn, is_async, low, high, bare = plan
        if not low <= len(args) <= high:
            return self._fail(lane, name, _misfit(name, low, high, len(args)))
        try:
            if is_async:
                coro = fn(*args) if bare else fn(lane.socket, *args)
                try:
                    first = lane.context.run(coro.send, None)
                except StopIteration as stop:
                    value = stop.value
                else:
                    return Run(lane, lane.context, coro, first, name, ack_id)
            else:
                value = lane.context.run(fn, *args) if bare else lane.context.run(fn, lane.socket, *args)
                if value.__class__ not in _PLAIN and not isinstance(value, Sent) and isawaitable(value):
                    return self._start(lane, lane.context, awaited(value), name, ack_id)
        except BaseException as error:  # noqa: BLE001 - a handler's error never ends a worker
            return self._fail(lane, name, error)
        return self._settle(lane, name, ack_id, value) if ack_id >= 0 else None

    def after(self, run: Run, error: BaseException | None) -> Run | None:
        """A run has ended. Returns what follows it, such as an ``error`` listener that suspended."""
        if error is not None:
            return self._fail(run.lane, run.name, error)
        if run.ack_id >= 0:
            return self._settle(run.lane, run.name, run.ack_id, run.value)
        return None

    def _begin_slowly(self, lane: Lane, name: EventName, args: tuple[Any, ...], ack_id: int) -> Run | None:
        found = lane.resolve(name)
        if name in lane.plans:
            return self.begin(lane, name, args, ack_id)
        if not found and not lane.socket._gates:
            return None
        concurrent = bool(found) and all(handler.concurrent for handler in found)
        context = lane.context.copy() if concurrent else lane.context
        coro = self._event(lane, name, args, ack_id)
        return self._start(lane, context, coro, name, NO_SETTLING, holds=not concurrent)

    async def _event(self, lane: Lane, name: EventName, args: tuple[Any, ...], ack_id: int) -> None:
        """Gates, then handlers one after the other; the first value that is not None answers."""
        socket = lane.socket
        gates = socket._gates
        if gates:
            packet = Packet(name, list(args), ack_requested=ack_id >= 0, nsp=lane.nsp.name)
            for gate in gates:
                error, _ = await _called(gate, (packet,))
                if error is not None:
                    await self._report(lane, name, error)
                    return
            name, args = packet.name, tuple(packet.args)
        answer, sound, ran = None, True, False
        for handler in lane.resolve(name):
            if lane.ended and ran:
                break
            if handler.once and not _take_once(lane, name, handler):
                continue
            ran = True
            if not handler.low <= len(args) <= handler.high:
                error, value = _misfit(name, handler.low, handler.high, len(args)), None
            else:
                error, value = await _called(handler.fn, args if handler.bare else (socket, *args))
            if error is not None:
                sound = False
                await self._report(lane, name, error)
            elif answer is None and not isinstance(value, Sent):
                answer = value
        if ran and ack_id >= 0 and (sound or answer is not None):
            error = _answer(lane, ack_id, answer)
            if error is not None:
                await self._report(lane, name, error)

    def _settle(self, lane: Lane, name: EventName, ack_id: int, value: Any) -> Run | None:
        error = _answer(lane, ack_id, value)
        return None if error is None else self._fail(lane, name, error)

    # Coming and leaving.

    def connect(self, lane: Lane) -> Run | None:
        """A client asks for the namespace: gates, acceptance, connect handlers."""
        return self._start(lane, lane.context, self._connect(lane), "connect", NO_SETTLING)

    async def _connect(self, lane: Lane) -> None:
        if not lane.nsp._registered and not await self._claim(lane):
            return
        socket, nsp, core = lane.socket, lane.nsp, lane.core
        try:
            socket.__init__()  # type: ignore[misc]
        except Exception as fault:  # noqa: BLE001 - the application's code
            self._refuse(lane, fault)
            return
        for gate in nsp._gates:
            error, _ = await _called(gate, (socket,))
            if error is not None:
                if not self._ends(error):
                    self._refuse(lane, error)
                return
        if not core.accept():
            self._forget(lane)
            return
        nsp._sockets[socket.id] = socket
        socket._accepted()
        lane.replan()
        for handler in self._listeners(lane, "connect"):
            error, value = await _called(handler.fn, () if handler.bare else (socket,))
            if isinstance(error, ConnectError):
                _log.warning(
                    "a connect handler raised ConnectError(%r), too late for a refusal (that is for `use`): disconnecting",
                    error.message,
                    extra=_fields(lane, "connect"),
                )
                socket.disconnect()
            elif error is not None:
                await self._report(lane, "connect", error)
            elif value is False:
                _log.warning(
                    "a connect handler returned False, which refuses nobody: raise ConnectError in a function given to "
                    "io.use instead",
                    extra=_fields(lane, "connect"),
                )
        lane.opening = False

    async def _claim(self, lane: Lane) -> bool:
        """A client asks for a namespace that does not exist. False: nor will it, and the client has been told."""
        core, waiting = lane.core, lane.socket
        nsp = await self._sought(lane, core.namespace, waiting.handshake.auth)
        if nsp is None:
            core.refuse("Invalid namespace", None)
            self._forget(lane)
            return False
        socket = nsp._new_socket(core, self._waits, waiting.handshake.auth)
        socket._attach(lane.replan, waiting._leaving)
        lane.move(nsp, socket)
        waiting._unbind()
        current_socket.set(socket)
        return True

    async def _sought(self, lane: Lane, name: str, auth: dict[str, Any]) -> Namespace[Any] | None:
        """The namespace of that name, if a parent will have it."""
        found = self._registry.find(name)
        if found is not None:
            return found
        for parent in self._registry.parents():
            rule = parent._rule
            if isinstance(rule, re.Pattern):
                error, fits = None, rule.fullmatch(name) is not None
            else:
                error, fits = await _called(_judged, (rule, name, auth))
            if error is not None:
                if self._ends(error):
                    return None
                _log.error(
                    "a predicate failed, which counts as no",
                    exc_info=error,
                    extra={**_fields(lane, "connect"), "nsp": name},
                )
            elif fits:
                return self._registry.child(name, parent)
        return None

    def _refuse(self, lane: Lane, error: BaseException) -> None:
        """CONNECT_ERROR: the text of a ConnectError, of anything else nothing but that it happened."""
        message, data = "internal error", None
        if isinstance(error, ConnectError):
            message, data = error.message, error.data
        else:
            _log.error("a middleware failed", exc_info=error, extra=_fields(lane, "connect"))
        try:
            lane.core.refuse(message, data)
        except (TypeError, ValueError) as unfit:
            _log.error("the data of a ConnectError cannot be encoded", exc_info=unfit, extra=_fields(lane, "connect"))
            lane.core.refuse(message, None)
        self._forget(lane)

    def leave(self, lane: Lane, reason: Reason, rooms: frozenset[str]) -> Run | None:
        """The socket has left and everything before that is done: ``disconnecting``, then ``disconnect``."""
        return self._start(lane, lane.context, self._leave(lane, reason, rooms), "disconnect", NO_SETTLING)

    async def _leave(self, lane: Lane, reason: Reason, rooms: frozenset[str]) -> None:
        socket = lane.socket
        try:
            for name, frozen in (("disconnecting", rooms), ("disconnect", frozenset[str]())):
                socket._freeze_rooms(frozen)
                for handler in self._listeners(lane, name):
                    args: tuple[Any, ...] = (reason,)[: handler.high]
                    error, _ = await _called(handler.fn, args if handler.bare else (socket, *args))
                    if error is not None:
                        await self._report(lane, name, error)
        finally:
            self._forget(lane)

    def _listeners(self, lane: Lane, name: str) -> list[Handler]:
        """The handlers of a lifecycle event, those of ``once`` taken away."""
        return [handler for handler in lane.resolve(name) if not handler.once or _take_once(lane, name, handler)]

    # Errors.

    def _fail(self, lane: Lane, name: EventName, error: BaseException) -> Run | None:
        """A handler failed outside of a coroutine of ours: says so at once unless listeners want to know."""
        if self._ends(error):
            return None
        if not lane.resolve("error"):
            _complain(lane, name, error)
            return None
        return self._start(lane, lane.context, self._report(lane, name, error), name, NO_SETTLING)

    async def _report(self, lane: Lane, name: EventName, error: BaseException) -> None:
        """Tells the ``error`` listeners, or the log."""
        if self._ends(error):
            return
        listeners = self._listeners(lane, "error")
        if not listeners:
            _complain(lane, name, error)
        for handler in listeners:
            failure, _ = await _called(handler.fn, (error,) if handler.bare else (lane.socket, error))
            if failure is not None and not self._ends(failure):
                _complain(lane, "error", failure)

    def _ends(self, error: BaseException) -> bool:
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

    def _start(
        self,
        lane: Lane,
        context: Context,
        coro: Coroutine[Any, Any, Any],
        name: EventName,
        ack_id: int,
        *,
        holds: bool = True,
    ) -> Run | None:
        """Takes the first step of a coroutine."""
        try:
            first = context.run(coro.send, None)
        except StopIteration as stop:
            return self._settle(lane, name, ack_id, stop.value) if ack_id >= 0 else None
        except BaseException as error:  # noqa: BLE001 - a handler's error never ends a worker
            return self._fail(lane, name, error)
        return Run(lane, context, coro, first, name, ack_id, holds=holds)


async def _called(fn: Callable[..., Any], args: tuple[Any, ...]) -> tuple[BaseException | None, Any]:
    """Calls a function, sync or async. Returns ``(exception, None)`` or ``(None, value)``."""
    try:
        value = fn(*args)
    except BaseException as error:  # noqa: BLE001 - the caller judges it
        return error, None
    if value.__class__ in _PLAIN or isinstance(value, Sent) or not isawaitable(value):
        return None, value
    return await outcome(value)


async def _judged(rule: Any, name: str, auth: dict[str, Any]) -> bool:
    """What a predicate says, sync or async."""
    said = rule(name, auth)
    return bool(await said if isawaitable(said) else said)


def _take_once(lane: Lane, name: EventName, handler: Handler) -> bool:
    table = lane.socket._table if handler.bare else lane.nsp._table
    return table is not None and table.take_once(name, handler)


def _answer(lane: Lane, ack_id: int, value: Any) -> Exception | None:
    """Sends an acknowledgement. Returns what was wrong with the value."""
    if value is None or isinstance(value, Sent):
        args: tuple[Any, ...] = ()
    elif isinstance(value, tuple):
        args = (*value,)  # pyright: ignore[reportUnknownVariableType] - whatever the handler made
    else:
        args = (value,)
    try:
        lane.core.ack(ack_id, args)
    except Exception as error:  # noqa: BLE001 - reported like any fault of the handler
        return error
    return None


def _ending(error: BaseException) -> BaseException | None:
    """The KeyboardInterrupt or SystemExit that a task group wrapped, if there is one."""
    if isinstance(error, BaseExceptionGroup):
        group = cast("BaseExceptionGroup[BaseException]", error)
        return next((found for found in map(_ending, group.exceptions) if found is not None), None)
    return error if isinstance(error, KeyboardInterrupt | SystemExit) else None


def _misfit(name: EventName, low: int, high: int, count: int) -> InvalidPayload:
    """The client sent fewer or more arguments than the handler takes."""
    wanted = f"{low}" if low == high else f"at least {low}" if count < low else f"at most {high}"
    return InvalidPayload(name, [f"{count} arguments came, the handler takes {wanted}"])


def _fields(lane: Lane, name: EventName) -> dict[str, Any]:
    """Fields of a log record."""
    return {"sid": lane.socket.id, "nsp": lane.nsp.name, "event": name}


def _complain(lane: Lane, name: EventName, error: BaseException) -> None:
    """One line, with a traceback if it was code of the application that failed."""
    if isinstance(error, InvalidPayload):
        _log.warning("%s (socket %s)", error, lane.socket.id, extra=_fields(lane, name))
    else:
        _log.error(
            "a handler of event %r failed (socket %s of %r)",
            name,
            lane.socket.id,
            lane.nsp.name,
            exc_info=error,
            extra=_fields(lane, name),
        )
