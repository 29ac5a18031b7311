"""Errors in the application's code that no code of the application hears of: a line in the log, and whoever listens.

Refuses to know whose error it is and what it does to the client. Who listens is said per context, so that a test hears of its
own server's faults and of no other's.
"""

from __future__ import annotations

from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import logging
    from collections.abc import Callable, Mapping

__all__ = ("listener", "pass_on", "tell")

listener: ContextVar[Callable[[BaseException], None] | None] = ContextVar("sio_fast.faults", default=None)
"""Called with each fault, beside the line in the log. Tasks of a server inherit what was set when it was started."""


def tell(
    log: logging.Logger, text: str, *args: object, error: BaseException, extra: Mapping[str, Any] | None = None
) -> None:
    """Logs ``text % args`` with the traceback of ``error``, and tells who listens."""
    log.error(text, *args, exc_info=error, extra=extra, stacklevel=2)
    pass_on(error)


def pass_on(error: BaseException) -> None:
    """Tells who listens, of what was logged already or needs no traceback there."""
    hear = listener.get()
    if hear is not None:
        hear(error)
