"""What an engine of validation does for us: makes values of one type. Refuses to know engines and events."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from .exceptions import PayloadFault

__all__ = ("Reader", "Unfit", "Unreadable", "too_deep")


class Unfit(Exception):
    """A value does not fit its type; the faults say where, seen from the value."""

    def __init__(self, faults: list[PayloadFault]) -> None:
        super().__init__(faults)
        self.faults = faults


class Unreadable(Exception):
    """An engine's own reader refuses JSON that is valid to us: lone surrogates, or nested deeper than it follows. The
    decoded value is to be converted instead."""


class Reader(Protocol):
    """Makes values of one type."""

    def read(self, raw: bytes) -> Any:
        """From JSON. Raises :class:`Unfit` or :class:`Unreadable`."""
        ...

    def convert(self, value: Any) -> Any:
        """From what JSON gives, and bytes. Raises :class:`Unfit`."""
        ...


def too_deep() -> Unfit:
    """The interpreter's limit on recursion ended the conversion of a value."""
    return Unfit([{"location": (), "message": "nested too deep", "type": "too_deep"}])
