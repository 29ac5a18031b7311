"""The smallest useful server: what one client says, everybody hears, and the sender gets an answer."""

from __future__ import annotations

from sio_fast import Server, Socket

io = Server()


@io.on("chat message")
async def chat_message(socket: Socket, text: str) -> str:
    """Tells everybody, and answers the sender."""
    io.emit("chat message", socket.id, text)
    return "sent"


if __name__ == "__main__":
    io.run("127.0.0.1", 3000)
