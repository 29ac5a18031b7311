"""What sees every event of a namespace or of a socket: listeners of any event, gates, wraps, and who hears of errors.

Refuses to know when they are called. Nobody without one pays for them: an event takes the long way only where some exist.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

from .arguments import is_async
from .handlers import require_callable

if TYPE_CHECKING:
    from collections.abc import Callable

    from .types import H

__all__ = ("NO_HOOKS", "Hooks", "Listening")

_Functions: TypeAlias = "tuple[Callable[..., Any], ...]"


class Hooks:
    """The functions of one namespace, or of one socket, each kind in order of their turn.

    Attributes:
        incoming: Listeners of any event that comes.
        outgoing: Listeners of any event that goes.
        gates: ``use_event`` of a namespace, ``use`` of a socket.
        wraps: ``around_event``, the outermost first.
        errors: ``on_error`` by the type of the exception.
    """

    __slots__ = ("errors", "gates", "incoming", "outgoing", "wraps")

    def __init__(self) -> None:
        self.incoming: _Functions = ()
        self.outgoing: _Functions = ()
        self.gates: _Functions = ()
        self.wraps: _Functions = ()
        self.errors: dict[type[BaseException], _Functions] = {}

    def inherit(self, parent: Hooks) -> None:
        """Puts the functions that ``parent`` has now before its own."""
        self.incoming = (*parent.incoming, *self.incoming)
        self.outgoing = (*parent.outgoing, *self.outgoing)
        self.gates = (*parent.gates, *self.gates)
        self.wraps = (*parent.wraps, *self.wraps)
        for kind, functions in parent.errors.items():
            self.errors[kind] = (*functions, *self.errors.get(kind, ()))

    def slow(self) -> bool:
        """True if every event must take the long way."""
        return bool(self.incoming or self.gates or self.wraps)

    def of_error(self, error: BaseException) -> _Functions:
        """The ``on_error`` functions for the most specific type of an exception that has some."""
        for kind in type(error).__mro__:
            found = self.errors.get(kind)
            if found:
                return found
        return ()

    def add_error(self, kind: object, fn: Callable[..., Any]) -> None:
        """Registers ``fn`` for a type of exceptions.

        Raises:
            TypeError: ``kind`` is no type of exceptions, or ``fn`` not callable.
            ValueError: It is registered for that type already.
        """
        if not (isinstance(kind, type) and issubclass(kind, BaseException)):
            raise TypeError(f"on_error takes a type of exceptions: on_error(Exception), not {kind!r:.50}")
        held = self.errors.get(kind, ())
        if require_callable(fn, "an error handler") in held:
            raise ValueError(f"{fn!r:.80} is registered for {kind.__name__} already")
        self.errors[kind] = (*held, fn)


NO_HOOKS = Hooks()
"""Those of a socket that has none. Nobody may write into it."""


class Listening:
    """Base of what events can be listened to on, whatever their name: server, namespace and socket.

    A namespace's listener is ``fn(socket, event, *args)``, a socket's ``fn(event, *args)``; acknowledgements are not among
    the arguments. All of these methods belong on the server's loop, or before its start.
    """

    __slots__ = ()

    def _hooks_to_read(self) -> Hooks:
        raise NotImplementedError

    def _hooks_to_change(self) -> Hooks:
        return self._hooks_to_read()

    def _hooks_changed(self) -> None:
        raise NotImplementedError

    def on_any(self, fn: H, /) -> H:
        """Adds a listener of every event that comes, handled or not, before middlewares. Also a decorator.

        Sync or async; those of the namespace run before the socket's own, one after the other, and the event goes on when
        they have returned. An error of theirs is reported and holds nothing up. The official server's ``onAny``.

        Raises:
            TypeError: ``fn`` is not callable.
        """
        hooks = self._hooks_to_change()
        hooks.incoming = (*hooks.incoming, require_callable(fn, "a listener"))
        self._hooks_changed()
        return fn

    def prepend_any(self, fn: H, /) -> H:
        """The same as :meth:`on_any`, before the listeners there are. The official server's ``prependAny``.

        Raises:
            TypeError: ``fn`` is not callable.
        """
        hooks = self._hooks_to_change()
        hooks.incoming = (require_callable(fn, "a listener"), *hooks.incoming)
        self._hooks_changed()
        return fn

    def off_any(self, fn: Callable[..., Any] | None = None, /) -> None:
        """Removes a listener of :meth:`on_any`, or all. Something unknown: does nothing. ``offAny``."""
        hooks = self._hooks_to_read()
        if hooks.incoming:
            hooks.incoming = _without(hooks.incoming, fn)
            self._hooks_changed()

    def listeners_any(self) -> list[Callable[..., Any]]:
        """The listeners of :meth:`on_any` in order, as a list of their own. The official server's ``listenersAny``."""
        return list(self._hooks_to_read().incoming)

    def on_any_outgoing(self, fn: H, /) -> H:
        """Adds a listener of every event that is emitted to the socket, broadcasts among them. Also a decorator.

        Plain functions only, since ``emit`` does not wait: they run before it returns, or, if another thread emits, soon
        on the server's loop. Acknowledgements are no events. The official server's ``onAnyOutgoing``.

        Raises:
            TypeError: ``fn`` is not callable, or async.
        """
        hooks = self._hooks_to_change()
        hooks.outgoing = (*hooks.outgoing, _plain(fn))
        self._hooks_changed()
        return fn

    def prepend_any_outgoing(self, fn: H, /) -> H:
        """The same as :meth:`on_any_outgoing`, before the listeners there are. ``prependAnyOutgoing``.

        Raises:
            TypeError: ``fn`` is not callable, or async.
        """
        hooks = self._hooks_to_change()
        hooks.outgoing = (_plain(fn), *hooks.outgoing)
        self._hooks_changed()
        return fn

    def off_any_outgoing(self, fn: Callable[..., Any] | None = None, /) -> None:
        """Removes a listener of :meth:`on_any_outgoing`, or all. Something unknown: does nothing. ``offAnyOutgoing``."""
        hooks = self._hooks_to_read()
        if hooks.outgoing:
            hooks.outgoing = _without(hooks.outgoing, fn)
            self._hooks_changed()

    def listeners_any_outgoing(self) -> list[Callable[..., Any]]:
        """The listeners of :meth:`on_any_outgoing` in order. The official server's ``listenersAnyOutgoing``."""
        return list(self._hooks_to_read().outgoing)


def _plain(fn: object) -> Callable[..., Any]:
    checked = require_callable(fn, "a listener")
    if is_async(checked):
        raise TypeError("a listener of outgoing events is a plain function: emit() does not wait for it")
    return checked


def _without(functions: _Functions, fn: Callable[..., Any] | None) -> _Functions:
    """All but the first that is ``fn``; nothing is left if it is None."""
    if fn is None:
        return ()
    if fn not in functions:
        return functions
    index = functions.index(fn)
    return (*functions[:index], *functions[index + 1 :])
