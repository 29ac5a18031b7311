"""A shop's orders: typed events, validated, and dependencies that fast-depends fills.

``call_wrapper=inject`` wraps every handler once. What is annotated with ``Depends`` comes from there, everything else from
the client, checked. Needs ``pip install fast-depends 'sio-fast[pydantic]'``; run it with ``python examples/injection.py``
and connect any Socket.IO client to port 3000 (or ``PORT``).
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from typing import Annotated

from fast_depends import Depends, inject
from pydantic import BaseModel, Field

from sio_fast import InvalidPayload, Packet, Server, Socket

__all__ = ["io"]

io = Server(call_wrapper=inject)


class Order(BaseModel):
    """What a client orders."""

    item: str = Field(min_length=1)
    count: int = Field(ge=1, le=100)


class Database:
    """Stands for yours."""

    def __init__(self) -> None:
        self.orders: list[Order] = []

    async def save(self, order: Order) -> int:
        """Keeps an order and gives its number."""
        self.orders.append(order)
        return len(self.orders)


database = Database()


async def transaction() -> AsyncIterator[Database]:
    """Opened for one event, closed behind its handler."""
    yield database


@io.on("order")
async def order(socket: Socket, order: Order, db: Annotated[Database, Depends(transaction)]) -> int:
    """Saves an order; the answer is its number."""
    return await db.save(order)


@io.on_error(InvalidPayload)
async def invalid(socket: Socket, packet: Packet, error: InvalidPayload) -> None:
    """Tells the client what was wrong with it."""
    socket.emit("invalid", packet.name, error.errors)


if __name__ == "__main__":
    io.run("127.0.0.1", int(os.environ.get("PORT", "3000")))
