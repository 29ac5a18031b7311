"""The application behind the tests of middlewares: gates, wraps, listeners of any event, answers by hand, threads, tasks."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import anyio
from launch import Spec, launch, note

from sio_fast import Ack, AckError, Packet, Reason, RejectEvent, Server, Socket

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

spec = Spec.from_argv()
io: Server[Socket] = Server(ack_on_error=lambda error: {"failed": type(error).__name__}, **spec.options)


@io.on("connect")
async def connected(socket: Socket) -> None:
    socket.start_soon(ticks, socket)
    await socket.emit("welcome", socket.handshake.auth)


async def ticks(socket: Socket) -> None:
    try:
        await anyio.sleep_forever()
    finally:
        note("task over", id=socket.id)


@io.on("disconnect")
async def gone(socket: Socket, reason: Reason) -> None:
    note("disconnect", id=socket.id, reason=reason)


@io.on_any
async def any_event(socket: Socket, event: str, *args: Any) -> None:
    note("any", id=socket.id, event=event, args=list(args))


@io.on_any_outgoing
def any_outgoing(socket: Socket, event: str, *args: Any) -> None:
    note("outgoing", id=socket.id, event=event, args=list(args))


@io.use_event
async def gate(socket: Socket, packet: Packet) -> None:
    if packet.name == "forbidden":
        raise RejectEvent("not for you", data={"code": 7})
    if packet.name == "alias":
        packet.name = "ask"


@io.around_event
async def wrap(socket: Socket, packet: Packet, call_next: Callable[[], Awaitable[Any]]) -> Any:
    value = await call_next()
    return {"wrapped": value} if packet.name == "wrapped" else value


@io.on_error(RejectEvent)
async def rejected(socket: Socket, packet: Packet, error: RejectEvent) -> None:
    note("rejected", id=socket.id, event=packet.name, text=error.message, data=error.data)


@io.on("forbidden")
def forbidden(socket: Socket, *args: Any) -> None:
    note("forbidden ran", id=socket.id)


@io.on("ask")
@io.on("wrapped")
async def ask(socket: Socket, *args: Any) -> Any:
    return args


@io.on("*")
def rest(socket: Socket, event: Any, *args: Any) -> Any:
    return ("rest", event, *args)


@io.on("early")
async def early(socket: Socket, ack: Ack) -> None:
    ack("early", b"bytes")
    await socket.emit("later")


@io.on("refuse")
def refuse(socket: Socket, *values: Any) -> None:
    raise AckError(*values)


@io.on("boom")
def boom(socket: Socket) -> None:
    raise KeyError("boom")


@io.on("thread", thread=True)
def thread(socket: Socket) -> bool:
    socket.emit("from a thread")
    return threading.current_thread() is not threading.main_thread()


@io.on("wait", cancel_on_disconnect=True)
async def wait(socket: Socket) -> None:
    note("waiting", id=socket.id)
    try:
        await anyio.sleep_forever()
    finally:
        note("cancelled", id=socket.id)


@io.on("to all")
def to_all(socket: Socket, room: str) -> None:
    socket.join(room)
    io.to(room).emit("news", room)


async def stats() -> Any:
    return dict(io.stats())


if __name__ == "__main__":
    launch(io, spec, {"stats": stats})
