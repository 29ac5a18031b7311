"""Handlers that do what went wrong in python-socketio: fail while connecting, fail, sleep, pour."""

from __future__ import annotations

from typing import Any

import anyio
from launch import Spec, launch, note

from sio_fast import DisconnectedError, Reason, Server, Socket

spec = Spec.from_argv()
io: Server[Socket] = Server(**spec.options)


def fail(kind: str) -> None:
    if kind == "RuntimeError":
        raise RuntimeError("a secret that no client may see")
    if kind == "TypeError":
        len(5)  # type: ignore[arg-type]


@io.use
async def gate(socket: Socket) -> None:
    fail(socket.handshake.auth.get("gate", ""))


@io.on("connect")
async def connected(socket: Socket) -> None:
    note("connect", id=socket.id)
    fail(socket.handshake.auth.get("connect", ""))


@io.on("disconnect")
async def gone(socket: Socket, reason: Reason) -> None:
    note("disconnect", id=socket.id, reason=reason, detail=socket.disconnect_detail)


@io.on("error")
async def failed(socket: Socket, exc: BaseException) -> None:
    note("error", id=socket.id, kind=type(exc).__name__, text=str(exc))


@io.on("sleep")
async def sleep(socket: Socket, seconds: float) -> float:
    await anyio.sleep(seconds)
    return seconds


@io.on("boom")
async def boom(socket: Socket) -> None:
    raise KeyError("boom")


@io.on("record")
async def record(socket: Socket, n: int) -> None:
    note("record", id=socket.id, n=n)


@io.on("outlast")
async def outlast(socket: Socket) -> None:
    """Asks a client that leaves instead of answering, and does its work to the end."""
    try:
        await socket.emit_with_ack("anybody?")
    except DisconnectedError as exc:
        await socket.emit("nobody hears this")
        note("outlasted", id=socket.id, reason=exc.reason)


@io.on("leave and ask")
async def leave_and_ask(socket: Socket) -> None:
    """Asks before the loop has had a turn in which to hear of the end."""
    socket.disconnect()
    try:
        await socket.emit_with_ack("anybody?")
    except DisconnectedError as exc:
        note("refused", id=socket.id, reason=exc.reason)


@io.on("pour")
async def pour(socket: Socket, count: int, size: int) -> None:
    for _ in range(count):
        socket.emit("drop", "x" * size)
    note("poured", id=socket.id)


async def stats() -> Any:
    return dict(io.stats())


if __name__ == "__main__":
    launch(io, spec, {"stats": stats})
