"""The codec against the standard library's JSON over generated values and texts."""

from __future__ import annotations

import json
import math
import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sio_fast._core import decode_packet, encode_packet

ANY_CHARACTER = st.characters(exclude_categories=())  # with surrogates
STRINGS = st.text(ANY_CHARACTER, max_size=40) | st.text(max_size=40) | st.text('aé"\\\n\x00ж', max_size=80)
SCALARS = st.none() | st.booleans() | st.integers() | st.integers(-(2**70), 2**70) | STRINGS
FINITE = st.floats(allow_nan=False, allow_infinity=False)


def trees(leaves: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.recursive(
        leaves,
        lambda inner: st.lists(inner, max_size=6) | st.dictionaries(STRINGS, inner, max_size=6),
        max_leaves=30,
    )


JSON_VALUES = trees(SCALARS | FINITE)


def joined(value: Any) -> Any:
    """``value`` as JavaScript sees it: neighbouring halves of a surrogate pair are one character."""
    if isinstance(value, str):
        return value.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")
    if isinstance(value, list):
        return [joined(item) for item in value]
    if isinstance(value, dict):
        return {joined(key): joined(item) for key, item in value.items()}
    return value


def same(left: Any, right: Any) -> bool:
    """Equal in type and value; tells ``1`` from ``1.0`` and ``0.0`` from ``-0.0``."""
    return repr(left) == repr(right)


@given(JSON_VALUES)
@settings(max_examples=200, deadline=None)
def test_encoded_text_reads_back_as_the_same_value(value: Any) -> None:
    packet, attachments = encode_packet("e", (value,))
    assert attachments == []
    assert same(json.loads(packet[1:]), ["e", joined(value)])


@given(JSON_VALUES)
@settings(max_examples=200, deadline=None)
def test_encoded_text_is_that_of_the_standard_library(value: Any) -> None:
    expected = json.dumps(["e", value], ensure_ascii=False, separators=(",", ":"))
    expected = re.sub("[\ud800-\udfff]", lambda match: f"\\u{ord(match[0]):04x}", expected)
    packet, _ = encode_packet("e", (value,))
    floats = re.compile(r'("(?:[^"\\]|\\.)*")|-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?')

    def normal(text: str) -> str:
        # Spellings of one float may differ in the exponent's form; both must denote the very same double.
        return floats.sub(lambda m: m[1] or (repr(float(m[0])) if re.search("[.eE]", m[0]) else m[0]), text)

    # DEL is escaped by neither; the standard library escapes control characters like us.
    assert normal(packet[1:]) == normal(expected)


@given(JSON_VALUES, st.booleans(), st.sampled_from([None, 1]))
@settings(max_examples=200, deadline=None)
def test_decoding_agrees_with_the_standard_library(value: Any, ascii_only: bool, indent: int | None) -> None:
    text = json.dumps(["e", joined(value)], ensure_ascii=ascii_only, indent=indent)
    try:
        raw = text.encode()
    except UnicodeEncodeError:
        return  # raw lone surrogates have no UTF-8; the escaped form is the other branch's
    assert same(list(decode_packet(b"2" + raw)[4]), json.loads(text)[1:])


@given(FINITE)
@settings(max_examples=500, deadline=None)
def test_floats_survive_both_ways(value: float) -> None:
    packet, _ = encode_packet("e", (value,))
    assert same(decode_packet(packet)[4], (value,))
    assert same(decode_packet(f'2["e",{value!r}]')[4], (value,))


@given(st.from_regex(r"-?[0-9]{1,25}(\.[0-9]{1,25})?([eE][-+]?[0-9]{1,3})?", fullmatch=True))
@settings(max_examples=500, deadline=None)
def test_number_texts_are_read_like_the_standard_library_reads_them(text: str) -> None:
    try:
        expected = json.loads(text)
    except ValueError:
        expected = None
    if expected is None or math.isinf(expected):
        with pytest.raises(ValueError, match="JSON"):
            decode_packet(f'2["e",{text}]')
    else:
        assert same(decode_packet(f'2["e",{text}]')[4][0], expected)


@given(st.text('[]{}",:\\u0dDcC8e1.-+ tfn\n', max_size=24) | st.text(max_size=12))
@settings(max_examples=1000, deadline=None)
def test_any_text_is_a_value_or_an_error_like_in_the_standard_library(text: str) -> None:
    def refuse(name: str) -> None:
        raise ValueError(name)

    try:
        expected = json.loads(f'["e",{text}]', parse_constant=refuse)
        # Our neighbours in the array must not have been closed by the text itself.
        valid = not any(isinstance(item, float) and math.isinf(item) for item in expected)
    except ValueError:
        valid = False
    if valid:
        assert same(list(decode_packet(f'2["e",{text}]')[4]), expected[1:])
    else:
        with pytest.raises(ValueError, match=r"invalid|illegal|payload|nested"):
            decode_packet(f'2["e",{text}]')


@given(st.binary(max_size=40))
@settings(max_examples=500, deadline=None)
def test_any_bytes_are_a_value_or_a_documented_error(raw: bytes) -> None:
    try:
        kind, *_ = decode_packet(b'2["e",' + raw + b"]")
    except ValueError:
        return
    assert kind == 2


@given(trees(SCALARS | FINITE | st.binary(max_size=20)))
@settings(max_examples=200, deadline=None)
def test_attachments_survive_both_ways(value: Any) -> None:
    packet, attachments = encode_packet("e", (value,), ack_id=1)
    assert same(decode_packet(packet, attachments)[4][0], joined(value))
