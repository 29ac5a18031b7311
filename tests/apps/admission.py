"""The application behind the tests of admission: who may open a connection is read from the query, origins by a function."""

from __future__ import annotations

from typing import Any

import anyio
from launch import Spec, launch, note

from sio_fast import ConnectError, HttpRequest, Server, Socket

spec = Spec.from_argv()
gate = anyio.Event()


async def allow(request: HttpRequest) -> bool | None:
    who = request.query.get("who", "")
    note("asked", who=who, transport=request.query["transport"], address=request.address)
    match who:
        case "nobody":
            return False
        case "guest":
            raise ConnectError("no guests today")
        case "fault":
            raise RuntimeError("a secret that no client may see")
        case "slow":
            await gate.wait()
        case "forever":
            await anyio.sleep_forever()
    return None


def allow_plainly(request: HttpRequest) -> bool:
    return request.query.get("who") != "nobody"


def judge(origin: str) -> bool:
    note("origin", origin=origin)
    return origin.endswith(".example")


judged = {"cors_allowed_origins": judge} if spec.options.pop("judge_origins", False) else {}
io: Server[Socket] = Server(
    allow_request=allow_plainly if spec.options.pop("plain", False) else allow, **judged, **spec.options
)


@io.on("connect")
async def connected(socket: Socket) -> None:
    await socket.emit("welcome", socket.handshake.query.get("who"))


async def stats() -> Any:
    return dict(io.stats())


async def open_gate() -> None:
    gate.set()


async def close() -> None:
    await io.close(grace=2)


if __name__ == "__main__":
    launch(io, spec, {"stats": stats, "open_gate": open_gate, "close": close})
