"""Whose cancellation is it? Refuses to know what was cancelled.

Only the server's own ends a worker. A handler that awaits a task which somebody cancelled sees the same exception, and on
asyncio a handler can even cancel the task it runs in, which is a worker's.
"""

from __future__ import annotations

import asyncio

import anyio

__all__ = ("is_ours", "undo")


def is_ours() -> bool:
    """True if a cancel scope around the current worker was cancelled: the server ends, or the program around it."""
    return anyio.current_effective_deadline() == float("-inf")


def undo() -> None:
    """Takes back what a handler did to its own task; asyncio would otherwise count it against the worker for ever."""
    try:
        task = asyncio.current_task()
    except RuntimeError:  # not on asyncio
        return
    while task is not None and task.cancelling():
        task.uncancel()
