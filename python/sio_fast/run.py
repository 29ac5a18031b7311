"""A run: one coroutine of a handler, stepped in its socket's context by whichever worker has it. Refuses to know why.

The first step is taken before there is a run: most handlers never suspend and need none.
"""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Generator
    from contextvars import Context

    from .lane import Lane
    from .types import Arguments, EventName

__all__ = ("NO_SETTLING", "Run", "outcome")

NO_SETTLING: Final = -2
"""An ack id for runs that settle everything themselves; -1 is the core's word for an event that wants no answer."""


class Run:
    """A suspended coroutine. Awaiting it gives the exception that ended it, or None; ``value`` is what it returned.

    The exception is returned, not raised, so that one thrown in from outside (GeneratorExit when a loop is torn down)
    can be told from one that the handler raised.
    """

    __slots__ = ("_context", "_coro", "_first", "ack_id", "args", "holds", "lane", "name", "value")

    def __init__(
        self,
        lane: Lane,
        context: Context,
        coro: Coroutine[Any, Any, Any],
        first: Any,
        name: EventName,
        args: Arguments,
        ack_id: int,
        *,
        holds: bool = True,
    ) -> None:
        self.lane = lane
        self.name = name
        self.args = args
        self.ack_id = ack_id
        self.holds = holds
        self.value: Any = None
        self._context = context
        self._coro = coro
        self._first = first

    def __await__(self) -> Generator[Any, Any, BaseException | None]:
        error, self.value = yield from _drive(self._context.run, self._coro, self._first)
        return error


async def outcome(awaitable: Any) -> tuple[BaseException | None, Any]:
    """Awaits inside a run. Returns ``(exception, None)`` or ``(None, value)``, for the same reason as :class:`Run`."""
    return await _Outcome(awaitable)


class _Outcome:
    __slots__ = ("_awaitable",)

    def __init__(self, awaitable: Any) -> None:
        self._awaitable = awaitable

    def __await__(self) -> Generator[Any, Any, tuple[BaseException | None, Any]]:
        awaitable = self._awaitable
        coro = awaitable if inspect.iscoroutine(awaitable) else awaited(awaitable)
        try:
            first = coro.send(None)
        except StopIteration as stop:
            return None, stop.value
        except BaseException as error:  # noqa: BLE001 - the one who awaits judges it
            return error, None
        return (yield from _drive(_call, coro, first))


async def awaited(awaitable: Any) -> Any:
    """A coroutine of anything that can be awaited."""
    return await awaitable


def _call(step: Callable[[Any], Any], argument: Any) -> Any:
    return step(argument)


def _drive(
    run: Callable[..., Any], coro: Coroutine[Any, Any, Any], first: Any
) -> Generator[Any, Any, tuple[BaseException | None, Any]]:
    """Passes what the coroutine yields to the event loop and what the loop sends or throws back to it."""
    send, throw = coro.send, coro.throw
    step: Callable[[Any], Any]
    yielded = first
    while True:
        try:
            argument = yield yielded
        except GeneratorExit:
            run(coro.close)
            raise
        except BaseException as thrown:  # noqa: BLE001 - it goes to the coroutine
            step, argument = throw, thrown
        else:
            step = send
        try:
            yielded = run(step, argument)
        except StopIteration as stop:
            return None, stop.value
        except BaseException as error:  # noqa: BLE001 - the one who awaits judges it
            return error, None
        finally:
            argument = None
