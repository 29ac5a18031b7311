"""What can carry a server under test: its own listener, or an ASGI server. Refuses to know how each of them is started."""

from __future__ import annotations

from typing import Self

__all__ = ("LOOPS", "SKINS", "Backend")

LOOPS = ("asyncio", "uvloop", "trio")
#: The event loops of each; the first one is taken where the loop plays no part.
SKINS = {
    "native": LOOPS,
    "uvicorn": ("asyncio", "uvloop"),
    "uvicorn-sansio": ("asyncio",),
    "uvicorn-wsproto": ("asyncio",),
    "hypercorn": ("trio", "asyncio"),
    "granian": ("asyncio",),
    "daphne": ("asyncio",),
}


class Backend(str):
    """The name of an event loop, with what carries the server on it."""

    __slots__ = ("skin",)
    skin: str

    def __new__(cls, loop: str, skin: str = "native") -> Self:
        made = super().__new__(cls, loop)
        made.skin = skin
        return made

    def __eq__(self, other: object) -> bool:
        # Two servers on one kind of loop are two parameters; to a test it is the loop's name.
        return super().__eq__(other) and getattr(other, "skin", self.skin) == self.skin

    __hash__ = str.__hash__

    @property
    def label(self) -> str:
        """How a test's name has it."""
        return str(self) if self.skin == "native" else f"{self.skin}-{self}"
