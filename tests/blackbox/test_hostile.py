"""Clients that mean harm or have bad luck: each ends within its bound, with its reason, and nothing of it stays.

Afterwards the server must serve the next client as if nothing had been.
"""

from __future__ import annotations

import random
import socket
import time
from typing import TYPE_CHECKING, Any

import pytest

from clients.raw_client import RawClient
from clients.raw_http import HttpConnection, PeerClosed
from clients.raw_websocket import CONTINUATION, TEXT, RawWebSocket
from clients.wire import PollingWire, WebSocketWire, target
from harness.gauges import expect_empty

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from harness.process import ServerProcess

    Connect = Callable[..., RawClient]

# Hostile bytes end below the application's event loop.
pytestmark = pytest.mark.loops("uvloop")

#: Heartbeats that find a silent client soon, while a busy machine still has time to answer.
QUICK = {"ping_interval": 0.2, "ping_timeout": 1.5}


@pytest.fixture(autouse=True)
def _nothing_stays(server: ServerProcess) -> Iterator[None]:
    """Set up first, so torn down behind whatever a test opened: the server serves, and holds nothing for anybody."""
    yield
    witness = RawClient(WebSocketWire.open(server.port))
    witness.connect()
    assert witness.ask("ask", "still there?") == ["still there?"]
    witness.close()
    expect_empty(server)


def seconds_until_closed(http: HttpConnection, drip: Callable[[], None]) -> tuple[float, bytes]:
    """Drips until the server ends the connection; how long it took, and what it said."""
    started = time.monotonic()
    said = bytearray()
    http.sock.settimeout(0.05)
    while time.monotonic() - started < 15:
        try:
            drip()
            if not (piece := http.sock.recv(65536)):
                break
            said += piece
        except TimeoutError:
            continue
        except OSError:
            break
    else:
        pytest.fail("the connection is still open")
    return time.monotonic() - started, bytes(said)


# --- slow


@pytest.mark.native
@pytest.mark.server(app="short.py")
@pytest.mark.parametrize(
    "start", [b"", b"GET /socket.io/?EIO=4&transport=polling HTTP/1.1\r\n", b"GET / HTTP/1.1\r\nHost: x\r\nX: "]
)
def test_a_head_that_drips(server: ServerProcess, start: bytes) -> None:
    """Slow loris: `header_timeout` of this server is 0.5 s, however many bytes come meanwhile."""
    with HttpConnection(server.port) as http:
        http.send(start)
        took, said = seconds_until_closed(http, lambda: http.send(b"G" if not start else b"y"))
    assert took < 8
    assert said == b"" or said.split(b" ")[1] in (b"408", b"400")


@pytest.mark.server(app="short.py", ping_interval=0.2, ping_timeout=1)
def test_a_body_that_drips(server: ServerProcess, closing: list[Any]) -> None:
    """A POST under way is a sign of life of nobody: the session ends when its pong is missing, and the POST with it."""
    wire = PollingWire(server.port)
    closing.append(wire)
    client = RawClient(wire)
    client.connect()
    wire.poster.send_head("POST", wire.target, {"Content-Length": "1000"})
    took, said = seconds_until_closed(wire.poster, lambda: wire.poster.send(b"4"))
    assert took < 8
    assert said == b"" or said.split(b" ")[1] in (b"400", b"408")
    assert server.expect("disconnect", id=client.id)["reason"] in ("ping timeout", "transport error")
    wire.over = True


@pytest.mark.native  # others wait for the answer to their close frame
@pytest.mark.server(app="short.py", ping_interval=0.2, ping_timeout=1)
def test_a_message_that_drips(server: ServerProcess, closing: list[Any]) -> None:
    """The same on a WebSocket: bytes of a message that does not come to its end are no sign of life."""
    wire = WebSocketWire.open(server.port)
    closing.append(wire)
    client = RawClient(wire)
    client.connect()
    frame = iter(RawWebSocket.frame(TEXT, b"42" + b"x" * 900))
    took, _ = seconds_until_closed(wire.ws.http, lambda: wire.ws.http.send(bytes([next(frame)])))
    assert took < 8
    assert server.expect("disconnect", id=client.id)["reason"] == "ping timeout"


@pytest.mark.native
@pytest.mark.server(app="short.py")
def test_answers_that_nobody_reads(server: ServerProcess, closing: list[Any]) -> None:
    """What waits for a peer that reads nothing for three times `header_timeout` is given up, and the connection with it."""
    before = server.descriptors()
    deaf = HttpConnection(server.port, receive_buffer=4096)
    closing.append(deaf)
    for _ in range(2000):
        deaf.start("GET", "/files/main.py")
    server.eventually(lambda: server.descriptors() > before, "the connection to be open")
    server.eventually(lambda: server.descriptors() <= before, "the connection to be closed")


def test_fragments_of_one_byte(server: ServerProcess, closing: list[Any]) -> None:
    wire = WebSocketWire.open(server.port)
    closing.append(wire)
    client = RawClient(wire)
    client.connect()
    message = ('421["ask","' + "ü" * 2000 + '"]').encode()
    pieces = [bytes([byte]) for byte in message]
    frames = [
        RawWebSocket.frame(CONTINUATION if n else TEXT, piece, fin=n == len(pieces) - 1)
        for n, piece in enumerate(pieces)
    ]
    wire.ws.http.send(b"".join(frames))
    assert client.finish_ask(1) == ["ü" * 2000]
    for byte in b"".join(RawWebSocket.frame(TEXT, piece) for piece in (b'422["ask",2]', b'423["ask",3]')):
        wire.ws.http.send(bytes([byte]))
    assert [client.finish_ask(n) for n in (2, 3)] == [[2], [3]]


# --- gone without a word


@pytest.mark.server(**QUICK)
def test_a_client_that_never_answers_pings(server: ServerProcess, connect: Connect, transport: str) -> None:
    client = connect(transport)
    assert server.expect("disconnect", id=client.id)["reason"] == "ping timeout"
    client.wire.close()


def test_a_half_open_websocket(server: ServerProcess, connect: Connect) -> None:
    """The client's half of the TCP connection is closed, and it still listens."""
    client = connect("websocket")
    assert isinstance(client.wire, WebSocketWire)
    client.wire.ws.http.sock.shutdown(socket.SHUT_WR)
    assert server.expect("disconnect", id=client.id)["reason"] == "transport close"
    client.wire.ws.http.read_to_end()


def test_a_half_open_poll(server: ServerProcess, connect: Connect) -> None:
    client = connect("polling")
    assert isinstance(client.wire, PollingWire)
    client.wire.start_poll()
    client.wire.send('42["record",1]')
    server.expect("record", id=client.id)  # by now the poll hangs
    client.wire.getter.sock.shutdown(socket.SHUT_WR)
    ended = server.expect("disconnect", id=client.id)
    assert (ended["reason"], ended["detail"]) == ("transport error", "poll connection closed prematurely")
    client.wire.over = True


@pytest.mark.server(**QUICK)
@pytest.mark.parametrize(
    ("stage", "reason"),
    [("open", "ping timeout"), ("poll", "transport error"), ("probe", "ping timeout"), ("upgraded", "transport close")],
)
def test_killed_during_the_upgrade(
    server: ServerProcess, connect: Connect, closing: list[Any], stage: str, reason: str
) -> None:
    """All its connections are reset at once: what the server knows of a session is which of them carried it."""
    client = connect("polling")
    wire = client.wire
    assert isinstance(wire, PollingWire)
    if stage == "poll":
        wire.start_poll()
    candidate = RawWebSocket(server.port, target(transport="websocket", sid=wire.sid))
    closing.append(candidate)
    if stage in ("probe", "upgraded"):
        candidate.send("2probe")
        assert candidate.recv() == "3probe"
    if stage == "upgraded":
        candidate.send("5")
        candidate.send('421["ask",1]')
        while (packet := candidate.recv()) != "431[1]":
            assert packet == "2"
    for http in (wire.getter, wire.poster, candidate.http):
        http.abort()
    assert server.expect("disconnect", id=client.id)["reason"] == reason
    wire.over = True


# --- garbage

DICE = random.Random(20)
NOISE = [
    b"",
    b"\x00" * 64,
    b"\xff" * 64,
    b"\x1e\x1e",
    b"4" * 200,
    b"b====",
    b"42[" + b"[" * 5000,
    b"451-[{}]\x1e451-[{}]",
    b"HTTP/1.1 200 OK\r\n\r\n",
    *(DICE.randbytes(DICE.randrange(1, 300)) for _ in range(12)),
]


def test_garbage_instead_of_a_request(server: ServerProcess) -> None:
    for noise in NOISE:
        with HttpConnection(server.port) as http:
            http.send(noise + b"\r\n\r\n")
            http.sock.shutdown(socket.SHUT_WR)
            answer = http.read_to_end()
        assert answer == b"" or answer.split(b" ")[1][:1] == b"4", (noise, answer)


@pytest.mark.parametrize("joined", [False, True])
def test_garbage_in_a_post(server: ServerProcess, connect: Connect, joined: bool) -> None:
    for noise in NOISE:
        client = connect("polling", nsp="/" if joined else None)
        wire = client.wire
        assert isinstance(wire, PollingWire)
        assert wire.post(noise).status in (200, 400)
        if joined:
            assert server.expect("disconnect", id=client.id)["reason"] == "parse error", noise
        assert wire.wait_closed() == [], noise


def no_code(server: ServerProcess) -> int | None:
    """ASGI knows no close frame without a code."""
    return None if server.skin == "native" else 1000


def closing_code(server: ServerProcess, ws: RawWebSocket) -> int | None:
    try:
        return ws.expect_close()
    except PeerClosed:
        if server.skin != "hypercorn":
            raise
        return 1007  # it hangs up without a word


@pytest.mark.parametrize("opcode", [0x1, 0x2])
@pytest.mark.parametrize("joined", [False, True])
def test_garbage_in_a_message(server: ServerProcess, connect: Connect, joined: bool, opcode: int) -> None:
    for noise in NOISE:
        client = connect("websocket", nsp="/" if joined else None)
        wire = client.wire
        assert isinstance(wire, WebSocketWire)
        wire.ws.send_frame(opcode, noise)
        code = closing_code(server, wire.ws)
        assert code in (no_code(server), 1007), (noise, code)
        if joined:
            reason = server.expect("disconnect", id=client.id)["reason"]
            # Text that is not UTF-8 breaks the WebSocket's rules (1007), not those of the packets in it; a host only tells
            # that the connection has ended.
            broken = "transport error" if server.skin == "native" else "transport close"
            assert reason == (broken if code == 1007 else "parse error"), noise


@pytest.mark.parity("verification.garbage")
def test_garbage_instead_of_frames(server: ServerProcess, connect: Connect) -> None:
    for noise in NOISE:
        client = connect("websocket")
        wire = client.wire
        assert isinstance(wire, WebSocketWire)
        wire.ws.http.send(noise)
        wire.ws.http.sock.shutdown(socket.SHUT_WR)
        reason = server.expect("disconnect", id=client.id)["reason"]
        assert reason in ("transport error", "transport close"), noise
        wire.ws.http.read_to_end()


def test_garbage_on_the_candidate_of_an_upgrade(server: ServerProcess, connect: Connect) -> None:
    """The candidate ends; the session lives on over polling."""
    client = connect("polling")
    wire = client.wire
    assert isinstance(wire, PollingWire)
    for n, noise in enumerate(NOISE):
        for opcode in (0x1, 0x2):
            candidate = RawWebSocket(server.port, target(transport="websocket", sid=wire.sid))
            candidate.send_frame(opcode, noise)
            assert closing_code(server, candidate) in (no_code(server), 1007), noise
        assert client.ask("ask", n) == [n]


def test_garbage_after_the_probe(server: ServerProcess, connect: Connect) -> None:
    client = connect("polling")
    wire = client.wire
    assert isinstance(wire, PollingWire)
    for n, noise in enumerate(NOISE):
        candidate = RawWebSocket(server.port, target(transport="websocket", sid=wire.sid))
        candidate.send("2probe")
        assert candidate.recv() == "3probe"
        candidate.http.send(noise)
        candidate.abort()
        assert client.ask("ask", n) == [n]


# --- many


def test_three_hundred_connects_in_a_burst(server: ServerProcess) -> None:
    """All at once, and all gone at once: each is let in, and each disconnect is told once."""
    burst = 300
    opened = server.command("stats")["sockets_opened"]
    connections = [HttpConnection(server.port) for _ in range(burst)]
    try:
        for http in connections:
            http.send_head(
                "GET",
                target(transport="websocket"),
                {
                    "Upgrade": "websocket",
                    "Connection": "Upgrade",
                    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
                    "Sec-WebSocket-Version": "13",
                },
            )
            if server.skin == "native":  # others may forget what comes before their answer
                http.send(RawWebSocket.frame(TEXT, b"40"))
        ids = set()
        for http in connections:
            assert http.read_response().status == 101
            if server.skin != "native":
                http.send(RawWebSocket.frame(TEXT, b"40"))
            while b'40{"sid":"' not in http.buffer:
                http.fill()
            ids.add(http.buffer.partition(b'40{"sid":"')[2][:20].decode())
    finally:
        for http in connections:
            http.abort()
    assert len(ids) == burst
    for name in ids:
        server.expect("disconnect", id=name)
    ended = [entry["id"] for entry in server.noted("disconnect") if entry["id"] in ids]
    assert len(ended) == burst
    assert server.command("stats")["sockets_opened"] - opened == burst
