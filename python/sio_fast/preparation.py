"""What a server does with every handler when it is registered: ``call_wrapper`` first, then its arguments are looked at.

Refuses to know tables and events. A namespace that belongs to no server yet has :data:`UNPREPARED`; its handlers are
prepared when it joins one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from .validation import Validation

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from .arguments import Shape
    from .validation import Checks

__all__ = ("UNPREPARED", "Preparation")


class Preparation:
    """One server's choice.

    Args:
        validation: What is checked.
        wrapper: ``Server(call_wrapper=…)``: gets each handler once and gives what is called instead.

    Raises:
        TypeError: ``wrapper`` is not callable.
    """

    __slots__ = ("_validation", "_wrapper")

    def __init__(self, validation: Validation, wrapper: Callable[[Any], Any] | None) -> None:
        if wrapper is not None and not callable(wrapper):
            raise TypeError(f"call_wrapper is a function of a handler, or None, not {wrapper!r:.50}")
        self._validation = validation
        self._wrapper = wrapper

    def wrapped(self, fn: Callable[..., Any]) -> Callable[..., Any]:
        """What is called for a handler.

        Raises:
            TypeError: The wrapper gave something that cannot be called. What it raises is passed on.
        """
        if self._wrapper is None:
            return fn
        made: object = self._wrapper(fn)
        if not callable(made):
            raise TypeError(f"call_wrapper gave {made!r:.50} for {fn!r:.80}; it must give a function")
        return made

    def checks(self, fn: Callable[..., Any], shape: Shape, heads: int, declared: Sequence[Any]) -> Checks | None:
        """See :meth:`Validation.checks`."""
        return self._validation.checks(fn, shape, heads, declared)


UNPREPARED: Final = Preparation(Validation(None), None)
"""For handlers that nobody can call yet, and for those that the library itself adds."""
