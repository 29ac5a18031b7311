"""From start to end: opens the core's mailbox, the workers and their wake source, and closes them in order.

Refuses to know what listens: whoever uses it brings a function that does. One object is one run; a server makes a new one
for every start, so that it may start again on another loop or back-end.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeVar

import anyio
import anyio.to_thread

from .background import Background
from .dispatch import Dispatcher
from .failures import Failures
from .socket import current_socket
from .waits import Waits
from .wake import reader

if TYPE_CHECKING:
    from collections.abc import Callable

    from ._core import Core
    from .admission import Admission
    from .registry import Registry
    from .settings import DispatchSettings

__all__ = ("Beside", "Lifetime")

T = TypeVar("T")

_REASON: Final = "server shutting down"
# How long a join may take that nobody waits for gracefully: the I/O thread has been told to drop everything.
_SHORT: Final = 2.0
# What `disconnect` handlers get even without grace: enough to be started.
_LEAST: Final = 0.1

_log = logging.getLogger("sio_fast.server")


class Beside(Protocol):
    """What is served by the same listener and ends with it."""

    def end(self, grace: float) -> None:
        """Begins the end."""

    async def ended(self) -> None:
        """Returns when it is complete."""


class Lifetime:
    """One run of a server. Loop thread only.

    Args:
        core: The server's core, not started.
        registry: The server's namespaces.
        settings: Limits of the dispatcher.
        high_water_mark: Bytes, for those who wait for a drained connection.
        admission: What is asked about requests.

    Attributes:
        waits: Who waits for acknowledgements, drained connections and deadlines of this run.
        background: Tasks of the server itself, which end with the run.
    """

    def __init__(
        self,
        core: Core,
        registry: Registry[Any],
        settings: DispatchSettings,
        high_water_mark: int,
        admission: Admission,
    ) -> None:
        self._core = core
        self.waits = Waits(core, high_water_mark)
        self._dispatcher = Dispatcher(core, self.waits, registry, settings, admission, self._fail)
        self.background = Background(self.waits, Failures(registry.by_name, self._fail, None))
        self._grace = 5.0
        self._failure: BaseException | None = None
        self._broken = False
        self._closing = anyio.Event()
        self._gone = anyio.Event()
        self._ended = anyio.Event()

    async def run(self, listen: Callable[[], T], started: Callable[[T], None], beside: Beside | None = None) -> None:
        """Runs until :meth:`close`. Cancelled, it closes without grace.

        Args:
            listen: Opens the doors; what it raises is raised here, with everything closed again.
            started: Called with what ``listen`` returned.
            beside: Told when an orderly end begins, and awaited before it is complete.
        """
        fd = self._core.start()
        joined = False
        try:
            self.waits.open()
            started(listen())
            async with anyio.create_task_group() as tasks:
                with self.background.within(tasks), reader(fd, self._dispatcher.wake) as by_itself:
                    self._dispatcher.open(tasks, fd, polls=not by_itself)
                    await self._closing.wait()
                    if not self._broken:
                        if beside is not None:
                            beside.end(self._grace)
                        await self._close()
                    tasks.cancel_scope.cancel()
            if not self._broken:
                self._core.join()
                joined = True
                if beside is not None:
                    await beside.ended()
        finally:
            if not joined:
                self._core.shutdown(0.0)
                with anyio.move_on_after(_SHORT, shield=True):
                    await anyio.to_thread.run_sync(self._core.join, abandon_on_cancel=True)
            try:
                self._dispatcher.close(_REASON)
            finally:
                self._gone.set()
                self._ended.set()
        if self._failure is not None:
            raise self._failure

    async def close(self, grace: float) -> None:
        """Ends the run and returns when it has ended; called by a handler, which the end would wait for, when all
        ``disconnect`` handlers are done.

        Args:
            grace: Seconds for flushing what is queued, for handlers to finish, and for ``disconnect`` handlers.
        """
        self.begin_close(grace)
        if current_socket.get(None) is None:
            await self._ended.wait()
        else:
            await self._gone.wait()

    def begin_close(self, grace: float = 5) -> None:
        """Begins the end and returns at once."""
        if not self._closing.is_set():
            self._grace = grace
            self._closing.set()

    def running(self) -> int:
        """Handlers that wait for something now."""
        return self._dispatcher.running()

    async def _close(self) -> None:
        """Closes the sessions, lets handlers see it, and gives running ones what is left of the grace."""
        dispatcher, grace = self._dispatcher, self._grace
        end = anyio.current_time() + grace
        self._core.shutdown(grace)
        with anyio.move_on_after(grace / 2):
            await dispatcher.stopped.wait()
            await dispatcher.until_gone()
        # Half of the grace belongs to the `disconnect` handlers of sockets whose event handlers take too long, counted
        # from now: a loop that was blocked has used up the time of the others, not theirs.
        dispatcher.hurry()
        with anyio.CancelScope(deadline=max(end, anyio.current_time() + max(grace / 2, _LEAST))):
            await dispatcher.stopped.wait()
            await dispatcher.until_gone()
            self._gone.set()
            await dispatcher.until_idle()
        if dispatcher.running():
            _log.warning("%d handlers are cancelled: the grace of %g s is over", dispatcher.running(), grace)
        if not dispatcher.stopped.is_set():
            self._core.shutdown(0.0)
            with anyio.move_on_after(_SHORT):
                await dispatcher.stopped.wait()

    def _fail(self, error: BaseException) -> None:
        """The program is to end: through the normal close, or at once if nothing works any more."""
        if self._failure is None:
            self._failure = error
        if not isinstance(error, KeyboardInterrupt | SystemExit):
            self._broken = True
        self._closing.set()
