"""Volatile events: dropped where the client cannot take them now, and never in pieces."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from clients.raw_client import RawClient
from clients.wire import PollingWire, WebSocketWire

if TYPE_CHECKING:
    from collections.abc import Callable

    from harness.process import ServerProcess

    Connect = Callable[..., RawClient]

SELF = {"base": "socket"}
VOLATILE = {"base": "socket", "volatile": True}
ALL = {"volatile": True}


def burst(client: RawClient, *steps: list[Any]) -> None:
    """Have the server emit all that in one turn; the client sends and does not poll."""
    client.emit("burst", *steps)


def taken(server: ServerProcess, connect: Connect, client: RawClient) -> None:
    """Wait until what the burst emitted has been sent or dropped: what others are answered later comes behind it."""
    server.expect("burst", id=client.id)
    assert connect("websocket").ask("ask", 1) == [1]


def polled(client: RawClient, packets: list[Any]) -> list[Any]:
    """What a poll brought, then what waits behind it."""
    client.wire.waiting[:0] = packets  # type: ignore[attr-defined]
    return client.events()


@pytest.mark.official
@pytest.mark.parity("socket.volatile_polling", "socket.volatile_then_regular")
def test_without_a_pending_poll_it_is_lost(server: ServerProcess, connect: Connect) -> None:
    client = connect("polling")
    burst(client, [VOLATILE, "lost"], [SELF, "kept"])
    taken(server, connect, client)
    assert client.events() == [["kept"]]


@pytest.mark.official
@pytest.mark.parity("socket.volatile_polling", "namespaces.volatile", "socket.volatile_first")
def test_a_pending_poll_takes_the_first(server: ServerProcess, connect: Connect) -> None:
    client = connect("polling")
    wire = client.wire
    assert isinstance(wire, PollingWire)
    wire.start_poll()
    burst(client, [VOLATILE, "first"], [VOLATILE, "second"], [SELF, "regular"])
    came = polled(client, wire.finish_poll())
    # On a loaded machine the client may have polled again before the second was emitted, and then it is not lost.
    assert [event for event in came if event != ["second"]] == [["first"], ["regular"]]


@pytest.mark.official
@pytest.mark.parity("namespaces.volatile", "socket.volatile_websocket")
def test_a_websocket_that_rests_takes_it(connect: Connect) -> None:
    client = connect("websocket")
    for number in range(20):
        burst(client, [VOLATILE, "alone", number])
        assert client.expect("alone") == [number]


@pytest.mark.official
@pytest.mark.parity("socket.volatile_binary")
def test_bytes_are_lost_or_delivered_whole(server: ServerProcess, connect: Connect, transport: str) -> None:
    client = connect(transport)
    if isinstance(client.wire, PollingWire):
        burst(client, [VOLATILE, "lost", b"1", b"2"], [SELF, "kept", b"3", b"4"])
        taken(server, connect, client)
        assert client.events() == [["kept", b"3", b"4"]]
    else:
        burst(client, [VOLATILE, "whole", b"1", b"2"])
        assert client.expect("whole") == [b"1", b"2"]
        assert client.events() == []


@pytest.mark.official
@pytest.mark.parity("socket.volatile_broadcast", "native.binary")
def test_a_broadcast_reaches_who_can_take_it(server: ServerProcess, connect: Connect) -> None:
    deaf, resting = connect("polling"), connect("websocket")
    resting.emit("burst", [ALL, "picture", b"\x00", b"\xff"])
    assert resting.expect("picture") == [b"\x00", b"\xff"]
    server.expect("burst", id=resting.id)
    assert deaf.events() == []


@pytest.mark.official
@pytest.mark.parity("namespaces.volatile_after", "socket.volatile_websocket")
@pytest.mark.native  # how much a host takes ahead is its own matter
def test_behind_a_backlog_it_is_lost(server: ServerProcess, closing: list[Any]) -> None:
    wire = WebSocketWire.open(server.port, receive_buffer=4096)
    closing.append(wire)
    client = RawClient(wire)
    client.connect()
    client.expect("welcome")
    # More than two kernels hold, less than a session may have waiting.
    big = ["x" * 250_000]
    for _ in range(24):
        burst(client, [SELF, "big", *big])
    burst(client, [VOLATILE, "lost"], [VOLATILE, "lost", b"too"])
    server.expect("burst", id=client.id, count=25)
    assert [name for name, *_ in client.events()] == ["big"] * 24
    burst(client, [VOLATILE, "alone"])
    assert client.expect("alone") == []
