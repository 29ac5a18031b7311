"""An application that is joined, used and left very often: it answers, and writes nothing down."""

from __future__ import annotations

from typing import Any

from launch import Spec, launch

from sio_fast import Server, Socket

spec = Spec.from_argv()
listen = {"backlog": spec.options.pop("backlog", 2048)}
io: Server[Socket] = Server(**spec.options)
tally = {"left": 0}


@io.on("join")
async def join(socket: Socket, room: str) -> bool:
    socket.join(room)
    return room in socket.rooms


@io.on("ask")
async def ask(socket: Socket, *args: Any) -> Any:
    return args


@io.on("echo")
async def echo(socket: Socket, *args: Any) -> None:
    socket.emit("echo", *args)


@io.on("publish")
async def publish(socket: Socket, room: str, *args: Any) -> None:
    io.to(room).emit("news", *args)


@io.on("disconnect")
async def gone(socket: Socket) -> None:
    tally["left"] += 1


async def stats() -> Any:
    return {**io.stats(), **tally}


async def announce(what: Any) -> None:
    io.emit("news", what)


if __name__ == "__main__":
    launch(io, spec, {"stats": stats, "announce": announce}, **listen)
