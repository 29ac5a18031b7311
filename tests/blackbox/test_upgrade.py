"""The move from polling to WebSocket: the probe, what is kept in order across it, and how it can go wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from clients.raw_websocket import HandshakeRefused, RawWebSocket
from clients.wire import RS, PollingWire, WebSocketWire, target, upgrade

if TYPE_CHECKING:
    from collections.abc import Callable

    from clients.raw_client import RawClient
    from harness.process import ServerProcess


pytestmark = pytest.mark.sample


@pytest.fixture
def client(connect: Any) -> RawClient:
    """A client in `/`, on polling."""
    client: RawClient = connect("polling")
    return client


@pytest.fixture
def polling(client: RawClient) -> PollingWire:
    assert isinstance(client.wire, PollingWire)
    return client.wire


@pytest.fixture
def candidate(server: ServerProcess, polling: PollingWire, closing: list[Any]) -> Callable[[], RawWebSocket]:
    """Opens a WebSocket for the polling session."""

    def make() -> RawWebSocket:
        ws = RawWebSocket(server.port, target(transport="websocket", sid=polling.sid))
        closing.append(ws)
        return ws

    return make


def assert_refused(server: ServerProcess, sid: str) -> None:
    """A WebSocket for that session is refused, before or after the 101."""
    refused: HandshakeRefused | None = None
    try:
        RawWebSocket(server.port, target(transport="websocket", sid=sid)).expect_close()
    except HandshakeRefused as refusal:
        refused = refusal
    assert refused is None or refused.response.status == 400


def assert_polling_works(client: RawClient) -> None:
    assert isinstance(client.wire, PollingWire)
    assert client.ask("ask", "still here") == ["still here"]
    assert client.ask("conn")[0]["transport"] == "polling"


@pytest.mark.official
@pytest.mark.parity("upgrade.probe_releases")
def test_the_probe_releases_the_pending_poll(polling: PollingWire, candidate: Callable[[], RawWebSocket]) -> None:
    polling.start_poll()
    ws = candidate()
    ws.send("2probe")
    assert ws.recv() == "3probe"
    assert polling.finish_poll() == ["6"]


@pytest.mark.official
def test_a_poll_that_comes_while_probing_is_released_too(
    polling: PollingWire, candidate: Callable[[], RawWebSocket]
) -> None:
    ws = candidate()
    ws.send("2probe")
    assert ws.recv() == "3probe"
    assert polling.poll() == ["6"]


@pytest.mark.official
@pytest.mark.parity("forms.protocol")
def test_after_the_upgrade_everything_goes_over_the_websocket(
    client: RawClient, polling: PollingWire, closing: list[Any]
) -> None:
    wire = upgrade(polling)
    closing.append(wire)
    client.wire = wire
    assert client.ask("ask", 1, [2]) == [1, [2]]
    assert client.ask("conn") == [{"id": polling.sid, "transport": "websocket", "protocol": 4}]


@pytest.mark.official
@pytest.mark.parity("upgrade.afterwards")
def test_polling_is_refused_after_the_upgrade(http: Any, polling: PollingWire, closing: list[Any]) -> None:
    closing.append(upgrade(polling))
    # The `5` travels on another connection: the refusal comes as soon as the server has seen it.
    while (answer := http.request("GET", polling.target)).status == 200:
        assert answer.text == "6"
    assert (answer.status, answer.json()["code"]) == (400, 3)
    assert http.request("POST", polling.target, body=b"3").json()["code"] == 3


@pytest.mark.official
@pytest.mark.parity("upgrade.old_transport")
def test_what_is_sent_while_probing_still_leaves_by_polling(
    server: ServerProcess, client: RawClient, polling: PollingWire, candidate: Callable[[], RawWebSocket]
) -> None:
    ws = candidate()
    ws.send("2probe")
    assert ws.recv() == "3probe"
    server.command("emit", nsp="/", to=[client.id], event="between", args=[])
    assert polling.recv() == '42["between"]'


@pytest.mark.official
@pytest.mark.parity("upgrade.flow")
def test_nothing_is_lost_or_reordered_across_the_upgrade(
    server: ServerProcess, client: RawClient, polling: PollingWire, closing: list[Any]
) -> None:
    def emit(n: int) -> None:
        server.command("emit", nsp="/", to=[client.id], event="n", args=[n])

    polling.start_poll()
    ws = RawWebSocket(server.port, target(transport="websocket", sid=polling.sid))
    closing.append(ws)
    for n in range(3):
        emit(n)
    ws.send("2probe")
    assert ws.recv() == "3probe"
    for n in range(3, 6):
        emit(n)
    received = [p for p in polling.finish_poll() if p != "6"]
    emit(6)
    ws.send("5")
    polling.over = True
    polling.abandon()
    wire = WebSocketWire(ws, polling.handshake, received)
    client.wire = wire
    for n in range(7, 10):
        emit(n)
    assert [client.expect("n") for _ in range(10)] == [[n] for n in range(10)]


@pytest.mark.official
@pytest.mark.parity("upgrade.flow")
def test_client_packets_keep_their_order_across_the_upgrade(
    client: RawClient, polling: PollingWire, closing: list[Any]
) -> None:
    polling.send(*(f'42{n}["ask",{n}]' for n in range(5)))
    wire = upgrade(polling)
    closing.append(wire)
    client.wire = wire
    wire.send(*(f'42{n}["ask",{n}]' for n in range(5, 10)))
    assert [client.recv().args for _ in range(10)] == [[n] for n in range(10)]


@pytest.mark.official
def test_upgrade_without_a_probe(
    client: RawClient, candidate: Callable[[], RawWebSocket], polling: PollingWire
) -> None:
    ws = candidate()
    ws.send("5")
    polling.over = True
    client.wire = WebSocketWire(ws, polling.handshake)
    assert client.ask("ask", "hi") == ["hi"]


@pytest.mark.official
@pytest.mark.parity("engine_close.failed_upgrade")
def test_an_abandoned_upgrade_leaves_polling_alive(client: RawClient, candidate: Callable[[], RawWebSocket]) -> None:
    ws = candidate()
    ws.send("2probe")
    assert ws.recv() == "3probe"
    ws.close()
    assert_polling_works(client)


@pytest.mark.official
def test_a_reset_upgrade_leaves_polling_alive(client: RawClient, candidate: Callable[[], RawWebSocket]) -> None:
    candidate().abort()
    assert_polling_works(client)


@pytest.mark.official
def test_another_attempt_may_follow_an_abandoned_one(
    client: RawClient,
    candidate: Callable[[], RawWebSocket],
    server: ServerProcess,
    polling: PollingWire,
    closing: list[Any],
) -> None:
    ws = candidate()
    ws.send_close(1000)
    assert ws.expect_close() == 1000
    wire = upgrade(polling)
    closing.append(wire)
    client.wire = wire
    assert client.ask("conn")[0]["transport"] == "websocket"


@pytest.mark.official
@pytest.mark.parity("engine_close.failed_upgrade")
@pytest.mark.parametrize("first", ["2", "3probe", '42["mark"]', "1", "6", "x", "", "2probe2", "40", b"\x01"], ids=repr)
def test_a_wrong_first_frame_closes_only_the_candidate(
    server: ServerProcess, client: RawClient, candidate: Callable[[], RawWebSocket], first: str | bytes
) -> None:
    ws = candidate()
    ws.send(first)
    ws.expect_close()
    assert_polling_works(client)
    assert server.noted("mark", id=client.id) == []


@pytest.mark.official
@pytest.mark.parity("verification.double_upgrade")
def test_a_second_websocket_while_upgrading_is_refused(
    server: ServerProcess, client: RawClient, polling: PollingWire, candidate: Callable[[], RawWebSocket]
) -> None:
    first = candidate()
    first.send("2probe")
    assert first.recv() == "3probe"
    assert_refused(server, polling.sid)
    first.send("5")
    polling.over = True
    client.wire = WebSocketWire(first, polling.handshake)
    assert client.ask("ask", "unharmed") == ["unharmed"]


@pytest.mark.official
@pytest.mark.parity("verification.double_upgrade")
def test_a_second_websocket_after_the_upgrade_is_refused(server: ServerProcess, connect: Any) -> None:
    client: RawClient = connect("upgrade")
    assert_refused(server, client.wire.sid)
    assert client.ask("ask", "unharmed") == ["unharmed"]


def test_a_websocket_session_is_not_upgraded(server: ServerProcess, connect: Any) -> None:
    """The official server takes the second WebSocket for a probe and waits for its `2probe`."""
    client: RawClient = connect("websocket")
    assert_refused(server, client.wire.sid)
    assert client.ask("ask", "unharmed") == ["unharmed"]


@pytest.mark.not_on("daphne")  # it refuses WebSockets with 403 alone
@pytest.mark.official
def test_the_version_of_an_upgrade_is_that_of_the_session(
    server: ServerProcess, client: RawClient, polling: PollingWire
) -> None:
    with pytest.raises(HandshakeRefused) as refused:
        RawWebSocket(server.port, f"/socket.io/?EIO=3&transport=websocket&sid={polling.sid}")
    assert refused.value.response.status == 400
    assert_polling_works(client)


@pytest.mark.official
@pytest.mark.parity("engine_close.on_upgrade_timeout", "upgrade.limited")
@pytest.mark.server(connect_timeout=30, upgrade_timeout=0.3)
def test_an_upgrade_has_limited_time(client: RawClient, candidate: Callable[[], RawWebSocket]) -> None:
    silent, probed = candidate(), None
    silent.expect_close()
    probed = candidate()
    probed.send("2probe")
    assert probed.recv() == "3probe"
    probed.expect_close()
    assert_polling_works(client)


@pytest.mark.official
@pytest.mark.parity(
    "native.leaves_while_upgrading", "engine_close.closed_while_upgrading", "engine_close.on_close_while_upgrading"
)
def test_the_session_ends_during_the_upgrade(
    server: ServerProcess, client: RawClient, polling: PollingWire, candidate: Callable[[], RawWebSocket]
) -> None:
    ws = candidate()
    ws.send("2probe")
    assert ws.recv() == "3probe"
    polling.send("1")
    ws.expect_close()
    server.expect("disconnect", id=client.id, reason="transport close")


@pytest.mark.official
@pytest.mark.loops("asyncio")
@pytest.mark.server(allow_upgrades=False)
def test_upgrades_switched_off_are_a_hint_only(client: RawClient, polling: PollingWire, closing: list[Any]) -> None:
    wire = upgrade(polling)
    closing.append(wire)
    client.wire = wire
    assert client.ask("ask", 1) == [1]


@pytest.mark.official
def test_a_separator_is_data_on_a_websocket(server: ServerProcess, connect: Any) -> None:
    client: RawClient = connect("upgrade")
    client.wire.send(f'42["record","a"]{RS}42["record","b"]')
    client.wire.wait_closed()
    server.expect("disconnect", id=client.id)
    assert server.noted("record", id=client.id) == []


@pytest.mark.official
@pytest.mark.parity("engine_close.timer_stopped")
@pytest.mark.server(connect_timeout=30, upgrade_timeout=0.3)
def test_an_upgrade_that_succeeded_is_not_timed_out(
    client: RawClient, candidate: Callable[[], RawWebSocket], connect: Any
) -> None:
    upgraded: RawClient = connect("upgrade")
    assert upgraded.ask("ask", 1) == [1]
    candidate().expect_close()  # one that began later has had its time
    assert upgraded.ask("ask", 2) == [2]
