"""Signatures, and tables of handlers."""

from __future__ import annotations

from typing import Any

import pytest

from sio_fast import Event
from sio_fast.handlers import HandlerTable


def none() -> None: ...
def two(a: Any, b: Any) -> None: ...
def lenient(a: Any, b: Any = 1, *c: Any, d: Any = 2, **e: Any) -> None: ...


class Callable:
    async def __call__(self, a: Any) -> None: ...

    def method(self, a: Any) -> None: ...


def test_the_socket_is_not_counted() -> None:
    table = HandlerTable(bare=False)
    table.add("e", two)
    assert table.plans["e"] == (two, False, 1, 1, False)
    own = HandlerTable(bare=True)
    own.add("e", two)
    assert own.plans["e"] == (two, False, 2, 2, True)


def test_a_handler_without_room_for_the_socket() -> None:
    with pytest.raises(TypeError, match="gets the socket first"):
        HandlerTable(bare=False).add("e", none)


def test_order_and_removal() -> None:
    table = HandlerTable(bare=True)
    table.add("e", two)
    table.add("e", lenient)
    assert [handler.fn for handler in table.handlers("e")] == [two, lenient]
    assert "e" not in table.plans
    table.remove("e", two)
    assert table.plans["e"][0] is lenient
    table.remove("e", two)
    table.remove("unknown")
    table.remove("e")
    assert table.handlers("e") == ()
    assert table.plans == {}


def test_once_and_concurrent_have_no_plan() -> None:
    table = HandlerTable(bare=True)
    table.add("a", two, once=True)
    table.add("b", two, concurrent=True)
    assert table.plans == {}
    handler = table.handlers("a")[0]
    assert table.take_once("a", handler)
    assert not table.take_once("a", handler)


def test_twice_for_one_event_is_an_error() -> None:
    table = HandlerTable(bare=True)
    table.add("e", two)
    table.add("f", two)
    with pytest.raises(ValueError, match="registered for 'e' already"):
        table.add("e", two)
    thing = Callable()
    table.add("g", thing.method)
    with pytest.raises(ValueError, match="already"):
        table.add("g", thing.method)


@pytest.mark.parity("namespaces.both_names")
def test_connection_is_connect_and_has_no_plan() -> None:
    table = HandlerTable(bare=False)
    table.add("connection", two)
    assert table.handlers("connect")[0].fn is two
    assert table.plans == {}
    assert not table.has_events()
    table.add("error", two)
    assert table.has_events()


def test_lifecycle_handlers_are_not_concurrent() -> None:
    for name in ("connect", "disconnect", "disconnecting", "error"):
        with pytest.raises(TypeError, match="cannot be concurrent"):
            HandlerTable(bare=False).add(name, two, concurrent=True)


def test_wrong_functions_and_names() -> None:
    with pytest.raises(TypeError, match="is a function, not int"):
        HandlerTable(bare=False).add("e", 3)
    with pytest.raises(TypeError, match="an event is a name"):
        HandlerTable(bare=False).add(None, two)


def test_typed_events_stand_for_their_names() -> None:
    table = HandlerTable(bare=True)
    table.add(Event[[int], None]("typed"), two)
    assert table.handlers("typed")
