"""``@on`` for methods of a namespace's class: which method wants which event. Refuses to know servers and sockets."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, Concatenate, Final, Literal, NamedTuple, TypeAlias, TypeVar, overload

from .handlers import require_callable
from .types import Event, H, P, Reason, event_name

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ("Declared", "declared_on", "on")

_MARK: Final = "__sio_fast_events__"

# The namespace and the socket: the class decides which.
_N = TypeVar("_N")
_S = TypeVar("_S")
# Without the default of R, which may not stand before the others.
_R = TypeVar("_R")
_Typed: TypeAlias = Callable[Concatenate[_N, _S, P], "Awaitable[_R] | _R"]
_Connect: TypeAlias = Callable[[_N, _S], "Awaitable[object] | object"]
_Leave: TypeAlias = Callable[[_N, _S, Reason], "Awaitable[object] | object"]


class Declared(NamedTuple):
    """What ``@on`` said about one method."""

    event: Event[..., Any] | str
    options: dict[str, bool]


@overload
def on(
    event: Event[P, _R], /, *, concurrent: bool = ..., thread: bool = ..., cancel_on_disconnect: bool = ...
) -> Callable[[_Typed[_N, _S, P, _R]], _Typed[_N, _S, P, _R]]: ...
@overload
def on(  # type: ignore[overload-overlap]
    event: Literal["connect", "connection"], /, *, thread: bool = ...
) -> Callable[[_Connect[_N, _S]], _Connect[_N, _S]]: ...
@overload
def on(  # type: ignore[overload-overlap]
    event: Literal["disconnect", "disconnecting"], /, *, thread: bool = ...
) -> Callable[[_Leave[_N, _S]], _Leave[_N, _S]]: ...
@overload
def on(
    event: str, /, *, concurrent: bool = ..., thread: bool = ..., cancel_on_disconnect: bool = ...
) -> Callable[[H], H]: ...
def on(event: Any, /, *, concurrent: bool = False, thread: bool = False, cancel_on_disconnect: bool = False) -> Any:
    """Makes a method of a :class:`Namespace` subclass the handler of an event, once ``io.register`` takes an object of it.

    The method gets ``(self, socket, *args)``. Several decorators on one method are allowed. A method that a subclass
    overrides counts as the subclass writes it: without ``@on`` it handles nothing.

    Args:
        event: A name or an :class:`Event`, as for :meth:`Namespace.on`.
        concurrent: True to let later events of the same socket start while it waits.
        thread: True to run a plain method in a worker thread.
        cancel_on_disconnect: True to cancel an async method when its socket leaves.

    Raises:
        TypeError: ``event`` is no name.
    """
    event_name(event)
    options = {"concurrent": concurrent, "thread": thread, "cancel_on_disconnect": cancel_on_disconnect}

    def declare(fn: H) -> H:
        require_callable(fn, "a handler")
        # Decorators run from the lowest to the highest; registered as they are read.
        setattr(fn, _MARK, (Declared(event, options), *getattr(fn, _MARK, ())))
        return fn

    return declare


def declared_on(owner: object) -> Iterator[tuple[Declared, Callable[..., Any]]]:
    """The bound methods of an object that ``@on`` has marked, in the order of their definition, bases first."""
    cls = type(owner)
    names = dict.fromkeys(name for base in reversed(cls.__mro__) for name in vars(base))
    for name in names:
        for declared in getattr(getattr(cls, name, None), _MARK, ()):
            yield declared, getattr(owner, name)
