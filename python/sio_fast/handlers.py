"""Handlers and the tables that hold them: which handlers an event has, in which order, and what each is called with.

Refuses to know how a handler is run and what is done to it when it is registered. A *plan* is the precompiled form of the
usual case (one handler without options, checks and ``Ack``), a tuple because the dispatcher takes it apart for every event.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Final, TypeAlias, cast

from .arguments import is_async, named, shape_of
from .preparation import UNPREPARED
from .raw_names import RawNames
from .types import CONNECT_EVENTS, LIFECYCLE_EVENTS, EventName, declared_types, event_name

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from .ack import Ack
    from .preparation import Preparation
    from .socket import Socket
    from .types import Arguments, Packet
    from .validation import Checks

__all__ = (
    "CATCH_ALL",
    "NO_PLANS",
    "Handler",
    "HandlerTable",
    "Plan",
    "require_callable",
)

Plan: TypeAlias = "tuple[Callable[..., Any], bool, int, int, bool]"
"""Function, is it a coroutine function, least and most arguments of the event, does it go without the socket."""

NO_PLANS: Final[dict[EventName, Plan]] = {}
"""For sockets whose events must take the long way. Nobody may write into it."""


CATCH_ALL: Final = "*"
"""Whose handlers get the events that have none of their own."""

_NO_NAMES: Final[dict[str, Any]] = {}


class Handler:
    """One registered function.

    Attributes:
        given: The function.
        fn: What is called for it.
        checks: What makes its arguments of what came, or None: they are taken as they are.
        is_async: True if calling it gives a coroutine.
        low: Least number of the event's arguments.
        high: Most of them.
        bare: True if it goes without the socket (it was registered on one).
        once: True if the first event takes it away.
        concurrent: True if it does not hold back later events of its socket.
        thread: True if it runs in a worker thread.
        cancel_on_disconnect: True if it is cancelled when its socket leaves.
        catch_all: True if it gets the event's name before the arguments.
        manual: True if it answers by an :class:`Ack`.
    """

    __slots__ = (
        "_event",
        "_wanted",
        "bare",
        "cancel_on_disconnect",
        "catch_all",
        "checks",
        "concurrent",
        "fn",
        "given",
        "high",
        "is_async",
        "low",
        "once",
        "thread",
    )

    def __init__(
        self,
        fn: Callable[..., Any],
        *,
        bare: bool,
        once: bool = False,
        concurrent: bool = False,
        thread: bool = False,
        cancel_on_disconnect: bool = False,
        catch_all: bool = False,
        event: object = CATCH_ALL,
        preparation: Preparation = UNPREPARED,
    ) -> None:
        self.given = fn
        fn = preparation.wrapped(fn)
        shape = shape_of(fn, bare=bare)
        low, high, self._wanted = shape.low, shape.high, shape.given
        for wanted, what in ((not bare, "the socket"), (catch_all, "the name of the event")):
            if not wanted:
                continue
            if high < 1:
                raise TypeError(
                    f"{named(fn)} takes {'no argument' if not bare else 'too few arguments'}; "
                    f"a handler gets {what} first: {named(fn)}({'socket' if not bare else 'event'}, …)"
                )
            low, high = max(low - 1, 0), high if high == sys.maxsize else high - 1
        self.fn = fn
        self._event = event
        self.checks: Checks | None = None
        if event_name(event) not in LIFECYCLE_EVENTS:
            self.checks = preparation.checks(fn, shape, (not bare) + catch_all, declared_types(event))
        self.is_async = is_async(fn)
        if thread and self.is_async:
            raise TypeError(f"{named(fn)} is async; thread=True is for plain functions")
        if cancel_on_disconnect and not self.is_async:
            raise TypeError(f"{named(fn)} is a plain function; cancel_on_disconnect=True is for async ones")
        self.low = low
        self.high = high
        self.bare = bare
        self.once = once
        self.concurrent = concurrent
        self.thread = thread
        self.cancel_on_disconnect = cancel_on_disconnect
        self.catch_all = catch_all

    @property
    def manual(self) -> bool:
        """True if it answers by an :class:`Ack`."""
        return any(wanted.kind == "ack" for wanted in self._wanted)

    def wants_of_client(self) -> str | None:
        """What it wants that only an event of a client has."""
        return next((wanted.kind.title() for wanted in self._wanted if wanted.kind in ("ack", "packet")), None)

    @property
    def plain(self) -> bool:
        """True if it can have a plan."""
        return self.checks is None and self.simple

    @property
    def simple(self) -> bool:
        """True if nothing is special about it but maybe what it checks."""
        return not self._wanted and not (
            self.once or self.concurrent or self.thread or self.cancel_on_disconnect or self.catch_all
        )

    def prepared(self, preparation: Preparation) -> Handler:
        """The same function registered with a server."""
        return Handler(
            self.given,
            bare=self.bare,
            once=self.once,
            concurrent=self.concurrent,
            thread=self.thread,
            cancel_on_disconnect=self.cancel_on_disconnect,
            catch_all=self.catch_all,
            event=self._event,
            preparation=preparation,
        )

    def plan(self) -> Plan:
        """The precompiled form."""
        return (self.fn, self.is_async, self.low, self.high, self.bare)

    def arguments(
        self, socket: object, name: EventName, args: Arguments, packet: Packet | None = None, ack: Ack | None = None
    ) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """What it is called with for one event, by position and by name.

        Raises:
            InvalidPayload: The arguments do not fit what it checks. Whatever else a checker raises is passed on.
        """
        if self.checks is not None:
            args = self.checks(name, args)
        head: tuple[Any, ...] = () if self.bare else (socket,)
        full = (*head, name, *args) if self.catch_all else (*head, *args)
        if not self._wanted:
            return full, _NO_NAMES
        placed: list[Any] = list(full)
        names: dict[str, Any] = {}
        inserted = 0
        for kind, place, parameter in self._wanted:
            value = {"ack": ack, "packet": packet, "socket": socket}.get(kind)
            if kind == "handshake":
                value = cast("Socket", socket).handshake
            if place is None or place > len(full):
                names[parameter] = value
            else:
                placed.insert(place + inserted, value)
                inserted += 1
        return tuple(placed), names


class HandlerTable:
    """The handlers of one namespace, or of one socket.

    Args:
        bare: True for a socket's own table: its handlers go without the socket.
        preparation: What its server does with every handler.
        raw_names: Those of its namespace, if it is a socket's.

    Attributes:
        preparation: What its server does with every handler.
        raw_names: Hears of the events that have handlers which check.
        plans: Plans of all events that have one. One dict for the table's whole life.
    """

    __slots__ = ("_bare", "_lists", "_rest", "plans", "preparation", "raw_names")

    def __init__(self, *, bare: bool, preparation: Preparation = UNPREPARED, raw_names: RawNames | None = None) -> None:
        self._bare = bare
        self.raw_names = raw_names or RawNames()
        self.preparation = preparation
        self._lists: dict[EventName, tuple[Handler, ...]] = {}
        # Not in the dict: a client may call an event "*", which is a name like any other.
        self._rest: tuple[Handler, ...] = ()
        self.plans: dict[EventName, Plan] = {}

    def add(
        self,
        event: object,
        fn: object,
        *,
        once: bool = False,
        concurrent: bool = False,
        thread: bool = False,
        cancel_on_disconnect: bool = False,
    ) -> None:
        """Registers ``fn`` behind the handlers that ``event`` has.

        Raises:
            TypeError: ``fn`` is not callable, its signature cannot take what an event brings, or the options do not fit it.
            ValueError: It is registered for that event already.
        """
        name = canonical_name(event)
        checked = require_callable(fn, f"the handler of {name!r}")
        if name in LIFECYCLE_EVENTS and (concurrent or cancel_on_disconnect):
            option = "concurrent" if concurrent else "cancelled on disconnect"
            raise TypeError(f"{name!r} is an event of the library; its handlers cannot be {option}")
        held = self._rest if name == CATCH_ALL else self._lists.get(name, ())
        for handler in held:
            if handler.given == checked:
                raise ValueError(f"{named(checked)} is registered for {name!r} already")
        made = Handler(
            checked,
            bare=self._bare,
            once=once,
            concurrent=concurrent,
            thread=thread,
            cancel_on_disconnect=cancel_on_disconnect,
            catch_all=name == CATCH_ALL,
            event=event,
            preparation=self.preparation,
        )
        if name in LIFECYCLE_EVENTS and (unfit := made.wants_of_client()):
            raise TypeError(f"{name!r} is an event of the library, no packet of a client: there is no {unfit} of it")
        self._set(name, (*held, made))

    def remove(self, event: object, fn: object = None) -> None:
        """Takes ``fn``, or every handler, from ``event``. Something unknown: does nothing, as in the official server."""
        name = canonical_name(event)
        held = self._rest if name == CATCH_ALL else self._lists.get(name, ())
        self._set(name, () if fn is None else tuple(handler for handler in held if handler.given != fn))

    def take_once(self, name: EventName, handler: Handler) -> bool:
        """Removes a ``once`` handler before it runs. False: somebody was faster, it must not run."""
        held = self._rest if handler.catch_all else self._lists.get(name, ())
        if handler not in held:
            return False
        key: EventName = CATCH_ALL if handler.catch_all else name
        self._set(key, tuple(other for other in held if other is not handler))
        return True

    def inherit(self, parent: HandlerTable) -> None:
        """Puts the handlers that ``parent`` has now before its own."""
        for name, handlers in parent._lists.items():
            self._set(name, (*handlers, *self._lists.get(name, ())))
        if parent._rest:
            self._set(CATCH_ALL, (*parent._rest, *self._rest))

    def prepare(self, preparation: Preparation) -> None:
        """Its server is known now: what was registered until here is prepared, all of it or, if that fails, nothing.

        Raises:
            TypeError: As :meth:`add`.
        """
        lists = {name: tuple(each.prepared(preparation) for each in held) for name, held in self._lists.items()}
        rest = tuple(each.prepared(preparation) for each in self._rest)
        self.preparation = preparation
        self._rest = rest
        for name, handlers in lists.items():
            self._set(name, handlers)

    def close(self) -> None:
        """Nothing of its socket comes any more: it wants no arguments raw."""
        left = RawNames()
        for name in self._checking():
            self.raw_names.remove(name)
            left.add(name)
        self.raw_names = left

    def handlers(self, name: EventName) -> tuple[Handler, ...]:
        """The handlers of an event in order of registration: a snapshot, safe while others register."""
        return self._lists.get(name, ())

    def rest(self) -> tuple[Handler, ...]:
        """The handlers of events that have none of their own, in order of registration."""
        return self._rest

    def has_events(self) -> bool:
        """True if there are handlers for what clients send, not only for the library's own events."""
        return bool(self._rest) or any(name == "error" or name not in LIFECYCLE_EVENTS for name in self._lists)

    def _set(self, name: EventName, handlers: tuple[Handler, ...]) -> None:
        if name == CATCH_ALL:
            self._rest = handlers
            return
        if isinstance(name, str):
            before, after = _check(self._lists.get(name, ())), _check(handlers)
            if after and not before:
                self.raw_names.add(name)
            elif before and not after:
                self.raw_names.remove(name)
        if handlers:
            self._lists[name] = handlers
        else:
            self._lists.pop(name, None)
        from_clients = name == "error" or name not in LIFECYCLE_EVENTS
        if from_clients and len(handlers) == 1 and handlers[0].plain:
            self.plans[name] = handlers[0].plan()
        else:
            self.plans.pop(name, None)

    def _checking(self) -> Iterator[str]:
        """The names of the events some of whose handlers check."""
        return (name for name, handlers in self._lists.items() if isinstance(name, str) and _check(handlers))


def _check(handlers: tuple[Handler, ...]) -> bool:
    return any(handler.checks is not None for handler in handlers)


def canonical_name(event: object) -> EventName:
    """The name under which an event's handlers are kept: ``connection`` is ``connect``."""
    name = event_name(event)
    return "connect" if name in CONNECT_EVENTS else name


def require_callable(fn: object, what: str) -> Callable[..., Any]:
    """``fn``, if it can be called.

    Raises:
        TypeError: It cannot.
    """
    if not callable(fn):
        raise TypeError(f"{what} is a function, not {type(fn).__name__}")
    return fn
