"""The read-only view of rooms."""

from __future__ import annotations

from typing import Any

import pytest

from sio_fast.rooms import RoomsView
from unit.fake_core import FakeCore


def make() -> tuple[RoomsView, Any, list[Any]]:
    core: Any = FakeCore(None).client_connect()
    frozen: list[Any] = [None]
    return RoomsView(core, lambda: frozen[0]), core, frozen


def test_it_is_live() -> None:
    view, core, _ = make()
    assert view == {core.id}
    core.join(("a",))
    assert view == {core.id, "a"}
    assert len(view) == 2
    assert "a" in view
    assert "b" not in view
    assert 3 not in view


def test_it_cannot_be_changed() -> None:
    view, _, _ = make()
    assert not hasattr(view, "add")
    with pytest.raises(AttributeError):
        view.discard("a")  # type: ignore[attr-defined]


def test_leaving_while_iterating_is_safe() -> None:
    view, core, _ = make()
    core.join(("a", "b", "c"))
    for room in view:
        core.leave((room,))
    assert len(view) == 0


def test_frozen_rooms() -> None:
    view, core, frozen = make()
    frozen[0] = frozenset(("x",))
    core.join(("a",))
    assert set(view) == {"x"}
    assert "x" in view
    assert "a" not in view
    assert len(view) == 1


def test_arithmetic_gives_plain_sets() -> None:
    view, core, _ = make()
    core.join(("a",))
    assert type(view - {core.id}) is set
    assert view - {core.id} == {"a"}
    assert repr(view) == f"RoomsView({set(view)!r})"
