"""HTTP requests that open nothing: statuses, codes and bodies of every refusal over polling."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from clients.wire import PollingWire, target

if TYPE_CHECKING:
    from clients.raw_client import RawClient
    from clients.raw_http import HttpConnection, HttpResponse
    from clients.wire import WebSocketWire
    from harness.process import ServerProcess

# Between requests and their answers no event loop plays a part; one is enough.
pytestmark = pytest.mark.loops("uvloop")

MESSAGES = {
    0: "Transport unknown",
    1: "Session ID unknown",
    2: "Bad handshake method",
    3: "Bad request",
    5: "Unsupported protocol version",
}


def assert_refused(answer: HttpResponse, code: int) -> None:
    assert answer.status == 400
    assert answer.headers["content-type"].startswith("application/json")
    hint = f',"hint":"{answer.json()["hint"]}"' if code == 5 and "hint" in answer.json() else ""
    assert answer.text == f'{{"code":{code},"message":"{MESSAGES[code]}"{hint}}}'


@pytest.mark.official
@pytest.mark.parity("verification.transport")
@pytest.mark.parametrize(
    "name", ["carrier-pigeon", "", "constructor", "__proto__", "webtransport", "POLLING", "polling "]
)
def test_unknown_transport(http: HttpConnection, name: str) -> None:
    assert_refused(http.request("GET", target(transport=name)), 0)


@pytest.mark.official
def test_no_transport(http: HttpConnection) -> None:
    assert_refused(http.request("GET", target()), 0)


@pytest.mark.official
@pytest.mark.loops("asyncio")
@pytest.mark.server(transports=["websocket"])
def test_disabled_transport(http: HttpConnection) -> None:
    assert_refused(http.request("GET", target(transport="polling")), 0)


@pytest.mark.official
@pytest.mark.parity("verification.sid", "engine_close.prototype")
@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("sid", ["abcdefghijklmnopqrst", "x", "../../etc/passwd", "é", "a" * 500])
def test_unknown_session(http: HttpConnection, method: str, sid: str) -> None:
    assert_refused(
        http.request(method, target(transport="polling", sid=sid), body=b"40" if method == "POST" else None), 1
    )


@pytest.mark.official
@pytest.mark.parity("engine_handshake.bad_method")
@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
def test_opening_takes_a_get(http: HttpConnection, method: str) -> None:
    assert_refused(http.request(method, target(transport="polling"), body=b""), 2)


@pytest.mark.official
@pytest.mark.parity("eio3.refused", "engine_handshake.bad_request")
@pytest.mark.parametrize("version", ["3", "2", "5", "", "abc", "4.0"])
def test_unsupported_version(http: HttpConnection, version: str) -> None:
    assert_refused(http.request("GET", f"/socket.io/?EIO={version}&transport=polling"), 5)


@pytest.mark.official
def test_missing_version(http: HttpConnection) -> None:
    assert_refused(http.request("GET", "/socket.io/?transport=polling"), 5)


@pytest.mark.official
def test_websocket_without_the_upgrade_header(http: HttpConnection) -> None:
    assert_refused(http.request("GET", target(transport="websocket")), 3)


@pytest.mark.official
def test_websocket_transport_with_a_polling_session(http: HttpConnection, polling: PollingWire) -> None:
    assert_refused(http.request("GET", target(transport="websocket", sid=polling.sid)), 3)
    polling.send("40")  # the session was not harmed


@pytest.mark.official
def test_polling_with_a_websocket_session(http: HttpConnection, websocket: WebSocketWire) -> None:
    for method in ("GET", "POST"):
        assert_refused(
            http.request(
                method, target(transport="polling", sid=websocket.sid), body=None if method == "GET" else b"40"
            ),
            3,
        )
    websocket.send("40")
    assert str(websocket.recv()).startswith("40{")


@pytest.mark.official
@pytest.mark.parity("engine_handshake.bad_request")
@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("EIO=3&transport=x&sid=y", 0),
        ("EIO=3&transport=polling&sid=y", 1),
    ],
)
def test_the_order_of_the_checks(http: HttpConnection, query: str, code: int) -> None:
    assert_refused(http.request("GET", f"/socket.io/?{query}"), code)


@pytest.mark.official
def test_the_method_is_checked_before_the_version(http: HttpConnection) -> None:
    assert_refused(http.request("POST", "/socket.io/?EIO=3&transport=polling", body=b""), 2)


@pytest.mark.official
def test_another_method_with_a_session(http: HttpConnection, polling: PollingWire) -> None:
    answer = http.request("DELETE", polling.target)
    assert answer.status == 500
    assert answer.body == b""
    polling.send("40")


@pytest.mark.official
@pytest.mark.parity("faults.second_poll")
def test_overlapping_polls_end_the_session(server: ServerProcess, connect: Any, http: HttpConnection) -> None:
    client: RawClient = connect("polling")
    wire = client.wire
    assert isinstance(wire, PollingWire)
    wire.start_poll()
    # The first poll has arrived when the server answers a request sent after it on another connection.
    second = http.request("GET", wire.target)
    assert second.status == 400
    assert second.body == b""
    assert wire.finish_poll() == ["1"]
    server.expect("disconnect", id=client.id, reason="transport error")
    assert wire.is_unknown()


@pytest.mark.official
@pytest.mark.parity("engine_close.post_aborted")
def test_overlapping_posts_end_the_session(server: ServerProcess, connect: Any, http: HttpConnection) -> None:
    client: RawClient = connect("polling")
    wire = client.wire
    assert isinstance(wire, PollingWire)
    wire.poster.send_head("POST", wire.target, {"Content-Length": "100", "Content-Type": "text/plain"})
    wire.poster.send(b"42")
    # Let the unfinished request be seen first: one round trip of the same session.
    wire.start_poll()
    server.command("emit", nsp="/", to=[client.id], event="nudge", args=[])
    assert wire.finish_poll() == ['42["nudge"]']
    second = http.request("POST", wire.target, body=b'42["mark"]')
    assert second.status == 400
    assert second.body == b""
    wire.poster.read_to_end()  # the first request's connection ends
    server.expect("disconnect", id=client.id, reason="transport error")
    assert server.noted("mark", id=client.id) == []


@pytest.mark.official
@pytest.mark.parity("engine_close.octet_stream")
def test_octet_stream_ends_the_session(server: ServerProcess, connect: Any) -> None:
    client: RawClient = connect("polling")
    wire = client.wire
    assert isinstance(wire, PollingWire)
    answer = wire.post(b"40", headers={"Content-Type": "application/octet-stream"})
    assert answer.status == 400
    assert answer.body == b""
    server.expect("disconnect", id=client.id)
    assert wire.is_unknown()


@pytest.mark.official
@pytest.mark.parametrize("kind", ["text/plain", "application/json", "text/html; charset=latin-1", "nonsense"])
def test_other_content_types_are_taken(polling: PollingWire, kind: str) -> None:
    answer = polling.post(b"40", headers={"Content-Type": kind})
    assert (answer.status, answer.body) == (200, b"ok")
    assert answer.headers["content-type"].startswith("text/html")
    assert answer.headers["cache-control"] == "no-store"


@pytest.mark.official
@pytest.mark.parity("engine_close.tab_closed")
def test_an_aborted_poll_ends_the_session(server: ServerProcess, connect: Any) -> None:
    client: RawClient = connect("polling")
    wire = client.wire
    assert isinstance(wire, PollingWire)
    wire.start_poll()
    wire.send('42["record",1]')
    server.expect("record", id=client.id)
    wire.getter.close()
    server.expect("disconnect", id=client.id, reason="transport error")
    assert wire.is_unknown()


@pytest.mark.server(ping_interval=0.3, ping_timeout=0.6)
def test_a_poll_that_is_given_up_in_the_same_breath_ends_the_session(server: ServerProcess, connect: Any) -> None:
    """hyper may see the end of the stream with the request and never ask us; then the heartbeat finds out."""
    client: RawClient = connect("polling")
    wire = client.wire
    assert isinstance(wire, PollingWire)
    wire.start_poll()
    wire.getter.close()
    gone = server.expect("disconnect", id=client.id)
    assert gone["reason"] in {"transport error", "ping timeout"}
    assert wire.is_unknown()


@pytest.mark.official
@pytest.mark.parity("engine_close.tab_closed_post")
def test_an_aborted_post_ends_the_session(server: ServerProcess, connect: Any) -> None:
    client: RawClient = connect("polling")
    wire = client.wire
    assert isinstance(wire, PollingWire)
    wire.poster.send_head("POST", wire.target, {"Content-Length": "100", "Content-Type": "text/plain"})
    wire.poster.send(b'42["mark"]')
    wire.poster.close()
    server.expect("disconnect", id=client.id, reason="transport error")
    assert server.noted("mark", id=client.id) == []
    assert wire.is_unknown()
