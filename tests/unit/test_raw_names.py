"""The core hears of a name with the first that wants it and with the last that is gone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sio_fast.raw_names import RawNames

if TYPE_CHECKING:
    from collections.abc import Sequence


def test_names_are_counted() -> None:
    told: list[Sequence[str]] = []
    names = RawNames()
    names.attach(told.append)
    names.add("a")
    names.add("a")
    names.add("b")
    names.remove("a")
    assert told == [("a",), ("a", "b")]
    names.remove("a")
    names.remove("b")
    assert told[2:] == [("b",), ()]


def test_what_came_before_the_core_is_told_then() -> None:
    told: list[Sequence[str]] = []
    names = RawNames()
    names.add("a")
    names.add("b")
    names.remove("a")
    names.attach(told.append)
    assert told == [("b",)]
    RawNames().attach(told.append)
    assert told == [("b",)]
