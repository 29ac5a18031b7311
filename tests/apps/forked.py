"""A server that serves one client, ends, and forks two children that serve anew: do they make the same ids?"""

from __future__ import annotations

import os
import signal
import sys
from typing import Any

import anyio
from launch import Spec, note, run_on, say

from sio_fast import Server, Socket

spec = Spec.from_argv()
io: Server[Socket] = Server(**spec.options)


async def serve_one() -> None:
    """Serve until a client was here, so that whatever makes ids has been used."""
    served = anyio.Event()

    @io.on("connect")
    async def connected(socket: Socket) -> None:
        note("parent", id=socket.id)
        served.set()

    async with anyio.create_task_group() as tg:
        listener: Any = await tg.start(io.serve, "127.0.0.1", 0)
        say("listening", port=listener.port)
        await served.wait()
        await io.close(grace=1)
    io.off("connect", connected)


async def serve_as_child() -> None:
    @io.on("connect")
    async def connected(socket: Socket) -> None:
        await socket.emit("welcome", {})

    async with anyio.create_task_group() as tg:
        listener: Any = await tg.start(io.serve, "127.0.0.1", 0)
        note("child", port=listener.port)
        await anyio.sleep_forever()


def main() -> None:
    run_on(spec.backend, serve_one)
    children = []
    for _ in range(2):
        if (pid := os.fork()) == 0:
            run_on(spec.backend, serve_as_child)
            os._exit(0)
        children.append(pid)
    sys.stdin.read()  # until the suite ends us
    for pid in children:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


if __name__ == "__main__":
    main()
