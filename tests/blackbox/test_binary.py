"""Bytes in events and acks, both ways, on every transport, through the official client and raw."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from clients.official import OfficialClient
    from clients.raw_client import RawClient
    from harness.process import ServerProcess

EVERY_BYTE = bytes(range(256))


@pytest.mark.official
@pytest.mark.parity("socket.binary")
@pytest.mark.parametrize(
    "args",
    [
        [b""],
        [EVERY_BYTE],
        [b"a", b"", b"c"],
        ["text", b"between", 1],
        [{"deep": {"er": [1, [b"x", {"y": b"z"}]]}}],
        [b"\x00" * 100_000],
        [b"same", b"same"],
    ],
    ids=["empty", "every byte", "several", "mixed", "nested", "large", "equal"],
)
def test_bytes_come_back(client: RawClient, args: list[Any]) -> None:
    client.emit("echo", *args)
    assert client.expect("echo") == args
    assert client.ask("ask", *args) == args


@pytest.mark.official
def test_attachments_follow_their_packet_at_once(server: ServerProcess, connect: Any) -> None:
    """Nothing may come between a packet and its attachments, whoever else emits meanwhile."""
    client: RawClient = connect("websocket")
    for n in range(30):
        client.emit("echo", n, bytes([n]) * 1000, bytes([n]))
        server.command("emit", nsp="/", to=[client.id], event="echo", args=["plain"])
    received = [client.expect("echo") for _ in range(60)]
    assert [r for r in received if r != ["plain"]] == [[n, bytes([n]) * 1000, bytes([n])] for n in range(30)]


@pytest.mark.official
def test_numbers_of_placeholders_follow_the_order_in_the_tree(connect: Any) -> None:
    client: RawClient = connect("websocket")
    client.emit("echo", {"b": b"1", "a": [b"2"]}, b"3")
    text = client.wire.recv()
    assert text == (
        '453-["echo",{"b":{"_placeholder":true,"num":0},"a":[{"_placeholder":true,"num":1}]},{"_placeholder":true,"num":2}]'
    )
    assert [client.wire.recv() for _ in range(3)] == [b"1", b"2", b"3"]


@pytest.mark.official
def test_bytes_in_another_namespace(client: RawClient) -> None:
    client.connect("/chat")
    assert client.ask("ask", b"x", nsp="/chat") == [b"x"]
    client.emit("echo", b"y", nsp="/chat")
    assert client.expect("echo", nsp="/chat") == [b"y"]


@pytest.mark.official
@pytest.mark.parity("socket.binary")
@pytest.mark.parametrize(
    "args", [[EVERY_BYTE], ["t", {"x": [b"1", b"2"]}], [b"\x00" * 200_000]], ids=["flat", "nested", "large"]
)
def test_bytes_with_the_official_client(
    official: Callable[..., OfficialClient], transport: str, args: list[Any]
) -> None:
    client = official(transport)
    client.emit("echo", *args)
    assert client.expect("echo") == args
    assert client.ask("ask", *args) == args
    client.answer("what?", "args")
    client.emit("question", None, "what?", args[-1])
    assert client.expect("answered") == [args[-1]]


@pytest.mark.official
def test_bytes_from_one_transport_to_another(official: Callable[..., OfficialClient]) -> None:
    clients = [official(transport) for transport in ("polling", "websocket", "upgrade")]
    for client in clients:
        client.ask("join", "pictures")
    clients[0].ask("publish", {"base": "nsp", "to": ["pictures"]}, "picture", EVERY_BYTE, {"alt": "ü"})
    for client in clients:
        assert client.expect("picture") == [EVERY_BYTE, {"alt": "ü"}]
