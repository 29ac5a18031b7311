"""The signals that tell a program to stop, seen on their way to whoever handles them. Refuses to know what they are to do."""

from __future__ import annotations

import contextlib
import signal
import threading
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

__all__ = ("watching",)

_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)


@contextlib.contextmanager
def watching(soon: Callable[[Callable[[], object]], object], stop: Callable[[], object]) -> Generator[None]:
    """Calls ``stop`` on the loop when the program is told to stop and has a handler of its own for that.

    A signal without one is left alone: what Python does with it, ending the program, needs no help of ours. Outside of the
    main thread nothing is seen.

    Args:
        soon: Calls a function on the loop; must be safe in a signal handler.
        stop: Called once or more.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    replaced: list[tuple[signal.Signals, Any, Any]] = []
    for number in _SIGNALS:
        theirs = signal.getsignal(number)
        if callable(theirs) and theirs is not signal.default_int_handler:
            ours = _passing_on(theirs, soon, stop)
            signal.signal(number, ours)
            replaced.append((number, theirs, ours))
    try:
        yield
    finally:
        for number, theirs, ours in replaced:
            # Somebody who came after us keeps the place.
            if signal.getsignal(number) is ours:
                signal.signal(number, theirs)


def _passing_on(
    theirs: Callable[..., object], soon: Callable[[Callable[[], object]], object], stop: Callable[[], object]
) -> Callable[[int, Any], None]:
    def handle(number: int, frame: Any) -> None:
        theirs(number, frame)
        # The loop may be closed already.
        with contextlib.suppress(RuntimeError):
            soon(stop)

    return handle
