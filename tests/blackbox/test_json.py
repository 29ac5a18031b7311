"""JSON through the wire: what numbers, texts and structures become in Python and on the way back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from clients.raw_client import RawClient
    from harness.process import ServerProcess

# Between text and values and their answers no event loop plays a part; one is enough.
pytestmark = pytest.mark.loops("uvloop")


@pytest.fixture
def client(connect: Any) -> RawClient:
    client: RawClient = connect("websocket")
    return client


def echo(client: RawClient, text: str) -> str:
    """What the server makes of one JSON value: parsed by it, kept as a Python value, written anew."""
    client.wire.send(f'42["echo",{text}]')
    answer = client.wire.recv()
    assert isinstance(answer, str)
    assert answer.startswith('42["echo",')
    assert answer.endswith("]")
    return answer[len('42["echo",') : -1]


SAME = [
    "null",
    "true",
    "false",
    "0",
    "-1",
    "9007199254740991",
    "1.5",
    "-0.25",
    "[]",
    "{}",
    '""',
    '"text"',
    '"ü€漢😀"',
    '"\\"\\\\/"',
    '"\\n\\t\\r\\b\\f"',
    '"\\u0000\\u001f"',
    '"\u007f\u2028\u2029"',
    '{"b":1,"a":{"c":[1,2,{"d":null}]}}',
    '{"":"","ü":1}',
    '{"__proto__":1,"constructor":2}',
    "[[[[[[[[[[]]]]]]]]]]",
]


@pytest.mark.official
@pytest.mark.parametrize("text", SAME)
def test_stays_as_it_was(client: RawClient, text: str) -> None:
    assert echo(client, text) == text


@pytest.mark.official
@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        (" [ 1 , 2 ] ", "[1,2]"),
        ('{ "a" : 1 }', '{"a":1}'),
        ('"\\u0041\\u00fc"', '"Aü"'),
        ('"\\ud83d\\ude00"', '"😀"'),
        ('"\\/"', '"/"'),
        ('"\\ud800"', '"\\ud800"'),
        ('"x\\udfffy"', '"x\\udfffy"'),
        ('{"a":1,"a":2}', '{"a":2}'),
        ("-0.0", "-0.0"),
    ],
)
def test_is_written_in_one_way(client: RawClient, server: ServerProcess, text: str, canonical: str) -> None:
    written = echo(client, text)
    if server.official and canonical == "-0.0":
        canonical = "0"
    assert written == canonical


@pytest.mark.parametrize(
    "text",
    [
        "9007199254740993",
        "18446744073709551616",
        "-170141183460469231731687303715884105728",
        "123456789012345678901234567890123456789012345678901234567890",
        "1.0",
        "-3.0",
    ],
)
def test_numbers_keep_what_javascript_would_lose(client: RawClient, text: str) -> None:
    assert echo(client, text) == text


@pytest.mark.parametrize(
    "text", ["0.1", "1e300", "5e-324", "1.7976931348623157e308", "123456789.123456789", "1E5", "2.5e-7"]
)
def test_floats_keep_their_value(client: RawClient, text: str) -> None:
    written = echo(client, text)
    assert float(written) == float(text)
    assert len(written) <= max(len(repr(float(text))), len(text))


def test_depth_has_a_limit(server: ServerProcess, client: RawClient) -> None:
    deep = "[" * 400 + "]" * 400
    assert echo(client, deep) == deep
    client.wire.send('42["echo",' + "[" * 100_000 + "]" * 100_000 + "]")
    client.wire.wait_closed()
    server.expect("disconnect", id=client.id, reason="parse error")


@pytest.mark.parametrize(
    "body", ['"\\x41"', '"\\u12"', '"\t"', "tru", "[1,]", '{"a":1,}', "{'a':1}", "{a:1}", '"open', "[1 2]", "nul", "-"]
)
def test_malformed_json_is_a_parse_error(server: ServerProcess, client: RawClient, body: str) -> None:
    client.wire.send(f'42["record",{body}]')
    client.wire.wait_closed()
    server.expect("disconnect", id=client.id, reason="parse error")
    assert server.noted("record", id=client.id) == []


def test_python_values_on_the_wire(server: ServerProcess, client: RawClient) -> None:
    """Each value is written as the table of the documentation says."""
    client.emit("python values")
    answer = client.wire.recv()
    assert isinstance(answer, str)
    assert answer == (
        '42["values",null,[1,2],null,null,1.0,"2026-01-02T03:04:05.678Z","2026-01-02T03:04:05.678",'
        '"12345678-1234-5678-1234-567812345678",{"x":1,"y":"two"},"red",1.50,{"2":"int","false":"bool"},[3]]'
    )
