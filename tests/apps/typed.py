"""The application behind the tests of validation: handlers annotated with the types of both engines."""

from __future__ import annotations

import dataclasses
from typing import Any

import msgspec
import pydantic
from launch import Spec, launch, note

from sio_fast import Event, InvalidPayload, Namespace, Packet, Reason, Server, Socket, on

spec = Spec.from_argv()
io: Server[Socket] = Server(**spec.options)


class Message(msgspec.Struct):
    text: str
    data: bytes | None = None
    value: Any = None


class Account(pydantic.BaseModel, extra="forbid"):
    name: str
    age: int = pydantic.Field(ge=0)


@dataclasses.dataclass
class Point:
    x: float
    y: float


moved = Event[[Point, str], bool]("moved")


@io.on("connect")
async def connected(socket: Socket) -> None:
    socket.on("own", own)
    await socket.emit("welcome", socket.handshake.auth)


@io.on("disconnect")
async def gone(socket: Socket, reason: Reason) -> None:
    note("disconnect", id=socket.id, reason=reason)


@io.on_error(InvalidPayload)
async def invalid(socket: Socket, packet: Packet, error: InvalidPayload) -> None:
    socket.emit("invalid", packet.name, packet.args, error.errors)


@io.on("message")
async def message(socket: Socket, msg: Message) -> Any:
    return type(msg).__name__, msg


@io.on("account")
async def account(socket: Socket, msg: Account) -> Any:
    return type(msg).__name__, msg


@io.on("both")
def both(socket: Socket, msg: Any) -> None:
    socket.emit("plain", msg)


@io.on("both")
def both_typed(socket: Socket, msg: Account) -> str:
    return msg.name


@io.on(moved)
def on_moved(socket: Socket, point: Point, name: str) -> bool:
    return isinstance(point, Point) and name == "pen"


@io.on("ask")
async def ask(socket: Socket, *args: Any) -> Any:
    return args


def own(msgs: list[Message]) -> list[str]:
    return [msg.text for msg in msgs]


class Admin(Namespace[Socket]):
    @on("account")
    def account(self, socket: Socket, msg: Account) -> str:
        return f"{type(msg).__name__} {msg.name}"


io.register(Admin("/admin")).on("connect", lambda socket: socket.emit("welcome", {}))


async def stats() -> Any:
    return dict(io.stats())


if __name__ == "__main__":
    launch(io, spec, {"stats": stats})
