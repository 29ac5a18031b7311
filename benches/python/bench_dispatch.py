"""From bytes on a socket to the end of the handlers: 2000 events of one client, with the kinds of handlers there are.

The reference is the least that a Python server could do: the standard library's JSON and an awaited coroutine for each.
"""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import anyio.lowlevel
import pytest

from serving import frames, joined, served
from sio_fast import Server

if TYPE_CHECKING:
    from pytest_benchmark.fixture import BenchmarkFixture

    from sio_fast import Packet, Socket

EVENTS = 2000
TEXTS = [f'2["note","{n:06}.{"x" * 57}"]' for n in range(EVENTS)]


def build(kind: str) -> tuple[Server[Any], list[int]]:
    """A server whose handler counts, and the count."""
    io, seen = Server(), [0]
    if kind == "def":

        @io.on("note")
        def plain(_socket: Socket, _text: str) -> None:
            seen[0] += 1
    elif kind == "suspends":

        @io.on("note")
        async def suspends(_socket: Socket, _text: str) -> None:
            await anyio.lowlevel.checkpoint()
            seen[0] += 1
    else:

        @io.on("note")
        async def coroutine(_socket: Socket, _text: str) -> None:
            seen[0] += 1

    if kind == "middleware":

        @io.use_event
        async def gate(_socket: Socket, _packet: Packet) -> None:
            pass

    @io.on("last")
    async def last(_socket: Socket) -> int:
        return seen[0]

    return io, seen


@pytest.mark.parametrize("kind", ["async def", "def", "suspends", "middleware"])
def test_dispatch(benchmark: BenchmarkFixture, kind: str) -> None:
    benchmark.group = "dispatch 2000 events"
    io, seen = build(kind)
    sent = frames([*(f"4{text}" for text in TEXTS), '420["last"]'])
    with served(io) as port:
        wire = joined(port)

        def burst() -> None:
            seen[0] = 0
            wire.ws.http.send(sent)
            wire.expect(f"430[{EVENTS}]")

        benchmark(burst)
        wire.close()


def test_bare_loop(benchmark: BenchmarkFixture) -> None:
    benchmark.group = "dispatch 2000 events"
    seen = [0]

    async def note(_socket: object, _text: str) -> None:
        seen[0] += 1

    handlers = {"note": note}

    async def loop() -> None:
        for text in TEXTS:
            name, *args = json.loads(text[1:])
            await handlers[name](None, *args)

    benchmark(lambda: asyncio.run(loop()))
