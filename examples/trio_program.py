"""A program that runs on trio: a ticker beside the server in one nursery, and an end that nobody has to kill.

Run it with ``python examples/trio_program.py``; needs ``pip install 'sio-fast[trio]'``. Clients of port 3000 (or ``PORT``)
hear ``tick``, ask ``since`` for the ticks they missed, and the first one that emits ``stop`` ends the program, as a signal
does: handlers are waited for, connections closed so that clients come back when it is there again.
"""

from __future__ import annotations

import os
import signal
from collections import deque
from functools import partial

import trio

from sio_fast import Server, Socket

io = Server()
ticks: deque[int] = deque(maxlen=100)
stopping = trio.Event()


@io.on("since")
async def since(socket: Socket, last: int) -> list[int]:
    """The ticks after ``last``, as far as they are kept."""
    return [tick for tick in ticks if tick > last]


@io.on("stop")
async def stop(socket: Socket) -> str:
    """Ends the program."""
    stopping.set()
    return "goodbye"


async def tick(seconds: float = 0.2) -> None:
    """The program's own work, a task like any other."""
    number = 0
    while True:
        number += 1
        ticks.append(number)
        await io.emit("tick", number)  # awaited: no faster than the clients can hear it
        await trio.sleep(seconds)


async def heed_signals() -> None:
    """Ctrl-C and ``kill`` end it in the same way."""
    with trio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
        async for _ in signals:
            stopping.set()


async def main(port: int) -> None:
    """Serves until somebody says stop."""
    async with trio.open_nursery() as nursery:
        listener = await nursery.start(partial(io.serve, "127.0.0.1", port))
        print(f"listening on port {listener.port}", flush=True)
        nursery.start_soon(tick)
        nursery.start_soon(heed_signals)
        await stopping.wait()
        await io.close(grace=2)
        nursery.cancel_scope.cancel()


if __name__ == "__main__":
    trio.run(main, int(os.environ.get("PORT", "3000")))
