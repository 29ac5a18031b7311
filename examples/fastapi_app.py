"""A FastAPI application with a Socket.IO server inside: REST beside it, a token at the door, rooms.

Run it with `uvicorn fastapi_app:api` in this folder; the client connects to the same address, with `auth: {token: "secret"}`.
"""

from __future__ import annotations

from fastapi import FastAPI, HTTPException

from sio_fast import ConnectError, Server, Socket

__all__ = ["api", "io"]

TOKENS = {"secret": "ann", "hidden": "bob"}

io = Server()
api = FastAPI(lifespan=io.lifespan)
api.mount("/socket.io", io)


@io.use
async def authenticate(socket: Socket) -> None:
    """Who is there? Others are refused before they can hear or say anything."""
    name = TOKENS.get(str(socket.handshake.auth.get("token")))
    if name is None:
        raise ConnectError("unknown token", data={"code": 401})
    socket.data["name"] = name


@io.on("join")
async def join(socket: Socket, room: str) -> list[str]:
    """Joins a room and answers with who is in it."""
    socket.join(room)
    socket.to(room).emit("joined", room, socket.data["name"])
    return sorted(str(each.data["name"]) for each in await io.in_(room).fetch_sockets())


@io.on("say")
async def say(socket: Socket, room: str, text: str) -> None:
    """Tells everybody else in the room."""
    socket.to(room).emit("said", room, socket.data["name"], text)


@api.post("/rooms/{room}/news")
async def news(room: str, text: str) -> dict[str, str]:
    """A REST handler speaks to the clients of a room."""
    if room not in io.adapter.rooms:
        raise HTTPException(404, f"nobody is in {room}")
    io.to(room).emit("news", room, text)
    return {"told": room}


@api.get("/people")
async def people() -> list[str]:
    """Who is connected now."""
    return sorted(str(socket.data["name"]) for socket in io.sockets.values())
