"""The word that the end of a hosted application begins, and how long it may take. Refuses to know what is ended."""

from __future__ import annotations

import anyio

__all__ = ("Ending",)


class Ending:
    """Begun once; the first grace counts. Loop thread only.

    Attributes:
        grace: Seconds for requests in flight, and then for the application's own shutdown.
    """

    __slots__ = ("_event", "grace")

    def __init__(self) -> None:
        self._event = anyio.Event()
        self.grace = 0.0

    @property
    def begun(self) -> bool:
        """True from the beginning of the end on."""
        return self._event.is_set()

    def begin(self, grace: float) -> None:
        """Begins it, if nobody has."""
        if not self._event.is_set():
            self.grace = grace
            self._event.set()

    async def wait(self) -> None:
        """Waits until it begins."""
        await self._event.wait()
