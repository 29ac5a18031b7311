"""The application behind the tests of the adapter's events: everything that happens to a socket and its rooms is noted."""

from __future__ import annotations

from typing import Any

import anyio.to_thread
from launch import Spec, launch, note

from sio_fast import Reason, Server, Socket

spec = Spec.from_argv()
io: Server[Socket] = Server(**spec.options)


@io.adapter.on("create-room")
def created(room: str) -> None:
    note("change", event="create-room", room=room)


@io.adapter.on("delete-room")
def deleted(room: str) -> None:
    note("change", event="delete-room", room=room)


@io.adapter.on("join-room")
def joined(room: str, sid: str) -> None:
    note("change", event="join-room", room=room, id=sid)


@io.adapter.on("leave-room")
def left(room: str, sid: str) -> None:
    note("change", event="leave-room", room=room, id=sid)


@io.on("connect")
async def connected(socket: Socket) -> None:
    note("change", event="connect", id=socket.id)
    await socket.emit("welcome", {})


@io.on("join")
async def join(socket: Socket, *rooms: str) -> None:
    socket.join(*rooms)
    note("change", event="joined", id=socket.id)


@io.on("leave")
async def leave(socket: Socket, *rooms: str) -> None:
    socket.leave(*rooms)
    note("change", event="left", id=socket.id)


@io.on("move all")
async def move_all(socket: Socket, room: str) -> None:
    io.sockets_join(room)
    io.sockets_leave(room)
    note("change", event="moved", id=socket.id)


@io.on("join in a thread")
async def join_in_a_thread(socket: Socket, room: str) -> None:
    await anyio.to_thread.run_sync(socket.join, room)


@io.on("bye")
async def bye(socket: Socket) -> None:
    socket.disconnect()


@io.on("disconnecting")
async def disconnecting(socket: Socket, reason: Reason) -> None:
    note("change", event="disconnecting", id=socket.id)


@io.on("disconnect")
async def disconnect(socket: Socket, reason: Reason) -> None:
    note("change", event="disconnect", id=socket.id)


async def stats() -> Any:
    return dict(io.stats())


if __name__ == "__main__":
    launch(io, spec, {"stats": stats})
