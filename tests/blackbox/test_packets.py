"""Socket.IO packets as they come: what is accepted, what is ignored, and what ends the connection, and how."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from clients.raw_client import RawClient
    from clients.wire import Wire
    from harness.process import ServerProcess

PLACEHOLDER = '{"_placeholder":true,"num":0}'


def expect_end(server: ServerProcess, client: RawClient, reason: str, socket_id: str | None = None) -> None:
    """The client sees its connection end, and a handler of the server sees why.

    The official server calls both kinds "forced close", or on polling "forced server close".
    """
    client.wire.wait_closed()
    seen = server.expect("disconnect", id=socket_id or client.id)["reason"]
    assert seen in (("forced close", "forced server close") if server.official else (reason,))


# --- CONNECT


@pytest.mark.official
@pytest.mark.parity("recovery.off", "namespaces.empty_name")
@pytest.mark.parametrize("packet", ["40", "40{}", '40{"token":"x"}', "40/,", "40/", "40/,{}"])
def test_connect_to_the_main_namespace(wire: Wire, packet: str) -> None:
    wire.send(packet)
    answer = wire.recv()
    assert isinstance(answer, str)
    assert answer.startswith('40{"sid":"')
    assert answer.endswith('"}')
    assert len(answer) == len('40{"sid":""}') + 20


@pytest.mark.official
@pytest.mark.parametrize("packet", ["40/chat,", "40/chat", '40/chat,{"a":1}'])
def test_connect_to_another_namespace(wire: Wire, packet: str) -> None:
    wire.send(packet)
    answer = wire.recv()
    assert isinstance(answer, str)
    assert answer.startswith('40/chat,{"sid":"')


@pytest.mark.official
@pytest.mark.parity("namespaces.unknown")
@pytest.mark.parametrize(
    ("packet", "name"),
    [
        ("40/nowhere,", "/nowhere"),
        ("40/nowhere", "/nowhere"),
        ("40/chat?token=1,", "/chat?token=1"),
        ("40/Chat,", "/Chat"),
        ("40/ünï,{}", "/ünï"),
        ("40/__proto__,", "/__proto__"),
    ],
)
def test_connect_to_an_unknown_namespace(wire: Wire, packet: str, name: str) -> None:
    wire.send(packet)
    wire.expect(f'44{name},{{"message":"Invalid namespace"}}')
    wire.send("40")
    assert str(wire.recv()).startswith("40{")


@pytest.mark.official
@pytest.mark.parametrize("packet", ["40[1]", '40"abc"', "40null", "40,", "40{", '40{"a":}', "40/chat,[]"])
def test_a_malformed_connect_closes(wire: Wire, packet: str) -> None:
    wire.send(packet)
    assert wire.wait_closed() == []


@pytest.mark.official
def test_a_malformed_connect_reaches_the_joined_namespaces(server: ServerProcess, client: RawClient) -> None:
    client.wire.send("40/chat,[]")
    expect_end(server, client, "parse error")


@pytest.mark.official
@pytest.mark.parity("close.second_connect")
@pytest.mark.parametrize("packet", ["40", '40{"again":true}', "40/"])
def test_a_second_connect_closes(server: ServerProcess, client: RawClient, packet: str) -> None:
    client.wire.send(packet)
    expect_end(server, client, "forced server close")


# --- before and after a namespace


@pytest.mark.official
@pytest.mark.parity("close.event_before_connect")
@pytest.mark.parametrize("packet", ['42["a"]', "41", "43[]", "430[]", '44{"message":"x"}', '42/chat,["a"]', "41/chat,"])
def test_a_packet_before_connect_closes(wire: Wire, packet: str) -> None:
    wire.send(packet)
    assert wire.wait_closed() == []


@pytest.mark.official
@pytest.mark.parametrize("packet", ['42/chat,["a"]', '42/nowhere,["a"]', "41/chat,"])
def test_a_packet_for_a_namespace_not_joined_closes(server: ServerProcess, client: RawClient, packet: str) -> None:
    client.wire.send(packet)
    expect_end(server, client, "forced server close")


@pytest.mark.official
def test_leaving_is_not_answered_and_keeps_the_connection(server: ServerProcess, client: RawClient) -> None:
    gone = client.id
    client.connect("/chat")
    client.leave("/")
    server.expect("disconnect", id=gone, reason="client namespace disconnect")
    assert client.ask("ask", "alive", nsp="/chat") == ["alive"]
    assert client.connect("/") != gone


@pytest.mark.official
@pytest.mark.parity("socket.after_disconnect")
def test_an_event_after_leaving_closes(server: ServerProcess, client: RawClient) -> None:
    other = client.connect("/chat")
    gone = client.id
    client.leave("/")
    server.expect("disconnect", id=gone)
    client.wire.send('42["mark"]')
    expect_end(server, client, "forced server close", other)


@pytest.mark.official
@pytest.mark.parity("socket.error_packet")
def test_connect_error_is_not_for_clients(server: ServerProcess, client: RawClient) -> None:
    client.wire.send('44{"message":"no"}')
    client.wire.wait_closed()
    server.expect("disconnect", id=client.id)


# --- EVENT and ACK


@pytest.mark.official
@pytest.mark.parity("close.invalid_packet")
@pytest.mark.parametrize(
    "packet",
    [
        "42[]",
        "42{}",
        '42"a"',
        "42null",
        '42["a"',
        '42["a",]',
        '42["a"]x',
        "42[null]",
        '42[{"a":1}]',
        "42[[1]]",
        "42[true]",
        "4",
        "47",
        "48",
        "4x",
        '41{"a":1}',
        "41[]",
        '42["connect"]',
        '42["connect_error"]',
        '42["disconnect"]',
        '42["disconnecting"]',
        '42["newListener"]',
        '42["removeListener"]',
    ],
)
def test_a_malformed_packet_closes(server: ServerProcess, connect: Any, packet: str) -> None:
    client: RawClient = connect("websocket")
    client.wire.send(packet)
    expect_end(server, client, "parse error")


@pytest.mark.parametrize("packet", ["42", "42/chat,", "427"])
def test_an_event_without_a_payload_closes(server: ServerProcess, connect: Any, packet: str) -> None:
    """The official server takes it for an event without a name; nothing can come of it."""
    client: RawClient = connect("websocket")
    client.wire.send(packet)
    expect_end(server, client, "parse error")


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "01", "+1", "1.", ".5", "0x10"])
def test_what_only_resembles_json_closes(server: ServerProcess, connect: Any, number: str) -> None:
    client: RawClient = connect("websocket")
    client.wire.send(f'42["record",{number}]')
    expect_end(server, client, "parse error")
    assert server.noted("record", id=client.id) == []


@pytest.mark.official
@pytest.mark.parity("socket.prototype")
@pytest.mark.parametrize(
    "packet", ["42[1,2]", "42[0]", '42["nobody listens",1]', '42["*"]', '42["message"]', '42["__proto__"]']
)
def test_unheard_events_are_harmless(client: RawClient, packet: str) -> None:
    client.wire.send(packet)
    assert client.ask("ask", 1) == [1]


@pytest.mark.official
@pytest.mark.parametrize("packet", ["43999[]", "4377[1,2]", "43[]"])
def test_an_answer_nobody_waits_for_is_harmless(client: RawClient, packet: str) -> None:
    client.wire.send(packet)
    assert client.ask("ask", 1) == [1]


@pytest.mark.official
@pytest.mark.parametrize(("sent", "back"), [("0", "0"), ("7", "7"), ("007", "7"), ("4294967296", "4294967296")])
def test_ack_ids_come_back(client: RawClient, sent: str, back: str) -> None:
    client.wire.send(f'42{sent}["ask","x"]')
    client.wire.expect(f'43{back}["x"]')


def test_an_ack_id_beyond_all_measure_closes(server: ServerProcess, connect: Any) -> None:
    """The official server answers such an id rounded to a double; the client could not know it again."""
    client: RawClient = connect("websocket")
    client.wire.send('42999999999999999999999["ask"]')
    expect_end(server, client, "parse error")


# --- attachments


@pytest.mark.official
@pytest.mark.parametrize(
    "packet",
    [
        '451["record"]',
        '45["record"]',
        '45-["record"]',
        '45x-["record"]',
        '45-1-["record"]',
        '450-["record"]',
        '4511-["record"]',
        '45999999999999-["record"]',
        '451.5-["record"]',
        "460-0[]",
    ],
)
def test_a_bad_number_of_attachments_closes(server: ServerProcess, connect: Any, packet: str) -> None:
    client: RawClient = connect("websocket")
    client.wire.send(packet)
    expect_end(server, client, "parse error")


@pytest.mark.parametrize("packet", ['45 1-["record"]', '45+1-["record"]', '451e0-["record"]', '45\u0661-["record"]'])
def test_a_number_of_attachments_is_digits(server: ServerProcess, connect: Any, packet: str) -> None:
    client: RawClient = connect("websocket")
    client.wire.send(packet)
    expect_end(server, client, "parse error")


@pytest.mark.official
@pytest.mark.parametrize("num", ["5", '"0"', "-1", "1.5", "null", "true"])
def test_a_placeholder_that_points_nowhere_closes(server: ServerProcess, connect: Any, num: str) -> None:
    client: RawClient = connect("websocket")
    client.wire.send(f'451-["record",{{"_placeholder":true,"num":{num}}}]', b"x")
    expect_end(server, client, "parse error")
    assert server.noted("record", id=client.id) == []


@pytest.mark.official
@pytest.mark.parity("socket.empty_binary")
def test_text_while_attachments_are_missing_closes(server: ServerProcess, client: RawClient) -> None:
    client.wire.send(f'451-["ask",{PLACEHOLDER}]', '42["mark"]')
    expect_end(server, client, "parse error")
    assert server.noted("mark", id=client.id) == []


@pytest.mark.official
@pytest.mark.parity("socket.raw_binary")
def test_bytes_nobody_announced_close(server: ServerProcess, client: RawClient) -> None:
    client.wire.send(b"abc")
    expect_end(server, client, "parse error")


@pytest.mark.official
def test_a_heartbeat_between_attachments_is_fine(client: RawClient) -> None:
    client.wire.send(f'452-0["ask",{PLACEHOLDER},{{"num":1,"_placeholder":true}}]', b"a", "3", b"b")
    assert client.finish_ask(0) == [b"a", b"b"]


@pytest.mark.official
def test_an_attachment_nobody_refers_to_is_dropped(client: RawClient) -> None:
    client.wire.send('451-0["ask","no bytes"]', b"ignored")
    assert client.finish_ask(0) == ["no bytes"]


@pytest.mark.official
def test_one_attachment_may_be_referred_to_twice(client: RawClient) -> None:
    client.wire.send(f'451-0["ask",{PLACEHOLDER},{PLACEHOLDER}]', b"twice")
    assert client.finish_ask(0) == [b"twice", b"twice"]


@pytest.mark.official
def test_a_placeholder_without_attachments_is_data(client: RawClient) -> None:
    client.wire.send(f'420["ask",{PLACEHOLDER}]')
    client.wire.expect(f"430[{PLACEHOLDER}]")


@pytest.mark.official
def test_ten_attachments_are_allowed(client: RawClient) -> None:
    parts = [bytes([n]) * n for n in range(10)]
    assert client.ask("ask", *parts) == parts


# --- Engine.IO frames


@pytest.mark.official
@pytest.mark.parity("engine_close.on_parse_error")
@pytest.mark.parametrize("frame", ["", "7", "9", "x", " 42", "é", "\x00"])
def test_an_unknown_engine_packet_closes(server: ServerProcess, connect: Any, frame: str) -> None:
    client: RawClient = connect("websocket")
    client.wire.send(frame)
    client.wire.wait_closed()
    server.expect("disconnect", id=client.id, reason="parse error")


@pytest.mark.official
def test_base64_in_a_text_frame_is_bytes(connect: Any) -> None:
    client: RawClient = connect("websocket")
    client.wire.send(f'451-0["ask",{PLACEHOLDER}]', "bAQID")
    assert client.finish_ask(0) == [b"\x01\x02\x03"]


def test_the_reason_of_a_parse_error_has_a_detail(server: ServerProcess, connect: Any) -> None:
    client: RawClient = connect("websocket")
    client.wire.send("42[")
    expect_end(server, client, "parse error")
    assert server.noted("disconnect", id=client.id)[0]["detail"]
