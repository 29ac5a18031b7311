"""The application behind the tests of full servers: what the library logs is noted."""

from __future__ import annotations

import logging
from typing import Any

from launch import Spec, launch, note

from sio_fast import Server, Socket


class Journal(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        note("log", level=record.levelname, logger=record.name, text=record.getMessage())


spec = Spec.from_argv()
io: Server[Socket] = Server(**spec.options)
logging.getLogger("sio_fast").addHandler(Journal())


@io.on("connect")
async def connected(socket: Socket) -> None:
    await socket.emit("welcome", {})


async def stats() -> Any:
    return dict(io.stats())


if __name__ == "__main__":
    launch(io, spec, {"stats": stats})
