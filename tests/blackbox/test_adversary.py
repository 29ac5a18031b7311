"""Whoever knows the protocol and wants the server's memory, its descriptors or its other clients gets none of them.

What is merely slow, gone or garbage is in `test_hostile.py`; here somebody has read the specifications.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from clients.raw_client import RawClient
from clients.raw_http import HttpConnection
from clients.raw_websocket import CONTINUATION, PING, TEXT, RawWebSocket
from clients.wire import PollingWire, WebSocketWire, target
from harness.gauges import expect_empty

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from harness.process import ServerProcess

    Connect = Callable[..., RawClient]

# Hostile bytes end below the application's event loop.
pytestmark = [pytest.mark.native, pytest.mark.loops("uvloop")]

MIB = 1 << 20
#: Sessions that nobody says goodbye to end soon.
QUICK = {"ping_interval": 0.5, "ping_timeout": 1.5}


@pytest.fixture(autouse=True)
def _nothing_stays(server: ServerProcess) -> Iterator[None]:
    """Set up first, so torn down behind whatever a test opened: the server serves, and holds nothing for anybody."""
    before = server.descriptors()
    yield
    witness = RawClient(WebSocketWire.open(server.port))
    witness.connect()
    assert witness.ask("ask", "still there?") == ["still there?"]
    witness.close()
    expect_empty(server)
    server.eventually(lambda: server.descriptors() <= before, "its connections to be closed")


def websocket_of(client: RawClient) -> RawWebSocket:
    assert isinstance(client.wire, WebSocketWire)
    return client.wire.ws


def polling_of(client: RawClient) -> PollingWire:
    assert isinstance(client.wire, PollingWire)
    return client.wire


# --- memory


@pytest.mark.parametrize("piece", [b"x", b""], ids=["one byte", "no byte"])
def test_a_million_fragments_take_the_memory_of_one_message(
    server: ServerProcess, connect: Connect, piece: bytes
) -> None:
    """Not of a million (CVE-2026-48779): what counts is bytes, and a fragment leaves nothing else behind."""
    client = connect("websocket")
    ws = websocket_of(client)
    client.ask("ask", "x" * 900_000)  # what one message of that size takes, it takes now
    fragments = RawWebSocket.frame(CONTINUATION, piece, fin=False) * 9_000
    server.forget_peak()
    before = server.peak_bytes()
    ws.send_frame(TEXT, b'421["ask","', fin=False)
    for _ in range(100):
        ws.http.send(fragments)
    ws.send_frame(CONTINUATION, b'"]')
    assert client.finish_ask(1) == ["x" * (900_000 * len(piece))]
    assert server.peak_bytes() - before < 8 * MIB


def test_fragments_beyond_the_limit_are_refused_one_by_one(server: ServerProcess, connect: Connect) -> None:
    client = connect("websocket")
    ws = websocket_of(client)
    ws.send_frame(TEXT, b"4", fin=False)
    fragments = RawWebSocket.frame(CONTINUATION, b"x", fin=False) * 10_000
    for _ in range(101):
        ws.http.send(fragments)
    assert ws.expect_close() == 1009
    server.expect("disconnect", id=client.id)


def test_pings_without_reading_the_pongs(server: ServerProcess, closing: list[Any]) -> None:
    """Pongs that a peer does not read are left out (RFC 6455, 5.5.3), and what it reads later makes sense."""
    wire = WebSocketWire.open(server.port, receive_buffer=4096)
    closing.append(wire)
    client = RawClient(wire)
    client.connect()
    client.expect("welcome")
    ws = wire.ws
    pings = RawWebSocket.frame(PING, b"p" * 125) * 1000
    server.forget_peak()
    before = server.peak_bytes()
    for _ in range(150):
        ws.http.send(pings)
    ws.send('421["ask",1]')
    while (frame := ws.recv_frame()).payload != b"431[1]":
        assert frame.opcode in (0xA, TEXT), frame
    assert server.peak_bytes() - before < 4 * MIB


def test_attachments_are_not_hoarded(server: ServerProcess, connect: Connect) -> None:
    client = connect("websocket")
    client.wire.send('4511-["record",{"_placeholder":true,"num":0}]')
    assert client.wire.wait_closed() == []
    ended = server.expect("disconnect", id=client.id)
    assert ended["reason"] == "parse error"
    assert "max_attachments" in ended["detail"]


@pytest.mark.parametrize(
    ("number", "reason"),
    [("9" * 900_000, "parse error"), ("0." + "1" * 900_000, None), ("1e-" + "1" * 900_000, None)],
    ids=["integer", "fraction", "exponent"],
)
def test_a_number_of_a_million_digits(server: ServerProcess, connect: Connect, number: str, reason: str | None) -> None:
    """Python makes an integer of them in quadratic time, and therefore does not."""
    client = connect("websocket")
    spent = server.cpu_seconds()
    client.wire.send(f'421["ask",{number}]')
    if reason is None:
        assert client.finish_ask(1) == [float(number)]
    else:
        assert server.expect("disconnect", id=client.id)["reason"] == reason
    assert server.cpu_seconds() - spent < 2


# --- sessions of one's own and of others


def test_three_hundred_upgrades_of_one_session(server: ServerProcess, connect: Connect, closing: list[Any]) -> None:
    """One candidate at a time: the others end at once, and the session does not notice."""
    client = connect("polling")
    where = target(transport="websocket", sid=polling_of(client).sid)
    first = RawWebSocket(server.port, where)
    closing.append(first)
    for _ in range(300):
        candidate = RawWebSocket(server.port, where)
        assert candidate.expect_close() is None
    first.send("2probe")
    assert first.recv() == "3probe"
    assert client.ask("ask", 1) == [1]


@pytest.mark.server(**QUICK)
def test_three_hundred_upgrades_that_stop_in_the_middle(server: ServerProcess, closing: list[Any]) -> None:
    """The candidates stay open and silent: with their sessions they end."""
    for _ in range(300):
        wire = PollingWire(server.port)
        wire.abandon()
        candidate = RawWebSocket(server.port, target(transport="websocket", sid=wire.sid))
        closing.append(candidate)
        candidate.send("2probe")
    expect_empty(server)


@pytest.mark.server(**QUICK)
def test_handshakes_in_a_pipeline(server: ServerProcess) -> None:
    """A thousand requests in one write: each is answered, in order, on a session of its own."""
    request = f"GET {target(transport='polling')} HTTP/1.1\r\nHost: x\r\n\r\n".encode()
    with HttpConnection(server.port) as http:
        http.send(request * 1000)
        opened = [http.read_response() for _ in range(1000)]
    assert {answer.status for answer in opened} == {200}
    assert len({answer.body for answer in opened}) == 1000
    expect_empty(server)


def test_a_session_of_somebody_else_over_the_wrong_transport(server: ServerProcess, connect: Connect) -> None:
    """Who has learned the session's id of a WebSocket can neither read nor write there over polling."""
    client = connect("websocket")
    where = target(transport="polling", sid=client.wire.sid)
    for method, body in (("GET", None), ("POST", b'42["record","forged"]'), ("POST", b"1")):
        with HttpConnection(server.port) as http:
            answer = http.request(method, where, body=body)
        assert (answer.status, answer.json()["code"]) == (400, 3)
    assert client.ask("ask", 1) == [1]
    assert server.noted("record", id=client.id) == []


def test_a_reset_in_the_middle_of_a_post(server: ServerProcess, connect: Connect) -> None:
    client = connect("polling")
    wire = polling_of(client)
    wire.poster.send_head("POST", wire.target, {"Content-Length": "1000"})
    wire.poster.send(b'42["record",1]')
    wire.poster.abort()
    assert server.expect("disconnect", id=client.id)["reason"] in ("transport error", "transport close")
    assert server.noted("record", id=client.id) == []
    wire.over = True


# --- HTTP that lies


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        ([("Content-Length", "-1")], b""),
        ([("Content-Length", "+3")], b"3"),
        ([("Content-Length", "0x1")], b"3"),
        ([("Content-Length", str(2**70))], b"3"),
        ([("Content-Length", "1"), ("Content-Length", "2")], b"33"),
        ([("Content-Length", "1, 2")], b"33"),
        ([("Transfer-Encoding", "chunked, identity")], b"1\r\n3\r\n0\r\n\r\n"),
        ([("Transfer-Encoding", "chunked")], b"zz\r\n3\r\n0\r\n\r\n"),
        ([("Transfer-Encoding", "chunked")], b"-1\r\n3\r\n0\r\n\r\n"),
        ([("Transfer-Encoding", "chunked")], b"10000000000000000\r\n3"),
        ([("Transfer-Encoding", "chunked")], b"1\r\n33\r\n0\r\n\r\n"),
        ([("Transfer-Encoding", "chunked")], b"1;" + b"e" * 20_000 + b"\r\n3\r\n0\r\n\r\n"),
        ([("Transfer-Encoding", "chunked")], b"1\r\n3\r\n0\r\n" + b"T: t\r\n" * 5_000 + b"\r\n"),
        ([("Content-Length", "1"), ("X", "a\r\n b")], b"3"),
        ([("Content-Length ", "1")], b"3"),
    ],
    ids=[
        "length -1",
        "length +3",
        "length 0x1",
        "length 2**70",
        "two lengths",
        "a list of lengths",
        "chunked not last",
        "no chunk size",
        "chunk size -1",
        "chunk size 2**64",
        "chunk longer than said",
        "endless chunk extension",
        "endless trailers",
        "folded header",
        "space before the colon",
    ],
)
def test_a_body_of_no_clear_length(
    server: ServerProcess, connect: Connect, headers: list[tuple[str, str]], body: bytes
) -> None:
    """Nothing is guessed, since a proxy before us may guess otherwise: no answer or a 4xx, and the connection ends."""
    client = connect("polling")
    wire = polling_of(client)
    with HttpConnection(server.port) as http:
        http.send_head("POST", wire.target, headers)
        http.send(body + b"GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n")
        answer = http.read_to_end()
    assert answer == b"" or answer.split(b" ")[1][:1] == b"4", answer
    assert answer.count(b"HTTP/1.1 ") <= 1, answer
    assert b"404" not in answer, "the body was taken for a request"


def test_a_body_of_two_lengths_is_chunked(server: ServerProcess, connect: Connect) -> None:
    """RFC 9112, 6.3: the chunks count, and the connection ends with the answer, since somebody on the way may disagree."""
    client = connect("polling")
    wire = polling_of(client)
    packet = b'42["record",1]'
    with HttpConnection(server.port) as http:
        http.send_head("POST", wire.target, {"Content-Length": "4", "Transfer-Encoding": "chunked"})
        http.send(f"{len(packet):x}\r\n".encode() + packet + b"\r\n0\r\n\r\n")
        http.send(b"GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n")
        answer = http.read_to_end()
    assert answer.startswith(b"HTTP/1.1 200 "), answer
    assert answer.count(b"HTTP/1.1 ") == 1, answer
    assert [entry["value"] for entry in server.noted("record", id=client.id)] == [1]


def test_more_than_the_length_that_was_said(server: ServerProcess, connect: Connect) -> None:
    client = connect("polling")
    wire = polling_of(client)
    with HttpConnection(server.port) as http:
        http.send_head("POST", wire.target, {"Content-Length": "1"})
        http.send(b'342["record",1]\r\n\r\n')
        answer = http.read_to_end()
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert answer.count(b"HTTP/1.1 ") == 2
    assert b"HTTP/1.1 400 " in answer
    assert client.ask("ask", 1) == [1]
    assert server.noted("record", id=client.id) == []


@pytest.mark.parametrize("headers", [{f"x{n}": "y" for n in range(200)}, {"x": "y" * 40_000}], ids=["many", "long"])
def test_a_head_without_measure(server: ServerProcess, headers: dict[str, str]) -> None:
    with HttpConnection(server.port) as http:
        http.send_head("GET", target(transport="polling"), headers)
        assert http.read_response().status == 431


def test_nothing_of_a_request_becomes_a_header(server: ServerProcess) -> None:
    evil = "%0d%0aX-Evil:%201"
    places = [
        f"/socket.io/?EIO=4{evil}&transport=polling{evil}&sid={evil}",
        f"/socket.io/?EIO=4&transport=polling&sid={evil}",
        f"/socket.io{evil}/?EIO=4&transport=polling",
    ]
    for place in places:
        with HttpConnection(server.port) as http:
            answer = http.request("GET", place, headers={"Origin": f"http://a{evil}", "X-Evil": "2"})
        assert answer.status in (400, 403, 404)
        assert "x-evil" not in answer.headers
        assert "X-Evil: 1" not in answer.text


@pytest.mark.parametrize("connection", ["close", "close, upgrade", "keep-alive, close", "Close"])
def test_a_connection_that_is_to_be_closed_is_closed(server: ServerProcess, connect: Connect, connection: str) -> None:
    """Also while a poll hangs on it, and the second request of the pipeline is not answered."""
    client = connect("polling")
    wire = polling_of(client)
    with HttpConnection(server.port) as http:
        http.send_head("GET", wire.target, {"Connection": connection})
        http.send_head("GET", wire.target)
        http.wait_until_read()
        wire.send('42["echo",1]')
        answer = http.read_to_end()
    assert answer.endswith(b'42["echo",1]'), answer
    assert answer.count(b"HTTP/1.1 ") == 1
    assert client.ask("ask", 2) == [2]
