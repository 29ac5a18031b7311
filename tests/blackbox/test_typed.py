"""Typed handlers over the wire: values of their types from the JSON that came, faults for `on_error`, garbage for nobody."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from clients.official import OfficialClient
    from clients.raw_client import RawClient
    from harness.process import ServerProcess

    Official = Callable[..., OfficialClient]
    Connect = Callable[..., RawClient]

pytestmark = pytest.mark.server(app="typed.py", max_depth=200)


def test_values_have_their_types(official: Official, transport: str) -> None:
    client = official(transport)
    text = "ü€😀\u2028"
    assert client.ask("message", {"text": text}) == ["Message", {"text": text, "data": None, "value": None}]
    assert client.ask("account", {"name": "ann", "age": "7"}) == ["Account", {"name": "ann", "age": 7}]
    assert client.ask("own", [{"text": "a"}, {"text": "b"}]) == [["a", "b"]]
    assert client.ask("moved", {"x": 1, "y": 0.5}, "pen") == [True]


def test_attachments_find_their_place(official: Official, transport: str) -> None:
    client = official(transport)
    sent = {"text": "a", "data": b"\x00\xff", "value": [b"", {"deep": b"x"}]}
    assert client.ask("message", sent) == ["Message", sent]


def test_classes_and_several_handlers(connect: Connect) -> None:
    client = connect(nsp="/admin")
    assert client.ask("account", {"name": "ann", "age": 7}, nsp="/admin") == ["Account ann"]
    client = connect()
    sent = {"name": "ann", "age": 7}
    assert client.ask("both", sent) == ["ann"]
    assert client.expect("plain") == [sent]
    client.emit("both", {"name": "ann"})
    assert client.expect("plain") == [{"name": "ann"}]
    assert client.expect("invalid")[0] == "both"


@pytest.mark.parametrize(
    ("event", "args", "faults"),
    [
        ("message", [{"text": 1}], [([0, "text"], "invalid")]),
        ("message", ["text"], [([0], "invalid")]),
        ("message", [{"text": "a", "data": 1}], [([0, "data"], "invalid")]),
        ("account", [{"name": "ann", "age": -1}], [([0, "age"], "greater_than_equal")]),
        (
            "account",
            [{"age": "x", "more": 1}],
            [([0, "name"], "missing"), ([0, "age"], "int_parsing"), ([0, "more"], "extra_forbidden")],
        ),
        ("account", [], [([], "arity")]),
        ("moved", [{"x": 1}, "pen"], [([0, "y"], "missing")]),
        ("own", [[{"text": "a"}, {}]], [([0, 1], "invalid")]),
    ],
)
def test_faults_reach_on_error_and_nobody_else(
    connect: Connect, event: str, args: list[Any], faults: list[Any]
) -> None:
    client = connect()
    client.start_ask(event, *args)
    name, came, errors = client.expect("invalid")
    assert (name, came) == (event, args)
    assert [(fault["location"], fault["type"]) for fault in errors] == faults
    assert all(fault["message"] for fault in errors)
    assert client.ask("ask", 1) == [1], "the connection stays, and the answer is that of the next question"


@pytest.mark.parametrize(
    "value",
    ['"\\ud800"', "9" * 400, "1e308", '{"a":1,"a":2}', "[" * 150 + "]" * 150, '"\\u0000"'],
    ids=["lone surrogate", "huge", "float", "twice", "deep", "zero"],
)
def test_unusual_json_arrives(connect: Connect, value: str) -> None:
    client = connect()
    client.wire.send(f'420["message",{{"text":"a","value":{value}}}]')
    client.wire.send('421["ask"]')
    first = client.recv()
    assert (first.kind, first.ack_id, first.data[0]) == (3, 0, "Message")


@pytest.mark.parametrize(
    "body",
    [
        *[
            '{"text":"a"',
            '{"text":NaN}',
            '{"text":"a",}',
            "01",
            "'a'",
            '"\x01"',
            "1e400",
            "9" * 4301,
            "tru",
            '{"a":1}x',
        ],
        '{"text":"a","value":' + "[" * 200 + "]" * 200 + "}",
        '{"text":"a"},',
    ],
    ids=["open", "nan", "comma", "zero", "quotes", "control", "overflow", "digits", "word", "more", "deep", "trailing"],
)
@pytest.mark.parametrize("event", ["message", "account"])
def test_garbage_closes_the_connection(server: ServerProcess, connect: Connect, event: str, body: str) -> None:
    client = connect()
    socket_id = client.id
    client.wire.send(f'42["{event}",{body}]')
    assert server.expect("disconnect", id=socket_id)["reason"] == "parse error"


def test_names_with_escapes_are_the_same_names(connect: Connect) -> None:
    client = connect()
    client.wire.send('420["messa\\u0067e",{"text":"a"}]')
    assert client.recv().data[0] == "Message"
    client.wire.send('421[ "message" , {"text":"b"} ]')
    assert client.recv().data[1]["text"] == "b"


def test_a_forced_engine_that_does_not_know_a_type_says_so_at_the_start() -> None:
    from harness.process import ServerDied, ServerProcess

    with pytest.raises(ServerDied, match=r"msgspec does not know.*Account"):
        ServerProcess("typed.py", backend="asyncio", options={"validation": "msgspec"})
