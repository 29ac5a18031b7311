"""The dispatcher: takes notices from the core and runs handlers, in order per socket, on a leader/follower pool.

Refuses to know listeners, HTTP and how a server starts. What a notice means for one socket stands in ``steps``; here
stands who runs it and when. The leader takes a batch and runs it inline; when a handler suspends, the next worker is
released as leader *before* this one yields to the loop, and this one stays with its handler. The reasons and the
measurements are in docs/decisions/0001-one-dispatcher.md.
"""

from __future__ import annotations

import contextvars
import logging
from collections import deque
from functools import partial
from time import monotonic
from typing import TYPE_CHECKING, Any, Final, cast

import anyio
from anyio.lowlevel import checkpoint

from . import _core, cancellation
from .failures import Failures
from .lane import NO_SCOPES, Lane
from .namespace import Namespace
from .pool import Pool
from .socket import current_socket
from .steps import Steps

if TYPE_CHECKING:
    from collections.abc import Callable

    from anyio.abc import TaskGroup

    from .admission import Admission
    from .lane import Queued
    from .registry import Registry
    from .run import Run
    from .settings import DispatchSettings
    from .waits import Waits

__all__ = ("Dispatcher",)

_EVENT: Final = _core.EVENT
# One drain decodes at most so many notices: about 0.5 ms of work.
_BATCH: Final = 256
# Items between two looks at the clock, and how long the loop's other tasks wait for us at most, handlers aside.
_SLICE_ITEMS: Final = 32
_SLICE_SECONDS: Final = 0.001

_log = logging.getLogger("sio_fast.server")


class Dispatcher:
    """Runs handlers during one run of a server. Loop thread only.

    Args:
        core: Where notices come from.
        waits: Who waits for acks, drained connections and deadlines.
        registry: The server's namespaces.
        settings: Limits.
        admission: What is asked about requests.
        failed: Called once if the program must end: KeyboardInterrupt, SystemExit, or a fault of ours.
    """

    def __init__(
        self,
        core: _core.Core,
        waits: Waits,
        registry: Registry[Any],
        settings: DispatchSettings,
        admission: Admission,
        failed: Callable[[BaseException], None],
    ) -> None:
        self._core = core
        self._waits = waits
        self._namespaces = registry.by_name
        self._failed = failed
        self._failures = Failures(registry.by_name, failed, settings.ack_on_error)
        self._admission = admission
        self._steps = Steps(self._failures, self._forget, waits, registry)
        self._limit = settings.max_concurrency_per_socket
        self._max_running = settings.max_running_handlers
        self._disconnect_wait = settings.disconnect_wait
        self._base = contextvars.copy_context()
        self._lanes: dict[int, Lane] = {}
        self._ready: list[tuple[Any, ...]] = []
        self._runnable: deque[Lane] = deque()
        self._stalled: deque[Lane] = deque()
        self._leading = False
        self._lead_wanted = False
        self._running = 0
        self._full = False
        self._hurrying = False
        self._fd: int | None = None
        self._pool: Pool
        self._tasks: TaskGroup
        self.stopped = anyio.Event()
        self._changed = anyio.Event()

    # Starting and ending.

    def open(self, tasks: TaskGroup, fd: int, *, polls: bool) -> None:
        """Starts the workers in ``tasks``.

        Args:
            tasks: Where the workers live.
            fd: Readable when notices wait.
            polls: True if the leader itself must wait for ``fd``, False if :meth:`wake` is called.
        """
        self._tasks = tasks
        self._pool = Pool(tasks, self._work)
        self._fd = fd if polls else None
        self.wake()

    def wake(self) -> None:
        """Notices wait."""
        if not self._leading:
            self._leading = True
            self._lead_wanted = True
            self._pool.release()

    async def until_gone(self) -> None:
        """Returns when every socket has left and its ``disconnect`` handlers are done."""
        while self._lanes:
            await self._changed.wait()

    async def until_idle(self) -> None:
        """Returns when no handler waits for anything."""
        while self._running:
            await self._changed.wait()

    def hurry(self) -> None:
        """What ``disconnect`` handlers wait for is over: they run now, also those of sockets that leave later."""
        self._hurrying = True
        for lane in tuple(self._lanes.values()):
            if lane.leaving is not None:
                self._overdue(lane)

    def close(self, reason: str) -> None:
        """Forgets all sockets; the workers have ended."""
        for lane in tuple(self._lanes.values()):
            self._forget(lane)
        self._waits.close(reason)

    def running(self) -> int:
        """Handlers that wait for something now."""
        return self._running

    # What sockets ask of their owner.

    def replan(self, handle: int) -> None:
        """The handlers or gates of a socket have changed."""
        lane = self._lanes.get(handle)
        if lane is not None:
            lane.replan()

    def ended(self, handles: list[int]) -> None:
        """The server made these sockets leave, maybe on another thread: no event of theirs starts any more."""
        for handle in handles:
            lane = self._lanes.get(handle)
            if lane is None:
                continue
            lane.ended = True
            lane.blocked = True
            lane.nsp._sockets.pop(lane.core.id, None)
            if self._waits.here():
                lane.drop()
                lane.stop_handlers()

    def begin_task(self, handle: int, fn: Callable[[], Any]) -> None:
        """``socket.start_soon``: a task in a copy of the socket's context, which ends with the socket at the latest."""
        lane = self._lanes.get(handle)
        if lane is None:
            return
        scope = anyio.CancelScope()
        if lane.tasks is NO_SCOPES:
            lane.tasks = set()
        lane.tasks.add(scope)
        lane.context.copy().run(self._tasks.start_soon, self._steps.task, lane, scope, fn)

    # Workers.

    async def _work(self) -> bool:
        if self._runnable:
            await self._follow(self._runnable.popleft())
        elif self._lead_wanted:
            self._lead_wanted = False
            await self._lead()
        else:
            return False
        return True

    async def _lead(self) -> None:
        """Takes batches and runs them inline until nothing is left or a handler suspends; then stays with that handler."""
        try:
            run = await self._batches()
        except Exception as error:  # noqa: BLE001 - handed on
            # Handlers' errors never come here: this is the core refusing to be drained, or a fault of ours.
            self._failed(error)
        except BaseException:
            if not cancellation.is_ours():  # between two batches: somebody must lead
                self._lead_wanted = True
                self._pool.release()
            raise
        else:
            if run is not None:
                await self._drive(run)
                await self._follow(run.lane)

    async def _batches(self) -> Run | None:
        core, since = self._core, monotonic()
        while True:
            if not self._ready:
                # Also after a wake-up for nothing: it is the drain that makes the descriptor unreadable.
                self._ready = core.drain(_BATCH)
                self._ready.reverse()
            run = self._pass()
            if run is not None:
                self._hand_over()
                return run
            if not self._ready and not core.rest():
                if self._fd is None:
                    self._leading = False
                    return None
                await anyio.wait_readable(self._fd)
                since = monotonic()
            if monotonic() - since > _SLICE_SECONDS:
                await checkpoint()
                since = monotonic()

    def _hand_over(self) -> None:
        """Before the leader yields with its handler: the next one goes on, without waiting for new input."""
        if self._ready or self._core.rest() or self._fd is not None:
            self._lead_wanted = True
            self._pool.release()
        else:
            self._leading = False

    async def _follow(self, lane: Lane) -> None:
        """Goes through what waits in a lane, unless somebody does already."""
        while not lane.pumping:
            lane.pumping = True
            run = self._pump(lane)
            while run is None and lane.pumping:
                try:
                    await checkpoint()
                except BaseException:
                    lane.pumping = False
                    if not cancellation.is_ours():
                        self._runnable.append(lane)
                        self._pool.release()
                    raise
                run = self._pump(lane)
            if run is None:
                return
            await self._drive(run)

    async def _drive(self, run: Run) -> None:
        """Stays with a suspended handler until it ends, then makes room."""
        lane, holds = run.lane, run.holds
        if self._runnable:
            self._pool.release()
        following: Run | None = run
        while following is not None:
            error = await following
            following = self._steps.after(following, error)
        self._running -= 1
        if holds:
            lane.running -= 1
        if self._full and self._running < self._max_running:
            self._full = False
            self._runnable.extend(self._stalled)
            self._stalled.clear()
            if self._runnable:
                self._pool.release()
        if not self._running:
            self._tell()

    # One notice after the other.

    def _pass(self) -> Run | None:
        """Runs a slice of the batch. Returns the handler that suspended, if one did."""
        ready, lanes, begin = self._ready, self._lanes, self._steps.begin
        for _ in range(_SLICE_ITEMS):
            if not ready:
                return None
            item = ready.pop()
            if item[0] == _EVENT:
                lane = lanes.get(item[1])
                if lane is None:
                    continue
                if lane.blocked or self._full:
                    self._defer(lane, cast("Queued", item))
                    continue
                run = begin(lane, item[2], item[3], item[4])
                if run is not None:
                    self._suspended(run)
                    return run
            else:
                run = self._notice(item)
                if run is not None:
                    return run
        return None

    def _notice(self, item: tuple[Any, ...]) -> Run | None:
        kind = item[0]
        if kind == _core.ACK:
            self._waits.answered(item[1], item[2], item[3])
        elif kind == _core.CONNECT:
            return self._connect(item[2], item[3])
        elif kind == _core.DISCONNECT:
            return self._disconnect(*item[1:])
        elif kind == _core.DRAINED:
            self._waits.drained(item[1])
        elif kind == _core.DEADLINE:
            self._waits.expired(item[1])
        elif kind == _core.LOG:
            logging.getLogger(item[2]).log(item[1], "%s", item[3])
        elif kind == _core.REQUEST:
            self._request(item[1])
        elif kind == _core.ROOMS:
            nsp = self._namespaces.get(item[1])
            if nsp is not None:
                nsp._room_events.tell(nsp._namespace_core)
        elif kind == _core.STOPPED:
            self.stopped.set()
        return None

    def _request(self, question: _core.QuestionCore) -> None:
        """A request waits for the application's word."""
        context = self._base.copy()
        rest = context.run(self._admission.judge, question, self._failures)
        if rest is not None:
            context.run(self._tasks.start_soon, rest)

    def _connect(self, core: _core.SocketCore, auth: dict[str, Any] | None) -> Run | None:
        """A client asks for a namespace: its lane begins with the gates."""
        # Without a namespace of that name the client waits in one that is nobody's, until a parent has claimed it.
        nsp = self._namespaces.get(core.namespace)
        if nsp is None:
            nsp = Namespace[Any](core.namespace)
        socket = nsp._new_socket(core, self._waits, auth)
        lane = Lane(core.handle, core, socket, nsp, self._base.copy())
        socket._attach(self)
        if nsp._registered:
            lane.context.run(current_socket.set, socket)
        self._lanes[lane.handle] = lane
        return self._pump_inline(lane)

    def _disconnect(self, handle: int, reason: Any, detail: str | None, rooms: list[str], dropped: bool) -> Run | None:
        """A socket has left: its effects now, its handlers behind what came before."""
        lane = self._lanes.get(handle)
        if lane is None:
            return None
        socket = lane.socket
        lane.nsp._sockets.pop(lane.core.id, None)
        socket._left(detail)
        self._waits.left(handle, reason, lane.core.session)
        lane.leaving = (reason, detail, frozenset(rooms))
        lane.blocked = True
        lane.stop_handlers()
        if dropped:
            lane.ended = True
            lane.drop()
        if lane.opening or lane.running or lane.backlog or lane.pumping:
            if self._hurrying:
                self._overdue(lane)
            else:
                lane.token = self._waits.deadline(self._disconnect_wait, partial(self._overdue, lane))
            return None
        return self._pump_inline(lane)

    def _overdue(self, lane: Lane) -> None:
        """``disconnect_wait`` is over: the handlers run beside what they waited for."""
        if lane.leaving is None:
            return
        lane.overdue = True
        dropped = lane.drop()
        if dropped:
            _log.warning(
                "%d events of socket %s dropped: its handlers took longer than disconnect_wait",
                dropped,
                lane.socket.id,
                extra={"sid": lane.socket.id, "nsp": lane.nsp.name},
            )
        self._runnable.append(lane)
        self._pool.release()

    # One lane.

    def _pump(self, lane: Lane) -> Run | None:
        """Starts what may start in a lane. Returns the handler that suspended; None with ``pumping`` still set means: the
        slice is over, call again after the loop has breathed."""
        until = monotonic() + _SLICE_SECONDS
        run: Run | None = None
        while run is None:
            if lane.ended:
                lane.drop()
            may = lane.begun and not lane.opening and lane.running < self._limit
            if lane.leaving is not None and (lane.overdue or (may and not lane.backlog and not lane.running)):
                run = self._leave(lane)
            elif lane.begun and not (may and lane.backlog):
                break
            elif self._full:
                self._stall(lane)
                return None
            else:
                run = self._start(lane)
            if run is None and monotonic() > until:
                return None
        if run is not None:
            self._suspended(run)
        lane.pumping = False
        more = bool(lane.backlog) or lane.leaving is not None
        may = not lane.opening and lane.running < self._limit
        if run is not None and more and may:
            self._runnable.append(lane)
            self._pool.release()
        lane.blocked = more or not may or lane.ended
        return run

    def _start(self, lane: Lane) -> Run | None:
        """What is next in a lane: its gates, or the event that waits longest."""
        if not lane.begun:
            lane.begun = True
            return self._steps.connect(lane)
        item = lane.next()
        return None if item is None else self._steps.begin(lane, item[2], item[3], item[4])

    def _leave(self, lane: Lane) -> Run | None:
        """Everything before the end of a socket is done, or took too long."""
        if lane.leaving is None:
            return None
        reason, _, rooms = lane.leaving
        lane.leaving = None
        lane.ended = True
        if lane.token is not None:
            self._waits.cancel_deadline(lane.token)
        return self._steps.leave(lane, reason, rooms)

    def _pump_inline(self, lane: Lane) -> Run | None:
        """The same for a caller who cannot let the loop breathe: another worker goes on."""
        if lane.pumping:
            return None
        lane.pumping = True
        run = self._pump(lane)
        if lane.pumping:
            lane.pumping = False
            self._runnable.append(lane)
            self._pool.release()
        return run

    def _stall(self, lane: Lane) -> None:
        """The process has enough handlers at work: the lane goes on when one of them is done."""
        lane.pumping = False
        lane.blocked = True
        self._stalled.append(lane)

    def _defer(self, lane: Lane, item: Queued) -> None:
        """An event that may not start now."""
        if lane.ended or lane.leaving is not None:
            return
        lane.wait(item)
        if not lane.blocked:  # nobody is at work in this lane: it is the process that is full
            lane.blocked = True
            self._stalled.append(lane)

    def _suspended(self, run: Run) -> None:
        self._running += 1
        if self._running >= self._max_running:
            self._full = True
        if run.holds:
            lane = run.lane
            lane.running += 1
            if lane.running >= self._limit:
                lane.blocked = True

    def _forget(self, lane: Lane) -> None:
        """Nothing of this socket comes any more."""
        if self._lanes.pop(lane.handle, None) is None:
            return
        lane.ended = True
        lane.blocked = True
        lane.leaving = None
        lane.nsp._sockets.pop(lane.core.id, None)
        lane.stop_tasks()
        lane.socket._unbind()
        self._waits.left(lane.handle, lane.core.reason or "transport close", lane.core.session)
        if not self._lanes:
            self._tell()

    def _tell(self) -> None:
        changed, self._changed = self._changed, anyio.Event()
        changed.set()
