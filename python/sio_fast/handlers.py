"""Handlers and the tables that hold them: what a signature takes, which handler an event has, in which order.

Refuses to know how a handler is run. A *plan* is the precompiled form of the usual case (one handler without options and
without ``Ack``), a tuple because the dispatcher takes it apart for every event.
"""

from __future__ import annotations

import functools
import inspect
import sys
from typing import TYPE_CHECKING, Any, Final, TypeAlias, get_args

from .ack import Ack
from .types import CONNECT_EVENTS, LIFECYCLE_EVENTS, EventName, event_name

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = (
    "CATCH_ALL",
    "NO_PLANS",
    "Handler",
    "HandlerTable",
    "Plan",
    "is_async",
    "positional_range",
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
        fn: The function.
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
        "_ack",
        "bare",
        "cancel_on_disconnect",
        "catch_all",
        "concurrent",
        "fn",
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
    ) -> None:
        low, high, self._ack = _shape(fn)
        for wanted, what in ((not bare, "the socket"), (catch_all, "the name of the event")):
            if not wanted:
                continue
            if high < 1:
                raise TypeError(
                    f"{_named(fn)} takes {'no argument' if not bare else 'too few arguments'}; "
                    f"a handler gets {what} first: {_named(fn)}({'socket' if not bare else 'event'}, …)"
                )
            low, high = max(low - 1, 0), high if high == sys.maxsize else high - 1
        self.fn = fn
        self.is_async = is_async(fn)
        if thread and self.is_async:
            raise TypeError(f"{_named(fn)} is async; thread=True is for plain functions")
        if cancel_on_disconnect and not self.is_async:
            raise TypeError(f"{_named(fn)} is a plain function; cancel_on_disconnect=True is for async ones")
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
        return self._ack is not None

    @property
    def plain(self) -> bool:
        """True if it can have a plan."""
        return self._ack is None and not (
            self.once or self.concurrent or self.thread or self.cancel_on_disconnect or self.catch_all
        )

    def plan(self) -> Plan:
        """The precompiled form."""
        return (self.fn, self.is_async, self.low, self.high, self.bare)

    def arguments(
        self, socket: object, name: EventName, args: tuple[Any, ...], ack: Ack
    ) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """What it is called with for one event, by position and by name."""
        head: tuple[Any, ...] = () if self.bare else (socket,)
        full = (*head, name, *args) if self.catch_all else (*head, *args)
        if self._ack is None:
            return full, _NO_NAMES
        index, parameter = self._ack
        if index is None or index > len(full):
            return full, {parameter: ack}
        return (*full[:index], ack, *full[index:]), _NO_NAMES


class HandlerTable:
    """The handlers of one namespace, or of one socket.

    Args:
        bare: True for a socket's own table: its handlers go without the socket.

    Attributes:
        plans: Plans of all events that have one. One dict for the table's whole life.
    """

    __slots__ = ("_bare", "_lists", "_rest", "plans")

    def __init__(self, *, bare: bool) -> None:
        self._bare = bare
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
            if handler.fn == checked:
                raise ValueError(f"{_named(checked)} is registered for {name!r} already")
        made = Handler(
            checked,
            bare=self._bare,
            once=once,
            concurrent=concurrent,
            thread=thread,
            cancel_on_disconnect=cancel_on_disconnect,
            catch_all=name == CATCH_ALL,
        )
        if made.manual and name in LIFECYCLE_EVENTS:
            raise TypeError(f"{name!r} is an event of the library; nobody waits for an Ack of it")
        self._set(name, (*held, made))

    def remove(self, event: object, fn: object = None) -> None:
        """Takes ``fn``, or every handler, from ``event``. Something unknown: does nothing, as in the official server."""
        name = canonical_name(event)
        held = self._rest if name == CATCH_ALL else self._lists.get(name, ())
        self._set(name, () if fn is None else tuple(handler for handler in held if handler.fn != fn))

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
        if handlers:
            self._lists[name] = handlers
        else:
            self._lists.pop(name, None)
        from_clients = name == "error" or name not in LIFECYCLE_EVENTS
        if from_clients and len(handlers) == 1 and handlers[0].plain:
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
    return _shape(fn)[:2]


def _shape(fn: Callable[..., Any]) -> tuple[int, int, tuple[int | None, str] | None]:
    """Least and most positional arguments that ``fn`` takes, and where its :class:`Ack` goes: the position (None behind
    ``*args``) and the name."""
    try:
        parameters = inspect.signature(fn).parameters.values()
    except ValueError:  # builtins without a text signature: let them judge for themselves
        return 0, sys.maxsize, None
    low, high, position = 0, 0, 0
    ack: tuple[int | None, str] | None = None
    for parameter in parameters:
        positional = parameter.kind in (parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD)
        if ack is None and (positional or parameter.kind is parameter.KEYWORD_ONLY) and _is_ack(fn, parameter):
            ack = (position if positional else None, parameter.name)
            if parameter.kind is parameter.POSITIONAL_ONLY:
                low = position  # it cannot be given by name, so everything before it must be there
        elif parameter.kind is parameter.VAR_POSITIONAL:
            high = sys.maxsize
        elif positional:
            position += 1
            high = high if high == sys.maxsize else high + 1
            low += parameter.default is parameter.empty
        elif parameter.kind is parameter.KEYWORD_ONLY and parameter.default is parameter.empty:
            raise TypeError(f"{_named(fn)} needs {parameter.name!r} by name; events bring arguments by position only")
    return low, high, ack


def _is_ack(fn: Callable[..., Any], parameter: inspect.Parameter) -> bool:
    """True if a parameter is annotated :class:`Ack`, maybe with ``| None``. Text that names nothing at run time, as an
    import under ``TYPE_CHECKING`` leaves it, is judged by its last word."""
    annotation: Any = parameter.annotation
    if not isinstance(annotation, str):
        return annotation is Ack or Ack in get_args(annotation)
    known: dict[str, Any] = getattr(_innermost(fn), "__globals__", _NO_NAMES)
    for part in annotation.split("|"):
        word = part.strip(" '\"")
        if word in known:
            if known[word] is Ack:
                return True
        elif word.rpartition(".")[2] == "Ack":
            return True
    return False


def _innermost(fn: Callable[..., Any]) -> Callable[..., Any]:
    """The function below partials, wrappers and objects that can be called."""
    while isinstance(fn, functools.partial):
        fn = fn.func
    fn = inspect.unwrap(fn)
    return fn if hasattr(fn, "__globals__") else getattr(fn, "__call__", fn)  # noqa: B004 - its function is wanted


def _named(fn: Callable[..., Any]) -> str:
    return str(getattr(fn, "__qualname__", None) or repr(fn))
