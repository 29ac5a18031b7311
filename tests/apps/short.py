"""A server that gives a request's head half a second; otherwise nothing but the commands every server answers."""

from __future__ import annotations

from typing import Any

from launch import Spec, launch

from sio_fast import Server, Socket

spec = Spec.from_argv()
io: Server[Socket] = Server(**spec.options)


async def stats() -> Any:
    return dict(io.stats())


if __name__ == "__main__":
    launch(io, spec, {"stats": stats}, header_timeout=0.5)
