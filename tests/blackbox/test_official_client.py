"""The official client against the server, over each transport: what an application would do."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from clients.official import OfficialClient
    from clients.raw_client import RawClient
    from harness.process import ServerProcess

    Official = Callable[..., OfficialClient]


pytestmark = pytest.mark.sample


@pytest.mark.official
@pytest.mark.parity("namespaces.auto")
def test_connects_with_auth_and_knows_its_id(server: ServerProcess, official: Official, transport: str) -> None:
    client = official(transport, auth={"token": "abc"})
    assert client.expect("welcome") == [{"token": "abc"}]
    assert server.expect("connect", id=client.id)["nsp"] == "/"


@pytest.mark.official
def test_ends_on_the_transport_it_should(official: Official, transport: str) -> None:
    client = official(transport)
    expected = "polling" if transport == "polling" else "websocket"
    while client.ask("conn")[0]["transport"] != expected:
        assert transport == "upgrade"  # the server hears of the upgrade right after the client does


@pytest.mark.official
@pytest.mark.parity("socket.events")
def test_events_and_acks_both_ways(official: Official, transport: str) -> None:
    client = official(transport)
    client.emit("echo", 1, "ü€😀", {"a": [None, True]}, [])
    assert client.expect("echo") == [1, "ü€😀", {"a": [None, True]}, []]
    assert client.ask("ask", 1, {"b": 2}) == [1, {"b": 2}]
    client.answer("what?", "args")
    client.emit("question", 5, "what?", {"n": 1})
    assert client.expect("answered") == [{"n": 1}]
    client.emit("question", 0.1, "unheard question")
    assert client.expect("unanswered") == ["operation has timed out"]


@pytest.mark.official
@pytest.mark.parity("socket.large", "messages.under_limit")
def test_large_messages(official: Official, transport: str) -> None:
    client = official(transport)
    text = "ü" * 400_000
    assert client.ask("ask", text) == [text]


@pytest.mark.official
def test_a_burst_keeps_its_order(official: Official, transport: str) -> None:
    client = official(transport)
    for n in range(300):
        client.emit("echo", n)
    assert [client.expect("echo") for _ in range(300)] == [[n] for n in range(300)]


@pytest.mark.official
@pytest.mark.parity("send.callbacks", "upgrade.flow")
def test_a_burst_keeps_its_order_across_the_upgrade(server: ServerProcess, official: Official) -> None:
    client = official("upgrade", wait=False)
    client.id = client.report("connect")["id"]
    for n in range(300):
        client.emit("echo", n)
    assert [client.expect("echo") for _ in range(300)] == [[n] for n in range(300)]
    server.expect("connect", id=client.id)


@pytest.mark.official
@pytest.mark.parity("namespaces.two")
def test_namespaces_over_one_connection(official: Official, transport: str) -> None:
    main = official(transport)
    chat = official(transport, nsp="/chat", over=main)
    assert chat.ask("ask", "chat") == ["chat"]
    assert main.ask("ask", "main") == ["main"]
    assert chat.ask("conn")[0]["id"] == main.ask("conn")[0]["id"]
    chat.disconnect()
    assert chat.report("disconnect")["reason"] == "io client disconnect"
    assert main.ask("ask", "still") == ["still"]


@pytest.mark.official
@pytest.mark.parity("namespaces.unknown")
def test_an_unknown_namespace_is_a_connect_error(official: Official, transport: str) -> None:
    client = official(transport, nsp="/nowhere", wait=False)
    assert client.report("connect_error")["message"] == "Invalid namespace"


@pytest.mark.official
@pytest.mark.parity("middleware.error", "middleware.error_data")
def test_a_refusal_is_a_connect_error_with_data(official: Official, transport: str) -> None:
    client = official(transport, nsp="/guarded", auth={"token": "bad"}, wait=False)
    refusal = client.report("connect_error")
    assert refusal["message"] == "not authorized"
    assert refusal["data"] == {"code": 401, "why": ["token"]}


@pytest.mark.official
def test_rooms(official: Official) -> None:
    clients = [official(transport) for transport in ("polling", "websocket", "upgrade")]
    assert clients[0].ask("join", "r") == [["r"]]
    assert clients[2].ask("join", "r") == [["r"]]
    clients[0].ask("publish", {"base": "socket", "to": ["r"]}, "news", 1)
    clients[1].ask("publish", {"to": [clients[0].id]}, "private", 2)
    assert clients[2].expect("news") == [1]
    assert clients[0].expect("private") == [2]
    for client in clients:
        client.ask("mark")
        assert [r["name"] for r in client.seen("event") if r["name"] != "welcome"] == []


@pytest.mark.official
@pytest.mark.parity("engine_close.not_too_early_ping")
@pytest.mark.server(ping_interval=0.3, ping_timeout=0.4)
def test_heartbeats_keep_an_idle_client(
    server: ServerProcess, connect: Callable[..., RawClient], official: Official, transport: str
) -> None:
    client = official(transport)
    # One that does not answer pings is lost twice in a row; an idle client that does is still there.
    for _ in range(2):
        silent = connect("websocket")
        server.expect("disconnect", id=silent.id, reason="ping timeout")
    assert client.ask("ask", 1) == [1]
    assert client.seen("disconnect") == []


@pytest.mark.official
def test_a_cut_connection_comes_back(server: ServerProcess, official: Official, transport: str) -> None:
    client = official(transport, reconnection=True, reconnectionDelay=50, randomizationFactor=0)
    first = client.id
    client.cut()
    assert client.report("disconnect")["reason"] in ("transport close", "transport error")
    assert client.report("connect")["id"] != first
    assert client.ask("ask", 1) == [1]
    if transport != "polling":  # nothing tells the server that a client will not poll again
        server.expect("disconnect", id=first, reason="transport close")


@pytest.mark.official
@pytest.mark.parity("socket.send")
def test_send_is_the_event_message(official: Official, transport: str) -> None:
    client = official(transport, nsp="/chat")
    client.emit("message", "hi", b"\x00", None)  # what the client's `send` does
    assert client.expect("message") == ["hi", b"\x00", None]


@pytest.mark.official
@pytest.mark.parity("namespaces.twice")
def test_one_namespace_opened_twice_has_two_connections(official: Official, transport: str) -> None:
    first, second = official(transport, nsp="/chat"), official(transport, nsp="/chat")
    assert first.id != second.id
    assert first.ask("conn")[0]["id"] != second.ask("conn")[0]["id"]


@pytest.mark.not_on("daphne")  # it drops empty messages
@pytest.mark.official
@pytest.mark.parity("messages.mixed_sizes")
def test_large_and_small_keep_their_order(official: Official, transport: str) -> None:
    client = official(transport)
    sizes = [1, 100_000, 0, 50_000, 2, 3, 150_000, 1]  # together below the limit of one payload
    for n, size in enumerate(sizes):
        client.emit("echo", n, "ü" * (size // 2), b"\xff" * (size // 2))
    for n, size in enumerate(sizes):
        assert client.expect("echo") == [n, "ü" * (size // 2), b"\xff" * (size // 2)]


@pytest.mark.official
@pytest.mark.parity("engine_close.before_open")
@pytest.mark.server(ping_interval=0.3, ping_timeout=0.4)
def test_a_client_that_leaves_before_it_is_open_leaves_nothing(
    server: ServerProcess, official: Official, transport: str
) -> None:
    for _ in range(5):
        official(transport, wait=False).close()
    server.eventually(lambda: server.command("stats")["sessions"] == 0, "the sessions to end")


@pytest.mark.official
@pytest.mark.parity("cors.client")
@pytest.mark.server(cors_allowed_origins=["https://app.example"])
def test_an_allowed_origin_works(official: Official, transport: str) -> None:
    client = official(transport, extraHeaders={"Origin": "https://app.example"})
    assert client.ask("ask", 1) == [1]
