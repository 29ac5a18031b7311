"""Arguments of events as the JSON that came: what is accepted, and what they give, is what decoding says."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from sio_fast._core import RawArgs, decode_packet

if TYPE_CHECKING:
    from collections.abc import Iterator

ATOMS = st.sampled_from(
    [
        *[
            "[",
            "]",
            "{",
            "}",
            ",",
            ":",
            " ",
            "\n",
            '"',
            "\\",
            '"a"',
            '"a":1',
            '"é😀"',
            '"\\ud800"',
            '"\\n"',
            '"\\u00e9"',
        ],
        *[
            "0",
            "-1",
            "01",
            "1.5",
            "1e400",
            "1e5",
            "-",
            "9" * 30,
            "9" * 4300,
            "9" * 4301,
            "true",
            "false",
            "null",
            "nul",
        ],
        *["NaN", "\x00", "\x7f", '"\x01"', '"_placeholder":true', "\ufeff"],
    ]
)


def outcome(text: str | bytes, *, raw: bool, max_depth: int = 512) -> object:
    try:
        kind, nsp, ack_id, event, args = decode_packet(text, raw=raw, max_depth=max_depth)
    except ValueError as error:
        return str(error)
    return kind, nsp, ack_id, event, tuple(args)


def test_arguments_are_slices() -> None:
    args = decode_packet('2["chat", {"a": [1, "é"]} ,null,  1.0 ]', raw=True)[4]
    assert isinstance(args, RawArgs)
    assert len(args) == 3
    assert [args.raw(index) for index in range(3)] == [b'{"a": [1, "\xc3\xa9"]}', b"null", b"1.0"]
    assert list(args) == [{"a": [1, "é"]}, None, 1.0]
    assert (args[0], args[2]) == ({"a": [1, "é"]}, 1.0)
    with pytest.raises(IndexError, match="argument 3 of 3"):
        args.raw(3)


def test_no_arguments() -> None:
    args = decode_packet('2["chat"]', raw=True)[4]
    assert isinstance(args, RawArgs)
    assert (len(args), list(args)) == (0, [])


@pytest.mark.parametrize("text", ['2["ch\\u0061t",1]', '2[ "chat",1]', "2[7,1]"])
def test_names_that_do_not_stand_plainly_are_decoded(text: str) -> None:
    assert decode_packet(text, raw=True)[4] == (1,)


def test_attachments_are_decoded() -> None:
    text = '51-["chat",{"_placeholder":true,"num":0}]'
    assert decode_packet(text, [b"x"], raw=True)[4] == (b"x",)


@settings(max_examples=2000, deadline=None)
@given(st.lists(ATOMS, max_size=12))
@example(["[", "9" * 4301, "]"])
@example(['"\\ud800"', ",", "1"])
def test_what_passes_is_what_decodes(atoms: list[str]) -> None:
    text = '2["chat",' + "".join(atoms) + "]"
    assert outcome(text, raw=True) == outcome(text, raw=False)


@settings(max_examples=300, deadline=None)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
        max_leaves=20,
    ),
    st.integers(0, 6),
    st.data(),
)
def test_valid_and_broken_json(value: object, depth: int, data: st.DataObject) -> None:
    text = "2" + json.dumps(["chat", value, value])
    assert outcome(text, raw=True) == outcome(text, raw=False)
    assert outcome(text, raw=True, max_depth=depth) == outcome(text, raw=False, max_depth=depth)
    cut = text[: data.draw(st.integers(1, len(text)))]
    assert outcome(cut, raw=True) == outcome(cut, raw=False)


@pytest.mark.parametrize("body", [b"\xff", b'"\xff"', b'"\xed\xa0\x80"', b'{"\xc3":1}', b'"\xe2\x82"'])
def test_only_utf8(body: bytes) -> None:
    text = b'2["chat",' + body + b"]"
    assert outcome(text, raw=True) == outcome(text, raw=False)
    assert isinstance(outcome(text, raw=True), str)


@pytest.fixture
def few_digits() -> Iterator[None]:
    before = sys.get_int_max_str_digits()
    sys.set_int_max_str_digits(700)
    yield
    sys.set_int_max_str_digits(before)


@pytest.mark.usefixtures("few_digits")
def test_digits_as_many_as_the_interpreter_takes() -> None:
    for digits in (699, 700, 701, 4300):
        text = f'2["chat",{{"n":{"9" * digits}}}]'
        assert outcome(text, raw=True) == outcome(text, raw=False)
        assert isinstance(outcome(text, raw=True), str) == (digits > 700)
