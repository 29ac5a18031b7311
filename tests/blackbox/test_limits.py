"""What bounds or marks connections: `max_connections`, descriptors, `cookie`. Sessions are left to their short heartbeat."""

from __future__ import annotations

import resource
import socket
import time
from typing import Any

import pytest

from clients.raw_client import RawClient
from clients.raw_http import HttpConnection
from clients.wire import WebSocketWire, target
from harness.process import ServerProcess

HANDSHAKE = target(transport="polling")


@pytest.mark.parity("engine_handshake.cookie")
@pytest.mark.server(cookie=True, ping_interval=0.5, ping_timeout=0.5)
def test_the_cookie_comes_with_the_polling_handshake(server: ServerProcess) -> None:
    http = HttpConnection(server.port)
    answer = http.request("GET", HANDSHAKE)
    sid = answer.body.split(b'"')[3].decode()
    assert answer.headers["set-cookie"] == f"io={sid}; Path=/; HttpOnly; SameSite=Lax"
    second = http.request("POST", target(transport="polling", sid=sid), body=b"40")
    assert "set-cookie" not in second.headers
    http.close()


@pytest.mark.parity("engine_handshake.cookie_off")
@pytest.mark.server(ping_interval=0.5, ping_timeout=0.5)
def test_without_the_option_there_is_none(server: ServerProcess) -> None:
    http = HttpConnection(server.port)
    assert "set-cookie" not in http.request("GET", HANDSHAKE).headers
    http.close()


@pytest.mark.native
@pytest.mark.server(max_connections=2, ping_interval=0.5, ping_timeout=0.5)
def test_connections_above_the_limit_wait_until_one_ends(server: ServerProcess) -> None:
    first, second = HttpConnection(server.port), HttpConnection(server.port)
    for http in (first, second):
        assert http.request("GET", HANDSHAKE).status == 200
    third = socket.create_connection(("127.0.0.1", server.port), timeout=15)
    third.sendall(f"GET {HANDSHAKE} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
    third.settimeout(0.3)
    with pytest.raises(TimeoutError):
        third.recv(1)
    first.close()
    third.settimeout(15)
    assert third.recv(12) == b"HTTP/1.1 200"
    third.close()
    second.close()


@pytest.mark.loops("uvloop")
def test_without_descriptors_accepting_rests(backend: str, closing: list[Any]) -> None:
    """EMFILE: whoever is in is served, one line says what is wrong, no core is burnt; with room all who waited get in."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    server = ServerProcess("main.py", backend=backend, port=port, mode="run")  # which logs to standard error
    try:
        server.eventually(lambda: any("listening on" in line for line in server.stderr), "its port")
        inside = RawClient(WebSocketWire.open(server.port))
        closing.append(inside)
        inside.connect()
        _, hard = resource.prlimit(server.pid, resource.RLIMIT_NOFILE)
        resource.prlimit(server.pid, resource.RLIMIT_NOFILE, (server.descriptors(), hard))
        outside = [HttpConnection(server.port) for _ in range(5)]
        closing.extend(outside)
        for http in outside:
            http.start("GET", HANDSHAKE)
        server.eventually(lambda: any("ulimit -n" in line for line in server.stderr), "a line in the log")
        spent, asked = server.cpu_seconds(), 0
        deadline = time.monotonic() + 1
        while time.monotonic() < deadline:
            assert inside.ask("ask", asked) == [asked]
            asked += 1
            time.sleep(0.02)
        assert server.cpu_seconds() - spent < 0.5
        assert sum("ulimit -n" in line for line in server.stderr) == 1, server.stderr
        resource.prlimit(server.pid, resource.RLIMIT_NOFILE, (hard, hard))
        assert [http.read_response().status for http in outside] == [200] * 5
    finally:
        server.kill()
