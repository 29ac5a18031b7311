"""A server that gives a request's head half a second, a handler to see that it serves, and files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from launch import Spec, launch, note

from sio_fast import Reason, Server, Socket

spec = Spec.from_argv()
io: Server[Socket] = Server(**spec.options)


@io.on("ask")
async def ask(socket: Socket, *args: Any) -> Any:
    return args


@io.on("disconnect")
async def gone(socket: Socket, reason: Reason) -> None:
    note("disconnect", id=socket.id, reason=reason, detail=socket.disconnect_detail)


async def stats() -> Any:
    return dict(io.stats())


if __name__ == "__main__":
    launch(io, spec, {"stats": stats}, header_timeout=0.5, static_files={"/files": Path(__file__).parent})
