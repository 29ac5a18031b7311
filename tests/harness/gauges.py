"""What `io.stats()` must say once every client is gone, and the wait until it does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from harness.process import ServerProcess

__all__ = ["GAUGES", "expect_empty"]

GAUGES = ("sessions", "sockets", "rooms", "bytes_queued", "events_queued")


def expect_empty(server: ServerProcess) -> dict[str, Any]:
    """Every gauge returns to zero, and by itself: nobody is connected any more. Returns the stats that say so."""
    last: dict[str, Any] = {}

    def empty() -> bool:
        last.update(server.command("stats"))
        return all(last[name] == 0 for name in GAUGES)

    try:
        server.eventually(empty, "its gauges to return to zero")
    except AssertionError as exc:
        raise AssertionError(f"gauges: {last}\n{exc}") from None
    return last
