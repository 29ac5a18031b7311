"""What a notice means for one socket: coming, an event, leaving. Refuses to know workers and batches.

Every method starts something in the socket's context and returns a :class:`Run` if it suspended, None if it is done. The
usual event (one handler, arguments that fit) goes through ``begin`` alone; every other one is a :class:`Course`.
"""

from __future__ import annotations

import logging
import re
from inspect import isawaitable
from typing import TYPE_CHECKING, Any

from . import faults
from .ack import Ack
from .calls import PLAIN, answer_values, called, checked, invoke, scoped
from .course import Course
from .exceptions import ConnectError
from .failures import complain, fields_of, misfit
from .run import NO_SETTLING, Run, awaited
from .sent import Sent
from .socket import current_socket
from .types import Packet

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from contextvars import Context

    from anyio import CancelScope

    from .failures import Failures
    from .handlers import Handler
    from .lane import Lane
    from .namespace import Namespace
    from .registry import Registry
    from .types import Arguments, EventName, Reason
    from .waits import Waits

__all__ = ("Steps",)

_log = logging.getLogger("sio_fast.server")


class Steps:
    """The meaning of notices. Loop thread only.

    Args:
        failures: Where errors go.
        forget: Takes a lane out of the dispatcher.
        waits: What sockets wait with.
        registry: The namespaces.
    """

    __slots__ = ("_failures", "_forget", "_registry", "_waits")

    def __init__(
        self, failures: Failures, forget: Callable[[Lane], None], waits: Waits, registry: Registry[Any]
    ) -> None:
        self._failures = failures
        self._waits = waits
        self._registry = registry
        self._forget = forget

    # Events.

    def begin(self, lane: Lane, name: EventName, args: Arguments, ack_id: int) -> Run | None:
        """An event of the client; nothing of its socket is in the way."""
        plan = lane.plans.get(name)
        if plan is None:
            return self._begin_slowly(lane, name, args, ack_id)
        fn, is_async, low, high, bare = plan
        if not low <= len(args) <= high:
            return self._fail(lane, name, args, ack_id, misfit(name, low, high, len(args)))
        try:
            if is_async:
                coro = fn(*args) if bare else fn(lane.socket, *args)
                try:
                    first = lane.context.run(coro.send, None)
                except StopIteration as stop:
                    value = stop.value
                else:
                    return Run(lane, lane.context, coro, first, name, args, ack_id)
            else:
                value = lane.context.run(fn, *args) if bare else lane.context.run(fn, lane.socket, *args)
                if value.__class__ not in PLAIN and not isinstance(value, Sent) and isawaitable(value):
                    return self._start(lane, lane.context, awaited(value), name, args, ack_id)
        except BaseException as error:  # noqa: BLE001 - a handler's error never ends a worker
            return self._fail(lane, name, args, ack_id, error)
        return self._settle(lane, name, args, ack_id, value) if ack_id >= 0 else None

    def after(self, run: Run, error: BaseException | None) -> Run | None:
        """A run has ended. Returns what follows it, such as an ``error`` listener that suspended."""
        if error is not None:
            return self._fail(run.lane, run.name, run.args, run.ack_id, error)
        if run.ack_id >= 0:
            return self._settle(run.lane, run.name, run.args, run.ack_id, run.value)
        return None

    def _begin_slowly(self, lane: Lane, name: EventName, args: Arguments, ack_id: int) -> Run | None:
        found = lane.resolve(name)
        if name in lane.plans:
            return self.begin(lane, name, args, ack_id)
        if not (lane.socket._hooks.slow() or lane.nsp._hooks.slow()):
            if not found:
                return None
            if len(found) == 1 and found[0].simple:
                return self._begin_checked(lane, found[0], name, args, ack_id)
        concurrent = bool(found) and all(handler.concurrent for handler in found)
        context = lane.context.copy() if concurrent else lane.context
        coro = Course(self._failures, lane, name, args, ack_id).run()
        return self._start(lane, context, coro, name, args, NO_SETTLING, holds=not concurrent)

    def _begin_checked(self, lane: Lane, handler: Handler, name: EventName, args: Arguments, ack_id: int) -> Run | None:
        """An event with one handler that checks its arguments and is simple otherwise."""
        if not handler.low <= len(args) <= handler.high:
            return self._fail(lane, name, args, ack_id, misfit(name, handler.low, handler.high, len(args)))
        return self._start(lane, lane.context, checked(handler, lane.socket, name, args), name, args, ack_id)

    def _settle(self, lane: Lane, name: EventName, args: Arguments, ack_id: int, value: Any) -> Run | None:
        try:
            lane.core.ack(ack_id, answer_values(value))
        except Exception as error:  # noqa: BLE001 - reported like any fault of the handler
            return self._fail(lane, name, args, ack_id, error)
        return None

    # Coming and leaving.

    def connect(self, lane: Lane) -> Run | None:
        """A client asks for the namespace: gates, acceptance, connect handlers."""
        return self._start(lane, lane.context, self._connect(lane), "connect", (), NO_SETTLING)

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
            error, _ = await called(gate, (socket,))
            if error is not None:
                if not self._failures.ends(error):
                    self._refuse(lane, error)
                return
        if not core.accept():
            self._forget(lane)
            return
        nsp._room_events.changed(nsp._namespace_core, self._waits)
        nsp._sockets[socket.id] = socket
        socket._accepted()
        lane.replan()
        for handler in self._listeners(lane, "connect"):
            error, value = await invoke(lane, handler, *handler.arguments(socket, "connect", ()))
            if isinstance(error, ConnectError):
                _log.warning(
                    "a connect handler raised ConnectError(%r), too late for a refusal (that is for `use`): disconnecting",
                    error.message,
                    extra=fields_of(lane, "connect"),
                )
                socket.disconnect()
            elif error is not None:
                await self._failures.report(lane, _packet(lane, "connect"), error)
            elif value is False:
                _log.warning(
                    "a connect handler returned False, which refuses nobody: raise ConnectError in a function given to "
                    "io.use instead",
                    extra=fields_of(lane, "connect"),
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
        socket._attach(waiting._owner)
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
                error, fits = await called(_judged, (rule, name, auth))
            if error is not None:
                if self._failures.ends(error):
                    return None
                faults.tell(
                    _log,
                    "a predicate failed, which counts as no",
                    error=error,
                    extra={**fields_of(lane, "connect"), "nsp": name},
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
            faults.tell(_log, "a middleware failed", error=error, extra=fields_of(lane, "connect"))
        try:
            lane.core.refuse(message, data)
        except (TypeError, ValueError) as unfit:
            text = "the data of a ConnectError cannot be encoded"
            faults.tell(_log, text, error=unfit, extra=fields_of(lane, "connect"))
            lane.core.refuse(message, None)
        self._forget(lane)

    def leave(self, lane: Lane, reason: Reason, rooms: frozenset[str]) -> Run | None:
        """The socket has left and everything before that is done: ``disconnecting``, then ``disconnect``."""
        return self._start(lane, lane.context, self._leave(lane, reason, rooms), "disconnect", (reason,), NO_SETTLING)

    async def _leave(self, lane: Lane, reason: Reason, rooms: frozenset[str]) -> None:
        socket = lane.socket
        try:
            for name, frozen in (("disconnecting", rooms), ("disconnect", frozenset[str]())):
                socket._freeze_rooms(frozen)
                for handler in self._listeners(lane, name):
                    args: tuple[Any, ...] = (reason,)[: handler.high]
                    error, _ = await invoke(lane, handler, *handler.arguments(socket, name, args))
                    if error is not None:
                        await self._failures.report(lane, _packet(lane, name, reason), error)
        finally:
            self._forget(lane)

    def _listeners(self, lane: Lane, name: str) -> list[Handler]:
        """The handlers of a lifecycle event, those of ``once`` taken away."""
        return [handler for handler in lane.listeners(name) if not handler.once or lane.take_once(name, handler)]

    # What runs beside the events.

    async def task(self, lane: Lane, scope: CancelScope, fn: Callable[[], Any]) -> None:
        """What ``socket.start_soon`` began; its errors go where those of handlers go."""
        error, _ = await called(scoped, (scope, lane.tasks, fn))
        if error is not None:
            await self._failures.report(lane, _packet(lane, "start_soon"), error)

    # Errors.

    def _fail(self, lane: Lane, name: EventName, args: Arguments, ack_id: int, error: BaseException) -> Run | None:
        """A handler failed outside of a coroutine of ours: says so at once unless listeners want to know."""
        failures = self._failures
        if failures.ends(error):
            return None
        left = failures.answer(lane, name, Ack(lane.core, ack_id), error)
        if left is None:
            return None
        if not failures.heard(lane, left):
            complain(lane, name, left)
            return None
        packet = Packet(name, args, ack_requested=ack_id >= 0, nsp=lane.nsp.name)
        return self._start(lane, lane.context, failures.report(lane, packet, left), name, args, NO_SETTLING)

    def _start(
        self,
        lane: Lane,
        context: Context,
        coro: Coroutine[Any, Any, Any],
        name: EventName,
        args: Arguments,
        ack_id: int,
        *,
        holds: bool = True,
    ) -> Run | None:
        """Takes the first step of a coroutine."""
        try:
            first = context.run(coro.send, None)
        except StopIteration as stop:
            return self._settle(lane, name, args, ack_id, stop.value) if ack_id >= 0 else None
        except BaseException as error:  # noqa: BLE001 - a handler's error never ends a worker
            return self._fail(lane, name, args, ack_id, error)
        return Run(lane, context, coro, first, name, args, ack_id, holds=holds)


async def _judged(rule: Any, name: str, auth: dict[str, Any]) -> bool:
    """What a predicate says, sync or async."""
    said = rule(name, auth)
    return bool(await said if isawaitable(said) else said)


def _packet(lane: Lane, name: str, *args: Any) -> Packet:
    """How ``on_error`` sees what is no event of the client."""
    return Packet(name, args, ack_requested=False, nsp=lane.nsp.name)
