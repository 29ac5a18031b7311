"""Acknowledgements in both directions, with bytes, in time, late and never."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from clients.raw_client import RawClient
    from harness.process import ServerProcess


# --- the client asks


@pytest.mark.official
@pytest.mark.parity("socket.acks", "socket.null")
@pytest.mark.parametrize("values", [[], [None], [1], ["a", 2, [3], {"b": None}], [b"\x00\xff"], [{"x": b"1"}, [b"2"]]])
def test_a_client_is_answered(client: RawClient, values: list[Any]) -> None:
    assert client.ask("ask", *values) == values


@pytest.mark.official
def test_an_event_without_an_id_is_not_answered(client: RawClient) -> None:
    client.emit("ask", 1)
    client.ask("mark")
    assert client.inbox == []


def test_a_handler_without_a_value_answers_with_nothing(client: RawClient) -> None:
    client.wire.send('420["mark"]')
    client.wire.expect("430[]")


@pytest.mark.official
def test_an_unheard_event_is_not_answered(client: RawClient) -> None:
    client.start_ask("nobody listens")
    client.ask("mark")
    assert client.inbox == []


def test_a_failing_handler_does_not_answer_and_keeps_the_connection(server: ServerProcess, client: RawClient) -> None:
    client.start_ask("boom")
    client.ask("mark")
    assert client.inbox == []
    error = server.expect("error", id=client.id)
    assert (error["internal"], error["text"]) == (True, "the handler failed")


@pytest.mark.official
def test_many_questions_at_once(client: RawClient) -> None:
    numbers = [client.start_ask("ask", n) for n in range(50)]
    assert [client.finish_ask(number) for number in reversed(numbers)] == [[n] for n in reversed(range(50))]


# --- the server asks


@pytest.mark.official
@pytest.mark.parity("timeouts.in_time", "timeouts.promise", "socket.emit_with_ack", "socket.acks")
@pytest.mark.parametrize("value", [1, "text", None, [1, {"a": None}], b"\x00\x01", {"deep": [b"x"]}])
def test_the_server_is_answered(client: RawClient, value: Any) -> None:
    client.emit("question", None, "what?", value)
    question = client.expect_question("what?")
    assert question.args == [value]
    client.answer(question, value)
    assert client.expect("answered") == [value]


def test_several_values_make_a_tuple(client: RawClient) -> None:
    client.emit("question", None, "what?")
    client.answer(client.expect_question("what?"), 1, "b")
    assert client.expect("answered") == [[1, "b"]]


def test_no_value_makes_none(client: RawClient) -> None:
    client.emit("question", None, "what?")
    client.answer(client.expect_question("what?"))
    assert client.expect("answered") == [None]


@pytest.mark.official
def test_the_ids_of_a_namespace_are_never_repeated(connect: Any) -> None:
    clients: list[RawClient] = [connect() for _ in range(3)]
    seen = []
    for client in clients * 3:
        client.emit("question", None, "what?")
        question = client.expect_question("what?")
        seen.append(question.ack_id)
        client.answer(question, "x")
        client.expect("answered")
    assert len(set(seen)) == 9


@pytest.mark.official
@pytest.mark.parity("timeouts.expired", "timeouts.promise")
def test_a_question_times_out(client: RawClient) -> None:
    client.emit("question", 0.1, "what?")
    client.expect_question("what?")
    assert client.expect("unanswered") == ["operation has timed out"]


@pytest.mark.official
@pytest.mark.parity("timeouts.late")
def test_a_late_answer_is_ignored(client: RawClient) -> None:
    client.emit("question", 0.1, "what?")
    question = client.expect_question("what?")
    client.expect("unanswered")
    client.answer(question, "late")
    client.ask("mark")
    assert [m for m in client.inbox if m.kind == 2] == []


@pytest.mark.official
def test_only_the_first_answer_counts(client: RawClient) -> None:
    client.emit("question", None, "what?")
    question = client.expect_question("what?")
    client.answer(question, "first")
    client.answer(question, "second")
    assert client.expect("answered") == ["first"]
    assert client.events() == []


@pytest.mark.official
def test_an_answer_of_another_socket_does_not_count(connect: Any) -> None:
    asked: RawClient = connect()
    other: RawClient = connect()
    asked.emit("question", None, "what?")
    question = asked.expect_question("what?")
    other.answer(question, "stolen")
    other.ask("mark")
    asked.answer(question, "mine")
    assert asked.expect("answered") == ["mine"]


@pytest.mark.official
def test_asking_while_being_asked(client: RawClient) -> None:
    """A handler may wait for its own client's answer: answers never wait behind handlers."""
    client.emit("question", None, "what?")
    question = client.expect_question("what?")
    client.answer(question, 1)
    assert client.ask("ask", "after") == ["after"]
    assert client.expect("answered") == [1]
