"""A server under load whose interpreter ends in the middle of it, with or without saying so.

Handlers wait, threads emit, clients talk. The backend is the event loop; `how` says what the end looks like.
"""

from __future__ import annotations

import json
import sys
import threading
from typing import Any

import anyio
import anyio.to_thread
from launch import note, run_on, say

from sio_fast import Server, Socket

spec: dict[str, Any] = json.loads(sys.argv[1])
how: str = spec["options"].pop("how")
io: Server[Socket] = Server()


@io.on("connect")
async def connected(socket: Socket) -> None:
    socket.join("all")


@io.on("echo")
async def echo(socket: Socket, *args: Any) -> Any:
    socket.emit("echo", *args)
    return args


@io.on("slow")
async def slow(socket: Socket) -> None:
    await anyio.sleep(600)


@io.on("unanswered")
async def unanswered(socket: Socket) -> None:
    await socket.emit_with_ack("never answered")


def pour() -> None:
    """Emit for ever, from a thread that the interpreter does not wait for."""
    while True:
        io.to("all").volatile.emit("tick", "x" * 100)
        threading.Event().wait(0.0005)


async def main() -> None:
    async with anyio.create_task_group() as tg:
        listener: Any = await tg.start(io.serve, "127.0.0.1", 0)
        for _ in range(2):
            threading.Thread(target=pour, daemon=True).start()
        say("listening", port=listener.port)
        await anyio.to_thread.run_sync(sys.stdin.readline)
        note("ending")
        if how == "close":
            await io.close(grace=1)
        elif how == "exit":
            sys.exit(0)
        tg.cancel_scope.cancel()


if __name__ == "__main__":
    try:
        run_on(spec["backend"], main)
    except* SystemExit:
        note("ended")
