"""Whole lives of clients, by the thousand: each connects, uses the server, checks every answer, and ends in its own way.

The lives are spread over processes, because one of ours keeps one core busy before the server does. Knows the events of
`apps/soak.py`; what must be left in the server afterwards is for its caller to say.
"""

from __future__ import annotations

import contextlib
import multiprocessing
from concurrent.futures import ProcessPoolExecutor

from clients.raw_client import RawClient
from clients.raw_websocket import RawWebSocket
from clients.wire import PollingWire, WebSocketWire, target

__all__ = ["ENDINGS", "Lives"]

#: Transport and ending of a life, in turn.
ENDINGS = (
    ("websocket", "leave"),  # a DISCONNECT packet, then a close frame
    ("polling", "leave"),  # a DISCONNECT packet, then a `close` packet
    ("upgrade", "leave"),
    ("websocket", "close"),  # a close frame
    ("polling", "close"),  # a `close` packet
    ("upgrade", "close"),
    ("websocket", "drop"),  # the TCP connection ends without a word
    ("upgrade", "drop"),
    ("websocket", "reset"),
    ("polling", "reset"),  # with a poll pending
    ("upgrade", "reset"),
    ("probe", "reset"),  # in the middle of the upgrade
)
ROOMS = 10
PICTURE = bytes(range(256)) * 4


def live(port: int, number: int) -> None:
    """One life, from the TCP connection to its end."""
    transport, ending = ENDINGS[number % len(ENDINGS)]
    wire = WebSocketWire.open(port) if transport == "websocket" else PollingWire(port)
    client = RawClient(wire)
    try:
        client.connect()
        use(client, number)
        candidate = None
        if transport in ("upgrade", "probe"):
            assert isinstance(wire, PollingWire)
            wire.getter.start("GET", wire.target)
            candidate = RawWebSocket(port, target(transport="websocket", sid=wire.sid))
            candidate.send("2probe")
            assert candidate.recv() == "3probe"
        if transport == "upgrade":
            assert isinstance(wire, PollingWire)
            assert candidate is not None
            client.wire = switch(wire, candidate)
            use(client, number)
        end(client, ending, candidate if transport == "probe" else None)
    except BaseException:
        with contextlib.suppress(OSError):
            client.wire.close()
        raise


def use(client: RawClient, number: int) -> None:
    """A room, an answer, bytes there and back, and news to everybody in the room."""
    room = f"room {number % ROOMS}"
    assert client.ask("join", room) == [True]
    assert client.ask("ask", number, "ü") == [number, "ü"]
    client.emit("echo", {"picture": PICTURE})
    assert client.expect("echo") == [{"picture": PICTURE}]
    client.emit("publish", room, number)
    client.take(lambda message: message.kind == 2 and message.data == ["news", number])


def switch(polling: PollingWire, candidate: RawWebSocket) -> WebSocketWire:
    """The rest of the upgrade. The pending poll brings a `noop`, and the news of others that went before it."""
    waiting = [*polling.waiting, *(packet for packet in polling.finish_poll() if packet != "6")]
    candidate.send("5")
    polling.abandon()
    polling.over = True
    return WebSocketWire(candidate, polling.handshake, waiting)


def end(client: RawClient, ending: str, candidate: RawWebSocket | None) -> None:
    wire = client.wire
    if ending == "leave":
        client.leave()
    if isinstance(wire, WebSocketWire):
        if ending in ("leave", "close"):
            wire.ws.send_close(1000)
        if ending == "reset":
            wire.ws.abort()
        else:
            wire.ws.close()
        return
    assert isinstance(wire, PollingWire)
    if ending in ("leave", "close"):
        wire.close()
        return
    if candidate is None:
        wire.getter.start("GET", wire.target)
    else:
        candidate.abort()
    wire.getter.abort()
    wire.poster.abort()


def live_many(port: int, first: int, count: int) -> int:
    """Lives one after the other; returns how many."""
    for number in range(first, first + count):
        live(port, number)
    return count


class Lives:
    """Processes that lead lives against one server."""

    def __init__(self, port: int, *, at_once: int) -> None:
        self.port, self.at_once = port, at_once
        self.next = 0
        self.pool = ProcessPoolExecutor(at_once, mp_context=multiprocessing.get_context("spawn"))

    def lead(self, count: int) -> None:
        """That many lives, `at_once` at a time; the first wrong answer is raised."""
        share = -(-count // self.at_once)
        shares = [min(share, count - done) for done in range(0, count, share)]
        begun = []
        for size in shares:
            begun.append(self.pool.submit(live_many, self.port, self.next, size))
            self.next += size
        assert sum(each.result() for each in begun) == count

    def close(self) -> None:
        self.pool.shutdown(cancel_futures=True)
