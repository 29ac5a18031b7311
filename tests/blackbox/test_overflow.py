"""`on_overflow="drop_oldest"`: a client that stalls and reads on sees the newest packets, whole, in order, and stays."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from clients.raw_client import RawClient
from clients.wire import WebSocketWire

if TYPE_CHECKING:
    from collections.abc import Callable

    from harness.process import ServerProcess

MIB = 1 << 20
COUNT = 2_000
SIZE = 50_000

pytestmark = pytest.mark.server(app="overflow.py", max_buffered_bytes=MIB, ping_interval=300)


def read_on(server: ServerProcess, client: RawClient, ack: int, before: dict[str, int]) -> None:
    """What the client missed is the older part, and the counter says how much that is."""
    numbers = []
    while not numbers or numbers[-1] != COUNT - 1:
        number, attachment = client.expect("drop")
        assert attachment == b"x" * SIZE
        numbers.append(number)
    assert client.finish_ask(ack) == ["answered"]
    assert numbers == sorted(set(numbers))
    assert len(numbers) < COUNT
    after = server.command("stats")
    assert after["packets_dropped"] - before["packets_dropped"] == COUNT - len(numbers)
    assert after["slow_consumers"] - before["slow_consumers"] == 1
    assert server.noted("disconnect", id=client.id) == []


def test_a_stalled_reader_misses_the_oldest(server: ServerProcess, closing: list[Any]) -> None:
    wire = WebSocketWire.open(server.port, receive_buffer=4096)
    closing.append(wire)
    client = RawClient(wire)
    client.connect()
    client.expect("welcome")
    before, memory = server.command("stats"), server.resident_bytes()
    ack = client.start_ask("pour", COUNT, SIZE)
    server.expect("poured", id=client.id)
    # 100 MB were emitted; the limit (four times, while the owner of the queue is late) and the allocator's slack stay.
    assert server.resident_bytes() - memory < 24 * MIB
    assert server.command("stats")["bytes_queued"] <= MIB + SIZE + 100
    read_on(server, client, ack, before)


def test_a_client_that_does_not_poll_misses_the_oldest(
    server: ServerProcess, connect: Callable[..., RawClient]
) -> None:
    client = connect("polling")
    before = server.command("stats")
    ack = client.start_ask("pour", COUNT, SIZE)
    server.expect("poured", id=client.id)
    read_on(server, client, ack, before)
