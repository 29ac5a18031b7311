"""The application behind the tests of the bridge: handlers that block, wait, fail, flood and use threads."""

from __future__ import annotations

import asyncio
import threading
import time
from contextvars import ContextVar
from typing import Any

import anyio
import anyio.to_thread
from launch import Spec, launch, note

from sio_fast import DisconnectedError, Reason, Server, Socket, current_socket

spec = Spec.from_argv()
io: Server[Socket] = Server(**spec.options)
tenant: ContextVar[str] = ContextVar("tenant")


@io.use
async def gate(socket: Socket) -> None:
    tenant.set(socket.handshake.auth.get("tenant", "nobody"))


@io.on("connect")
async def connected(socket: Socket) -> None:
    note("connect", id=socket.id)
    await socket.emit("welcome", socket.handshake.auth)


@io.on("disconnect")
async def gone(socket: Socket, reason: Reason) -> None:
    note("disconnect", id=socket.id, reason=reason, detail=socket.disconnect_detail)


@io.on("error")
async def failed(socket: Socket, exc: BaseException) -> None:
    note("error", id=socket.id, kind=type(exc).__name__)


@io.on("mark")
async def mark(socket: Socket) -> None:
    note("mark", id=socket.id)


@io.on("ask")
async def ask(socket: Socket, *args: Any) -> Any:
    return args


@io.on("record")
def record(socket: Socket, value: Any) -> None:
    note("record", id=socket.id, value=value)


@io.on("slow")
async def slow(socket: Socket, seconds: float, tag: Any) -> Any:
    note("start", id=socket.id, tag=tag)
    await anyio.sleep(seconds)
    note("end", id=socket.id, tag=tag)
    return tag


@io.on("aside", concurrent=True)
async def aside(socket: Socket, seconds: float, tag: Any) -> Any:
    note("start", id=socket.id, tag=tag)
    await anyio.sleep(seconds)
    note("end", id=socket.id, tag=tag)
    return tag


@io.on("block")
async def block(socket: Socket, seconds: float) -> None:
    note("blocking", id=socket.id)
    time.sleep(seconds)  # noqa: ASYNC251 - the point of the test: the whole event loop stands still


@io.on("need")
async def need(socket: Socket, n: int) -> None:
    try:
        answer = await socket.emit_with_ack("need", n)
    except DisconnectedError as exc:
        note("unanswered", id=socket.id, n=n, reason=exc.reason)
    else:
        note("needed", id=socket.id, n=n, answer=answer)


@io.on("stray")
async def stray(socket: Socket, kind: str) -> None:
    if kind == "cancelled task":
        task = asyncio.ensure_future(asyncio.sleep(60))
        task.cancel()
        await task
    elif kind == "cancelled error":
        raise asyncio.CancelledError
    else:
        raise GeneratorExit


@io.on("tenant")
async def read_tenant(socket: Socket, seconds: float = 0) -> list[str]:
    await anyio.sleep(seconds)
    return [tenant.get(), current_socket.get().id]


@io.on("set tenant")
async def set_tenant(socket: Socket, name: str) -> None:
    tenant.set(name)


@io.on("emit then compute")
async def emit_then_compute(socket: Socket, seconds: float) -> None:
    socket.emit("emitted", time.monotonic())
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        sum(range(1000))


@io.on("pour")
async def pour(socket: Socket, count: int, size: int) -> None:
    text = "x" * size
    for n in range(count):
        socket.emit("drop", n, text)
    note("poured", id=socket.id)


@io.on("pour politely")
async def pour_politely(socket: Socket, count: int, size: int) -> None:
    text = "x" * size
    for n in range(count):
        await socket.emit("drop", n, text)
        note("drop", id=socket.id, n=n)


@io.on("threads")
async def threads(socket: Socket, count: int) -> None:
    def work(name: int) -> None:
        for n in range(count):
            emitter = (socket, io, io.to(socket.id))[n % 3]
            emitter.emit("from a thread", name, n)

    workers = [threading.Thread(target=work, args=(name,)) for name in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        await anyio.to_thread.run_sync(worker.join)


async def stats() -> Any:
    return dict(io.stats())


if __name__ == "__main__":
    launch(io, spec, {"stats": stats})
