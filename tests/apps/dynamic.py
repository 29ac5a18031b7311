"""Namespaces that come into being when a client asks: by a pattern, by a predicate, by a class."""

from __future__ import annotations

import re
from typing import Any

import anyio
from launch import Spec, launch, note

from sio_fast import ConnectError, Namespace, Server, Socket, on

spec = Spec.from_argv()
io: Server[Socket] = Server(**spec.options)
rooms = io.of(re.compile(r"/room-\d+"))


@io.on("new_namespace")
def made(nsp: Namespace) -> None:
    note("made", nsp=nsp.name)


@rooms.use
async def gate(socket: Socket) -> None:
    if socket.handshake.auth == {"token": "bad"}:
        raise ConnectError("not authorized")


@rooms.on("connect")
async def connected(socket: Socket) -> None:
    note("connect", id=socket.id, nsp=socket.nsp.name)
    socket.emit("welcome", socket.nsp.name)


@rooms.on("disconnect")
async def gone(socket: Socket, reason: str) -> None:
    note("disconnect", id=socket.id, nsp=socket.nsp.name, reason=reason)


@rooms.on("ask")
async def ask(socket: Socket, *args: Any) -> Any:
    return args


@rooms.on("join")
async def join(socket: Socket, *names: str) -> None:
    socket.join(*names)


@rooms.on("publish")
async def publish(socket: Socket, to: list[str], event: str, *args: Any) -> None:
    (rooms.to(*to) if to else rooms).emit(event, *args)


@io.of
async def members_only(name: str, auth: Any) -> bool:
    note("asked", nsp=name)
    await anyio.sleep(auth.get("after", 0))
    if auth.get("break"):
        raise RuntimeError("the predicate failed")
    return auth.get("member") is True


@members_only.on("connect")
async def member(socket: Socket) -> None:
    socket.emit("welcome", socket.nsp.name)


class Admin(Namespace):
    @on("connect")
    async def hello(self, socket: Socket) -> None:
        socket.emit("welcome", self.name)

    @on("tell all")
    async def tell_all(self, socket: Socket, text: str) -> int:
        self.emit("told", text)
        return len(self.sockets)


io.register(Admin("/admin"))


async def stats() -> Any:
    return dict(io.stats())


async def namespaces() -> list[str]:
    return list(io.namespaces)


if __name__ == "__main__":
    launch(io, spec, {"stats": stats, "namespaces": namespaces})
