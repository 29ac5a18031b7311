"""A thread that produces faster than a slow client can hear: a sensor, in code that knows no ``async``.

Run it with ``python examples/producer_thread.py`` and connect clients to port 3000 (or ``PORT``). Emitting is safe from any
thread and never blocks. Measurements are volatile: a client that is still busy with an older one misses this one, so nothing
piles up. An alarm must arrive, so the thread waits until the process has room for more.
"""

from __future__ import annotations

import os
import random
import signal
import threading
from functools import partial

import anyio
from anyio import from_thread, to_thread

from sio_fast import Sent, Server, Socket

io = Server()
limit = 0.999


@io.on("limit")
async def set_limit(socket: Socket, value: float) -> float:
    """Moves the limit of the alarm; the answer is the one before."""
    global limit
    before, limit = limit, value
    return before


async def room_for_more(sent: Sent) -> None:
    """Waits while more is queued than clients can hear soon."""
    await sent


def produce(stop: threading.Event) -> None:
    """The thread: its own pace, no event loop."""
    while not stop.wait(0.005):
        value = random.random()  # noqa: S311 - a sensor, not a secret
        io.volatile.emit("measured", value)
        if value > limit:
            from_thread.run(room_for_more, io.emit("alarm", value))


async def main(port: int) -> None:
    """Serves, and runs the thread, until the program is told to end."""
    stop = threading.Event()
    async with anyio.create_task_group() as tasks:
        listener = await tasks.start(partial(io.serve, "127.0.0.1", port))
        print(f"listening on port {listener.port}", flush=True)
        tasks.start_soon(to_thread.run_sync, produce, stop)
        with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
            async for _ in signals:
                break
        stop.set()
        await io.close(grace=2)


if __name__ == "__main__":
    anyio.run(main, int(os.environ.get("PORT", "3000")))
