"""Who waits for what: acknowledgements, drained connections, deadlines. Refuses to know handlers and how notices arrive.

One object per run of a server. Sockets put waiters in, the dispatcher settles them as notices come; both on the loop's
thread, so nothing here is locked. Deadlines are the core's: Python sleeps for none of them.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from typing import TYPE_CHECKING, Any

import anyio
from anyio.lowlevel import checkpoint

from .exceptions import AckTimeout, DisconnectedError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ._core import Core, SocketCore

__all__ = ("Waits", "core_drained", "process_drained")

# How long somebody who may not wait for a notice (another loop, or bytes of the whole process) sleeps between two looks.
# A queue of 1 MiB leaves in about that time on loopback.
_GENTLE = 0.02


class _Waiter:
    """Somebody asleep: woken with values or with an error."""

    __slots__ = ("error", "event", "handle", "values")

    def __init__(self, handle: int) -> None:
        self.handle = handle
        self.event = anyio.Event()
        self.values: Sequence[Any] = ()
        self.error: Exception | None = None

    def settle(self, values: Sequence[Any]) -> None:
        self.values = values
        self.event.set()

    def fail(self, error: Exception) -> None:
        if not self.event.is_set():
            self.error = error
            self.event.set()


class _Group:
    """Somebody who waits for the answers of many: for those who are missing neither by answer nor by leaving."""

    __slots__ = ("event", "missing", "responses")

    def __init__(self, cores: Sequence[SocketCore]) -> None:
        self.missing = {core.handle: core for core in cores}
        self.responses: list[Any] = []
        self.event = anyio.Event()

    def gone(self, handle: int) -> None:
        if self.missing.pop(handle, None) is not None and not self.missing:
            self.event.set()


class _Share:
    """One client's part in the wait of a group."""

    __slots__ = ("group", "handle")

    def __init__(self, group: _Group, handle: int) -> None:
        self.group = group
        self.handle = handle

    def settle(self, values: Sequence[Any]) -> None:
        self.group.responses.append(values[0] if values else None)
        self.group.gone(self.handle)

    def fail(self, _error: Exception) -> None:
        self.group.gone(self.handle)


class Waits:
    """All that somebody waits for during one run of a server.

    Args:
        core: Keeps the deadlines.
        high_water_mark: Bytes; somebody on another loop goes on below half of it.
    """

    __slots__ = ("_acks", "_core", "_deadlines", "_drains", "_high_water_mark", "_post", "_thread")

    def __init__(self, core: Core, high_water_mark: int) -> None:
        self._core = core
        self._high_water_mark = high_water_mark
        self._thread: int | None = None
        self._post: Callable[[Callable[[], None]], object] | None = None
        self._acks: dict[int, dict[int, _Waiter | _Share]] = {}
        self._drains: dict[int, list[_Waiter]] = {}
        self._deadlines: dict[int, Callable[[], None]] = {}

    def open(self) -> None:
        """The current thread is the loop's from now on."""
        self._thread = threading.get_ident()
        try:
            self._post = asyncio.get_running_loop().call_soon_threadsafe
        except RuntimeError:
            import trio.lowlevel  # noqa: PLC0415 - the other back-end, which need not be installed

            self._post = trio.lowlevel.current_trio_token().run_sync_soon

    def close(self, reason: str) -> None:
        """Nothing will come any more: everybody is woken."""
        self._thread = None
        self._post = None
        for handle in list(self._acks):
            self.left(handle, reason)
        for session in list(self._drains):
            self.drained(session)
        self._deadlines.clear()

    def here(self) -> bool:
        """True on the thread of the loop that the server runs on."""
        return self._thread == threading.get_ident()

    def post(self, action: Callable[[], None]) -> None:
        """Calls ``action`` on the loop soon. From any thread; nothing happens if the server has ended."""
        post = self._post
        if post is not None:
            with contextlib.suppress(RuntimeError):  # the loop has ended between the two lines
                post(action)

    # Waiting.

    async def ack(self, core: SocketCore, ack_id: int, timeout: float | None) -> Any:
        """The client's answer: no value is None, one is itself, several are a tuple.

        Raises:
            AckTimeout: ``timeout`` seconds have passed.
            DisconnectedError: The socket has left.
        """
        handle = core.handle
        waiter = _Waiter(handle)
        self._acks.setdefault(handle, {})[ack_id] = waiter
        token = None
        if timeout is not None:
            error = AckTimeout((), (core.id,))
            token = self.deadline(timeout, lambda: waiter.fail(error))
        try:
            await waiter.event.wait()
        finally:
            if token is not None:
                self.cancel_deadline(token)
            self._forget(core, ack_id)
        if waiter.error is not None:
            raise waiter.error
        values = waiter.values
        if len(values) == 1:
            return values[0]
        return tuple(values) if values else None

    async def acks(self, cores: Sequence[SocketCore], ack_id: int, timeout: float) -> list[Any]:
        """The first value of each client's answer, in order of arrival. Who leaves is no longer waited for.

        Args:
            cores: Those who were asked, at least one.
            ack_id: The id that they all answer.
            timeout: Seconds.

        Raises:
            AckTimeout: Somebody neither answered nor left in time.
        """
        group = _Group(cores)
        for handle in group.missing:
            self._acks.setdefault(handle, {})[ack_id] = _Share(group, handle)
        token = self.deadline(timeout, group.event.set)
        try:
            await group.event.wait()
        finally:
            self.cancel_deadline(token)
            for core in group.missing.values():
                self._forget(core, ack_id)
        if group.missing:
            raise AckTimeout(group.responses, [core.id for core in group.missing.values()])
        return group.responses

    def _forget(self, core: SocketCore, ack_id: int) -> None:
        """An answer that may still be pending is not waited for any more."""
        pending = self._acks.get(core.handle)
        if pending is not None and pending.pop(ack_id, None) is not None:
            core.forget_ack(ack_id)
            if not pending:
                del self._acks[core.handle]

    async def drain(self, core: SocketCore) -> None:
        """Returns when the connection has sent about everything that was queued for it, or the socket is gone."""
        if not self.here():
            await core_drained(core, self._high_water_mark // 2)
            return
        if not (core.connected and core.want_drained()):
            await checkpoint()
            return
        waiter = _Waiter(core.handle)
        self._drains.setdefault(core.session, []).append(waiter)
        await waiter.event.wait()

    def deadline(self, seconds: float, action: Callable[[], None]) -> int:
        """Calls ``action`` on the loop after ``seconds``. Returns a token for :meth:`cancel_deadline`."""
        token = self._core.start_deadline(seconds)
        self._deadlines[token] = action
        return token

    def cancel_deadline(self, token: int) -> None:
        """Forgets it, if it has not come yet."""
        if self._deadlines.pop(token, None) is not None:
            self._core.cancel_deadline(token)

    # What the notices say.

    def answered(self, handle: int, ack_id: int, args: Sequence[Any]) -> None:
        """An ACK came. Late and unknown ones are ignored, as in the official server."""
        pending = self._acks.get(handle)
        if pending is None:
            return
        waiter = pending.pop(ack_id, None)
        if not pending:
            del self._acks[handle]
        if waiter is not None:
            waiter.settle(args)

    def drained(self, session: int) -> None:
        """The queue of a connection is short again."""
        for waiter in self._drains.pop(session, ()):
            waiter.settle(())

    def expired(self, token: int) -> None:
        """A deadline has come."""
        action = self._deadlines.pop(token, None)
        if action is not None:
            action()

    def left(self, handle: int, reason: str, session: int | None = None) -> None:
        """A socket has left: whoever waits for its answers or its queue goes on."""
        for waiter in self._acks.pop(handle, {}).values():
            waiter.fail(DisconnectedError(reason))
        waiting = None if session is None else self._drains.get(session)
        if session is None or waiting is None:
            return
        staying = [waiter for waiter in waiting if waiter.handle != handle]
        for waiter in waiting:
            if waiter.handle == handle:
                waiter.settle(())
        if staying:
            self._drains[session] = staying
        else:
            del self._drains[session]


async def core_drained(core: SocketCore, mark: int) -> None:
    """The same as :meth:`Waits.drain` for a foreign loop, which no notice reaches.

    Args:
        core: The socket.
        mark: Bytes below which it goes on.
    """
    await checkpoint()
    while core.connected and core.buffered_amount > mark:  # noqa: ASYNC110 - no notice reaches a foreign loop
        await anyio.sleep(_GENTLE)


async def process_drained(core: Core) -> None:
    """Returns when the process as a whole has fewer bytes queued than its bound."""
    await checkpoint()
    while core.congested:  # noqa: ASYNC110 - no notice tells of the whole process
        await anyio.sleep(_GENTLE)
