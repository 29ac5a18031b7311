"""Many sockets at once: asked, found, moved and sent away. The clients are the official one, one per transport."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from clients.official import OfficialClient
    from harness.process import ServerProcess

    Official = Callable[..., OfficialClient]


@pytest.fixture
def three(official: Official) -> list[OfficialClient]:
    """Three clients in `/`, one per transport."""
    return [official(transport, auth={"n": n}) for n, transport in enumerate(("polling", "websocket", "upgrade"))]


@pytest.mark.official
@pytest.mark.parity("broadcast.acks", "broadcast.ack_promise")
def test_all_answer(three: list[OfficialClient]) -> None:
    for n, client in enumerate(three):
        client.answer("vote", n, "only the first value counts")
    three[0].emit("survey", {}, 10, "vote", {"png": b"\x00"})
    for client in three:
        assert client.expect("vote") == [{"png": b"\x00"}]
    [answers] = three[0].expect("complete")
    assert sorted(answers) == [0, 1, 2]


@pytest.mark.official
def test_answers_come_in_the_order_of_arrival(connect: Any) -> None:
    asker, one, two = connect("polling"), connect("websocket"), connect("upgrade")
    for client in (one, two):
        client.ask("join", "r")
    asker.emit("survey", {"to": ["r"]}, 10, "vote")
    first, second = one.expect_question("vote"), two.expect_question("vote")
    assert first.ack_id == second.ack_id
    two.answer(second, b"\xff")
    two.ask("mark")
    one.answer(first, "b")
    assert asker.expect("complete") == [[b"\xff", "b"]]


@pytest.mark.official
def test_late_answers_and_those_of_others_do_not_count(connect: Any) -> None:
    asker, asked, other = connect("polling"), connect("websocket"), connect("upgrade")
    asker.emit("survey", {"to": [asked.id]}, 0.1, "vote")
    question = asked.expect_question("vote")
    other.answer(question, "stolen")
    other.ask("mark")
    assert asker.expect("incomplete") == ["operation has timed out", []]
    asked.answer(question, "late")
    asker.emit("survey", {"to": [asked.id]}, 10, "vote")
    asked.answer(asked.expect_question("vote"), "in time")
    assert asker.expect("complete") == [["in time"]]


@pytest.mark.official
@pytest.mark.parity("broadcast.ack_missing", "broadcast.ack_missing_promise")
def test_some_do_not_answer(server: ServerProcess, three: list[OfficialClient]) -> None:
    three[1].answer("vote", "yes")
    three[0].emit("survey", {}, 0.5, "vote")
    assert three[0].expect("incomplete") == ["operation has timed out", ["yes"]]


def test_those_who_are_missing_are_named(server: ServerProcess, three: list[OfficialClient]) -> None:
    three[1].answer("vote", "yes")
    three[0].emit("survey", {"base": "broadcast"}, 0.5, "vote")
    three[0].expect("incomplete")
    assert server.expect("missing", id=three[0].id)["ids"] == [three[2].id]


@pytest.mark.official
@pytest.mark.parity("broadcast.ack_nobody")
def test_nobody_is_asked(three: list[OfficialClient]) -> None:
    three[0].emit("survey", {"to": ["nobody is here"]}, 10, "vote")
    assert three[0].expect("complete") == [[]]


@pytest.mark.official
def test_the_sender_is_not_asked(three: list[OfficialClient]) -> None:
    for client in three:
        client.answer("vote", "yes")
    three[0].emit("survey", {"base": "socket", "to": [each.id for each in three]}, 10, "vote")
    assert three[0].expect("complete") == [["yes", "yes"]]


def test_who_leaves_is_not_waited_for(three: list[OfficialClient]) -> None:
    """The official server would let the time run out."""
    three[1].answer("vote", "yes")
    three[0].emit("survey", {"base": "broadcast"}, 60, "vote")
    three[2].expect("vote")
    three[1].expect("vote")
    three[2].cut()
    assert three[0].expect("complete") == [["yes"]]


@pytest.mark.official
@pytest.mark.parity("many.fetch_all", "many.fetch_room")
def test_finding_sockets(three: list[OfficialClient]) -> None:
    three[1].ask("join", "r", "s")
    three[2].ask("join", "r")
    [people] = three[0].ask("people", {})
    assert people == sorted(
        [
            [three[0].id, [], {"asked": True}, {"n": 0}],
            [three[1].id, ["r", "s"], {}, {"n": 1}],
            [three[2].id, ["r"], {}, {"n": 2}],
        ]
    )
    [people] = three[0].ask("people", {"in": ["r"], "except": ["s"]})
    assert [each[0] for each in people] == [three[2].id]
    assert three[0].ask("people", {"to": ["nobody"]}) == [[]]


@pytest.mark.official
def test_a_found_socket_can_be_used(three: list[OfficialClient]) -> None:
    three[1].answer("what?", "args")
    assert three[0].ask("remote", three[1].id, "r") == [2]
    assert three[1].expect("from afar") == [1]
    assert three[1].ask("join") == [["r"]]


@pytest.mark.official
@pytest.mark.parity("many.join_room", "many.leave_room")
def test_moving_many(three: list[OfficialClient]) -> None:
    for client in three[1:]:
        client.ask("join", "r")
    three[0].ask("move", {"in": ["r"]}, ["a", "b"], ["r"])
    assert [client.ask("join") for client in three] == [[[]], [["a", "b"]], [["a", "b"]]]
    three[1].ask("move", {"base": "io", "except": [three[1].id]}, ["c"], ["a"])
    assert [client.ask("join") for client in three] == [[["c"]], [["a", "b"]], [["b", "c"]]]


@pytest.mark.official
@pytest.mark.parity("many.disconnect_room")
@pytest.mark.parametrize("close", [False, True])
def test_sending_many_away(server: ServerProcess, three: list[OfficialClient], close: bool) -> None:
    for client in three[1:]:
        client.ask("join", "r")
    three[0].ask("kick", {"to": ["r"]}, close)
    for client in three[1:]:
        assert client.report("disconnect")["reason"] == "io server disconnect"
        assert server.expect("disconnect", id=client.id)["reason"] == "server namespace disconnect"
    assert three[0].ask("ask", "still here") == ["still here"]


@pytest.mark.official
@pytest.mark.parity("namespaces.all_sockets")
def test_views_of_the_adapter(three: list[OfficialClient]) -> None:
    three[0].ask("join", "r", "s")
    three[1].ask("join", "r")

    def seen(*rooms: Any) -> Any:
        [answer] = three[0].ask("adapter", *rooms)
        return answer

    first, second = three[0].id, three[1].id
    assert seen("r", "s", "t", second) == [
        [sorted([first, second]), [first], [], [second]],
        ["r", "s"],
        sorted([first, second]),
    ]
    assert seen()[2] == sorted(client.id for client in three)


@pytest.mark.official
@pytest.mark.parity("many.join_all", "many.leave_all")
def test_moving_everybody(three: list[OfficialClient]) -> None:
    three[0].ask("move", {"base": "io"}, ["a", "b"], [])
    assert [client.ask("join") for client in three] == [[["a", "b"]]] * 3
    three[0].ask("move", {}, [], ["a", "unknown"])
    assert [client.ask("join") for client in three] == [[["b"]]] * 3


@pytest.mark.official
@pytest.mark.parity("many.disconnect_all")
@pytest.mark.parametrize("close", [False, True])
def test_sending_everybody_away(server: ServerProcess, three: list[OfficialClient], close: bool) -> None:
    three[0].emit("kick", {"base": "io"}, close)
    for client in three:
        assert client.report("disconnect")["reason"] == "io server disconnect"
        assert server.expect("disconnect", id=client.id)["reason"] == "server namespace disconnect"
