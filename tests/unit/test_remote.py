"""What fetch_sockets gives."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import anyio
import pytest

from sio_fast import AckTimeout, CanEmit, DisconnectedError, RemoteSocket, Server
from unit.conftest import running, settled, until
from unit.test_dispatch import connected

if TYPE_CHECKING:
    from collections.abc import Callable

    Make = Callable[..., Server[Any]]

pytestmark = pytest.mark.anyio


async def test_a_picture_of_a_socket(make: Make) -> None:
    io = make()
    async with running(io) as core:
        client = await connected(io, core)
        socket = io.sockets[client.id]
        socket.data["seen"] = (1, 2)
        socket.join("r")
        [found] = await io.fetch_sockets()
        assert isinstance(found, RemoteSocket)
        assert isinstance(found, CanEmit)
        assert (found.id, found.nsp) == (client.id, "/")
        assert found.handshake is socket.handshake
        assert found.rooms == {client.id, "r"}
        assert found.data == {"seen": [1, 2]}
        found.data["seen"].append(3)
        socket.join("later")
        assert socket.data == {"seen": (1, 2)}
        assert "later" not in found.rooms
        assert repr(found) == f"<RemoteSocket {client.id} of '/'>"


async def test_who_is_found(make: Make) -> None:
    io = make()

    async def ids(operator: Any) -> list[str]:
        return [found.id for found in await operator.fetch_sockets()]

    assert await ids(io) == []
    async with running(io) as core:
        one, two = await connected(io, core), await connected(io, core)
        one.join(("r",))
        assert await ids(io) == [one.id, two.id]
        assert await ids(io.in_("r")) == [one.id]
        assert await ids(io.except_("r")) == [two.id]
        assert await ids(io.sockets[one.id].broadcast) == [two.id]
        assert await ids(io.of("/other")) == []
        one.client_leave()
        assert await ids(io) == [two.id]


async def test_what_cannot_travel_says_so(make: Make) -> None:
    io = make()
    async with running(io) as core:
        client = await connected(io, core)
        io.sockets[client.id].data["user"] = object()
        with pytest.raises(TypeError):
            await io.fetch_sockets()


async def test_it_reaches_the_socket(make: Make) -> None:
    io = make()
    async with running(io) as core:
        client = await connected(io, core)
        [found] = await io.fetch_sockets()
        assert found.emit("e", 1).accepted
        assert found.send("hi").accepted
        assert client.sent == [("e", 1), ("message", "hi")]
        assert found.join("a", "b").accepted
        assert found.leave("a").accepted
        assert client.rooms() == sorted((client.id, "b"))
        found.disconnect()
        assert client.gone
        await settled()
        assert not found.emit("late").accepted
        assert not found.join("late").accepted
        with pytest.raises(DisconnectedError):
            await found.emit_with_ack("q")


async def test_asking(make: Make) -> None:
    io = make()
    async with running(io) as core:
        client = await connected(io, core)
        [found] = await io.fetch_sockets()
        limited = found.timeout(7)
        assert (limited.id, limited.rooms, limited.data) == (found.id, found.rooms, found.data)
        with pytest.raises(ValueError, match="0 or more seconds"):
            found.timeout(-1)
        results: list[Any] = []

        async def ask(remote: RemoteSocket) -> None:
            try:
                results.append(await remote.emit_with_ack("q", 1))
            except AckTimeout as error:
                results.append(error.missing)

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(ask, limited)
            await until(lambda: core.deadlines)
            core.expire(7)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(ask, found)
            await until(lambda: len(client.sent) == 2)
            assert not core.deadlines
            client.client_ack(1, "a", "b")
        assert results == [[client.id], ("a", "b")]
