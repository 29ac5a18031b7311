"""The application that counts how often a value is encoded: what it sends is the number of encodings so far."""

from __future__ import annotations

import itertools
from typing import Any

from launch import Spec, launch

from sio_fast import Server, Socket


class Counted:
    """A value that the codec does not know."""


spec = Spec.from_argv()
encodings = itertools.count(1)
io: Server[Socket] = Server(default=lambda value: next(encodings), **spec.options)


@io.on("connect")
async def connected(socket: Socket) -> None:
    await socket.emit("welcome", socket.handshake.auth)


@io.on("count")
async def count(socket: Socket) -> None:
    io.emit("count", Counted())


async def stats() -> Any:
    return dict(io.stats())


if __name__ == "__main__":
    launch(io, spec, {"stats": stats})
