"""A lane: what the dispatcher knows of one socket, above all whether its next event may start.

Refuses to know how workers run it. Every field is touched on the loop's thread only.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from .handlers import NO_PLANS, Handler, HandlerTable, Plan

if TYPE_CHECKING:
    from contextvars import Context

    from anyio import CancelScope

    from ._core import SocketCore
    from .namespace import Namespace
    from .socket import Socket
    from .types import Arguments, EventName, Reason

__all__ = ("NO_SCOPES", "Lane", "Queued")

NO_SCOPES: Final[set[CancelScope]] = set()
"""For lanes that have none yet. Nobody may write into it."""

Queued: TypeAlias = "tuple[int, int, EventName, Arguments, int, int]"
"""An EVENT notice as the core gives it: kind, handle, name, args, ack_id, size."""


class Lane:
    """One socket's queue.

    Attributes:
        handle: Its key in notices.
        core: Its half in the core.
        socket: What handlers get.
        nsp: Its namespace.
        context: The context that its handlers share.
        plans: Where the plan of an event is looked for first.
        blocked: True if an event may not start now: the one thing that is asked for every event.
        begun: True once its gates have started.
        opening: True until the connect handlers have returned.
        ended: True once the server made it leave: events that have not started are dropped.
        running: Handlers that hold it back and wait for something.
        pumping: True while a worker goes through the backlog.
        backlog: Events that wait, held against the session's bound; made with the first.
        leaving: ``(reason, detail, rooms)`` of a DISCONNECT whose handlers have not started.
        overdue: True once ``disconnect_wait`` is over.
        token: The deadline of ``disconnect_wait``.
        scopes: Those of running handlers that end with the connection.
        tasks: Those of ``socket.start_soon``; they end when nothing of the socket comes any more.
    """

    __slots__ = (
        "backlog",
        "begun",
        "blocked",
        "context",
        "core",
        "ended",
        "handle",
        "leaving",
        "nsp",
        "opening",
        "overdue",
        "plans",
        "pumping",
        "running",
        "scopes",
        "socket",
        "tasks",
        "token",
    )

    def __init__(self, handle: int, core: SocketCore, socket: Socket, nsp: Namespace[Any], context: Context) -> None:
        self.handle = handle
        self.core = core
        self.socket = socket
        self.nsp = nsp
        self.context = context
        self.plans: dict[EventName, Plan] = NO_PLANS
        self.blocked = True
        self.begun = False
        self.opening = True
        self.ended = False
        self.running = 0
        self.pumping = False
        self.backlog: deque[Queued] | None = None
        self.leaving: tuple[Reason, str | None, frozenset[str]] | None = None
        self.overdue = False
        self.token: int | None = None
        self.scopes: set[CancelScope] = NO_SCOPES
        self.tasks: set[CancelScope] = NO_SCOPES
        self.replan()

    def move(self, nsp: Namespace[Any], socket: Socket) -> None:
        """The namespace that the client asked for exists now, and so does the socket that handlers get."""
        self.nsp = nsp
        self.socket = socket
        self.replan()

    def replan(self) -> None:
        """Chooses where plans come from, after the socket's own handlers or gates have changed: the namespace's own dict,
        a dict of plans made of both tables, or nowhere if every event must pass gates."""
        socket = self.socket
        own = socket._table
        if socket._hooks.slow() or self.nsp._hooks.slow():
            self.plans = NO_PLANS
        elif own is None or not own.has_events():
            self.plans = self.nsp._table.plans
        else:
            self.plans = {}

    def resolve(self, name: EventName) -> tuple[Handler, ...]:
        """The handlers of an event of the client, the namespace's before the socket's own; those of ``*`` if there are
        none. Keeps the plan if there is one to keep."""
        space: HandlerTable = self.nsp._table
        own: HandlerTable | None = self.socket._table
        found = self.listeners(name)
        if not found:
            return space.rest() if own is None else (*space.rest(), *own.rest())
        if (
            own is not None
            and len(found) == 1
            and found[0].plain
            and self.plans is not space.plans
            and self.plans is not NO_PLANS
        ):
            self.plans[name] = found[0].plan()
        return found

    def listeners(self, name: EventName) -> tuple[Handler, ...]:
        """The handlers of that name alone, the namespace's before the socket's own."""
        found: tuple[Handler, ...] = self.nsp._table.handlers(name)
        own: HandlerTable | None = self.socket._table
        return found if own is None else (*found, *own.handlers(name))

    def take_once(self, name: EventName, handler: Handler) -> bool:
        """Removes a ``once`` handler before it runs. False: somebody was faster, it must not run."""
        table: HandlerTable | None = self.socket._table if handler.bare else self.nsp._table
        return table is not None and table.take_once(name, handler)

    def stop_handlers(self) -> None:
        """The socket has left: its handlers with ``cancel_on_disconnect`` are cancelled."""
        for scope in tuple(self.scopes):
            scope.cancel()

    def stop_tasks(self) -> None:
        """Nothing of the socket comes any more: what ``start_soon`` began is cancelled."""
        for scope in tuple(self.tasks):
            scope.cancel()

    def wait(self, item: Queued) -> None:
        """Puts an event at the end, counted against the session's bound again."""
        backlog = self.backlog
        if backlog is None:
            backlog = self.backlog = deque()
        backlog.append(item)
        self.core.hold(1, item[5])

    def next(self) -> Queued | None:
        """The event that waits longest, or None."""
        if not self.backlog:
            return None
        item = self.backlog.popleft()
        self.core.release(1, item[5])
        return item

    def drop(self) -> int:
        """Drops what waits. Returns how many events that were."""
        backlog = self.backlog
        if not backlog:
            return 0
        count = len(backlog)
        self.core.release(count, sum(item[5] for item in backlog))
        backlog.clear()
        return count
