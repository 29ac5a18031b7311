"""The application most black-box tests talk to: one handler per thing a test wants to see.

`official.mjs` beside it is the same application on the official server; a test marked `official` passes on
both. What handlers see is written to the journal, so tests know the server's side too.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from enum import Enum
from typing import Any, Final
from uuid import UUID

import anyio
from launch import Spec, launch, note

from sio_fast import AckTimeout, ConnectError, Packet, Reason, ReservedEventName, Server, Socket

spec = Spec.from_argv()
io: Server[Socket] = Server(**spec.options)


class NotForYou(Exception):
    """Why a packet middleware refuses."""

    data: Final = {"code": 7}


class Colour(Enum):
    RED = "red"


@dataclass
class Point:
    x: int
    y: str


def own_rooms(socket: Socket) -> list[str]:
    """The rooms besides the socket's own."""
    return sorted(room for room in socket.rooms if room != socket.id)


def addressed(nsp: Any, socket: Socket, where: dict[str, Any]) -> Any:
    """What `where` describes: whom to emit to, and from whose point of view."""
    base = where.get("base", "nsp")
    target = {"nsp": nsp, "socket": socket, "broadcast": socket.broadcast, "io": io}[base]
    if "to" in where:
        target = target.to(*where["to"])
    if "in" in where:
        target = target.in_(*where["in"])
    if "except" in where:
        target = target.except_(*where["except"])
    return target.volatile if where.get("volatile") else target


async def packet_gate(packet: Packet) -> None:
    if packet.name == "forbidden":
        raise NotForYou("not for you")
    if packet.name == "rewrite":
        packet.args[0] = f"rewritten {packet.args[0]}"


def install(name: str) -> None:
    """The handlers that every namespace of this application has."""
    nsp = io.of(name)

    @nsp.on("connect")
    async def connected(socket: Socket) -> None:
        note("connect", id=socket.id, nsp=name, transport=socket.conn.transport, connected=socket.connected)
        socket.use(packet_gate)
        await socket.emit("welcome", socket.handshake.auth)

    @nsp.on("disconnecting")
    async def leaving(socket: Socket, reason: Reason) -> None:
        note("disconnecting", id=socket.id, nsp=name, reason=reason, rooms=own_rooms(socket))

    @nsp.on("disconnect")
    async def gone(socket: Socket, reason: Reason) -> None:
        socket.join("ghosts")
        note(
            "disconnect",
            id=socket.id,
            nsp=name,
            reason=reason,
            rooms=sorted(socket.rooms),
            connected=socket.connected,
            detail=socket.disconnect_detail,
        )

    @nsp.on("error")
    async def failed(socket: Socket, *values: Any) -> None:
        exc = values[0] if values else None
        internal = isinstance(exc, Exception)
        note(
            "error",
            id=socket.id,
            internal=internal,
            text=str(exc),
            data=getattr(exc, "data", None) if internal else list(values),
        )

    @nsp.on("forbidden")
    async def forbidden(socket: Socket, *args: Any) -> str:
        note("forbidden ran", id=socket.id)
        return "unreachable"

    @nsp.on("rewrite")
    async def rewrite(socket: Socket, text: str) -> str:
        return text

    @nsp.on("mark")
    async def mark(socket: Socket) -> None:
        note("mark", id=socket.id)

    @nsp.on("echo")
    async def echo(socket: Socket, *args: Any) -> None:
        socket.emit("echo", *args)

    @nsp.on("ask")
    async def ask(socket: Socket, *args: Any) -> Any:
        return args

    @nsp.on("record")
    async def record(socket: Socket, value: Any) -> None:
        note("record", id=socket.id, value=value)

    @nsp.on("join")
    async def join(socket: Socket, *rooms: str) -> list[str]:
        socket.join(*rooms)
        return own_rooms(socket)

    @nsp.on("leave")
    async def leave(socket: Socket, *rooms: str) -> list[str]:
        socket.leave(*rooms)
        return own_rooms(socket)

    @nsp.on("publish")
    async def publish(socket: Socket, where: dict[str, Any], event: str, *args: Any) -> None:
        addressed(nsp, socket, where).emit(event, *args)

    @nsp.on("burst")
    async def burst(socket: Socket, *steps: list[Any]) -> None:
        for where, event, *args in steps:
            addressed(nsp, socket, where).emit(event, *args)
        note("burst", id=socket.id, buffered=socket.buffered_amount)

    @nsp.on("question")
    async def question(socket: Socket, limit: float | None, event: str, *args: Any) -> None:
        asker = socket if limit is None else socket.timeout(limit)
        try:
            answer = await asker.emit_with_ack(event, *args)
        except TimeoutError as exc:
            socket.emit("unanswered", str(exc))
        else:
            socket.emit("answered", answer)

    @nsp.on("survey")
    async def survey(socket: Socket, where: dict[str, Any], limit: float, event: str, *args: Any) -> None:
        try:
            answers = await addressed(nsp, socket, where).timeout(limit).emit_with_ack(event, *args)
        except AckTimeout as exc:
            socket.emit("incomplete", str(exc), exc.responses)
            note("missing", id=socket.id, ids=sorted(exc.missing))
        else:
            socket.emit("complete", answers)

    @nsp.on("people")
    async def people(socket: Socket, where: dict[str, Any]) -> list[Any]:
        socket.data["asked"] = True
        found = await addressed(nsp, socket, where).fetch_sockets()
        seen = [[each.id, sorted(each.rooms - {each.id}), each.data, each.handshake.auth] for each in found]
        return sorted(seen, key=lambda each: each[0])

    @nsp.on("move")
    async def move(socket: Socket, where: dict[str, Any], join: list[str], leave: list[str]) -> None:
        target = addressed(nsp, socket, where)
        target.sockets_join(*join)
        target.sockets_leave(*leave)

    @nsp.on("kick")
    async def kick(socket: Socket, where: dict[str, Any], close: bool) -> None:
        addressed(nsp, socket, where).disconnect_sockets(close=close)

    @nsp.on("remote")
    async def remote(socket: Socket, sid: str, *room: str) -> Any:
        [found] = await nsp.in_(sid).fetch_sockets()
        found.join(*room)
        found.emit("from afar", 1)
        return await found.timeout(5).emit_with_ack("what?", 2)

    @nsp.on("adapter")
    async def adapter(socket: Socket, *rooms: str) -> list[Any]:
        views = nsp.adapter
        return [
            [sorted(views.rooms.get(room, ())) for room in rooms],
            sorted(set(views.sids[socket.id]) - {socket.id}),
            sorted(views.sockets(rooms)),
        ]

    @nsp.on("handshake")
    async def handshake(socket: Socket) -> Any:
        return socket.handshake

    @nsp.on("conn")
    async def conn(socket: Socket) -> dict[str, Any]:
        return {"id": socket.conn.id, "transport": socket.conn.transport, "protocol": socket.conn.protocol}

    @nsp.on("bye")
    async def bye(socket: Socket, close: bool) -> None:
        socket.disconnect(close=close)

    @nsp.on("drop")
    async def drop(socket: Socket) -> None:
        socket.conn.close()

    @nsp.on("emit reserved")
    async def emit_reserved(socket: Socket, event: str) -> str | None:
        try:
            socket.emit(event)
        except ReservedEventName as exc:
            return str(exc)
        return None

    @nsp.on("python values")
    async def python_values(socket: Socket) -> None:
        instant = datetime(2026, 1, 2, 4, 4, 5, 678_000)  # noqa: DTZ001 - a naive one is among the values
        socket.emit(
            "values",
            None,
            (1, 2),
            math.nan,
            -math.inf,
            1.0,
            instant.replace(tzinfo=timezone(timedelta(hours=1))),
            instant.replace(hour=3),
            UUID("12345678-1234-5678-1234-567812345678"),
            Point(1, "two"),
            Colour.RED,
            Decimal("1.50"),
            {2: "int", False: "bool"},
            {3},
        )

    @nsp.on("boom")
    async def boom(socket: Socket) -> None:
        raise RuntimeError("the handler failed")


install("/")
install("/chat")
install("/guarded")


@io.of("/chat").on("message")
async def message(socket: Socket, *args: Any) -> None:
    socket.send(*args)


guarded = io.of("/guarded")


@guarded.use
async def first_gate(socket: Socket) -> None:
    note("gate", order=1, id=socket.id, connected=socket.connected)
    socket.join("early birds")
    socket.emit("early", 1)
    if socket.handshake.auth.get("token") == "slow":
        await anyio.sleep(0.3)
        note("slow gate over", id=socket.id)


@guarded.use
async def second_gate(socket: Socket) -> None:
    note("gate", order=2, id=socket.id, connected=socket.connected)
    match socket.handshake.auth.get("token"):
        case "good" | "slow":
            return
        case "boom":
            raise RuntimeError("a secret that no client may see")
        case "plain":
            raise ConnectError("not authorized")
        case _:
            raise ConnectError("not authorized", data={"code": 401, "why": ["token"]})


async def stats() -> Any:
    return dict(io.stats())


async def emit(nsp: str, to: list[str], event: str, args: list[Any]) -> None:
    target = io.of(nsp)
    (target.to(*to) if to else target).emit(event, *args)


async def close() -> None:
    await io.close(grace=2)


if __name__ == "__main__":
    launch(io, spec, {"stats": stats, "emit": emit, "close": close})
