"""`allow_request` and origins that a function judges: what clients of both transports hear, and that nothing is left behind."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from clients.raw_http import HttpConnection
from clients.raw_websocket import HandshakeRefused, RawWebSocket
from clients.wire import PollingWire, WebSocketWire, parse_open, target, upgrade
from harness.process import ServerProcess

if TYPE_CHECKING:
    from collections.abc import Callable

    from clients.official import OfficialClient
    from clients.raw_http import HttpResponse

pytestmark = pytest.mark.server(app="admission.py")

GOOD, BAD = "https://app.example", "https://evil.test"


def refused(server: ServerProcess, transport: str, **query: str) -> HttpResponse:
    """The answer to a handshake that must not succeed."""
    if transport == "websocket":
        with pytest.raises(HandshakeRefused) as refusal:
            RawWebSocket(server.port, target(transport="websocket", **query))
        return refusal.value.response
    with HttpConnection(server.port) as http:
        return http.request("GET", target(transport="polling", **query))


@pytest.mark.parity("handshake.refused", "verification.allow_request")
@pytest.mark.parametrize(
    ("who", "status", "body"),
    [
        ("nobody", 403, {"code": 4, "message": "Forbidden"}),
        ("guest", 403, {"code": 4, "message": "no guests today"}),
        ("fault", 400, {"code": 3, "message": "Bad request"}),
    ],
)
def test_refusals_read_the_same_on_both_transports(
    server: ServerProcess, transport: str, who: str, status: int, body: dict[str, Any]
) -> None:
    answer = refused(server, transport, who=who)
    assert (answer.status, answer.json()) == (status, body)
    assert answer.headers["content-type"] == "application/json"


@pytest.mark.parity("handshake.allowed")
def test_whoever_is_let_in_is_asked_about_once(server: ServerProcess, official: Callable[..., OfficialClient]) -> None:
    client = official("upgrade", query={"who": "upgrader"})
    assert client.expect("welcome") == ["upgrader"]
    asked = server.noted("asked", who="upgrader")
    assert [entry["transport"] for entry in asked] == ["polling"]
    assert asked[0]["address"] == "127.0.0.1"


@pytest.mark.parity("handshake.refused")
def test_the_official_client_sees_a_refusal(official: Callable[..., OfficialClient], transport: str) -> None:
    client = official(transport, query={"who": "nobody"}, wait=False)
    client.report("connect_error")


@pytest.mark.server(app="admission.py", plain=True)
def test_a_plain_function_will_do(server: ServerProcess, transport: str) -> None:
    assert refused(server, transport, who="nobody").status == 403
    if transport == "polling":
        PollingWire(server.port).close()
    else:
        WebSocketWire.open(server.port).close()


def test_nothing_that_is_refused_anyway_is_asked_about(server: ServerProcess) -> None:
    with HttpConnection(server.port) as http:
        for path in (
            target(transport="pigeon", who="wrong"),
            target(transport="polling", who="wrong", sid="unknown"),
            target(transport="polling", who="wrong", EIO="3"),
        ):
            assert http.request("GET", path).status == 400
        assert http.request("POST", target(transport="polling", who="wrong"), body=b"40").status == 400
    assert server.noted("asked", who="wrong") == []


def waiting(server: ServerProcess) -> int:
    return int(server.command("stats")["requests_waiting"])


@pytest.mark.loops("asyncio")
@pytest.mark.server(app="admission.py", ping_interval=300)
def test_a_slow_decision_is_waited_for(server: ServerProcess) -> None:
    http = HttpConnection(server.port)
    http.start("GET", target(transport="polling", who="slow"))
    server.expect("asked", who="slow")
    # Others come in meanwhile, over both transports.
    polling = PollingWire(server.port)
    WebSocketWire.open(server.port).close()
    assert waiting(server) == 1
    server.command("open_gate")
    answer = http.read_response()
    assert answer.status == 200
    assert waiting(server) == 0
    sid = parse_open(answer.body.decode())["sid"]
    assert http.request("POST", target(transport="polling", sid=sid), body=b"1").status == 200
    http.close()
    polling.close()


@pytest.mark.loops("asyncio", "trio")
@pytest.mark.server(app="admission.py", connect_timeout=1.5)
@pytest.mark.parametrize("transport", ["polling", "websocket"])
def test_a_decision_that_never_comes_refuses(server: ServerProcess, transport: str) -> None:
    answer = refused(server, transport, who="forever")
    assert (answer.status, answer.json()) == (400, {"code": 3, "message": "Bad request"})


def test_a_client_that_goes_away_leaves_no_session(backend: str) -> None:
    server = ServerProcess("admission.py", backend=backend)
    try:
        for path in (target(transport="polling", who="slow"), target(transport="websocket", who="slow")):
            http = HttpConnection(server.port)
            headers = {
                "Upgrade": "websocket",
                "Connection": "Upgrade",
                "Sec-WebSocket-Version": "13",
                "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
            }
            http.start("GET", path, headers=headers if "websocket" in path else {})
            server.expect("asked", who="slow", transport="websocket" if "websocket" in path else "polling")
            http.abort()
        server.command("open_gate")
        server.eventually(lambda: waiting(server) == 0, "the decisions")
        with HttpConnection(server.port) as http:
            assert http.request("GET", target(transport="polling", who="nobody")).status == 403
        stats = server.command("stats")
        assert (stats["sessions"], stats["sessions_opened"]) == (0, 0)
    finally:
        server.stop()


def test_a_server_that_stops_tells_those_who_wait(backend: str) -> None:
    server = ServerProcess("admission.py", backend=backend)
    try:
        http = HttpConnection(server.port)
        http.start("GET", target(transport="polling", who="forever"))
        server.expect("asked", who="forever")
        closing = server.start_command("close")
        answer = http.read_response()
        assert (answer.status, answer.json()["message"]) == (503, "server shutting down")
        server.finish_command(closing)
        http.close()
    finally:
        server.kill()


@pytest.mark.server(app="admission.py", judge_origins=True)
def test_a_function_judges_origins(server: ServerProcess, transport: str) -> None:
    headers = {"Origin": GOOD}
    if transport == "websocket":
        RawWebSocket(server.port, target(transport="websocket"), headers=headers).close()
        with pytest.raises(HandshakeRefused) as refusal:
            RawWebSocket(server.port, target(transport="websocket"), headers={"Origin": BAD})
        answer = refusal.value.response
    else:
        wire = PollingWire(server.port, headers=headers)
        before = len(server.noted("origin"))
        assert wire.post(b"40").headers["access-control-allow-origin"] == GOOD
        wire.poll()
        assert len(server.noted("origin")) == before, "a session's own origin has been judged"
        wire.close()
        with HttpConnection(server.port) as http:
            answer = http.request("GET", target(transport="polling"), headers={"Origin": BAD})
    assert answer.status == 403
    assert BAD in answer.json()["message"]
    assert "access-control-allow-origin" not in answer.headers


def test_an_upgrade_is_not_asked_about(server: ServerProcess) -> None:
    polling = PollingWire(server.port)
    before = len(server.noted("asked"))
    upgrade(polling).close()
    assert len(server.noted("asked")) == before
