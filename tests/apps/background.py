"""The application behind the tests of tasks of the server: one that beats for everybody, one that fails, and its options."""

from __future__ import annotations

from typing import Any

import anyio
from launch import Spec, launch, note

from sio_fast import Server, ServerOptions, Socket

spec = Spec.from_argv()
options: ServerOptions = spec.options  # type: ignore[assignment]
io = Server(**options)


async def beat(word: str) -> None:
    number = 0
    try:
        while True:
            number += 1
            io.emit("beat", word, number)
            await anyio.sleep(0.01)
    finally:
        note("beat over", sockets=len(io.sockets))


async def fail() -> None:
    raise KeyError("boom")


@io.once("connect")
def first(socket: Socket) -> None:
    io.start_soon(beat, "tick")
    io.start_soon(fail)


@io.on("disconnect")
async def gone(socket: Socket, reason: str) -> None:
    note("disconnect", id=socket.id, reason=reason)


@io.on("facts")
def facts(socket: Socket) -> dict[str, Any]:
    return {
        "recovered": socket.recovered,
        "home": socket.nsp.server is io,
        "ping_interval": io.options["ping_interval"],
        "path": io.options["path"],
    }


async def stats() -> Any:
    return dict(io.stats())


if __name__ == "__main__":
    launch(io, spec, {"stats": stats})
