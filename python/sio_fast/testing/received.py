"""An event as a test client got it: the arguments, and how to answer it. Refuses to know how it came."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, Self, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from ..types import EventName

__all__ = ("Received",)

A = TypeVar("A")


class Received(tuple[Any, ...], Generic[A]):  # noqa: SLOT001 - a tuple's subclass has no room for slots
    """The arguments of an event from the server: a tuple, always, however many there are.

    ``assert await a.expect("news") == ("hello", 1)`` compares them; an event without arguments is ``()``.

    Attributes:
        event: Its name.
        ack_requested: True if the server waits for an answer; see :meth:`ack`.
    """

    event: EventName
    ack_requested: bool
    _answer: Callable[[tuple[Any, ...]], A] | None

    def __new__(  # noqa: D102 - the class says it
        cls, event: EventName, args: Iterable[Any], answer: Callable[[tuple[Any, ...]], A] | None
    ) -> Self:
        self = super().__new__(cls, args)
        self.event = event
        self.ack_requested = answer is not None
        self._answer = answer
        return self

    def ack(self, *values: Any) -> A:
        """Answers the server's ``emit_with_ack``. It is sent when this returns; awaiting it is optional and waits until the
        server has settled, for which a :class:`SyncTestClient` always waits.

        Raises:
            RuntimeError: The server asked for no answer, or has got it.
        """
        if self._answer is None:
            why = "has been answered" if self.ack_requested else "wants no answer: it was not sent by emit_with_ack"
            raise RuntimeError(f"event {self.event!r} {why}")
        answer, self._answer = self._answer, None
        return answer(values)

    def __repr__(self) -> str:
        mark = ", ack requested" if self.ack_requested else ""
        return f"<{self.event!r}{mark}: {super().__repr__()}>"
