"""pydantic's errors become faults, few of them; what it cannot read is told from what does not fit."""

from __future__ import annotations

from typing import Annotated, Any

import pydantic
import pytest

from sio_fast.pydantic_reader import PydanticReader
from sio_fast.reading import Unfit, Unreadable


class Model(pydantic.BaseModel):
    text: str
    packed: pydantic.Json[int] = 0


def test_faults_have_places_and_types() -> None:
    reader = PydanticReader(list[Model])
    for make in (lambda: reader.read(b'[{"text":1},{}]'), lambda: reader.convert([{"text": 1}, {}])):
        with pytest.raises(Unfit) as caught:
            make()
        assert caught.value.faults == [
            {"location": (0, "text"), "message": "Input should be a valid string", "type": "string_type"},
            {"location": (1, "text"), "message": "Field required", "type": "missing"},
        ]
        assert isinstance(caught.value.__cause__, pydantic.ValidationError)


def test_what_it_cannot_read() -> None:
    reader = PydanticReader(Any)
    for raw in (b'"\\ud800"', b"[" * 300 + b"]" * 300):
        with pytest.raises(Unreadable):
            reader.read(raw)


def test_json_within_a_field_is_the_models_own() -> None:
    with pytest.raises(Unfit) as caught:
        PydanticReader(Model).read(b'{"text":"a","packed":"{"}')
    assert [(fault["location"], fault["type"]) for fault in caught.value.faults] == [(("packed",), "json_invalid")]


@pytest.mark.parametrize(("count", "faults"), [(100, 100), (101, 1)])
def test_too_many_are_counted_only(count: int, faults: int) -> None:
    with pytest.raises(Unfit) as caught:
        PydanticReader(list[Annotated[int, pydantic.Field(gt=0)]]).convert([0] * count)
    assert len(caught.value.faults) == faults
