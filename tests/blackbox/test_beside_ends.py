"""How an application beside Socket.IO starts, dies and ends: lifespan, shutdown under load, missing packages."""

from __future__ import annotations

import signal
import socket
import threading
import time
from typing import TYPE_CHECKING

import pytest

from clients.raw_client import RawClient
from clients.raw_http import HttpConnection, PeerClosed
from clients.raw_websocket import RawWebSocket
from clients.wire import WebSocketWire
from harness.process import ServerDied, ServerProcess

if TYPE_CHECKING:
    from collections.abc import Iterator


pytestmark = pytest.mark.native


@pytest.fixture
def own(backend: str) -> Iterator[ServerProcess]:
    """A server for one test, which ends it."""
    server = ServerProcess("beside.py", backend=backend)
    yield server
    server.kill()


def begin(server: ServerProcess, target: str) -> HttpConnection:
    http = HttpConnection(server.port)
    http.send_head("GET", target)
    server.expect(target.removeprefix("/"))
    return http


def test_startup_comes_before_and_shutdown_after(own: ServerProcess) -> None:
    assert [entry["what"] for entry in own.journal] == ["startup"]
    with HttpConnection(own.port) as http:
        assert http.request("GET", "/items/1").status == 200
    own.stop()
    assert [entry["what"] for entry in own.journal] == ["startup", "shutdown"]
    assert own.stderr == []


def test_a_startup_that_fails_is_told_with_its_cause(backend: str) -> None:
    with pytest.raises(ServerDied) as death:
        ServerProcess("beside.py", backend=backend, options={"startup": "fails"})
    assert "ConnectionError: no database" in str(death.value)
    assert "RuntimeError: the application's startup failed: ConnectionError('no database')" in str(death.value)


def test_a_shutdown_that_never_ends_has_a_limit(backend: str) -> None:
    server = ServerProcess("beside.py", backend=backend, options={"startup": "never ends"})
    try:
        server.stop()
    finally:
        server.kill()
    assert any("shutdown took longer than 2 s" in line for line in server.stderr)


def test_requests_in_flight_end_within_the_grace(own: ServerProcess) -> None:
    slow = begin(own, "/slow")
    ws = RawWebSocket(own.port, "/ws")
    ws.recv()
    client = RawClient(WebSocketWire.open(own.port))
    client.connect()
    begun = time.monotonic()
    own.process.stdin.close()  # type: ignore[union-attr]
    assert ws.expect_close() == 1012
    ws.close()
    client.wire.wait_closed()
    answer = slow.read_response()
    assert (answer.status, answer.json()) == (200, "done")
    assert own.wait_ended() == 0
    assert time.monotonic() - begun < 2.5
    own.expect("disconnect", reason="server shutting down")
    own.expect("ws closed")
    own.expect("shutdown")
    assert own.stderr == []


def test_an_end_under_load_breaks_no_request(own: ServerProcess) -> None:
    answers: list[tuple[int, bytes]] = []
    broken: list[OSError] = []
    working = threading.Barrier(9)

    def ask() -> None:
        http = HttpConnection(own.port)
        working.wait()
        while True:
            try:
                http.start("GET", "/items/1")
                answer = http.read_response()
            except OSError as error:
                # Closed between two requests; inside one, it would have been read as a broken answer.
                broken.append(error)
                return
            answers.append((answer.status, answer.body))
            if answer.headers.get("connection") == "close":
                return

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    working.wait()
    own.eventually(lambda: len(answers) > 100, "some answers")
    own.process.stdin.close()  # type: ignore[union-attr]
    for thread in threads:
        thread.join(20)
    assert own.wait_ended() == 0
    assert {status for status, _ in answers} <= {200, 503}
    assert all(isinstance(error, PeerClosed | BrokenPipeError | ConnectionResetError) for error in broken)
    own.expect("shutdown")
    assert own.stderr == []


def test_a_request_that_does_not_end_is_cancelled_after_the_grace(own: ServerProcess) -> None:
    stuck = begin(own, "/stuck")
    own.process.stdin.close()  # type: ignore[union-attr]
    assert own.wait_ended() == 0
    own.expect("cancelled")
    own.expect("shutdown")
    stuck.close()


@pytest.mark.loops("asyncio", "trio")
def test_signals_are_ours_alone(backend: str) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = ServerProcess("beside.py", backend=backend, port=port, mode="run")
    try:
        server.eventually(lambda: _answers(port), "an answer")
        slow = begin(server, "/slow")
        server.signal(signal.SIGINT)
        assert slow.read_response().status == 200
        assert server.wait_ended() == 0
        server.expect("shutdown")
        server.expect("returned")
        assert "Traceback" not in "".join(server.stderr)
    finally:
        server.kill()


def _answers(port: int) -> bool:
    try:
        with HttpConnection(port) as http:
            return http.request("GET", "/items/1").status == 200
    except OSError:
        return False


def test_a_dead_server_of_the_application_is_a_page_and_a_line(own: ServerProcess) -> None:
    client = RawClient(WebSocketWire.open(own.port))
    client.connect()
    own.command("kill")
    own.eventually(lambda: any("has ended by itself" in line for line in own.stderr), "the line")
    with HttpConnection(own.port) as http:
        answer = http.request("GET", "/items/1")
    assert answer.status == 502
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert answer.text.startswith("the application beside Socket.IO failed: it cannot be reached")
    client.emit("ask", 1)
    own.eventually(lambda: any("answered 502" in line for line in own.stderr), "the line")
    own.stop()


def test_a_busy_port_shuts_the_application_down_again(own: ServerProcess, backend: str) -> None:
    with pytest.raises(ServerDied) as death:
        ServerProcess("beside.py", backend=backend, port=own.port)
    assert "OSError" in str(death.value)
    assert '"what": "shutdown"' in str(death.value)
