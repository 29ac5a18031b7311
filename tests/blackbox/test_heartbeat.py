"""Ping and pong: who may send which, what a silent client loses, and what counts as a sign of life."""

from __future__ import annotations

import signal
import time
from typing import TYPE_CHECKING, Any

import pytest

from clients.wire import PollingWire, WebSocketWire, Wire
from harness.process import ServerProcess

if TYPE_CHECKING:
    from clients.official import Driver
    from clients.raw_client import RawClient

INTERVAL, TIMEOUT = 0.3, 0.4
#: Long enough that a busy machine cannot mistake one deadline for the next.
LONG = 1.2
PATIENT = pytest.mark.server(ping_interval=INTERVAL, ping_timeout=LONG)
pytestmark = pytest.mark.server(ping_interval=INTERVAL, ping_timeout=TIMEOUT)


@pytest.mark.official
@pytest.mark.parity("engine_close.not_too_early_ping")
def test_the_server_pings_and_the_answer_keeps_the_session(wire: Wire) -> None:
    wire.expect("2")
    wire.send("3")
    first = time.monotonic()
    for _ in range(3):
        wire.expect("2")
        wire.send("3")
    assert time.monotonic() - first >= 3 * INTERVAL - 0.1
    wire.send("40")
    assert str(wire.recv()).startswith("40{")


@pytest.mark.official
@pytest.mark.parity("engine_close.no_pong", "engine_close.on_timeout", "engine_close.interval_and_timeout")
def test_a_missed_pong_ends_the_session(server: ServerProcess, connect: Any, transport: str) -> None:
    client: RawClient = connect(transport)
    client.wire.expect("2")
    server.expect("disconnect", id=client.id, reason="ping timeout")
    if isinstance(client.wire, PollingWire):
        assert client.wire.is_unknown()
    else:
        client.wire.wait_closed()


@pytest.mark.official
@pytest.mark.parity("engine_close.no_poll")
def test_a_client_that_never_polls_again_is_dropped(server: ServerProcess, connect: Any) -> None:
    client: RawClient = connect("polling")
    server.expect("disconnect", id=client.id, reason="ping timeout")
    assert isinstance(client.wire, PollingWire)
    assert client.wire.is_unknown()


@pytest.mark.official
def test_a_pending_poll_hears_of_the_end(server: ServerProcess, connect: Any) -> None:
    client: RawClient = connect("polling")
    wire = client.wire
    assert isinstance(wire, PollingWire)
    wire.expect("2")
    wire.start_poll()
    server.expect("disconnect", id=client.id, reason="ping timeout")
    answer = wire.getter.read_response()
    assert (answer.status, answer.text) in ((200, "1"), (200, "6"), (400, '{"code":1,"message":"Session ID unknown"}'))


@pytest.mark.official
@pytest.mark.parity("engine_close.not_too_early")
def test_no_ping_comes_before_the_interval(websocket: WebSocketWire) -> None:
    opened = time.monotonic()
    websocket.expect("2")
    # The clock of the server started before the open packet reached us.
    assert time.monotonic() - opened >= INTERVAL - 0.1


@pytest.mark.official
@PATIENT
def test_other_traffic_puts_the_deadline_off_once(server: ServerProcess, connect: Any) -> None:
    client: RawClient = connect("websocket")
    wire = client.wire
    wire.expect("2")
    pinged = time.monotonic()
    spoke = 0.0
    while not server.noted("disconnect", id=client.id):
        if time.monotonic() - pinged < 3 * LONG:
            try:
                wire.send('42["mark"]')
            except OSError:
                break
            spoke = time.monotonic()
        time.sleep(LONG / 8)
    ended = time.monotonic() - pinged
    server.expect("disconnect", id=client.id, reason="ping timeout")
    assert spoke > pinged
    # Once put off, it is due at (first packet) + timeout: well after one timeout, well before three.
    assert ended < 3 * LONG


@pytest.mark.official
@PATIENT
def test_traffic_counts_as_a_sign_of_life(server: ServerProcess, connect: Any) -> None:
    client: RawClient = connect("websocket")
    wire = client.wire
    wire.expect("2")
    pinged = time.monotonic()
    time.sleep(LONG * 0.4)
    wire.send('42["mark"]')
    server.expect("disconnect", id=client.id, reason="ping timeout")
    # LONG after the packet instead of after the ping; a fifth of a timeout of tolerance for a busy machine.
    assert time.monotonic() - pinged >= LONG * 1.2


@pytest.mark.official
@pytest.mark.server
def test_an_unasked_pong_is_harmless(client: RawClient) -> None:
    client.wire.send("3", "3")
    assert client.ask("ask", 1) == [1]


@pytest.mark.official
@pytest.mark.server
def test_a_ping_from_the_client_closes(server: ServerProcess, client: RawClient) -> None:
    client.wire.send("2")
    client.wire.wait_closed()
    server.expect("disconnect", id=client.id, reason="transport error")


@pytest.mark.parity("engine_close.client_close")
@pytest.mark.server
def test_a_close_packet_on_a_websocket_closes_at_once(server: ServerProcess, connect: Any) -> None:
    client: RawClient = connect("websocket")
    client.wire.send("1")
    client.wire.wait_closed()
    server.expect("disconnect", id=client.id, reason="transport close", patience=5)


@pytest.mark.official
@pytest.mark.server
@pytest.mark.parametrize("packet", ["6", "5"])
def test_noop_and_upgrade_on_a_websocket_are_ignored(connect: Any, packet: str) -> None:
    client: RawClient = connect("websocket")
    client.wire.send(packet)
    assert client.ask("ask", 1) == [1]


@pytest.mark.official
@pytest.mark.parity("engine_close.forced")
def test_a_close_of_a_silent_client_is_no_timeout(server: ServerProcess, connect: Any) -> None:
    client: RawClient = connect("websocket")
    client.wire.expect("2")
    client.emit("drop")
    client.wire.wait_closed()
    assert server.expect("disconnect", id=client.id)["reason"] == "forced close"
    # One that stays silent meanwhile is timed out; nothing more is said of the first.
    silent: RawClient = connect("websocket")
    server.expect("disconnect", id=silent.id, reason="ping timeout")
    assert len(server.noted("disconnect", id=client.id)) == 1


@pytest.mark.official
@pytest.mark.parity("engine_close.client_timeout")
@pytest.mark.loops("asyncio")
def test_a_client_that_hears_no_ping_gives_up(
    driver: Driver, backend: str, request: pytest.FixtureRequest, transport: str
) -> None:
    program = "official.mjs" if request.config.getoption("--server") == "official" else "main.py"
    server = ServerProcess(program, backend=backend, options={"ping_interval": INTERVAL, "ping_timeout": TIMEOUT})
    try:
        client = driver.connect(server.port, transport)
        server.signal(signal.SIGSTOP)
        assert client.report("disconnect")["reason"] == "ping timeout"
        client.close()
    finally:
        server.signal(signal.SIGCONT)
        server.stop()
