"""The quick start: who is greeted, told and missed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from sio_fast.testing import HandshakeError, TestClient

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.anyio


async def test_private_messages_reach_one(example: Callable[[str], Any]) -> None:
    async with TestClient(example("quickstart").io) as client:
        a, b, c = [await client.connect() for _ in range(3)]
        assert await a.emit_with_ack("private message", b.id, "hi") == "ok"
        assert await b.expect("private message") == (a.id, "hi")
        await a.expect_nothing()
        await c.expect_nothing()


async def test_pong_comes_back(example: Callable[[str], Any]) -> None:
    async with TestClient(example("quickstart").io) as client:
        a = await client.connect()
        await a.emit("ping_me")
        assert await a.expect("pong") == ()


async def test_the_lobby_hears_who_leaves(example: Callable[[str], Any]) -> None:
    io = example("quickstart").io
    async with TestClient(io) as client:
        a, b = await client.connect(), await client.connect()
        assert io.sockets[a.id].rooms == {a.id, "lobby"}
        await client.drop(b)
        assert await a.expect("user has left") == (b.id,)


async def test_other_sites_stay_outside(example: Callable[[str], Any]) -> None:
    async with TestClient(example("quickstart").io) as client:
        await client.connect(headers={"origin": "https://app.example"})
        with pytest.raises(HandshakeError, match="403"):
            await client.connect(headers={"origin": "https://other.example"})
