"""Faults that were seen in python-socketio 5.18 and python-engineio 4.15: each test shows that this server has it not.

The faults that belong to ASGI come with the ASGI application.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest

from clients.raw_client import RawClient
from clients.raw_http import HttpConnection
from clients.wire import RS, PollingWire, WebSocketWire

if TYPE_CHECKING:
    from collections.abc import Callable

    from clients.wire import Wire
    from harness.process import ServerProcess


MIB = 1 << 20
pytestmark = pytest.mark.server(app="faults.py")


@pytest.fixture
def join(wire: Wire) -> Callable[..., RawClient]:
    """Joins `/` over each transport."""

    def make(auth: Any = None) -> RawClient:
        client = RawClient(wire)
        client.connect(auth=auth)
        return client

    return make


@pytest.mark.parity("faults.connect_handler")
@pytest.mark.parametrize("kind", ["RuntimeError", "TypeError"])
def test_a_failing_middleware_is_answered(server: ServerProcess, wire: Wire, kind: str) -> None:
    """There: neither CONNECT nor CONNECT_ERROR, and the client waits for ever."""
    client = RawClient(wire)
    assert client.connect_refused(auth={"gate": kind}) == {"message": "internal error"}
    client.connect()


@pytest.mark.parity("faults.connect_handler")
@pytest.mark.parametrize("kind", ["RuntimeError", "TypeError"])
def test_a_failing_connect_handler_leaves_nobody_waiting(
    server: ServerProcess, join: Callable[..., RawClient], kind: str
) -> None:
    client = join({"connect": kind})
    assert server.expect("error", id=client.id)["kind"] == kind
    assert client.ask("sleep", 0) == [0]


@pytest.mark.parity("faults.garbage")
@pytest.mark.parametrize("frame", ["x", "9", "7hello", ""])
def test_garbage_on_a_websocket_ends_the_session_at_once(server: ServerProcess, closing: list[Any], frame: str) -> None:
    """There: an error escapes to the listener, and the client is found gone when its ping times out."""
    wire = WebSocketWire.open(server.port)
    closing.append(wire)
    client = RawClient(wire)
    client.connect()
    wire.send(frame)
    assert server.expect("disconnect", id=client.id, patience=5)["reason"] == "parse error"
    wire.wait_closed()


@pytest.mark.parity("faults.malformed")
@pytest.mark.parametrize("packet", ["42{", '42{"not":"a list"}', '42"text"', "42[]", "42[nonsense]"])
def test_a_malformed_event_ends_the_session(server: ServerProcess, join: Callable[..., RawClient], packet: str) -> None:
    """There: a line in the log, and the connection is kept."""
    client = join()
    client.wire.send(packet)
    assert server.expect("disconnect", id=client.id)["reason"] == "parse error"
    client.wire.wait_closed()


@pytest.mark.parity("faults.missing_attachment")
def test_a_missing_attachment_does_not_silence_the_session(
    server: ServerProcess, join: Callable[..., RawClient]
) -> None:
    """There: the connection takes nothing in any more, and nobody hears of it until a timeout."""
    client = join()
    client.wire.send('451-["record",{"_placeholder":true,"num":0}]', '42["record",1]')
    assert server.expect("disconnect", id=client.id)["reason"] == "parse error"
    assert server.noted("record", id=client.id) == []
    client.wire.wait_closed()


@pytest.mark.parity("faults.order")
def test_events_of_a_client_are_handled_in_order(join: Callable[..., RawClient]) -> None:
    """There: a slow handler is overtaken, and the acks come back as 1, 0."""
    client = join()
    first, second = client.start_ask("sleep", 0.2), client.start_ask("sleep", 0)
    assert client.recv().ack_id == first
    assert client.recv().ack_id == second


@pytest.mark.parity("faults.silent_failure")
def test_a_failing_handler_is_told_at_once(server: ServerProcess, join: Callable[..., RawClient]) -> None:
    """There: "Task exception was never retrieved", once the collector has found the task."""
    client = join()
    client.start_ask("boom")
    assert server.expect("error", id=client.id) == {
        "what": "error",
        "id": client.id,
        "kind": "KeyError",
        "text": "'boom'",
    }
    assert client.ask("sleep", 0) == [0]
    assert not any(m.kind == 3 for m in client.inbox), "a failed handler sends no ack"


@pytest.mark.parity("faults.orphans")
def test_a_handler_outlives_its_client_in_order(server: ServerProcess, join: Callable[..., RawClient]) -> None:
    """There: it runs on as if nothing had happened. Here it is told, it finishes, and then comes `disconnect`."""
    client = join()
    client.emit("outlast")
    client.expect_question("anybody?")
    name = client.id
    client.leave()
    server.expect("disconnect", id=name)
    assert [entry["what"] for entry in server.journal if entry["id"] == name] == ["connect", "outlasted", "disconnect"]
    assert server.expect("outlasted", id=name)["reason"] == "client namespace disconnect"


def test_who_asks_a_socket_that_has_just_left_hears_why(server: ServerProcess, join: Callable[..., RawClient]) -> None:
    client = join()
    client.emit("leave and ask")
    assert server.expect("refused", id=client.id)["reason"] == "server namespace disconnect"


@pytest.mark.parity("faults.never_joined")
@pytest.mark.server(app="faults.py", connect_timeout=0.4, ping_interval=0.1, ping_timeout=5)
def test_a_session_without_a_namespace_ends(wire: Wire) -> None:
    """There: whoever answers pings stays for ever."""
    deadline = time.monotonic() + 8
    while time.monotonic() < deadline:
        try:
            packet = wire.recv()
        except (AssertionError, ConnectionError):  # the close frame, an unknown session
            break
        if packet == "1":
            break
        assert packet == "2"
        try:
            wire.send("3")
        except (AssertionError, ConnectionError):
            break
    else:
        pytest.fail("a session without a namespace is still open")
    if isinstance(wire, PollingWire):
        wire.over = True


@pytest.mark.parity("faults.many_packets")
def test_many_packets_in_one_post_are_all_handled(server: ServerProcess, closing: list[Any]) -> None:
    """There: from the seventeenth on, 200 OK and all of them lost."""
    wire = PollingWire(server.port)
    closing.append(wire)
    client = RawClient(wire)
    client.connect()
    answer = wire.post(RS.join(f'42["record",{n}]' for n in range(200)).encode())
    assert (answer.status, answer.body) == (200, b"ok")
    server.expect("record", id=client.id, n=199)
    assert [entry["n"] for entry in server.noted("record", id=client.id)] == list(range(200))


@pytest.mark.parity("faults.stalled_reader")
@pytest.mark.server(app="faults.py", max_buffered_bytes=MIB)
def test_a_stalled_reader_costs_its_bound_and_no_more(server: ServerProcess, closing: list[Any]) -> None:
    """There: 2000 messages of 100 kB to one that does not read are 188 MiB more memory."""
    wire = WebSocketWire.open(server.port, receive_buffer=4096)
    closing.append(wire)
    client = RawClient(wire)
    client.connect()
    before = server.resident_bytes()
    client.emit("pour", 2000, 100_000)
    ended = server.expect("disconnect", id=client.id)
    assert ended["reason"] == "transport error"
    assert ended["detail"].startswith("slow consumer")
    server.expect("poured", id=client.id)
    assert server.resident_bytes() - before < 16 * MIB


@pytest.mark.parity("faults.second_poll")
def test_a_second_poll_ends_the_session(server: ServerProcess, closing: list[Any]) -> None:
    """There: it is accepted, and both wait."""
    wire = PollingWire(server.port)
    closing.append(wire)
    client = RawClient(wire)
    client.connect()
    wire.start_poll()
    with HttpConnection(server.port) as http:
        assert http.request("GET", wire.target).status == 400
    assert server.expect("disconnect", id=client.id)["reason"] == "transport error"
    wire.over = True
