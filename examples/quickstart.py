"""The quick start: a lobby that greets, passes on private messages and says who has left.

Run it with ``python examples/quickstart.py`` and connect any Socket.IO client to port 3000.
"""

from __future__ import annotations

import logging

from sio_fast import Reason, Server, Socket

__all__ = ["io"]

log = logging.getLogger("quickstart")

io = Server(cors_allowed_origins=["https://app.example"])


@io.on("connect")  # "connection" is the same event
async def connected(socket: Socket) -> None:
    """Puts every newcomer into the lobby."""
    log.info("hello %s %s", socket.id, socket.handshake.address)
    socket.join("lobby")  # socket.rooms == {socket.id, "lobby"}


@io.on("private message")
async def private_message(socket: Socket, to: str, text: str) -> str:
    """Passes a text to the socket with the id ``to``."""
    socket.to(to).emit("private message", socket.id, text)
    return "ok"  # the acknowledgement, if the client asked for one


@io.event  # the event is named like the function
async def ping_me(socket: Socket) -> None:
    """Answers with ``pong``."""
    await socket.emit("pong")  # awaiting is optional: it waits while this client is slow


@io.on("disconnecting")
async def leaving(socket: Socket, reason: Reason) -> None:
    """Tells the rooms, which are still known here, who leaves them."""
    for room in socket.rooms:
        if room != socket.id:
            socket.to(room).emit("user has left", socket.id)


@io.on("disconnect")
async def gone(socket: Socket, reason: Reason) -> None:
    """Logs why: "transport close", "ping timeout" and so on."""
    log.info("%s left: %s", socket.id, reason)


if __name__ == "__main__":
    io.run("0.0.0.0", 3000)  # noqa: S104 - reachable from other machines, as a first try should be
