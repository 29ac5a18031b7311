"""Options that bound or mark connections: `max_connections`, `cookie`. Sessions are left to their short heartbeat."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import pytest

from clients.raw_http import HttpConnection
from clients.wire import target

if TYPE_CHECKING:
    from harness.process import ServerProcess

HANDSHAKE = target(transport="polling")


@pytest.mark.server(cookie=True, ping_interval=0.5, ping_timeout=0.5)
def test_the_cookie_comes_with_the_polling_handshake(server: ServerProcess) -> None:
    http = HttpConnection(server.port)
    answer = http.request("GET", HANDSHAKE)
    sid = answer.body.split(b'"')[3].decode()
    assert answer.headers["set-cookie"] == f"io={sid}; Path=/; HttpOnly; SameSite=Lax"
    second = http.request("POST", target(transport="polling", sid=sid), body=b"40")
    assert "set-cookie" not in second.headers
    http.close()


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
