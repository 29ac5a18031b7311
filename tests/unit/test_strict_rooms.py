"""`strict_rooms`: the room of another socket's id is nobody else's; without the option it is a room like any other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from sio_fast import ForeignRoom, Server, Socket
from unit.conftest import running, until

if TYPE_CHECKING:
    from collections.abc import Callable

    Make = Callable[..., Server[Any]]


async def two(io: Server[Any], core: Any) -> tuple[Socket, Socket]:
    clients = [core.client_connect() for _ in range(2)]
    await until(lambda: len(io.sockets) == 2)
    return io.sockets[clients[0].id], io.sockets[clients[1].id]


@pytest.mark.anyio
async def test_another_ones_id_is_no_room(make: Make) -> None:
    io = make(strict_rooms=True)
    async with running(io) as core:
        one, other = await two(io, core)
        one.join("a", one.id)
        with pytest.raises(ForeignRoom, match="strict_rooms") as raised:
            one.join("b", other.id)
        assert raised.value.room == other.id
        assert isinstance(raised.value, ValueError)
        assert one.rooms == {one.id, "a"}, "no room is joined then"
        with pytest.raises(ForeignRoom):
            io.in_("a").sockets_join(other.id)
        [remote] = await io.in_(one.id).fetch_sockets()
        with pytest.raises(ForeignRoom):
            remote.join(other.id)
        one.leave(other.id)
        io.sockets_join("c")
        assert io.adapter.sockets(["c"]) == {one.id, other.id}


@pytest.mark.anyio
async def test_without_the_option_it_is_a_room_like_any_other(make: Make) -> None:
    io = make()
    async with running(io) as core:
        one, other = await two(io, core)
        one.join(other.id)
        io.sockets_join(one.id)
        assert one.rooms == {one.id, other.id} == other.rooms


def test_it_is_a_bool() -> None:
    with pytest.raises(TypeError, match="strict_rooms"):
        Server(strict_rooms="yes")  # type: ignore[arg-type]


def test_a_server_has_the_name_of_its_namespace() -> None:
    assert Server().name == "/"
