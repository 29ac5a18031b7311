"""The application behind the tests of slow consumers that lose their oldest packets: it pours, and says when all is queued."""

from __future__ import annotations

from typing import Any

import anyio
from launch import Spec, launch, note

from sio_fast import Reason, Server, Socket

spec = Spec.from_argv()
io: Server[Socket] = Server(on_overflow="drop_oldest", **spec.options)
limit = spec.options["max_buffered_bytes"]


@io.on("connect")
async def connected(socket: Socket) -> None:
    await socket.emit("welcome", {})


@io.on("pour")
async def pour(socket: Socket, count: int, size: int) -> str:
    """Numbered events with an attachment, faster than a client reads that does not; the last one when the others lie."""
    for number in range(count - 1):
        io.to(socket.id).emit("drop", number, b"x" * size)
    while io.stats()["bytes_queued"] > limit:  # noqa: ASYNC110 - gauges have no event
        await anyio.sleep(0.01)
    socket.emit("drop", count - 1, b"x" * size)
    note("poured", id=socket.id, dropped=io.stats()["packets_dropped"])
    return "answered"


@io.on("disconnect")
async def gone(socket: Socket, reason: Reason) -> None:
    note("disconnect", id=socket.id, reason=reason, detail=socket.disconnect_detail)


async def stats() -> Any:
    return dict(io.stats())


if __name__ == "__main__":
    launch(io, spec, {"stats": stats})
