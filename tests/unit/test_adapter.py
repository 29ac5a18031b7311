"""Views of who is in which room, on the fake core and on the real one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from sio_fast import Adapter, Server
from unit.conftest import running
from unit.test_dispatch import connected

if TYPE_CHECKING:
    from collections.abc import Callable

    Make = Callable[..., Server[Any]]


@pytest.mark.anyio
async def test_views_are_live(make: Make) -> None:
    io = make()
    rooms, sids = io.adapter.rooms, io.of("/").adapter.sids
    assert (dict(rooms), dict(sids)) == ({}, {})
    async with running(io) as core:
        one, two = await connected(io, core), await connected(io, core)
        one.join(("a",))
        assert {room: set(members) for room, members in rooms.items()} == {
            one.id: {one.id},
            two.id: {two.id},
            "a": {one.id},
        }
        assert {sid: set(names) for sid, names in sids.items()} == {one.id: {one.id, "a"}, two.id: {two.id}}
        members = rooms["a"]
        two.join(("a",))
        assert members == {one.id, two.id}
        assert two.id in members
        assert type(members - {one.id}) is set
        assert (len(rooms), len(sids), len(members)) == (3, 2, 2)
        for sid in members:
            io.sockets[sid].leave("a")
        assert len(members) == 0
        assert "a" not in rooms
        assert 3 not in rooms  # type: ignore[operator]
        with pytest.raises(KeyError):
            rooms["a"]
        with pytest.raises(KeyError):
            sids["nobody"]
        assert rooms.get("a") is None
        assert repr(members) == "NamesView(set())"
        assert repr(sids) == f"SetsView({ {one.id: {one.id}, two.id: {two.id}}!r})"


@pytest.mark.anyio
async def test_they_cannot_be_changed(make: Make) -> None:
    io = make()
    async with running(io) as core:
        client = await connected(io, core)
        with pytest.raises(TypeError):
            io.adapter.rooms["x"] = set()  # type: ignore[index]
        with pytest.raises(AttributeError):
            io.adapter.rooms[client.id].discard(client.id)  # type: ignore[attr-defined]


@pytest.mark.anyio
async def test_looking_up(make: Make) -> None:
    io = make()
    async with running(io) as core:
        one, two = await connected(io, core), await connected(io, core)
        one.join(("a",))
        adapter = io.adapter
        assert adapter.sockets() == {one.id, two.id}
        assert adapter.sockets(["a", "b"]) == {one.id}
        assert adapter.sockets({"b"}) == set()
        assert adapter.socket_rooms(one.id) == {one.id, "a"}
        assert adapter.socket_rooms("nobody") is None
        assert await adapter.server_count() == 1
        with pytest.raises(TypeError, match=r"sockets\(\['a'\]\)"):
            adapter.sockets("a")
        with pytest.raises(TypeError, match="int"):
            adapter.sockets([3])  # type: ignore[list-item]


def test_the_real_core_without_clients() -> None:
    io = Server()
    adapter = io.of("/x").adapter
    assert isinstance(adapter, Adapter)
    assert repr(adapter) == "<Adapter of '/x'>"
    assert (dict(adapter.rooms), dict(adapter.sids)) == ({}, {})
    assert adapter.sockets() == adapter.sockets(["a"]) == set()
    assert adapter.socket_rooms("a" * 20) is None
    assert "a" not in adapter.rooms
    assert "a" not in adapter.sids


def test_data_as_it_travels() -> None:
    core = Server(max_depth=5)._space._namespace_core
    data = {"user": (1, None), "key": b"\x00", 2: bytearray(b"x"), "ü": {"deep": [b""]}}
    copy = core.copy_data(data)
    assert copy == {"user": [1, None], "key": b"\x00", "2": b"x", "ü": {"deep": [b""]}}
    assert copy["ü"] is not data["ü"]
    with pytest.raises(TypeError, match=r"data\.user is of type object"):
        core.copy_data({"user": object()})
    assert core.copy_data([[[[[]]]]]) == [[[[[]]]]]
    with pytest.raises(ValueError, match="deep"):
        core.copy_data([[[[[[]]]]]])
