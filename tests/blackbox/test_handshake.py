"""The opening of a session: the open packet to the byte, on each transport, and what options change in it."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING, Any

import pytest

from clients.raw_client import RawClient
from clients.raw_websocket import RawWebSocket
from clients.wire import PollingWire, WebSocketWire, Wire, open_wire, target

if TYPE_CHECKING:
    from clients.raw_http import HttpConnection
    from harness.process import ServerProcess

SID = re.compile(r"[A-Za-z0-9_-]{20}")


@pytest.mark.official
@pytest.mark.parity(
    "middleware.no_merge",
    "engine_handshake.data",
    "engine_handshake.upgrades",
    "engine_handshake.polling",
    "headers.cache",
)
def test_polling_opens_with_one_packet(http: HttpConnection) -> None:
    answer = http.request("GET", target(transport="polling"))
    assert answer.status == 200
    assert answer.headers["content-type"] == "text/plain; charset=UTF-8"
    assert answer.headers["cache-control"] == "no-store"
    sid = SID.search(answer.text)
    assert sid is not None
    assert answer.text == (
        f'0{{"sid":"{sid[0]}","upgrades":["websocket"],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}}'
    )
    assert http.request("POST", target(transport="polling", sid=sid[0]), body=b"1").body == b"ok"


@pytest.mark.official
@pytest.mark.parity("engine_handshake.data", "engine_handshake.websocket", "engine_handshake.no_upgrades_ws")
def test_websocket_opens_with_one_frame(server: ServerProcess, closing: list[Any]) -> None:
    ws = RawWebSocket(server.port, target(transport="websocket"))
    closing.append(ws)
    text = ws.recv()
    assert isinstance(text, str)
    sid = SID.search(text)
    assert sid is not None
    assert text == f'0{{"sid":"{sid[0]}","upgrades":[],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}}'


@pytest.mark.official
@pytest.mark.parity("engine_handshake.pings")
@pytest.mark.server(ping_interval=0.3, ping_timeout=0.4)
def test_durations_are_told_in_milliseconds(polling: PollingWire) -> None:
    assert polling.handshake["pingInterval"] == 300
    assert polling.handshake["pingTimeout"] == 400


@pytest.mark.official
def test_every_session_has_its_own_id(server: ServerProcess, closing: list[Any]) -> None:
    wires: list[Wire] = [PollingWire(server.port) for _ in range(5)]
    wires += [WebSocketWire.open(server.port) for _ in range(5)]
    closing.extend(wires)
    assert len({wire.sid for wire in wires}) == 10
    assert all(SID.fullmatch(wire.sid) for wire in wires)


@pytest.mark.official
@pytest.mark.parity("engine_handshake.no_upgrades")
@pytest.mark.loops("asyncio")
@pytest.mark.server(allow_upgrades=False)
def test_without_upgrades_none_is_offered(polling: PollingWire) -> None:
    assert polling.handshake["upgrades"] == []


@pytest.mark.official
@pytest.mark.parity("engine_handshake.enabled_only")
@pytest.mark.loops("asyncio")
@pytest.mark.server(transports=["polling"])
def test_only_enabled_transports_are_offered(polling: PollingWire) -> None:
    assert polling.handshake["upgrades"] == []


@pytest.mark.official
@pytest.mark.loops("asyncio")
@pytest.mark.server(max_http_buffer_size=12345)
def test_the_size_limit_is_told(websocket: WebSocketWire) -> None:
    assert websocket.handshake["maxPayload"] == 12345


@pytest.mark.official
@pytest.mark.parity("engine_handshake.cookie_off")
def test_no_cookie_is_set(polling: PollingWire) -> None:
    assert "set-cookie" not in polling.opening.headers


@pytest.mark.official
@pytest.mark.loops("asyncio")
@pytest.mark.server(path="/my/socket")
def test_another_path(server: ServerProcess, http: HttpConnection, closing: list[Any]) -> None:
    wire = PollingWire(server.port, path="/my/socket/")
    closing.append(wire)
    wire.send("40")
    assert http.request("GET", target(transport="polling")).status == 404


@pytest.mark.native  # the application around answers there; test_mounted.py has the server alone
@pytest.mark.loops("asyncio")
@pytest.mark.server(path="/my/socket")
@pytest.mark.parametrize("transport", ["polling", "websocket"])
def test_a_client_at_a_wrong_path_is_told_the_right_one(http: HttpConnection, transport: str) -> None:
    """In the body of the refusal, where whoever looks into the client's requests finds it."""
    answer = http.request("GET", target(transport=transport))
    assert answer.status == 404
    assert 'give the client io(url, { path: "/my/socket/" })' in answer.text


@pytest.mark.parity("engine_handshake.no_slash")
def test_the_path_without_its_slash_is_ours(server: ServerProcess, closing: list[Any]) -> None:
    closing.append(PollingWire(server.port, path="/socket.io"))


@pytest.mark.official
@pytest.mark.parity("files.other_path", "forms.plain_requests")
@pytest.mark.parametrize("path", ["/", "/elsewhere/", "/socket.iox/", "/x/socket.io/"])
def test_other_paths_are_not_ours(http: HttpConnection, path: str) -> None:
    assert http.request("GET", target(path, transport="polling")).status == 404


@pytest.mark.official
@pytest.mark.parity("engine_handshake.query")
def test_unknown_query_keys_are_harmless(connect: Any, transport: str) -> None:
    client: RawClient = connect(transport, query={"t": "abc", "token": "a b&c", "x": "ü"})
    (handshake,) = client.ask("handshake")
    assert handshake["query"]["token"] == "a b&c"
    assert handshake["query"]["x"] == "ü"


@pytest.mark.official
@pytest.mark.parity("socket.access", "socket.query", "address.polling", "address.websocket")
def test_the_nine_fields_of_a_handshake(server: ServerProcess, connect: Any, transport: str) -> None:
    client: RawClient = connect(transport, auth={"token": "abc"}, query={"room": "7"}, headers={"X-Custom": "yes"})
    (handshake,) = client.ask("handshake")
    assert set(handshake) == {"headers", "time", "address", "xdomain", "secure", "issued", "url", "query", "auth"}
    first = "websocket" if transport == "websocket" else "polling"
    assert handshake["headers"]["x-custom"] == "yes"
    assert handshake["headers"]["host"] == f"127.0.0.1:{server.port}"
    assert re.fullmatch(
        r"(Mon|Tue|Wed|Thu|Fri|Sat|Sun) [A-Z][a-z]{2} \d\d \d{4} \d\d:\d\d:\d\d GMT[+-]\d{4} \(.+\)", handshake["time"]
    )
    assert handshake["address"] in ("127.0.0.1", "::ffff:127.0.0.1")
    assert handshake["xdomain"] is False
    assert handshake["secure"] is False
    assert abs(handshake["issued"] - time.time() * 1000) < 60_000
    assert handshake["url"] == f"/socket.io/?EIO=4&transport={first}&room=7"
    assert handshake["query"] == {"EIO": "4", "transport": first, "room": "7"}
    assert handshake["auth"] == {"token": "abc"}


@pytest.mark.official
def test_the_last_of_repeated_query_keys_wins(server: ServerProcess, closing: list[Any]) -> None:
    ws = RawWebSocket(server.port, "/socket.io/?EIO=4&transport=websocket&k=1&k=2&k=3")
    closing.append(ws)
    assert str(ws.recv()).startswith("0{")
    client = RawClient(WebSocketWire(ws, {}))
    client.connect()
    (handshake,) = client.ask("handshake")
    assert handshake["query"]["k"] == "3"


@pytest.mark.official
@pytest.mark.parity("headers.extra")
def test_repeated_headers_are_joined(connect: Any, transport: str) -> None:
    client: RawClient = connect(transport, headers={"X-Many": "a", "x-many": "b"})
    (handshake,) = client.ask("handshake")
    assert handshake["headers"]["x-many"] == "a, b"


@pytest.mark.official
def test_auth_defaults_to_an_empty_object(client: RawClient) -> None:
    (handshake,) = client.ask("handshake")
    assert handshake["auth"] == {}


@pytest.mark.official
@pytest.mark.parity("socket.query")
def test_each_namespace_has_its_own_auth(client: RawClient) -> None:
    client.connect("/chat", {"who": "me"})
    assert client.ask("handshake", nsp="/chat")[0]["auth"] == {"who": "me"}
    assert client.ask("handshake")[0]["auth"] == {}


@pytest.mark.official
def test_socket_id_is_not_the_session_id(client: RawClient) -> None:
    assert SID.fullmatch(client.id)
    assert client.id != client.wire.sid
    assert client.ask("conn") == [
        {
            "id": client.wire.sid,
            "transport": "polling" if isinstance(client.wire, PollingWire) else "websocket",
            "protocol": 4,
        }
    ]


@pytest.mark.official
@pytest.mark.parity("engine_handshake.registered")
@pytest.mark.server(ping_interval=20)  # nobody else's server
def test_a_session_counts_from_its_handshake(server: ServerProcess, transport: str) -> None:
    def sessions() -> int:
        return int(server.command("stats")["sessions"])

    server.eventually(lambda: sessions() == 0, "the sessions of others to end")
    wire = open_wire(transport, server.port)
    assert sessions() == 1
    wire.close()
    server.eventually(lambda: sessions() == 0, "the session to end")


@pytest.mark.parity("engine_handshake.event")
def test_sessions_are_counted(server: ServerProcess, connect: Any, transport: str) -> None:
    before = server.command("stats")["sessions_opened"]
    client: RawClient = connect(transport)
    assert server.command("stats")["sessions_opened"] == before + 1
    assert server.expect("connect", id=client.id)["nsp"] == "/"
