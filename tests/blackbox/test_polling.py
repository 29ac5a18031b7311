"""Polling payloads: several packets in one request, bytes as base64, what is wrong in them, and their end."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest

from clients.wire import RS, Packet, PollingWire

if TYPE_CHECKING:
    from clients.raw_client import RawClient
    from harness.process import ServerProcess


pytestmark = pytest.mark.sample


@pytest.fixture
def client(connect: Any) -> RawClient:
    """A client in `/` over polling."""
    client: RawClient = connect("polling")
    return client


@pytest.fixture
def wire(client: RawClient) -> PollingWire:
    assert isinstance(client.wire, PollingWire)
    return client.wire


@pytest.fixture
def sid(client: RawClient) -> str:
    """The socket id of `wire`."""
    return client.id


@pytest.mark.official
@pytest.mark.parity("messages.to_client")
def test_a_payload_carries_several_packets_in_order(wire: PollingWire) -> None:
    wire.send('420["ask",1]', '421["ask",2]', '422["ask",3]')
    assert [wire.recv() for _ in range(3)] == ["430[1]", "431[2]", "432[3]"]


@pytest.mark.official
@pytest.mark.parity("messages.to_client")
def test_packets_that_wait_leave_in_one_payload(server: ServerProcess, wire: PollingWire, sid: str) -> None:
    wire.start_poll()
    server.command("emit", nsp="/", to=[sid], event="a", args=[])
    assert wire.finish_poll() == ['42["a"]']
    server.command("emit", nsp="/", to=[sid], event="b", args=[1])
    server.command("emit", nsp="/", to=[sid], event="c", args=["ü"])
    time.sleep(0.05)  # the I/O thread has both: nothing outside says so, of either server
    wire.start_poll()
    answer = wire.getter.read_response()
    assert answer.text == f'42["b",1]{RS}42["c","ü"]'
    assert answer.headers["content-type"] == "text/plain; charset=UTF-8"
    assert answer.headers["cache-control"] == "no-store"


@pytest.mark.official
def test_bytes_travel_as_base64_between_packets(wire: PollingWire) -> None:
    body = RS.join(
        (
            '420["ask","before"]',
            '452-1["ask",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]',
            "bAQID",
            "bBA==",
            '422["ask","after"]',
        )
    )
    assert wire.post(body.encode()).body == b"ok"
    received = [wire.recv() for _ in range(5)]
    assert received == [
        '430["before"]',
        '462-1[{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]',
        b"\x01\x02\x03",
        b"\x04",
        '432["after"]',
    ]


def test_the_server_writes_bytes_as_padded_base64(wire: PollingWire) -> None:
    assert wire.post(f'451-0["ask",{{"_placeholder":true,"num":0}}]{RS}b+/8='.encode()).body == b"ok"
    text = ""
    while "b+/8=" not in text:
        wire.start_poll()
        text += wire.getter.read_response().text
    assert text.endswith(f'461-0[{{"_placeholder":true,"num":0}}]{RS}b+/8=')


@pytest.mark.official
@pytest.mark.parity("messages.cjk", "socket.utf8")
def test_multibyte_text_counts_as_text(wire: PollingWire) -> None:
    wire.send('420["ask","€ 漢字 😀"]')
    assert wire.recv() == '430["€ 漢字 😀"]'


@pytest.mark.official
def test_a_long_poll_waits_for_a_packet(server: ServerProcess, wire: PollingWire, sid: str) -> None:
    wire.start_poll()
    server.command("emit", nsp="/", to=[sid], event="late", args=[])
    assert wire.finish_poll() == ['42["late"]']


@pytest.mark.official
@pytest.mark.parity("engine_close.on_parse_error")
@pytest.mark.parametrize(
    "bad",
    [b"", RS.encode(), b'42["mark"]' + RS.encode(), b"x", b"9", b"\xff\xfe", b"abc"],
    ids=["empty", "separator", "trailing separator", "letter", "digit", "no utf-8", "base64 garbage"],
)
def test_a_bad_packet_ends_the_session(server: ServerProcess, wire: PollingWire, sid: str, bad: bytes) -> None:
    if bad == b"abc":
        bad = b"bAQ" + RS.encode() + b"z"
    wire.start_poll()
    wire.post(bad)
    assert wire.finish_poll()[-1] == "1"
    reason = server.expect("disconnect", id=sid)["reason"]
    assert reason in ("parse error", "forced close") if server.official else reason == "parse error"
    assert wire.is_unknown()


@pytest.mark.official
def test_what_came_before_the_bad_packet_counts(server: ServerProcess, wire: PollingWire, sid: str) -> None:
    wire.post(f'42["record","first"]{RS}?{RS}42["record","second"]'.encode())
    server.expect("disconnect", id=sid, reason="parse error")
    seen = [entry["value"] for entry in server.noted("record", id=sid)]
    assert seen in (["first"], []) if server.official else seen == ["first"]


@pytest.mark.official
@pytest.mark.parity("engine_close.client_close")
def test_the_client_closes(server: ServerProcess, wire: PollingWire, sid: str) -> None:
    wire.start_poll()
    answer = wire.post(b"1")
    assert (answer.status, answer.body) == (200, b"ok")
    assert wire.finish_poll() == ["6"]
    server.expect("disconnect", id=sid, reason="transport close")
    assert wire.is_unknown()


@pytest.mark.official
def test_the_client_closes_without_a_poll(server: ServerProcess, wire: PollingWire, sid: str) -> None:
    assert wire.post(b"1").body == b"ok"
    server.expect("disconnect", id=sid, reason="transport close")


@pytest.mark.official
def test_the_server_closes_under_a_pending_poll(wire: PollingWire) -> None:
    wire.start_poll()
    wire.send('42["bye",true]')
    assert wire.wait_for_end() == ["41"]


@pytest.mark.official
def test_the_server_closes_while_no_poll_waits(wire: PollingWire) -> None:
    wire.send('42["bye",true]')
    assert wire.wait_closed() == ["41"]


@pytest.mark.official
@pytest.mark.parity("engine_close.graceful")
def test_the_close_packet_never_shares_a_payload_with_messages(wire: PollingWire) -> None:
    """The official client handles a `close` at once and messages a tick later: messages beside it would be lost."""
    wire.send('42["echo","last words"]', '42["bye",true]')
    payloads: list[list[Packet]] = []
    while "1" not in (payloads[-1] if payloads else []):
        payloads.append(wire.poll())
    wire.over = True
    packets = [packet for payload in payloads for packet in payload if packet != "6"]
    assert packets == ['42["echo","last words"]', "41", "1"]
    assert [packet for packet in payloads[-1] if packet != "6"] == ["1"]


@pytest.mark.official
@pytest.mark.parity("messages.chunks")
def test_a_chunked_body(wire: PollingWire) -> None:
    wire.poster.start("POST", wire.target, chunks=[b'420["a', b'sk","in ', b'pieces"]'])
    assert wire.poster.read_response().body == b"ok"
    assert wire.recv() == '430["in pieces"]'


@pytest.mark.official
@pytest.mark.parity("messages.chunks")
def test_a_body_in_small_pieces(wire: PollingWire) -> None:
    body = '420["ask","€€€"]'.encode()
    wire.poster.send_head("POST", wire.target, {"Content-Length": str(len(body))})
    for at in range(len(body)):
        wire.poster.send(body[at : at + 1])
    assert wire.poster.read_response().body == b"ok"
    assert wire.recv() == '430["€€€"]'


@pytest.mark.official
def test_many_packets_in_one_payload(wire: PollingWire) -> None:
    wire.send(*(f'42{n}["ask",{n}]' for n in range(200)))
    assert [wire.recv() for _ in range(200)] == [f"43{n}[{n}]" for n in range(200)]


@pytest.mark.official
@pytest.mark.parity("engine_close.in_payload")
def test_what_stands_behind_a_close_does_not_count(server: ServerProcess, wire: PollingWire, sid: str) -> None:
    wire.post(RS.join(['42["record","before"]', "1", '42["record","behind"]']).encode())
    server.expect("disconnect", id=sid, reason="transport close")
    assert wire.is_unknown()
    wire.over = True
    assert [entry["value"] for entry in server.noted("record", id=sid)] in ([], ["before"])


@pytest.mark.parity("send.until_drain", "engine_close.write_buffer")
def test_bytes_that_wait_are_counted(server: ServerProcess, wire: PollingWire, client: RawClient) -> None:
    client.emit("burst", [{"base": "socket"}, "waits", "x" * 1000])
    assert server.expect("burst", id=client.id)["buffered"] > 1000
    assert client.expect("waits") == ["x" * 1000]
    client.emit("burst")
    assert server.expect("burst", id=client.id, count=2)["buffered"] == 0
