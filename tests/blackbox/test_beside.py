"""An ASGI application on the port of Socket.IO: requests, streams, WebSockets, and both of them at once."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from clients.raw_http import HttpConnection
from clients.raw_websocket import HandshakeRefused, RawWebSocket

if TYPE_CHECKING:
    from harness.process import ServerProcess

pytestmark = [pytest.mark.native, pytest.mark.server(app="beside.py")]


@pytest.mark.parity("forms.listeners")
def test_requests(http: HttpConnection) -> None:
    answer = http.request("GET", "/items/7?a=b%20c")
    assert (answer.status, answer.json()) == (200, {"number": 7, "query": "a=b+c"})
    assert answer.headers["content-type"] == "application/json"
    assert len([name for name, _ in answer.all_headers if name == "date"]) == 1
    assert http.request("GET", "/items/x").status == 422
    assert http.request("GET", "/nowhere").json() == {"detail": "Not Found"}
    assert http.request("DELETE", "/items/7").status == 405
    assert http.request("HEAD", "/items/7").status == 405
    # The listener's own path stays its own.
    assert http.request("GET", "/socket.io/?EIO=3&transport=polling").json()["code"] == 5


def test_who_the_client_is(http: HttpConnection) -> None:
    address = list(http.sock.getsockname())
    spoofed = {
        "Sio-Fast-Peer": "https 6.6.6.6 6",
        "X-Forwarded-For": "6.6.6.6",
        "X-Forwarded-Proto": "https",
        "Forwarded": "for=6.6.6.6;proto=https",
        "Host": "app.example:81",
        "X-Repeated": "1",
    }
    seen = http.request("GET", "/who?a=1", headers=spoofed).json()
    assert seen["client"] == address
    assert seen["scheme"] == "http"
    assert seen["server"] == ["127.0.0.1", http.port]
    assert seen["url"] == "http://app.example:81/who?a=1"
    assert seen["state"] == {"answer": 42}
    assert (seen["path"], seen["root_path"]) == ("/who", "")
    # As with any server: what a client says reaches the application, as what a client says.
    assert seen["headers"]["x-forwarded-for"] == "6.6.6.6"
    assert "sio-fast-peer" not in seen["headers"]


def test_streams_up_and_down(http: HttpConnection) -> None:
    piece = bytes(range(256)) * 256
    assert http.request("POST", "/count", chunks=[piece] * 200).json() == 200 * len(piece)
    assert http.request("POST", "/count", body=piece * 64).json() == 64 * len(piece)
    assert http.request("POST", "/echo/", chunks=[b"one", b"two", piece]).body == b"onetwo" + piece
    assert http.request("GET", "/big/100").body == b"x" * 65536 * 100


def test_a_body_is_echoed_while_it_is_sent(http: HttpConnection) -> None:
    http.send_head("POST", "/echo/", {"Transfer-Encoding": "chunked"})
    http.send(b"3\r\none\r\n")
    received = b""
    while not received.endswith(b"one\r\n"):
        received += http.sock.recv(4096)
    http.send(b"3\r\ntwo\r\n0\r\n\r\n")
    while not received.endswith(b"0\r\n\r\n"):
        received += http.sock.recv(4096)
    assert received.partition(b"\r\n\r\n")[2] == b"3\r\none\r\n3\r\ntwo\r\n0\r\n\r\n"


def test_events_come_one_by_one_until_the_client_goes(server: ServerProcess) -> None:
    before = len(server.noted("events ended"))
    with HttpConnection(server.port) as http:
        http.send_head("GET", "/events")
        received = b""
        while b"data: 3\n\n" not in received:
            received += http.sock.recv(4096)
        assert b"data: 9\n\n" not in received
    server.expect("events ended", count=before + 1)


def test_a_slow_reader_slows_the_application(server: ServerProcess) -> None:
    with HttpConnection(server.port, receive_buffer=4096) as http:
        http.send_head("GET", "/big/10000")
        assert http.sock.recv(12) == b"HTTP/1.1 200"
        server.expect("pieces", number=0)
        # Other requests are served meanwhile, and the answer stays where it is: in the buffers of four sockets.
        for _ in range(100):
            with HttpConnection(server.port) as other:
                assert other.request("GET", "/items/1").status == 200
        assert not server.noted("pieces", number=1000)
        assert server.resident_bytes() < 400 << 20


@pytest.mark.parametrize("how", ["close", "abort"])
def test_a_client_that_goes_is_a_disconnect(server: ServerProcess, how: str) -> None:
    waiting, heard = len(server.noted("waiting")), len(server.noted("heard"))
    http = HttpConnection(server.port)
    http.send_head("GET", "/wait")
    server.expect("waiting", count=waiting + 1)
    getattr(http, how)()
    server.expect("heard", count=heard + 1, message="http.disconnect")


@pytest.mark.parity("forms.unhandled_kept")
def test_a_websocket(server: ServerProcess) -> None:
    ws = RawWebSocket(server.port, "/ws")
    assert json.loads(ws.recv()) == [list(ws.http.sock.getsockname()), "ws", 42]
    for message in ("hello", "x" * 200_000):
        ws.send(message)
        assert ws.recv() == message
    ws.send("close")
    assert ws.expect_close() == 4000
    ws.close()


def test_a_websocket_that_is_refused(server: ServerProcess) -> None:
    for _ in range(20):
        with pytest.raises(HandshakeRefused) as refusal:
            RawWebSocket(server.port, "/refused")
        assert (refusal.value.response.status, refusal.value.response.text) == (403, "not you")
    with pytest.raises(HandshakeRefused) as refusal:
        RawWebSocket(server.port, "/nowhere")
    assert refusal.value.response.status in {403, 404}


@pytest.mark.parametrize("how", ["close", "abort"])
def test_a_websocket_that_breaks(server: ServerProcess, how: str) -> None:
    before = len(server.noted("ws closed"))
    ws = RawWebSocket(server.port, "/ws")
    ws.recv()
    getattr(ws, how)()
    server.expect("ws closed", count=before + 1)


def test_a_bug_of_the_application_is_its_own(server: ServerProcess, http: HttpConnection) -> None:
    assert http.request("GET", "/error").status == 500
    with HttpConnection(server.port) as again:
        assert again.request("GET", "/items/1").status == 200
    server.eventually(lambda: any("a bug of the application" in line for line in server.stderr), "the traceback")


def test_what_fails_after_an_answer_harms_no_other_request(server: ServerProcess) -> None:
    with HttpConnection(server.port) as http, HttpConnection(server.port) as other:
        for _ in range(20):
            assert http.request("GET", "/afterwards").body == b"answered"
            assert other.request("GET", "/items/1").status == 200
            assert other.request("GET", "/error").status == 500
    server.expect("afterwards", count=20)


def test_the_official_client_at_the_same_time(server: ServerProcess, official: Any) -> None:
    clients = [official(transport) for transport in ("websocket", "polling", "upgrade")]
    with HttpConnection(server.port) as http:
        for number in range(20):
            assert http.request("GET", f"/items/{number}").json()["number"] == number
            for client in clients:
                assert client.ask("ask", number) == [number]
        http.request("POST", "/news", body=b"from the application")
    for client in clients:
        assert client.expect("news") == ["from the application"]
