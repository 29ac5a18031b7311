"""The Litestar example: everybody is asked, and who is in time counts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import anyio
import httpx
import pytest

from sio_fast.testing import TestClient

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.anyio


async def test_answers_are_counted(example: Callable[[str], Any]) -> None:
    module = example("litestar_app")
    transport = httpx.ASGITransport(module.app)
    async with (
        TestClient(module.io, app=module.app) as client,
        httpx.AsyncClient(transport=transport, base_url="http://test") as http,
    ):
        players = [await client.connect() for _ in range(4)]
        assert await players[0].expect("players") == (2,)
        for player, answer in zip(players, ("4", "4", "22"), strict=False):
            player.on("question")(lambda text, answer=answer: answer)
        counted: list[Any] = []

        async def ask() -> None:
            counted.append((await http.post("/questions", json={"text": "2 + 2?"})).json())

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(ask)
            assert await players[3].expect("question") == ("2 + 2?",)  # and does not know
            await client.settle()
            await client.advance(10)
        assert counted == [{"4": 2, "22": 1}]
        assert (await http.post("/questions", json={"seconds": 1})).status_code == 400
