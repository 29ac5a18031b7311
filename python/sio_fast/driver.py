"""The owner of the loop's shard: what waits in the ASGI skin, how it is told, and when the shard must be looked at.

The twin of the native listener's driver, on the application's event loop. Everything calls the shard here and then settles
what the call left behind. Refuses to know ASGI messages, packets and what a deadline is for. Time comes from the function
that it was made with, so that a test may bring its own.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Final

import anyio
from anyio.lowlevel import checkpoint

from .wake import reading, signal

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from ._core import Core
    from .asgi_types import Answer
    from .wake import Signal

__all__ = ("Driver", "Waiting")

# So many connections are told in one turn; then reads and deadlines have theirs.
_TURN: Final = 512
# A look at the deadlines this late means that the loop was blocked: what clients sent meanwhile is read first.
_LATE: Final = 0.05
# Turns of the loop given to the readers then.
_TURNS: Final = 8


class Waiting:
    """A request or a WebSocket that the shard may have news for.

    Attributes:
        written: Something is to be written, or the answer to a poll is there.
        resumed: It may go on reading.
        answer: The answer to a poll.
        cancel: What to call when waiting is in vain.
    """

    __slots__ = ("answer", "cancel", "resumed", "written")

    def __init__(self) -> None:
        self.cancel: Callable[[], object] = _nothing
        self.written = signal()
        self.resumed = signal()
        self.answer: Answer | None = None


def _nothing() -> None:
    """Nobody waits yet."""


class Driver:
    """Owns the shard for one run of the server. Loop thread only.

    Args:
        core: The server's core, started.
        clock: The loop's time in seconds.
        watches: False if somebody else looks at the deadlines, and calls :meth:`expire`.

    Attributes:
        shard: To be called with ``clock()``; what a call may leave behind, :meth:`settle` sees to.
        links: Open WebSockets by the key of their link.
        polls: Polls that hang, by the key of their session.
        posts: What to call when the session of a POST goes on or is over, by its key.
        questions: Requests that wait for the application's word, by the key of the question.
    """

    def __init__(self, core: Core, clock: Callable[[], float], *, watches: bool = True) -> None:
        self.shard = core.open_shard()
        self.clock = clock
        self._watches = watches
        self.links: dict[int, Waiting] = {}
        self.polls: dict[int, Waiting] = {}
        self.posts: dict[int, Callable[[], object]] = {}
        self.questions: dict[int, Signal] = {}
        self._sleep: anyio.CancelScope | None = None
        self._ended = anyio.Event()
        self._requests = 0

    async def run(self) -> None:
        """Looks at the shard whenever it asks for it, until the core has told it to end and nothing is left to do."""
        async with anyio.create_task_group() as tasks:
            if self._watches:
                tasks.start_soon(self._keep_deadlines)
            async with reading(self.shard.fd, self.look):
                self.look()
                await self._ended.wait()
            tasks.cancel_scope.cancel()

    def look(self) -> None:
        """Takes what other threads asked for."""
        self.shard.run_commands(self.clock())
        self.settle()

    def expire(self) -> None:
        """Does what is due."""
        self.shard.expire(self.clock())
        self.settle()

    def settle(self) -> None:
        """Tells everybody for whom the calls so far left something behind."""
        shard, links = self.shard, self.links
        writers, polls, readers, posts, decided, over, more = shard.settle(_TURN)
        for key in writers:
            if (link := links.get(key)) is not None:
                link.written.tell()
        for link in (links[key] for key in readers if key in links):
            link.resumed.tell()
        for link in (links[key] for key in over if key in links):
            link.cancel()
        for post in [self.posts[key] for key in posts if key in self.posts]:
            post()
        for question in (self.questions[key] for key in decided if key in self.questions):
            question.tell()
        for key in polls:
            self.answer_poll(key)
        # Answering a poll may have ended its session.
        if more or polls:
            shard.wake()
        if self._sleep is not None:
            deadline = shard.next_deadline
            self._sleep.deadline = float("inf") if deadline is None else deadline
        if shard.stop_asked:
            self._stop(now=shard.stop_asked > 1)

    def answer_poll(self, session: int) -> None:
        """Gives the poll of a session its answer, if there is one."""
        poll = self.polls.get(session)
        if poll is not None and poll.answer is None:
            poll.answer = self.shard.take_poll(self.clock(), session)
            if poll.answer is not None:
                poll.written.tell()

    async def decided(self, question: int) -> None:
        """Waits until the application has judged a request; whoever is cancelled meanwhile has lost interest."""
        told = self.questions[question] = signal()
        try:
            await told.wait()
        except BaseException:
            self.shard.request_aborted(question)
            self.settle()
            raise
        finally:
            del self.questions[question]

    @contextlib.contextmanager
    def posting(self, session: int, goes_on: Callable[[], object]) -> Generator[None]:
        """Calls ``goes_on`` when the session reads on, is over, or another POST takes the place of this one."""
        earlier = self.posts.get(session)
        self.posts[session] = goes_on
        if earlier is not None:
            earlier()
        try:
            yield
        finally:
            if self.posts.get(session) is goes_on:
                del self.posts[session]

    def begin(self) -> None:
        """A request or a WebSocket begins; the end of the run waits for it."""
        self._requests += 1

    def finish(self) -> None:
        """It has ended."""
        self._requests -= 1
        self.settle()

    def _stop(self, *, now: bool) -> None:
        """Ends the run, if nobody is left who could be told anything."""
        if self._ended.is_set() or (self._requests and not now):
            return
        self._ended.set()
        self.shard.end()
        for waiting in (*self.links.values(), *self.polls.values()):
            waiting.cancel()
        for post in tuple(self.posts.values()):
            post()

    async def _keep_deadlines(self) -> None:
        """Sleeps until the next deadline; :meth:`settle` moves it."""
        shard = self.shard
        while True:
            deadline = shard.next_deadline
            with anyio.CancelScope(deadline=float("inf") if deadline is None else deadline) as self._sleep:
                await anyio.sleep_forever()
            self._sleep = None
            deadline = shard.next_deadline
            if deadline is not None and self.clock() - deadline > _LATE:
                for _ in range(_TURNS):
                    await checkpoint()
            self.expire()
