"""Several namespaces over one connection, middlewares at their gates, and the time a client has to join one."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from clients.raw_client import RawClient
    from clients.wire import PollingWire, Wire
    from harness.process import ServerProcess


# --- several namespaces


@pytest.mark.official
def test_namespaces_share_a_connection(client: RawClient) -> None:
    chat = client.connect("/chat")
    assert chat != client.id
    assert client.ask("ask", "a") == ["a"]
    assert client.ask("ask", "b", nsp="/chat") == ["b"]
    assert client.ask("conn")[0]["id"] == client.ask("conn", nsp="/chat")[0]["id"]


@pytest.mark.official
def test_events_stay_in_their_namespace(server: ServerProcess, client: RawClient) -> None:
    client.connect("/chat")
    client.events()
    client.events(nsp="/chat")
    server.command("emit", nsp="/chat", to=[], event="for chat", args=[])
    server.command("emit", nsp="/", to=[], event="for main", args=[])
    assert ["for chat"] in client.events(nsp="/chat")
    assert ["for main"] in client.events()
    assert client.inbox == []


@pytest.mark.official
def test_a_namespace_needs_no_main_one(connect: Any, transport: str) -> None:
    client: RawClient = connect(transport, nsp="/chat")
    assert client.ask("ask", 1, nsp="/chat") == [1]


@pytest.mark.official
@pytest.mark.parity("namespaces.two", "namespaces.disconnecting")
def test_the_end_of_the_connection_ends_every_namespace(server: ServerProcess, client: RawClient) -> None:
    chat = client.connect("/chat")
    client.close()
    server.expect("disconnect", id=client.id, nsp="/", reason="transport close")
    server.expect("disconnect", id=chat, nsp="/chat", reason="transport close")


@pytest.mark.official
def test_acks_of_namespaces_do_not_mix(client: RawClient) -> None:
    client.connect("/chat")
    main = client.start_ask("ask", "main")
    chat = client.start_ask("ask", "chat", nsp="/chat")
    assert client.finish_ask(chat, nsp="/chat") == ["chat"]
    assert client.finish_ask(main) == ["main"]


# --- middlewares


@pytest.mark.official
@pytest.mark.parity("middleware.runs", "middleware.order", "middleware.custom", "middleware.own_only")
def test_middlewares_run_in_order_before_the_connection(server: ServerProcess, connect: Any) -> None:
    client: RawClient = connect(nsp="/guarded", auth={"token": "good"})
    socket_id = client.ids["/guarded"]
    gates = server.noted("gate", id=socket_id)
    assert [(gate["order"], gate["connected"]) for gate in gates] == [(1, False), (2, False)]
    assert server.expect("connect", id=socket_id)["connected"] is True


@pytest.mark.official
@pytest.mark.parity("middleware.error", "middleware.error_data")
def test_a_refusal_carries_message_and_data(client: RawClient) -> None:
    assert client.connect_refused("/guarded", {"token": "bad"}) == {
        "message": "not authorized",
        "data": {"code": 401, "why": ["token"]},
    }
    assert client.connect_refused("/guarded", {"token": "plain"}) == {"message": "not authorized"}


def test_a_failing_middleware_tells_nothing(client: RawClient) -> None:
    assert client.connect_refused("/guarded", {"token": "boom"}) == {"message": "internal error"}


@pytest.mark.official
def test_a_refused_client_may_try_again(server: ServerProcess, client: RawClient) -> None:
    client.connect_refused("/guarded", {"token": "bad"})
    client.connect("/guarded", {"token": "good"})
    assert client.ask("ask", 1, nsp="/guarded") == [1]


@pytest.mark.official
@pytest.mark.parity("socket.middleware_rooms")
def test_a_refusal_leaves_no_room_behind(server: ServerProcess, client: RawClient) -> None:
    before = server.command("stats")
    client.connect_refused("/guarded", {"token": "bad"})
    after = server.command("stats")
    assert (after["sockets"], after["rooms"]) == (before["sockets"], before["rooms"])


@pytest.mark.official
def test_a_refused_socket_never_disconnects(server: ServerProcess, client: RawClient) -> None:
    client.connect_refused("/guarded", {"token": "bad"})
    refused = server.expect("gate", count=len(server.noted("gate")))["id"]
    client.close()
    server.expect("disconnect", id=client.id)
    assert server.noted("disconnect", id=refused) == []
    assert server.noted("connect", id=refused) == []


@pytest.mark.official
@pytest.mark.parity("native.middleware_join")
def test_a_room_joined_in_a_middleware_is_kept(server: ServerProcess, client: RawClient) -> None:
    client.connect("/guarded", {"token": "good"})
    server.command("emit", nsp="/guarded", to=["early birds"], event="chirp", args=[])
    assert client.expect("chirp", nsp="/guarded") == []


@pytest.mark.parity("socket.early_order")
def test_what_a_middleware_emits_follows_the_acceptance(connect: Any, transport: str) -> None:
    """The official server sends it before the CONNECT answer."""
    client: RawClient = connect(transport, nsp=None)
    client.send(0, {"token": "good"}, nsp="/guarded")
    received = [client.recv() for _ in range(2)]
    assert [(m.kind, m.data[0] if m.kind == 2 else None) for m in received] == [(0, None), (2, "early")]


def test_what_a_middleware_emits_is_dropped_on_refusal(connect: Any, transport: str) -> None:
    client: RawClient = connect(transport)
    client.connect_refused("/guarded", {"token": "bad"})
    client.ask("mark")
    assert client.inbox == []


@pytest.mark.official
@pytest.mark.parity("middleware.closed_meanwhile")
def test_a_client_that_leaves_during_a_middleware_is_forgotten(
    server: ServerProcess, connect: Any, transport: str
) -> None:
    client: RawClient = connect(transport, nsp=None)
    before = len(server.noted("gate", order=1))
    client.send(0, {"token": "slow"}, nsp="/guarded")
    socket_id = server.expect("gate", count=before + 1, order=1)["id"]
    client.close()
    server.expect("slow gate over", id=socket_id)
    server.expect("gate", id=socket_id, order=2)
    server.eventually(lambda: server.command("stats")["sessions"] == 0, "the session to be gone")
    assert server.command("stats")["rooms"] == 0
    assert server.noted("connect", id=socket_id) == []
    assert server.noted("disconnect", id=socket_id) == []


@pytest.mark.official
@pytest.mark.parity("middleware.before_connection")
def test_a_slow_middleware_holds_up_nobody_else(client: RawClient, server: ServerProcess) -> None:
    client.send(0, {"token": "slow"}, nsp="/guarded")
    assert client.ask("ask", "meanwhile") == ["meanwhile"]
    answer = client.take(lambda m: m.kind == 0 and m.nsp == "/guarded")
    client.ids["/guarded"] = answer.data["sid"]
    assert client.ask("ask", 1, nsp="/guarded") == [1]


# --- the time to join


@pytest.mark.official
@pytest.mark.parity("namespaces.timeout")
@pytest.mark.server(connect_timeout=0.4, upgrade_timeout=10)
def test_a_client_must_join_a_namespace_in_time(wire: Wire) -> None:
    opened = time.monotonic()
    assert wire.wait_closed() == []
    assert time.monotonic() - opened >= 0.2


@pytest.mark.official
@pytest.mark.server(connect_timeout=0.4, upgrade_timeout=10)
def test_a_refusal_does_not_stop_the_clock(wire: Wire) -> None:
    wire.send("40/nowhere,")
    assert wire.wait_closed() == ['44/nowhere,{"message":"Invalid namespace"}']


@pytest.mark.official
@pytest.mark.server(connect_timeout=0.4, upgrade_timeout=10)
def test_a_client_that_joined_may_stay(client: RawClient) -> None:
    until = time.monotonic() + 0.8
    while time.monotonic() < until:
        assert client.ask("ask", 1) == [1]
        time.sleep(0.1)


@pytest.mark.server(connect_timeout=0.4, upgrade_timeout=10)
def test_the_clock_starts_anew_when_the_last_namespace_is_left(client: RawClient) -> None:
    """The official server lets such a connection stay for ever."""
    client.leave("/")
    left = time.monotonic()
    assert client.wire.wait_closed() == []
    assert 0.2 <= time.monotonic() - left < 5


@pytest.mark.server(connect_timeout=0.4, upgrade_timeout=10)
def test_a_client_that_leaves_one_of_two_namespaces_may_stay(client: RawClient) -> None:
    client.connect("/chat")
    client.leave("/")
    until = time.monotonic() + 0.8
    while time.monotonic() < until:
        assert client.ask("ask", 1, nsp="/chat") == [1]
        time.sleep(0.1)


@pytest.mark.official
@pytest.mark.server(connect_timeout=0.4, upgrade_timeout=10)
def test_an_unjoined_session_is_gone_afterwards(polling: PollingWire) -> None:
    polling.wait_closed()
    assert polling.is_unknown()
