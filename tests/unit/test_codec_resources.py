"""The codec keeps nothing: no references, no memory, no caches in the application's strings."""

from __future__ import annotations

import gc
import json
import sys
import tracemalloc
from typing import TYPE_CHECKING, Any

import pytest

from sio_fast._core import decode_packet, encode_connect, encode_packet

if TYPE_CHECKING:
    from collections.abc import Callable


class Thing:
    pass


def failing(call: Callable[[], object], kind: type[Exception]) -> Callable[[], None]:
    def run() -> None:
        with pytest.raises(kind):
            call()

    return run


THING = Thing()
TREE: dict[Any, Any] = {"a": [1, 2.5, "é", None, True, 2**70, {"b": (THING,)}], 1: b"x", "s": "text"}
TEXT = '51-["e",{"k":[1,1180591620717411303424,"\\ud800",{"_placeholder":true,"num":0}],"x":"é"},1.5]'

CALLS: list[Any] = [
    pytest.param(lambda: encode_packet("e", (TREE,), default=lambda _: "x"), id="encode"),
    pytest.param(failing(lambda: encode_packet("e", (TREE,)), TypeError), id="encode-unsupported"),
    pytest.param(failing(lambda: encode_packet("e", (TREE,), max_depth=2), ValueError), id="encode-too-deep"),
    pytest.param(failing(lambda: encode_connect(TREE, default=str), TypeError), id="encode-binary-refused"),
    pytest.param(failing(lambda: encode_packet("e", (b"", {"_placeholder": True})), ValueError), id="encode-lookalike"),
    pytest.param(lambda: decode_packet(TEXT, [b"data"]), id="decode"),
    pytest.param(failing(lambda: decode_packet(TEXT[:-1] + "x]", [b"data"]), ValueError), id="decode-syntax"),
    pytest.param(failing(lambda: decode_packet('2["e",[1,{"a":"b","c":[}]]'), ValueError), id="decode-half"),
    pytest.param(failing(lambda: decode_packet(TEXT, [b"data"], max_depth=2), ValueError), id="decode-too-deep"),
]


@pytest.mark.parametrize("call", CALLS)
def test_nothing_is_leaked(call: Callable[[], object]) -> None:
    for _ in range(20):
        call()  # fills caches and interns once
    gc.collect()
    growth: list[int] = []
    tracemalloc.start()
    try:
        for _ in range(5):
            before, _ = tracemalloc.get_traced_memory()
            for _ in range(200):
                call()
            gc.collect()
            after, _ = tracemalloc.get_traced_memory()
            growth.append(after - before)
    finally:
        tracemalloc.stop()
    # One object a call would be at least 16 bytes in every round; what others allocate meanwhile is not in all of them.
    assert min(growth) < 200 * 16


@pytest.mark.parametrize("fails", [False, True])
def test_reference_counts_stay(fails: bool) -> None:
    key, string, number, inner = "key é".upper(), "value " * 3, 2**80, [object()]
    tree = {key: [string, number, inner, {"deep": inner}]}
    watched: list[Any] = [key, string, number, inner, inner[0], tree]
    before = [sys.getrefcount(item) for item in watched]
    for _ in range(100):
        if fails:
            with pytest.raises(TypeError):
                encode_packet("e", (tree,))
        else:
            encode_packet("e", (tree,), default=lambda _: None)
    assert [sys.getrefcount(item) for item in watched] == before


def test_encoding_leaves_no_utf8_copy_in_the_applications_strings() -> None:
    strings = ["ж" * 1000 + str(n) for n in range(10)]
    before = [sys.getsizeof(string) for string in strings]
    encode_packet("e", tuple(strings))
    assert [sys.getsizeof(string) for string in strings] == before


def test_decoded_objects_belong_to_the_caller() -> None:
    text = '["e",{"a":[1.5]}]'
    decoded, parsed = decode_packet("2" + text)[4][0], json.loads(text)[1]
    # Equal counts, whatever an interpreter adds for the call itself.
    counts = [
        (sys.getrefcount(tree), sys.getrefcount(tree["a"]), sys.getrefcount(tree["a"][0])) for tree in (decoded, parsed)
    ]
    assert counts[0] == counts[1]
    assert gc.is_tracked(decoded["a"])
