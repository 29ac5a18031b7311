"""The lifespan of a hosted application: startup before it serves, shutdown after. Refuses to know who serves it.

The servers have one of their own; ours is the same on each, keeps the exception, and has a limit at the end.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Final

import anyio

if TYPE_CHECKING:
    from anyio.abc import TaskGroup

    from ..asgi_types import ASGIApp, Message

__all__ = ("Lifespan",)

# How long we wait for the exception behind a refused startup, and at least for a shutdown.
_SHORT: Final = 1.0

_log = logging.getLogger("sio_fast.app")


class Lifespan:
    """One run of ``app``'s lifespan. Loop thread only.

    Attributes:
        state: What the application keeps for its requests; each gets a copy.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.state: dict[str, Any] = {}
        self._app = app
        self._asked = 0
        self._shutdown = anyio.Event()
        self._started = anyio.Event()
        self._ended = anyio.Event()
        self._refusal: str | None = None
        self._cause: Exception | None = None
        self._supported = True
        self._scope = anyio.CancelScope()

    async def start(self, tasks: TaskGroup) -> None:
        """Returns when the application is ready, or has shown that it knows no lifespan.

        Args:
            tasks: Where it runs until :meth:`stop`.

        Raises:
            RuntimeError: The application refused; its exception is the cause.
        """
        tasks.start_soon(self._run)
        await self._started.wait()
        if self._refusal is None:
            return
        # Frameworks tell the reason as text and raise the exception behind it afterwards.
        with anyio.move_on_after(_SHORT):
            await self._ended.wait()
        why = repr(self._cause) if self._cause is not None else self._refusal
        raise RuntimeError(f"the application's startup failed: {why}") from self._cause

    async def stop(self, grace: float) -> None:
        """Lets the application shut down, in at most ``grace`` seconds but a second at least. Again: nothing happens."""
        self._shutdown.set()
        if not self._supported or self._ended.is_set():
            return
        limit = max(grace, _SHORT)
        with anyio.move_on_after(limit) as scope:
            await self._ended.wait()
        if scope.cancelled_caught:
            _log.warning("the application's shutdown took longer than %g s and is cancelled", limit)
            self._scope.cancel()
            await self._ended.wait()

    async def _run(self) -> None:
        scope = {"type": "lifespan", "asgi": {"version": "3.0", "spec_version": "2.0"}, "state": self.state}
        with self._scope:
            try:
                await self._app(scope, self._receive, self._send)
            except Exception as error:  # noqa: BLE001 - the application's; its meaning depends on the moment
                self._judge(error)
            finally:
                self._started.set()
                self._ended.set()

    def _judge(self, error: Exception) -> None:
        if self._refusal is not None:
            self._cause = error
        elif not self._started.is_set():
            # As the specification has it: to raise is to say that there is none.
            self._supported = False
            _log.debug("the application knows no lifespan: %r", error)
        else:
            self._supported = False
            _log.error("the application's lifespan failed", exc_info=error)

    async def _receive(self) -> Message:
        self._asked += 1
        if self._asked == 1:
            return {"type": "lifespan.startup"}
        await self._shutdown.wait()
        if self._asked == 2:
            return {"type": "lifespan.shutdown"}
        await anyio.sleep_forever()
        raise AssertionError

    async def _send(self, message: Message) -> None:
        kind = message["type"]
        if kind == "lifespan.startup.complete":
            self._started.set()
        elif kind == "lifespan.startup.failed":
            self._refusal = str(message.get("message") or "no reason given")
            self._started.set()
        elif kind == "lifespan.shutdown.complete":
            self._ended.set()
        elif kind == "lifespan.shutdown.failed":
            _log.error("the application's shutdown failed: %s", message.get("message") or "no reason given")
            self._ended.set()
