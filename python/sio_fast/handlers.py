"""Handlers and the tables that hold them: what a signature takes, which handler an event has, in which order.

Refuses to know how a handler is run. A *plan* is the precompiled form of the usual case (one handler, not ``once``, not
``concurrent``), a tuple because the dispatcher takes it apart for every event.
"""

from __future__ import annotations

import functools
import inspect
import sys
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from .types import CONNECT_EVENTS, LIFECYCLE_EVENTS, EventName, event_name

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ("NO_PLANS", "Handler", "HandlerTable", "Plan", "is_async", "positional_range", "require_callable")

Plan: TypeAlias = "tuple[Callable[..., Any], bool, int, int, bool]"
"""Function, is it a coroutine function, least and most arguments of the event, does it go without the socket."""

NO_PLANS: Final[dict[EventName, Plan]] = {}
"""For sockets whose events must take the long way. Nobody may write into it."""


class Handler:
    """One registered function.

    Attributes:
        fn: The function.
        is_async: True if calling it gives a coroutine.
        low: Least number of the event's arguments.
        high: Most of them.
        bare: True if it goes without the socket (it was registered on one).
        once: True if the first event takes it away.
        concurrent: True if it does not hold back later events of its socket.
    """

    __slots__ = ("bare", "concurrent", "fn", "high", "is_async", "low", "once")

    def __init__(self, fn: Callable[..., Any], *, bare: bool, once: bool, concurrent: bool) -> None:
        low, high = positional_range(fn)
        if not bare:
            if high < 1:
                raise TypeError(
                    f"{_named(fn)} takes no argument; a handler gets the socket first: {_named(fn)}(socket, …)"
                )
            low, high = max(low - 1, 0), high if high == sys.maxsize else high - 1
        self.fn = fn
        self.is_async = is_async(fn)
        self.low = low
        self.high = high
        self.bare = bare
        self.once = once
        self.concurrent = concurrent

    def plan(self) -> Plan:
        """The precompiled form."""
        return (self.fn, self.is_async, self.low, self.high, self.bare)


class HandlerTable:
    """The handlers of one namespace, or of one socket.

    Args:
        bare: True for a socket's own table: its handlers go without the socket.

    Attributes:
        plans: Plans of all events that have one. One dict for the table's whole life.
    """

    __slots__ = ("_bare", "_lists", "plans")

    def __init__(self, *, bare: bool) -> None:
        self._bare = bare
        self._lists: dict[EventName, tuple[Handler, ...]] = {}
        self.plans: dict[EventName, Plan] = {}

    def add(self, event: object, fn: object, *, once: bool = False, concurrent: bool = False) -> None:
        """Registers ``fn`` behind the handlers that ``event`` has.

        Raises:
            TypeError: ``fn`` is not callable, or its signature cannot take what an event brings.
            ValueError: It is registered for that event already.
        """
        name = canonical_name(event)
        checked = require_callable(fn, f"the handler of {name!r}")
        if concurrent and name in LIFECYCLE_EVENTS:
            raise TypeError(f"{name!r} is an event of the library; its handlers cannot be concurrent")
        held = self._lists.get(name, ())
        for handler in held:
            if handler.fn == checked:
                raise ValueError(f"{_named(checked)} is registered for {name!r} already")
        self._set(name, (*held, Handler(checked, bare=self._bare, once=once, concurrent=concurrent)))

    def remove(self, event: object, fn: object = None) -> None:
        """Takes ``fn``, or every handler, from ``event``. Something unknown: does nothing, as in the official server."""
        name = canonical_name(event)
        held = self._lists.get(name, ())
        self._set(name, () if fn is None else tuple(handler for handler in held if handler.fn != fn))

    def take_once(self, name: EventName, handler: Handler) -> bool:
        """Removes a ``once`` handler before it runs. False: somebody was faster, it must not run."""
        held = self._lists.get(name, ())
        if handler not in held:
            return False
        self._set(name, tuple(other for other in held if other is not handler))
        return True

    def inherit(self, parent: HandlerTable) -> None:
        """Puts the handlers that ``parent`` has now before its own."""
        for name, handlers in parent._lists.items():
            self._set(name, (*handlers, *self._lists.get(name, ())))

    def handlers(self, name: EventName) -> tuple[Handler, ...]:
        """The handlers of an event in order of registration: a snapshot, safe while others register."""
        return self._lists.get(name, ())

    def has_events(self) -> bool:
        """True if there are handlers for what clients send, not only for the library's own events."""
        return any(name == "error" or name not in LIFECYCLE_EVENTS for name in self._lists)

    def _set(self, name: EventName, handlers: tuple[Handler, ...]) -> None:
        if handlers:
            self._lists[name] = handlers
        else:
            self._lists.pop(name, None)
        from_clients = name == "error" or name not in LIFECYCLE_EVENTS
        if from_clients and len(handlers) == 1 and not (handlers[0].once or handlers[0].concurrent):
            self.plans[name] = handlers[0].plan()
        else:
            self.plans.pop(name, None)


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


def is_async(fn: Callable[..., Any]) -> bool:
    """True if calling ``fn`` gives a coroutine: also for partials, methods and objects with an async ``__call__``."""
    while isinstance(fn, functools.partial):
        fn = fn.func
    return inspect.iscoroutinefunction(fn) or inspect.iscoroutinefunction(getattr(fn, "__call__", None))  # noqa: B004


def positional_range(fn: Callable[..., Any]) -> tuple[int, int]:
    """Least and most positional arguments that ``fn`` takes.

    Raises:
        TypeError: It needs an argument by name, which no event can bring.
    """
    try:
        parameters = inspect.signature(fn).parameters.values()
    except ValueError:  # builtins without a text signature: let them judge for themselves
        return 0, sys.maxsize
    low, high = 0, 0
    for parameter in parameters:
        if parameter.kind is parameter.VAR_POSITIONAL:
            high = sys.maxsize
        elif parameter.kind in (parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD):
            high = high if high == sys.maxsize else high + 1
            low += parameter.default is parameter.empty
        elif parameter.kind is parameter.KEYWORD_ONLY and parameter.default is parameter.empty:
            raise TypeError(f"{_named(fn)} needs {parameter.name!r} by name; events bring arguments by position only")
    return low, high


def _named(fn: Callable[..., Any]) -> str:
    return str(getattr(fn, "__qualname__", None) or repr(fn))
