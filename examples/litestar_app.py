"""A Litestar application with a Socket.IO server mounted in it: a quiz, whose questions come by REST.

Run it with ``uvicorn litestar_app:app`` in this folder and connect clients with ``io("http://127.0.0.1:8000")``; then
``curl -X POST http://127.0.0.1:8000/questions -H 'content-type: application/json' -d '{"text": "2 + 2?"}'``.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from litestar import Litestar, asgi, post
from litestar.params import JSONBody

from sio_fast import AckTimeout, Server, Socket

io = Server()


@dataclass
class Question:
    """What the quizmaster asks."""

    text: str
    seconds: float = 10.0


@io.on("connect")
async def welcome(socket: Socket) -> None:
    """Tells everybody else how many play."""
    socket.broadcast.emit("players", len(io.sockets))


@post("/questions")
async def ask(data: JSONBody[Question]) -> dict[str, int]:
    """Asks every client and waits for their answers, no longer than the question says."""
    try:
        answers = await io.timeout(data.seconds).emit_with_ack("question", data.text)
    except AckTimeout as late:
        answers = late.responses  # of those who were in time
    return dict(Counter(str(answer) for answer in answers))


app = Litestar([ask, asgi("/socket.io", is_mount=True, copy_scope=True)(io)], lifespan=[io.lifespan])
