"""Who receives what: rooms, exceptions, broadcasts, private messages, and what joining and leaving change."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from clients.raw_client import RawClient
    from harness.process import ServerProcess


@pytest.fixture
def three(connect: Any) -> Iterator[list[RawClient]]:
    """Three clients in `/`, one per transport."""
    clients = [connect(transport) for transport in ("polling", "websocket", "upgrade")]
    yield clients
    for client in clients:
        client.close()


def publish(sender: RawClient, event: str = "news", *args: Any, **where: Any) -> None:
    """Emit through the server and wait until it did."""
    sender.ask("publish", {key.rstrip("_"): value for key, value in where.items()}, event, *args)


def receivers(clients: list[RawClient], event: str = "news") -> list[int]:
    """Which clients received the event, once per receipt."""
    return [n for n, client in enumerate(clients) for name, *_ in client.events() if name == event]


@pytest.mark.official
@pytest.mark.parity("broadcast.namespace", "native.broadcasts")
def test_everybody(three: list[RawClient]) -> None:
    publish(three[0])
    assert receivers(three) == [0, 1, 2]


@pytest.mark.official
@pytest.mark.parity("namespaces.aliases", "namespaces.many")
def test_everybody_by_the_server_object(three: list[RawClient]) -> None:
    publish(three[0], base="io")
    assert receivers(three) == [0, 1, 2]


@pytest.mark.official
@pytest.mark.parity("broadcast.without_sender")
def test_broadcast_excludes_the_sender(three: list[RawClient]) -> None:
    publish(three[0], base="broadcast")
    assert receivers(three) == [1, 2]


@pytest.mark.official
@pytest.mark.parity("broadcast.rooms", "native.broadcasts")
def test_a_room(three: list[RawClient]) -> None:
    three[1].ask("join", "r")
    publish(three[0], to=["r"])
    assert receivers(three) == [1]


@pytest.mark.official
def test_in_means_to(three: list[RawClient]) -> None:
    three[2].ask("join", "r")
    publish(three[0], in_=["r"])
    assert receivers(three) == [2]


@pytest.mark.official
@pytest.mark.parity("broadcast.from_socket")
def test_a_room_from_a_socket_excludes_it(three: list[RawClient]) -> None:
    for client in three:
        client.ask("join", "r")
    publish(three[0], base="socket", to=["r"])
    assert receivers(three) == [1, 2]


@pytest.mark.official
@pytest.mark.parity("broadcast.once", "broadcast.rooms", "native.broadcasts")
def test_a_member_of_several_rooms_receives_once(three: list[RawClient]) -> None:
    three[0].ask("join", "a", "b")
    three[1].ask("join", "b", "c")
    publish(three[2], to=["a", "b"], in_=["c"])
    assert receivers(three) == [0, 1]


@pytest.mark.official
@pytest.mark.parity("broadcast.except_room", "namespaces.except_room", "native.broadcasts")
def test_except_a_room(three: list[RawClient]) -> None:
    three[1].ask("join", "muted")
    publish(three[0], except_=["muted"])
    assert receivers(three) == [0, 2]


@pytest.mark.official
def test_except_wins_over_to(three: list[RawClient]) -> None:
    for client in three:
        client.ask("join", "r")
    three[2].ask("join", "muted", "more")
    publish(three[0], to=["r"], except_=["muted", "unknown"])
    assert receivers(three) == [0, 1]


@pytest.mark.official
@pytest.mark.parity("broadcast.except_socket", "namespaces.except_socket")
def test_except_a_socket(three: list[RawClient]) -> None:
    publish(three[0], except_=[three[1].id])
    assert receivers(three) == [0, 2]


@pytest.mark.official
def test_an_unknown_room_has_no_members(three: list[RawClient]) -> None:
    publish(three[0], to=["nobody is here"])
    assert receivers(three) == []


@pytest.mark.official
def test_a_private_message_by_socket_id(three: list[RawClient]) -> None:
    publish(three[0], "private", "psst", to=[three[1].id])
    assert three[1].expect("private") == ["psst"]
    assert receivers(three, "private") == []


@pytest.mark.official
def test_a_socket_id_and_a_room(three: list[RawClient]) -> None:
    three[1].ask("join", "r")
    publish(three[0], to=[three[1].id, "r", three[2].id])
    assert receivers(three) == [1, 2]


@pytest.mark.official
@pytest.mark.parity("broadcast.binary_rooms", "native.binary")
def test_bytes_reach_a_room_whole(three: list[RawClient]) -> None:
    for client in three:
        client.ask("join", "r")
    publish(three[0], "picture", {"png": b"\x89PNG\x00", "alt": "ü"}, b"more", to=["r"])
    for client in three:
        assert client.expect("picture") == [{"png": b"\x89PNG\x00", "alt": "ü"}, b"more"]


@pytest.mark.official
@pytest.mark.parity("native.after_leaving")
def test_leaving_a_room(three: list[RawClient]) -> None:
    for client in three:
        client.ask("join", "r")
    three[1].ask("leave", "r")
    publish(three[0], to=["r"])
    assert receivers(three) == [0, 2]


@pytest.mark.official
@pytest.mark.parity("broadcast.joined", "broadcast.join_many")
def test_joining_and_leaving_are_seen_at_once(client: RawClient) -> None:
    assert client.ask("join", "b", "a") == [["a", "b"]]
    assert client.ask("join", "a") == [["a", "b"]]
    assert client.ask("leave", "b") == [["a"]]
    assert client.ask("leave", "never joined") == [["a"]]
    assert client.ask("leave", "a") == [[]]


@pytest.mark.official
@pytest.mark.parity("broadcast.empty_room")
def test_empty_rooms_vanish(server: ServerProcess, three: list[RawClient]) -> None:
    def rooms() -> int:
        return int(server.command("stats")["rooms"])

    before = rooms()
    three[0].ask("join", "r", "s")
    three[1].ask("join", "r")
    assert rooms() == before + 2
    three[0].ask("leave", "r", "s")
    assert rooms() == before + 1
    three[1].ask("leave", "r")
    assert rooms() == before


@pytest.mark.official
@pytest.mark.parity("broadcast.left_at_end")
def test_rooms_are_left_with_the_connection(server: ServerProcess, three: list[RawClient]) -> None:
    three[0].ask("join", "r")
    three[1].ask("join", "r")
    three[1].close()
    server.expect("disconnect", id=three[1].id)
    publish(three[2], to=["r"])
    assert receivers([three[0], three[2]]) == [0]


@pytest.mark.official
def test_leaving_ones_own_room(three: list[RawClient]) -> None:
    three[1].ask("leave", three[1].id)
    publish(three[0], "private", to=[three[1].id])
    publish(three[0])
    assert receivers(three, "private") == []
    publish(three[0])
    assert 1 in receivers(three)


@pytest.mark.official
def test_joining_another_sockets_room(three: list[RawClient]) -> None:
    three[2].ask("join", three[1].id)
    publish(three[0], to=[three[1].id])
    assert receivers(three) == [1, 2]


@pytest.mark.official
def test_rooms_of_namespaces_do_not_mix(client: RawClient, connect: Any) -> None:
    other: RawClient = connect(nsp="/chat")
    other.ask("join", "r", nsp="/chat")
    client.ask("join", "r")
    publish(client, to=["r"])
    assert client.expect("news") == []
    assert other.events(nsp="/chat") == []


@pytest.mark.official
@pytest.mark.parity("socket.prototype")
@pytest.mark.parametrize("room", ["", " ", "ü€😀", "a" * 1000, "__proto__", "0"])
def test_any_text_names_a_room(three: list[RawClient], room: str) -> None:
    three[1].ask("join", room)
    publish(three[0], to=[room])
    assert receivers(three) == [1]


@pytest.mark.official
def test_the_order_of_broadcasts_and_direct_emits(client: RawClient) -> None:
    client.ask("join", "r")
    for n in range(20):
        client.emit("publish", {"base": "nsp", "to": ["r"]}, "n", 2 * n)
        client.emit("echo", 2 * n + 1)
    client.ask("mark")
    received = [m.args[0] for m in client.inbox if m.kind == 2]
    assert received == list(range(40))


@pytest.mark.official
@pytest.mark.parity("broadcast.binary", "native.binary")
def test_bytes_reach_everybody_whole(three: list[RawClient]) -> None:
    publish(three[0], "picture", b"\x00\xff", {"deep": [b""]})
    for client in three:
        assert client.expect("picture") == [b"\x00\xff", {"deep": [b""]}]


@pytest.mark.official
@pytest.mark.parity("native.broadcasts")
def test_everybody_in_another_namespace(three: list[RawClient]) -> None:
    for client in three[1:]:
        client.connect("/chat")
        client.expect("welcome", nsp="/chat")
    three[1].ask("publish", {}, "news", nsp="/chat")
    for client in three[1:]:
        assert client.expect("news", nsp="/chat") == []
    assert receivers(three) == []


@pytest.mark.parity("broadcast.frame_once")
@pytest.mark.server(app="encoding.py")
def test_a_broadcast_is_encoded_once(three: list[RawClient]) -> None:
    numbers = []
    for sender in three:
        sender.emit("count")
        received = [client.expect("count") for client in three]
        assert received == [received[0]] * 3
        numbers += received[0]
    assert numbers == [numbers[0], numbers[0] + 1, numbers[0] + 2]
