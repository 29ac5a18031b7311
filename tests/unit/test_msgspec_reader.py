"""msgspec's one sentence becomes a fault with a place; what it cannot read is told from what does not fit."""

from __future__ import annotations

import json
from typing import Any, Literal

import msgspec
import pytest

from sio_fast.msgspec_reader import MsgspecReader
from sio_fast.reading import Unfit, Unreadable


class Node(msgspec.Struct):
    name: str = ""
    inner: list[Node] = []
    by_key: dict[str, int] = {}


class Checked(msgspec.Struct):
    text: str

    def __post_init__(self) -> None:
        raise ValueError("not `this` one")


@pytest.mark.parametrize(
    ("wanted", "value", "location", "message"),
    [
        (int, "x", (), "Expected `int`, got `str`"),
        (Node, {"name": 1}, ("name",), "Expected `str`, got `int`"),
        (Node, {"inner": [{}, {"inner": [1]}]}, ("inner", 1, "inner", 0), "Expected `object`, got `int`"),
        (Node, {"by_key": {"a": "b"}}, ("by_key", "..."), "Expected `int`, got `str`"),
        (dict[Literal["a"], int], {"b": 1}, (), "Invalid enum value 'b'"),
        (Checked, {"text": ""}, (), "not `this` one"),
        (list[Checked], [{"text": ""}], (0,), "not `this` one"),
    ],
)
def test_places(wanted: Any, value: Any, location: tuple[Any, ...], message: str) -> None:
    reader = MsgspecReader(wanted)
    for make in (lambda: reader.read(json.dumps(value).encode()), lambda: reader.convert(value)):
        with pytest.raises(Unfit) as caught:
            make()
        assert caught.value.faults == [{"location": location, "message": message, "type": "invalid"}]
        assert isinstance(caught.value.__cause__, msgspec.ValidationError)


def test_what_it_cannot_read() -> None:
    reader = MsgspecReader(str)
    with pytest.raises(Unreadable):
        reader.read(b'"\\ud800"')
    assert reader.convert("\ud800") == "\ud800"
