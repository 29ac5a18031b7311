"""From packet text to Python values: strict JSON, attachments, event names, limits."""

from __future__ import annotations

import json
import sys
import threading
from typing import Any

import pytest

from sio_fast._core import decode_packet

EVENT, ACK, BINARY_EVENT, BINARY_ACK = 2, 3, 5, 6


def value(text: str | bytes, *attachments: bytes, **options: Any) -> Any:
    """What the one argument with this JSON text is decoded to."""
    raw = text.encode() if isinstance(text, str) else text
    head = b"2" if not attachments else b"5%d-" % len(attachments)
    _, _, _, event, args = decode_packet(head + b'["e",' + raw + b"]", list(attachments), **options)
    assert event == "e"
    assert len(args) == 1
    return args[0]


def test_heads_and_bodies() -> None:
    assert decode_packet('2["e"]') == (EVENT, "/", None, "e", ())
    assert decode_packet('2/n,12[ "e" , 1 ]') == (EVENT, "/n", 12, "e", (1,))
    assert decode_packet("37[]") == (ACK, "/", 7, None, ())
    assert decode_packet("37") == (ACK, "/", 7, None, ())
    assert decode_packet('37[1,"x"]') == (ACK, "/", 7, None, (1, "x"))
    assert decode_packet("0") == (0, "/", None, None, ())
    assert decode_packet(b'0/n,{"token":"\xc3\xa9"}') == (0, "/n", None, None, ({"token": "é"},))
    assert decode_packet("1/n,") == (1, "/n", None, None, ())
    assert decode_packet('61-7[{"_placeholder":true,"num":0}]', [b"x"]) == (BINARY_ACK, "/", 7, None, (b"x",))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("null", None),
        ("true", True),
        ("false", False),
        ("0", 0),
        ("-0", 0),
        ("-1", -1),
        ("999999999999999999", 10**18 - 1),
        ("1000000000000000000", 10**18),
        ("-9223372036854775809", -(2**63) - 1),
        ("1" + "0" * 4299, 10**4299),
        ("1.0", 1.0),
        ("-0.0", -0.0),
        ("0.1", 0.1),
        ("1e3", 1000.0),
        ("1E-3", 0.001),
        ("123456789012345678901234567890.5", 123456789012345678901234567890.5),
        ("2.2250738585072011e-308", 2.2250738585072011e-308),
        ("1e-400", 0.0),
        ("1.7976931348623157e308", sys.float_info.max),
        ('""', ""),
        ('"x"', "x"),
        ('"é"', "é"),
        ('"ж€😀"', "ж€😀"),
        ('"\\u0041\\n\\/\\"\\\\"', 'A\n/"\\'),
        ('"é\\u00e9\\ud83d\\ude00"', "éé😀"),
        ('"\\ud800"', "\ud800"),
        ('"\\udc00\\ud800"', "\udc00\ud800"),
        ('"\\ud83d\\ud83d\\ude00ж"', "\ud83d😀ж"),
        ('"\\ud800\\u0041"', "\ud800A"),
        ('"\\u0000"', "\0"),
        ("[]", []),
        ("[ 1 , [ ] ]", [1, []]),
        ("{}", {}),
        ('{ "a" : { "b" : [ ] } }', {"a": {"b": []}}),
        ('{"a":1,"a":2}', {"a": 2}),
        ('{"__proto__":1,"é":2,"\\u0061":3}', {"__proto__": 1, "é": 2, "a": 3}),
        ("\t\r\n 1 \n", 1),
    ],
)
def test_values(text: str, expected: Any) -> None:
    decoded = value(text)
    assert decoded == expected
    assert type(decoded) is type(expected)
    assert repr(decoded) == repr(expected)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "NaN",
        "Infinity",
        "-Infinity",
        "nul",
        "True",
        "undefined",
        "01",
        "-01",
        "1.",
        ".5",
        "+1",
        "-",
        "1e",
        "1e+",
        "0x1",
        "1e400",
        "-1e400",
        "1" * 4301,
        "'x'",
        '"',
        '"x',
        '"\\',
        '"\\x"',
        '"\\u12"',
        '"\\u12G4"',
        '"\t"',
        '"a\nb"',
        '"\x00"',
        "[1,]",
        "[,1]",
        "[1 2]",
        "[1",
        "{,}",
        '{"a"}',
        '{"a":}',
        '{"a":1,}',
        '{"a":1 "b":2}',
        "{1:2}",
        "{a:1}",
        "1,",
        "1 2",
        "1]",
        "// x\n1",
        "\ufeff1",
        "\x0b1",
        "\u00a01",
    ],
)
def test_what_is_not_json_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"invalid JSON at byte|payload"):
        value(text)


@pytest.mark.parametrize("raw", [b'"\xff"', b'"\xc3"', b'"\xed\xa0\x80"', b'"\\n\xc0\x80"', b'{"\x80":1}', b"\xe9"])
def test_what_is_not_utf8_is_refused(raw: bytes) -> None:
    with pytest.raises(ValueError, match="invalid JSON at byte"):
        value(raw)


def test_the_offset_is_that_of_the_body() -> None:
    with pytest.raises(ValueError, match="at byte 6: leading zero"):
        decode_packet('2/n,5["e", 01]')


@pytest.mark.parametrize("text", ["[]x", "{}", '"e"', "1", "[", "]", "[null]", '[{"a":1}]', '[["e"]]', "[true]"])
def test_an_event_is_an_array_with_a_name(text: str) -> None:
    with pytest.raises(ValueError, match=r"payload|JSON"):
        decode_packet("2" + text)


@pytest.mark.parametrize(("text", "name"), [("1", 1), ("-2.5", -2.5), ("1180591620717411303424", 2**70), ('"é"', "é")])
def test_event_names(text: str, name: Any) -> None:
    event = decode_packet(f"2[{text},2]")[3]
    assert event == name
    assert type(event) is type(name)


@pytest.mark.parametrize(
    "name", ["connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener"]
)
def test_reserved_names_are_refused_however_they_are_spelled(name: str) -> None:
    for spelled in (f'"{name}"', '"' + "".join(f"\\u{ord(char):04x}" for char in name) + '"'):
        with pytest.raises(ValueError, match="reserved"):
            decode_packet(f"2[{spelled}]")
    assert decode_packet(f'2["{name}s"]')[3] == f"{name}s"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"_placeholder":true,"num":0}', b"zero"),
        ('{"num":1,"_placeholder":true}', b"one"),
        ('{"_placeholder":true,"num":1.0}', b"one"),
        ('{ "x" : [1] , "_placeholder" : true , "num" : 1 }', b"one"),
        ('{"_placeholder":false,"num":0}', {"_placeholder": False, "num": 0}),
        ('{"_placeholder":1,"num":0}', {"_placeholder": 1, "num": 0}),
        ('{"_placeholder":false,"_placeholder":true,"num":0}', b"zero"),
        ('[{"a":{"_placeholder":true,"num":1}},{"_placeholder":true,"num":0}]', [{"a": b"one"}, b"zero"]),
        ('{"_place\\u0068older":true,"num":0}', b"zero"),
        ("[]", []),
    ],
)
def test_placeholders(text: str, expected: Any) -> None:
    assert value(text, b"zero", b"one") == expected


@pytest.mark.parametrize(
    "text",
    [
        '{"_placeholder":true}',
        '{"_placeholder":true,"num":2}',
        '{"_placeholder":true,"num":-1}',
        '{"_placeholder":true,"num":0.5}',
        '{"_placeholder":true,"num":1e300}',
        '{"_placeholder":true,"num":18446744073709551616}',
        '{"_placeholder":true,"num":"0"}',
        '{"_placeholder":true,"num":true}',
        '{"_placeholder":true,"num":null}',
        '{"_placeholder":true,"num":{"_placeholder":true,"num":0}}',
    ],
)
def test_placeholders_without_an_attachment_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="illegal attachments"):
        value(text, b"zero", b"one")


def test_without_attachments_a_placeholder_is_data() -> None:
    assert value('{"_placeholder":true,"num":9}') == {"_placeholder": True, "num": 9}


def test_an_attachment_named_many_times_is_one_object() -> None:
    decoded = value("[" + ",".join(['{"_placeholder":true,"num":0}'] * 1000) + "]", bytes(1000))
    assert len({id(part) for part in decoded}) == 1


def test_the_announced_number_of_attachments_must_be_given() -> None:
    with pytest.raises(ValueError, match="announces 1 attachments, 0 were given"):
        decode_packet('51-["e",{"_placeholder":true,"num":0}]')


def test_depth_is_bounded() -> None:
    assert value("[[1]]", max_depth=3) == [[1]]
    for text in ("[[[1]]]", '{"a":{"b":{}}}'):
        with pytest.raises(ValueError, match="max_depth"):
            value(text, max_depth=3)
    with pytest.raises(ValueError, match="max_depth"):
        value("[" * 100_000, max_depth=10**9)


@pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ('{"k":', "}")])
def test_the_deepest_nesting_fits_a_small_stack(opening: str, closing: str) -> None:
    from sio_fast._core import encode_packet

    levels = 511
    text = '2["e",' + opening * levels + "1" + closing * levels + "]"
    results: list[str] = []

    def run() -> None:
        decoded = decode_packet(text)
        results.append(encode_packet(decoded[3], decoded[4])[0])

    before = threading.stack_size(512 * 1024)
    try:
        thread = threading.Thread(target=run)
        thread.start()
        thread.join()
    finally:
        threading.stack_size(before)
    assert results == [text]


def test_keys_and_event_names_are_shared_strings() -> None:
    first = decode_packet('2["some event",{"some key":1}]')
    second = decode_packet('2["some event",{"some key":2}]')
    assert first[3] is second[3]
    assert next(iter(first[4][0])) is next(iter(second[4][0]))


def test_many_different_keys_are_all_right() -> None:
    text = json.dumps({f"key {n} {'x' * (n % 80)}": n for n in range(20_000)})
    for _ in range(2):
        assert value(text) == json.loads(text)
