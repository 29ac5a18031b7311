"""How a function of the application is called: inline, in a worker thread, or so that it ends with the connection.

Refuses to know what it is called for. Errors are returned, not raised, so that the caller can judge whose they are.
"""

from __future__ import annotations

from functools import partial
from inspect import isawaitable
from typing import TYPE_CHECKING, Any, Final

import anyio
import anyio.to_thread
from anyio.lowlevel import RunVar

from .lane import NO_SCOPES
from .run import outcome
from .sent import Sent

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from .handlers import Handler
    from .lane import Lane
    from .types import Arguments, EventName

__all__ = ("PLAIN", "answer_values", "called", "checked", "invoke", "scoped")

PLAIN: Final = frozenset((type(None), str, int, float, bool, bytes, list, dict, tuple))
"""Results that are surely no awaitable: asking `inspect` costs more than a whole handler."""

_NO_NAMES: Final[dict[str, Any]] = {}
# Threads for handlers with thread=True, of their own so that they wait for no other user of threads; anyio's default.
_THREADS: Final = 40
_limiter: RunVar[anyio.CapacityLimiter] = RunVar("sio_fast.handler_threads")


async def called(
    fn: Callable[..., Any], args: tuple[Any, ...], names: Mapping[str, Any] = _NO_NAMES
) -> tuple[BaseException | None, Any]:
    """Calls a function, sync or async. Returns ``(exception, None)`` or ``(None, value)``."""
    try:
        value = fn(*args, **names)
    except BaseException as error:  # noqa: BLE001 - the caller judges it
        return error, None
    if value.__class__ in PLAIN or isinstance(value, Sent) or not isawaitable(value):
        return None, value
    return await outcome(value)


async def checked(handler: Handler, socket: object, name: EventName, args: Arguments) -> Any:
    """Calls a simple handler with what its checks make of the arguments. Raises what either of them raises."""
    values = args if handler.checks is None else handler.checks(name, args)
    value = handler.fn(*values) if handler.bare else handler.fn(socket, *values)
    return await value if value.__class__ not in PLAIN and not isinstance(value, Sent) and isawaitable(value) else value


async def invoke(
    lane: Lane, handler: Handler, args: tuple[Any, ...], names: Mapping[str, Any] = _NO_NAMES
) -> tuple[BaseException | None, Any]:
    """Calls a handler the way its options say. Returns the same."""
    if handler.thread:
        return await called(_in_thread, (partial(handler.fn, *args, **names),))
    if handler.cancel_on_disconnect:
        if lane.scopes is NO_SCOPES:
            lane.scopes = set()
        scope = anyio.CancelScope()
        if not lane.core.connected:
            scope.cancel()
        lane.scopes.add(scope)
        return await called(scoped, (scope, lane.scopes, partial(handler.fn, *args, **names)))
    return await called(handler.fn, args, names)


async def scoped(scope: anyio.CancelScope, scopes: set[anyio.CancelScope], fn: Callable[[], Any]) -> Any:
    """What ``fn`` returns, or None if ``scope`` is cancelled before; takes the scope out of ``scopes`` afterwards."""
    try:
        with scope:
            value = fn()
            return await value if isawaitable(value) else value
    finally:
        scopes.discard(scope)


async def _in_thread(fn: Callable[[], Any]) -> Any:
    try:
        limiter = _limiter.get()
    except LookupError:
        limiter = anyio.CapacityLimiter(_THREADS)
        _limiter.set(limiter)
    # Abandoned when the server ends without more grace: nothing can stop a thread.
    return await anyio.to_thread.run_sync(fn, abandon_on_cancel=True, limiter=limiter)


def answer_values(value: Any) -> tuple[Any, ...]:
    """What a handler's result sends as the acknowledgement: None nothing, a tuple its items, anything else itself."""
    if value is None or isinstance(value, Sent):
        return ()
    if isinstance(value, tuple):
        return (*value,)  # pyright: ignore[reportUnknownVariableType] - whatever the handler made
    return (value,)
