"""Any bytes make a value or a ValueError, and any value makes bytes or an error that says why."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sio_fast._core import decode_packet, encode_packet

TREES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()) | st.binary(max_size=20),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(), inner, max_size=5),
    max_leaves=20,
)
SEEDS = [
    '2["e",1,-2.5e3,null,true,false]',
    '2/chat,12["e",{"a":{"b":[[],{}]}}]',
    '51-["e",{"_placeholder":true,"num":0}]',
    '62-7[{"_placeholder":true,"num":1},{"_placeholder":true,"num":0}]',
    '0{"token":"\\u00e9\\ud83d\\ude00\\n"}',
    '2["ü€😀",123456789012345678901234567890,1e400,-0]',
    '30[{"":""}]',
    "4" + '{"message":"no","data":[1]}',
]
ROUNDS = 20_000


def read(packet: bytes | str, attachments: list[bytes]) -> Any:
    """What the decoder makes of it, or None for its refusal; anything else is an error of ours."""
    try:
        return decode_packet(packet, attachments)
    except ValueError:
        return None


def mutated(dice: random.Random, text: bytes) -> bytes:
    noisy = bytearray(text)
    for _ in range(dice.randrange(1, 6)):
        at = dice.randrange(len(noisy) + 1)
        match dice.randrange(5):
            case 0:
                noisy[at:at] = dice.choice(
                    [b"[", b"]", b"{", b"}", b'"', b"\\", b",", b":", b"\\u", b"e", b"-", b"\x00"]
                )
            case 1:
                del noisy[at : at + dice.randrange(4)]
            case 2:
                noisy[at:at] = dice.randbytes(dice.randrange(4))
            case 3:
                noisy[at:at] = noisy[dice.randrange(len(noisy) + 1) :][:20]
            case _:
                noisy[at : at + 1] = bytes([dice.randrange(256)])
    return bytes(noisy)


def test_mutated_packets_are_read_or_refused() -> None:
    dice = random.Random(5)
    outcomes = set()
    for n in range(ROUNDS):
        noisy = mutated(dice, SEEDS[n % len(SEEDS)].encode())
        packet: bytes | str = noisy if n % 2 else noisy.decode("utf-8", "replace")
        outcomes.add(read(packet, [b"one", b"two"][: n % 3]) is None)
    assert outcomes == {True, False}


@settings(max_examples=500, deadline=None)
@given(st.binary(max_size=200), st.lists(st.binary(max_size=10), max_size=3))
def test_any_bytes_are_read_or_refused(packet: bytes, attachments: list[bytes]) -> None:
    read(packet, attachments)
    read(b'2["e",' + packet + b"]", attachments)


@settings(max_examples=300, deadline=None)
@given(TREES)
def test_any_value_is_written_so_that_it_reads_back(value: Any) -> None:
    packet, attachments = encode_packet("e", (value,))
    assert read(packet, attachments) is not None
    json.loads(packet[packet.index("[") :])


@pytest.mark.parametrize("value", [object(), {1: object()}, [[object()]], {object(): 1}, 1j, range(3), print])
def test_what_is_no_data_is_refused(value: Any) -> None:
    with pytest.raises(TypeError):
        encode_packet("e", (value,))


@pytest.mark.parametrize("opening", ["[", '{"a":', '[{"a":', "[[1,"])
def test_depth_is_bounded_both_ways(opening: str) -> None:
    assert read('2["e",' + opening * 100_000, []) is None
    deep: Any = []
    for _ in range(100_000):
        deep = [deep]
    with pytest.raises((ValueError, RecursionError)):
        encode_packet("e", (deep,))
    while deep:
        deep = deep.pop()  # a list of lists that deep is not to be left to the collector
