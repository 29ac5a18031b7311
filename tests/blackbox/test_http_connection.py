"""HTTP connections as such: keep-alive, bodies over the limit, slow and broken requests, many at once."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest

from clients.raw_http import HttpConnection
from clients.wire import PollingWire, target

if TYPE_CHECKING:
    from clients.raw_client import RawClient
    from harness.process import ServerProcess

# Between connections and their answers no event loop plays a part; one is enough.
pytestmark = [pytest.mark.native, pytest.mark.loops("uvloop")]


@pytest.fixture
def client(connect: Any) -> RawClient:
    client: RawClient = connect("polling")
    return client


@pytest.fixture
def polling(client: RawClient) -> PollingWire:
    assert isinstance(client.wire, PollingWire)
    return client.wire


# --- keep-alive


@pytest.mark.official
def test_one_connection_serves_many_requests(http: HttpConnection, polling: PollingWire) -> None:
    for _ in range(5):
        assert http.request("POST", polling.target, body=b"3").body == b"ok"
        assert http.request("GET", target(transport="nonsense")).status == 400
        assert http.request("GET", "/elsewhere").status == 404


@pytest.mark.official
@pytest.mark.parity("engine_close.connection_header")
def test_connection_close_is_obeyed(http: HttpConnection, polling: PollingWire) -> None:
    assert http.request("POST", polling.target, headers={"Connection": "close"}, body=b"3").body == b"ok"
    http.expect_closed()


@pytest.mark.official
def test_requests_may_come_over_any_connection(server: ServerProcess, client: RawClient, polling: PollingWire) -> None:
    for n in range(3):
        with HttpConnection(server.port) as http:
            assert http.request("POST", polling.target, body=f'42{n}["ask",{n}]'.encode()).body == b"ok"
        assert client.finish_ask(n) == [n]


@pytest.mark.official
def test_a_session_outlives_its_connections(server: ServerProcess, client: RawClient, polling: PollingWire) -> None:
    polling.getter.close()
    polling.poster.close()
    polling.getter, polling.poster = HttpConnection(server.port), HttpConnection(server.port)
    assert client.ask("ask", 1) == [1]


# --- limits of bodies


def post(polling: PollingWire, body: bytes, *, chunk: int | None = None) -> int:
    """The status of a POST; a server may refuse before it read the whole body, and close."""
    with HttpConnection(polling.port) as http:
        try:
            if chunk is None:
                http.start("POST", polling.target, body=body)
            else:
                http.start("POST", polling.target, chunks=[body[at : at + chunk] for at in range(0, len(body), chunk)])
        except (BrokenPipeError, ConnectionResetError):
            pass
        return http.read_response("POST").status


@pytest.mark.official
@pytest.mark.parity("messages.under_limit")
def test_a_body_of_the_limit_passes(client: RawClient, polling: PollingWire) -> None:
    text = "x" * (1_000_000 - len('420["ask",""]'))
    assert post(polling, f'420["ask","{text}"]'.encode()) == 200
    assert client.finish_ask(0) == [text]


@pytest.mark.official
@pytest.mark.parity("messages.over_limit")
@pytest.mark.parametrize("chunk", [None, 10_000])
def test_a_longer_body_is_refused_and_the_session_lives(
    server: ServerProcess, client: RawClient, polling: PollingWire, chunk: int | None
) -> None:
    body = b'42["record","' + b"x" * 1_000_000 + b'"]'
    assert post(polling, body, chunk=chunk) == 413
    assert client.ask("ask", "alive") == ["alive"]
    assert server.noted("record", id=client.id) == []


@pytest.mark.official
def test_a_length_over_the_limit_is_refused_before_the_body(server: ServerProcess, polling: PollingWire) -> None:
    with HttpConnection(server.port) as http:
        http.send_head("POST", polling.target, {"Content-Length": "1000001"})
        if server.official:  # it reads first
            http.send(b"x" * 1_000_001)
        assert http.read_response("POST").status == 413


@pytest.mark.parametrize("length", ["-1", "abc", "1e3", "99999999999999999999999999"])
def test_a_nonsensical_length_is_a_bad_request(
    server: ServerProcess, client: RawClient, polling: PollingWire, length: str
) -> None:
    with HttpConnection(server.port) as http:
        http.send_head("POST", polling.target, {"Content-Length": length})
        answer = http.read_to_end()
    assert answer == b"" or answer.split(b" ")[1] in (b"400", b"413")
    assert client.ask("ask", 1) == [1]


@pytest.mark.loops("asyncio")
@pytest.mark.server(max_http_buffer_size=1000)
def test_the_limit_is_an_option(client: RawClient, polling: PollingWire) -> None:
    assert client.ask("ask", "x" * 900) == ["x" * 900]
    assert post(polling, b"4" * 1001) == 413


# --- slow and broken requests


@pytest.mark.server(app="short.py")
def test_a_slow_header_ends_the_connection(server: ServerProcess) -> None:
    """`header_timeout` of this server is 0.5 s; one byte now and then does not put it off."""
    with HttpConnection(server.port) as http:
        http.send(b"GET /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: x\r\n")
        started = time.monotonic()
        try:
            while time.monotonic() - started < 8:
                http.send(b"X: y\r\n")
                time.sleep(0.1)
        except OSError:
            pass
        assert time.monotonic() - started < 5
        answer = http.read_to_end()
    assert answer == b"" or answer.startswith(b"HTTP/1.1 408 ")


@pytest.mark.server(app="short.py")
def test_a_silent_connection_does_not_stay(server: ServerProcess) -> None:
    with HttpConnection(server.port) as http:
        assert http.read_to_end() in (b"", b"HTTP/1.1 408 Request Timeout\r\n")


@pytest.mark.official
def test_an_endless_head_is_refused(server: ServerProcess, client: RawClient) -> None:
    with HttpConnection(server.port) as http:
        try:
            http.send(b"GET /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: x\r\n")
            for _ in range(2000):
                http.send(b"X-Long: " + b"y" * 1000 + b"\r\n")
        except OSError:
            pass
        answer = http.read_to_end()
    assert answer == b"" or answer.split(b" ")[1] in (b"431", b"400")
    assert client.ask("ask", 1) == [1]


@pytest.mark.official
@pytest.mark.parametrize("size", [100, 10_000])
def test_an_endless_target_is_refused_or_served(server: ServerProcess, client: RawClient, size: int) -> None:
    with HttpConnection(server.port) as http:
        answer = http.request("GET", target(transport="nonsense", x="y" * size))
    assert answer.status in (400, 414, 431)
    assert client.ask("ask", 1) == [1]


@pytest.mark.official
def test_connections_that_say_nothing_harm_nobody(server: ServerProcess, client: RawClient) -> None:
    silent = [HttpConnection(server.port) for _ in range(50)]
    try:
        assert client.ask("ask", 1) == [1]
    finally:
        for connection in silent:
            connection.close()
    assert client.ask("ask", 2) == [2]


@pytest.mark.official
def test_half_a_request_and_an_end(server: ServerProcess, client: RawClient) -> None:
    for part in (
        b"G",
        b"GET /socket.io/",
        b"GET / HTTP/1.1\r\nHost",
        b"POST /socket.io/ HTTP/1.1\r\nContent-Length: 5\r\n\r\nab",
    ):
        http = HttpConnection(server.port)
        http.send(part)
        http.close()
    assert client.ask("ask", 1) == [1]


@pytest.mark.official
def test_many_sessions_at_once(connect: Any, server: ServerProcess) -> None:
    clients: list[RawClient] = [connect(transport) for transport in ("polling", "websocket") * 20]
    assert server.command("stats")["sockets"] >= 40
    for n, client in enumerate(clients):
        assert client.ask("ask", n) == [n]
