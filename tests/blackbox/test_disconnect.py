"""The end of a socket: all nine reasons, the order of the handlers, and what is left afterwards."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from clients.raw_client import RawClient
from clients.raw_http import HttpConnection
from clients.raw_websocket import CLOSE
from clients.wire import PollingWire, WebSocketWire, open_wire
from harness.process import ServerProcess

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from clients.official import OfficialClient


def expect_gone(server: ServerProcess, socket_id: str, reason: str, *, rooms: list[str] | None = None) -> None:
    """`disconnecting` with the rooms still there, then `disconnect` without; each once."""
    gone = server.expect("disconnect", id=socket_id)
    leaving = server.noted("disconnecting", id=socket_id)
    assert [entry["reason"] for entry in leaving] == [reason]
    assert leaving[0]["rooms"] == (rooms or [])
    assert gone["reason"] == reason
    assert gone["rooms"] == []
    assert gone["connected"] is False
    order = [entry["what"] for entry in server.journal if entry.get("id") == socket_id]
    assert order[-2:] == ["disconnecting", "disconnect"]


@pytest.mark.official
def test_client_namespace_disconnect(server: ServerProcess, client: RawClient) -> None:
    client.ask("join", "b", "a")
    gone = client.id
    client.connect("/chat")
    client.leave("/")
    assert client.ask("ask", 1, nsp="/chat") == [1]
    expect_gone(server, gone, "client namespace disconnect", rooms=["a", "b"])


@pytest.mark.official
def test_server_namespace_disconnect(server: ServerProcess, client: RawClient) -> None:
    client.ask("join", "a")
    client.connect("/chat")
    client.emit("bye", False)
    client.take(lambda m: m.kind == 1 and m.nsp == "/")
    expect_gone(server, client.id, "server namespace disconnect", rooms=["a"])
    assert client.ask("ask", "the connection lives", nsp="/chat") == ["the connection lives"]
    client.connect("/")
    assert client.ask("ask", 1) == [1]


@pytest.mark.official
@pytest.mark.parity("socket.disconnect_all")
def test_server_namespace_disconnect_with_the_connection(server: ServerProcess, client: RawClient) -> None:
    chat = client.connect("/chat")
    client.emit("bye", True)
    assert sorted(p for p in client.wire.wait_closed() if str(p).startswith("41")) == ["41", "41/chat,"]
    expect_gone(server, client.id, "server namespace disconnect")
    expect_gone(server, chat, "server namespace disconnect")


@pytest.mark.official
@pytest.mark.parity("engine_close.server_close")
def test_forced_close(server: ServerProcess, client: RawClient) -> None:
    client.emit("drop")
    assert client.wire.wait_closed() == []
    expect_gone(server, client.id, "forced close")


@pytest.mark.official
def test_forced_server_close(server: ServerProcess, client: RawClient) -> None:
    client.wire.send("40")
    client.wire.wait_closed()
    reason = server.expect("disconnect", id=client.id)["reason"]
    expect_gone(server, client.id, reason)
    assert reason in (("forced close", "forced server close") if server.official else ("forced server close",))


@pytest.mark.official
def test_transport_close(server: ServerProcess, client: RawClient) -> None:
    client.ask("join", "a")
    client.close()
    expect_gone(server, client.id, "transport close", rooms=["a"])


@pytest.mark.official
def test_transport_error(server: ServerProcess, client: RawClient) -> None:
    client.wire.send("2")
    client.wire.wait_closed()
    expect_gone(server, client.id, "transport error")


@pytest.mark.official
@pytest.mark.parity("engine_close.no_pong")
@pytest.mark.server(ping_interval=0.3, ping_timeout=0.4)
def test_ping_timeout(server: ServerProcess, connect: Any, transport: str) -> None:
    client: RawClient = connect(transport)
    expect_gone(server, client.id, "ping timeout")


@pytest.mark.official
def test_parse_error(server: ServerProcess, client: RawClient) -> None:
    client.ask("join", "a")
    client.wire.send("x")
    client.wire.wait_closed()
    expect_gone(server, client.id, "parse error", rooms=["a"])


# --- the server goes down


@pytest.fixture
def own_server(request: pytest.FixtureRequest, backend: str) -> Iterator[ServerProcess]:
    """A server that this test may end."""
    official = request.config.getoption("--server") == "official"
    server = ServerProcess("official.mjs" if official else "main.py", backend=backend)
    yield server
    server.stop()


@pytest.mark.official
def test_server_shutting_down(own_server: ServerProcess, transport: str) -> None:
    client = RawClient(open_wire(transport, own_server.port))
    client.connect()
    client.ask("join", "a")
    client.connect("/chat")
    client.expect("welcome")
    client.expect("welcome", nsp="/chat")
    wire = client.wire
    if isinstance(wire, PollingWire):
        wire.start_poll()
        wire.send('42["record","the poll is pending"]')
        own_server.expect("record", id=client.id)
        closing = own_server.start_command("close")
        assert wire.finish_poll() == ["1"]
        wire.over = True
    else:
        assert isinstance(wire, WebSocketWire)
        closing = own_server.start_command("close")
        # No Socket.IO DISCONNECT: the official client would take it for a farewell and not come back.
        frame = wire.ws.recv_frame()
        assert frame.close_code in ((None,) if own_server.official else (1001,))
        wire.ws.send_frame(CLOSE, frame.payload)
    wire.close()
    own_server.finish_command(closing)
    expect_gone(own_server, client.id, "server shutting down", rooms=["a"])
    expect_gone(own_server, client.ids["/chat"], "server shutting down")


@pytest.mark.official
@pytest.mark.parity("engine_close.discarded")
def test_a_server_that_closes_waits_for_no_poll(own_server: ServerProcess) -> None:
    client = RawClient(PollingWire(own_server.port))
    client.connect()
    client.expect("welcome")
    own_server.command("emit", nsp="/", to=[], event="nobody fetches it", args=[])
    own_server.finish_command(own_server.start_command("close"))
    expect_gone(own_server, client.id, "server shutting down")
    with pytest.raises(ConnectionRefusedError):
        HttpConnection(own_server.port)
    assert isinstance(client.wire, PollingWire)
    client.wire.abandon()


# --- afterwards


@pytest.mark.official
@pytest.mark.parity("socket.no_late_join")
def test_nothing_can_be_joined_any_more(server: ServerProcess, client: RawClient) -> None:
    client.close()
    server.expect("disconnect", id=client.id)  # its handler joined the room "ghosts"
    assert server.command("stats")["rooms"] == 0


@pytest.mark.official
def test_events_before_the_end_are_handled(server: ServerProcess, connect: Any) -> None:
    client: RawClient = connect("websocket")
    for n in range(20):
        client.emit("record", n)
    client.close()
    server.expect("disconnect", id=client.id)
    values = [entry["value"] for entry in server.noted("record", id=client.id)]
    assert values == list(range(20))


@pytest.mark.official
@pytest.mark.parity("socket.after_disconnect")
def test_events_behind_a_servers_farewell_are_dropped(server: ServerProcess, connect: Any) -> None:
    client: RawClient = connect("websocket")
    client.connect("/chat")
    assert isinstance(client.wire, WebSocketWire)
    ws = client.wire.ws
    ws.http.send(b"".join(ws.frame(0x1, p) for p in (b'42["bye",true]', b'42["record",1]', b'42["record",2]')))
    server.expect("disconnect", id=client.id)
    assert server.noted("record", id=client.id) == []


@pytest.mark.parity("engine_close.in_payload")
@pytest.mark.parametrize("farewell", [b'42["bye",true]', b'42["drop"]'])
def test_a_farewell_drops_the_events_of_its_other_namespaces(
    server: ServerProcess, connect: Any, farewell: bytes
) -> None:
    client: RawClient = connect("websocket")
    chat = client.connect("/chat")
    assert isinstance(client.wire, WebSocketWire)
    ws = client.wire.ws
    ws.http.send(b"".join(ws.frame(0x1, p) for p in (farewell, b'42/chat,["record",1]')))
    server.expect("disconnect", id=chat)
    assert server.noted("record", id=chat) == []


@pytest.mark.official
@pytest.mark.parity("engine_close.server_close")
@pytest.mark.parametrize(("event", "reason"), [(["bye", True], "io server disconnect"), (["drop"], "transport close")])
def test_what_the_official_client_says(
    official: Callable[..., OfficialClient], transport: str, event: list[Any], reason: str
) -> None:
    client = official(transport)
    client.emit(*event)
    assert client.report("disconnect")["reason"] == reason


@pytest.mark.official
@pytest.mark.parity("engine_close.client_close", "socket.manual_reconnect")
def test_the_official_client_leaves_and_comes_back(
    server: ServerProcess, official: Callable[..., OfficialClient], transport: str
) -> None:
    client = official(transport)
    first = client.id
    client.disconnect()
    assert client.report("disconnect")["reason"] == "io client disconnect"
    server.expect("disconnect", id=first, reason="client namespace disconnect")
    client.reconnect()
    assert client.report("connect")["id"] != first
    assert client.ask("ask", 1) == [1]
