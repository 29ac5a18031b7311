"""WebSocket as such: refused handshakes, frames right and wrong, close codes, limits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from clients.raw_http import HttpConnection
from clients.raw_websocket import BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT, HandshakeRefused, RawWebSocket
from clients.wire import WebSocketWire, target

if TYPE_CHECKING:
    from collections.abc import Callable

    from clients.raw_client import RawClient
    from harness.process import ServerProcess

# Between frames and their answers no event loop plays a part; one is enough.
pytestmark = [pytest.mark.native, pytest.mark.loops("uvloop")]


@pytest.fixture
def client(connect: Any) -> RawClient:
    client: RawClient = connect("websocket")
    return client


@pytest.fixture
def ws(client: RawClient) -> RawWebSocket:
    """The connection under a client in `/`."""
    assert isinstance(client.wire, WebSocketWire)
    return client.wire.ws


def refusal(server: ServerProcess, query: str, headers: dict[str, str] | None = None) -> Any:
    with pytest.raises(HandshakeRefused) as refused:
        RawWebSocket(server.port, f"/socket.io/?{query}", headers=headers)
    return refused.value.response


# --- handshakes


@pytest.mark.official
@pytest.mark.parity("verification.transport", "verification.sid")
@pytest.mark.parametrize(
    ("query", "code", "message"),
    [
        ("EIO=4&transport=tobogan", 0, "Transport unknown"),
        ("EIO=4&transport=constructor", 0, "Transport unknown"),
        ("EIO=4", 0, "Transport unknown"),
        ("EIO=4&transport=websocket&sid=abcdefghijklmnopqrst", 1, "Session ID unknown"),
    ],
)
def test_a_refused_handshake(server: ServerProcess, query: str, code: int, message: str) -> None:
    answer = refusal(server, query)
    assert answer.status == 400
    assert answer.headers["connection"].lower() == "close"
    assert message in answer.text
    if not server.official:
        assert answer.json() == {"code": code, "message": message}


@pytest.mark.parity("eio3.refused")
@pytest.mark.parametrize("version", ["EIO=3&", "EIO=5&", ""])
def test_an_unsupported_version_is_refused_before_the_101(server: ServerProcess, version: str) -> None:
    """The official server answers 101 and then writes an HTTP error into the WebSocket."""
    answer = refusal(server, f"{version}transport=websocket")
    assert answer.status == 400
    body = answer.json()
    assert ("socket.io-client 3 or newer" in body.pop("hint", "")) == (version == "EIO=3&")
    assert body == {"code": 5, "message": "Unsupported protocol version"}


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-WebSocket-Version": "8"},
        {"Sec-WebSocket-Version": ""},
        {"Sec-WebSocket-Key": ""},
        {"Sec-WebSocket-Key": "c2hvcnQ="},
        {"Sec-WebSocket-Key": "not base64 at all !!!!!!"},
    ],
)
def test_a_malformed_handshake_is_refused(server: ServerProcess, headers: dict[str, str]) -> None:
    answer = refusal(server, "EIO=4&transport=websocket", headers)
    assert answer.status in (400, 426)


@pytest.mark.official
@pytest.mark.parity("forms.unhandled")
def test_an_upgrade_of_another_path_is_refused(server: ServerProcess) -> None:
    with HttpConnection(server.port) as http:
        http.send_head(
            "GET",
            "/elsewhere/?EIO=4&transport=websocket",
            {
                "Upgrade": "websocket",
                "Connection": "Upgrade",
                "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==",
                "Sec-WebSocket-Version": "13",
            },
        )
        if server.official:  # it ends the connection after a second, without a word
            http.expect_closed()
        else:
            assert http.read_response().status == 404


@pytest.mark.official
@pytest.mark.parity("engine_compression.off", "send.pre_encoded")
def test_no_extension_is_negotiated_by_default(server: ServerProcess, closing: list[Any]) -> None:
    ws = RawWebSocket(
        server.port,
        target(transport="websocket"),
        headers={"Sec-WebSocket-Extensions": "permessage-deflate; client_max_window_bits"},
    )
    closing.append(ws)
    assert "sec-websocket-extensions" not in ws.response.headers


@pytest.mark.official
@pytest.mark.parity("verification.garbage")
@pytest.mark.parametrize(
    "data", [b"garbage\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00", b"GET / HTTP/9.9\r\n\r\n", b"\x00" * 100]
)
def test_garbage_instead_of_http(server: ServerProcess, data: bytes, connect: Any) -> None:
    with HttpConnection(server.port) as http:
        http.send(data)
        http.sock.shutdown(1)  # no more will come: a server that waits for the rest of a line need not
        answer = http.read_to_end()
    assert answer == b"" or answer.startswith((b"HTTP/1.1 400 ", b"HTTP/1.1 505 "))
    assert connect("websocket").ask("ask", 1) == [1]


# --- frames


@pytest.mark.official
def test_ping_frames_are_answered(ws: RawWebSocket) -> None:
    for payload in (b"", b"abc", b"x" * 125):
        ws.send_frame(PING, payload)
        frame = ws.recv_frame()
        assert (frame.opcode, frame.payload) == (PONG, payload)


@pytest.mark.official
def test_unasked_pong_frames_are_ignored(client: RawClient, ws: RawWebSocket) -> None:
    ws.send_frame(PONG, b"abc")
    assert client.ask("ask", 1) == [1]


@pytest.mark.official
def test_fragments_make_one_message(client: RawClient, ws: RawWebSocket) -> None:
    message = '420["ask","€ in pieces"]'.encode()
    ws.send_frame(TEXT, message[:1], fin=False)
    for at in range(1, len(message) - 1):
        ws.send_frame(CONTINUATION, message[at : at + 1], fin=False)
    ws.send_frame(PING, b"between")
    ws.send_frame(CONTINUATION, message[-1:])
    assert ws.recv_frame().opcode == PONG
    assert client.finish_ask(0) == ["€ in pieces"]


@pytest.mark.official
def test_empty_fragments_are_fine(client: RawClient, ws: RawWebSocket) -> None:
    ws.send_frame(TEXT, b"", fin=False)
    ws.send_frame(CONTINUATION, b'420["ask",1]', fin=False)
    ws.send_frame(CONTINUATION, b"")
    assert client.finish_ask(0) == [1]


@pytest.mark.official
def test_frames_split_and_joined_anyhow(client: RawClient, ws: RawWebSocket) -> None:
    stream = b"".join(ws.frame(TEXT, f'42{n}["ask",{n}]'.encode()) for n in range(20))
    for at in range(0, len(stream), 7):
        ws.http.send(stream[at : at + 7])
    assert [client.finish_ask(n) for n in range(20)] == [[n] for n in range(20)]
    ws.http.send(b"".join(ws.frame(TEXT, f'42{n}["ask",{n}]'.encode()) for n in range(50)))
    assert [client.finish_ask(n) for n in range(50)] == [[n] for n in range(50)]


@pytest.mark.official
@pytest.mark.parametrize("size", [0, 100, 125, 126, 127, 1000, 65_535 - 20, 65_536, 70_000, 500_000])
def test_every_length_form(client: RawClient, size: int) -> None:
    text, data = "x" * size, b"y" * size
    assert client.ask("ask", text, data) == [text, data]


#: No peer may send these (RFC 6455, 7.4): without meaning, for the API alone, or not given out.
FORBIDDEN_CODES = (999, 1005, 1006, 1015, 1016, 2999, 5000, 65535)


@pytest.mark.official
@pytest.mark.parity("verification.garbage")
@pytest.mark.parametrize(
    ("frames", "code"),
    [
        (lambda ws: ws.frame(TEXT, b'42["a"]', mask=False), 1002),
        (lambda ws: ws.frame(TEXT, b'42["a"]', rsv=4), 1002),
        (lambda ws: ws.frame(TEXT, b'42["a"]', rsv=1), 1002),
        (lambda ws: ws.frame(TEXT, b'42["a"]', rsv=2), 1002),
        (lambda ws: ws.frame(TEXT, b"4", fin=False) + ws.frame(CONTINUATION, b"2", rsv=4), 1002),
        (lambda ws: ws.frame(0x3, b"x"), 1002),
        (lambda ws: ws.frame(0x7, b"x"), 1002),
        (lambda ws: ws.frame(0xF, b""), 1002),
        (lambda ws: ws.frame(PING, b"x", mask=False), 1002),
        (lambda ws: ws.frame(CLOSE, b"\x03\xe8", fin=False), 1002),
        (lambda ws: ws.frame(TEXT, b"3") + ws.frame(CONTINUATION, b"x"), 1002),
        (lambda ws: ws.frame(0xB, b""), 1002),
        (lambda ws: ws.frame(PING, b"x" * 126), 1002),
        (lambda ws: ws.frame(PING, b"x", fin=False), 1002),
        (lambda ws: ws.frame(CONTINUATION, b"x"), 1002),
        (lambda ws: ws.frame(TEXT, b"4", fin=False) + ws.frame(TEXT, b"2"), 1002),
        (lambda ws: ws.frame(CLOSE, b"\x03"), 1002),
        (lambda ws: ws.frame(CLOSE, b"\x03\xec"), 1002),
        (lambda ws: ws.frame(CLOSE, b"\x00\x01"), 1002),
        *((lambda ws, n=n: ws.frame(CLOSE, n.to_bytes(2, "big")), 1002) for n in FORBIDDEN_CODES),
        (lambda ws: ws.frame(TEXT, b'42["\xff"]'), 1007),
        (lambda ws: ws.frame(TEXT, b'42["\xed\xa0\x80"]'), 1007),
        (lambda ws: ws.frame(TEXT, b'42["\xe2\x82', fin=False) + ws.frame(CONTINUATION, b'"]'), 1007),
        (lambda ws: ws.frame(CLOSE, b"\x03\xe8\xff"), 1007),
    ],
    ids=[
        "unmasked",
        "rsv1",
        "rsv3",
        "rsv2",
        "rsv1 of a continuation",
        "reserved opcode",
        "last reserved opcode",
        "last reserved control opcode",
        "unmasked ping",
        "fragmented close",
        "continuation after the end",
        "reserved control opcode",
        "long ping",
        "fragmented ping",
        "continuation of nothing",
        "text inside a message",
        "close of one byte",
        "close code 1004",
        "close code 1",
        *(f"close code {n}" for n in FORBIDDEN_CODES),
        "bad utf-8",
        "surrogate",
        "utf-8 cut",
        "bad utf-8 in a close reason",
    ],
)
def test_a_violation_closes_with_its_code(
    server: ServerProcess, client: RawClient, ws: RawWebSocket, frames: Callable[[RawWebSocket], bytes], code: int
) -> None:
    ws.http.send(frames(ws))
    assert ws.expect_close() == code
    assert server.expect("disconnect", id=client.id)["reason"] in ("transport error", "transport close", "parse error")


# --- the end


@pytest.mark.official
@pytest.mark.parametrize("code", [None, 1000, 1001, 3000, 4999])
def test_a_close_frame_is_answered(
    server: ServerProcess, client: RawClient, ws: RawWebSocket, code: int | None
) -> None:
    ws.send_close(code)
    assert ws.expect_close() in (code, 1000 if code is None else code)
    server.expect("disconnect", id=client.id, reason="transport close")


@pytest.mark.official
def test_the_tcp_connection_ends_without_a_close_frame(
    server: ServerProcess, client: RawClient, ws: RawWebSocket
) -> None:
    ws.close()
    server.expect("disconnect", id=client.id, reason="transport close")


@pytest.mark.official
def test_the_tcp_connection_is_reset(server: ServerProcess, client: RawClient, ws: RawWebSocket) -> None:
    ws.abort()
    assert server.expect("disconnect", id=client.id)["reason"] in ("transport close", "transport error")


@pytest.mark.official
def test_nothing_after_the_close_frame_counts(server: ServerProcess, client: RawClient, ws: RawWebSocket) -> None:
    ws.http.send(ws.frame(TEXT, b'42["record",1]') + ws.frame(CLOSE, b"\x03\xe8") + ws.frame(TEXT, b'42["record",2]'))
    while ws.recv_frame().opcode != CLOSE:
        pass
    ws.close()
    server.expect("disconnect", id=client.id)
    assert [entry["value"] for entry in server.noted("record", id=client.id)] in ([1], [])


@pytest.mark.official
def test_an_unfinished_frame_at_the_end_is_no_message(
    server: ServerProcess, client: RawClient, ws: RawWebSocket
) -> None:
    ws.http.send(ws.frame(TEXT, b'42["record",1]')[:-1])
    ws.close()
    server.expect("disconnect", id=client.id, reason="transport close")
    assert server.noted("record", id=client.id) == []


# --- limits


@pytest.mark.official
@pytest.mark.parity("messages.under_limit")
def test_a_message_of_the_limit_passes(client: RawClient) -> None:
    text = "x" * (1_000_000 - len('420["ask",""]'))
    assert client.ask("ask", text) == [text]


@pytest.mark.official
@pytest.mark.parity("messages.over_limit")
def test_a_longer_message_closes_with_1009(server: ServerProcess, client: RawClient, ws: RawWebSocket) -> None:
    ws.send("4" + "x" * 1_000_000)
    assert ws.expect_close() == 1009
    server.expect("disconnect", id=client.id)


@pytest.mark.official
def test_a_too_long_message_is_refused_from_its_header(client: RawClient, ws: RawWebSocket) -> None:
    ws.http.send(b"\x81\xff" + (2**40).to_bytes(8, "big") + b"mask")
    assert ws.expect_close() == 1009


@pytest.mark.official
def test_a_length_beyond_63_bits_is_refused_from_its_header(client: RawClient, ws: RawWebSocket) -> None:
    ws.http.send(b"\x81\xff" + (2**64 - 1).to_bytes(8, "big") + b"mask")
    assert ws.expect_close() in (1002, 1009)


@pytest.mark.official
def test_fragments_count_together(client: RawClient, ws: RawWebSocket) -> None:
    ws.send_frame(BINARY, b"x" * 600_000, fin=False)
    ws.send_frame(CONTINUATION, b"x" * 600_000)
    assert ws.expect_close() == 1009
