"""``Ack``: the answer to one event, given by hand. Refuses to know who waits for it and who else may give it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from ._core import SocketCore

__all__ = ("Ack",)


class Ack:
    """The acknowledgement of one event, as the callback is that the official server's handlers get last.

    A handler gets it by a parameter annotated ``Ack``, in any position, behind ``*args`` as a keyword. Such a handler
    answers when it calls it, early or late, and what it returns answers nothing. The first call wins, whichever handler
    makes it; later ones do nothing, and neither does the call if the client asked for no answer or has left. Safe from
    any thread.

    Attributes:
        requested: True if the client waits for an answer; ``bool(ack)`` says the same.
    """

    __slots__ = ("_core", "_tickets", "requested")

    _given_as: ClassVar[str] = "ack"

    def __init__(self, core: SocketCore, ack_id: int) -> None:
        self._core = core
        # Taking the one ticket is what decides between two threads: a list's pop is atomic.
        self._tickets = [ack_id] if ack_id >= 0 else []
        self.requested = ack_id >= 0

    def __call__(self, *values: Any) -> None:
        """Answers, with any number of values.

        Args:
            *values: What the client's callback gets.

        Raises:
            TypeError: A value cannot be encoded; nothing is answered then.
            ValueError: Nested too deep, or too many attachments; nothing is answered then.
        """
        try:
            ack_id = self._tickets.pop()
        except IndexError:
            return
        try:
            self._core.ack(ack_id, values)
        except BaseException:
            self._tickets.append(ack_id)
            raise

    @property
    def done(self) -> bool:
        """True once an answer was given."""
        return self.requested and not self._tickets

    def __bool__(self) -> bool:
        return self.requested

    def __repr__(self) -> str:
        return f"<Ack requested={self.requested} done={self.done}>"
