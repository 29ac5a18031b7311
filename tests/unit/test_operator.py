"""Operators: values that carry options."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import pytest

import sio_fast.operator as operators
from sio_fast import Broadcaster, BroadcastOperator, CanEmit, Event, ReservedEventName, SocketOperator

if TYPE_CHECKING:
    from collections.abc import Callable


def broadcasts(io: Any, name: str = "/") -> list[Any]:
    found: list[Any] = io._core.spaces[name].broadcasts
    return found


def test_chaining_makes_new_values(make: Callable[..., Any]) -> None:
    io = make()
    base = io.to("a")
    more = base.in_("b", "c").except_("d").volatile
    base.emit("x", 1)
    more.emit("y", 2, 3)
    io.emit("z")
    io.volatile.to("e").emit("v")
    io.except_("f").send("hi")
    assert broadcasts(io) == [
        ("x", (1,), ("a",), (), None, False),
        ("y", (2, 3), ("a", "b", "c"), ("d",), None, True),
        ("z", (), (), (), None, False),
        ("v", (), ("e",), (), None, True),
        ("message", ("hi",), (), ("f",), None, False),
    ]


def test_everything_that_emits_has_the_common_bases(make: Callable[..., Any]) -> None:
    io = make()
    for thing in (io, io.of("/x"), io.to("a")):
        assert isinstance(thing, Broadcaster)
        assert isinstance(thing, CanEmit)


def test_namespaces_are_apart(make: Callable[..., Any]) -> None:
    io = make()
    io.of("/admin").to("a").emit("log")
    assert broadcasts(io) == []
    assert broadcasts(io, "/admin") == [("log", (), ("a",), (), None, False)]


def test_typed_events(make: Callable[..., Any]) -> None:
    io = make()
    io.emit(Event[[int], None]("typed"), 1)
    assert broadcasts(io)[0][:2] == ("typed", (1,))


def test_wrong_arguments(make: Callable[..., Any]) -> None:
    io = make()
    with pytest.raises(ReservedEventName):
        io.to("a").emit("disconnect")
    with pytest.raises(TypeError, match=r"\*rooms"):
        io.to(["a"])
    with pytest.raises(TypeError, match=r"except_\(\*rooms\)"):
        io.except_(3)
    with pytest.raises(TypeError, match="by position only"):
        io.emit("x", value=1)
    with pytest.raises(TypeError, match="an event is a name"):
        io.emit(None)
    assert broadcasts(io) == []


def test_congestion_is_told(make: Callable[..., Any]) -> None:
    io = make()
    assert io.emit("x") is operators.ACCEPTED
    io._core.spaces["/"].code = 1
    assert isinstance(io.emit("x"), operators.CongestedBroadcast)


def test_timeouts_are_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(operators, "_warned_of_timeout", False)
    operator = SocketOperator(object())  # type: ignore[arg-type]
    assert operator.timeout(0)._timeout == 0.0
    assert operator.volatile.timeout(2)._volatile
    assert operator.timeout(2).volatile._timeout == 2.0
    for wrong in (-1, float("nan"), float("inf")):
        with pytest.raises(ValueError, match="0 or more seconds"):
            operator.timeout(wrong)
    for kind in ("5", None, True):
        with pytest.raises(TypeError, match="seconds as a number"):
            operator.timeout(kind)  # type: ignore[arg-type]
    with pytest.warns(UserWarning, match="83 minutes"):
        operator.timeout(5000)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        operator.timeout(5000)


def test_texts() -> None:
    target: Any = object()
    assert (
        repr(BroadcastOperator(target, rooms=("a",))) == "BroadcastOperator(rooms=('a',), except_=(), volatile=False)"
    )
    assert repr(SocketOperator(target, timeout=1.0)) == "SocketOperator(volatile=False, timeout=1.0)"
