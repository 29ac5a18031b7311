"""The FastAPI example: who comes in, who hears whom, and what REST tells."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx
import pytest

from sio_fast import ConnectError
from sio_fast.testing import TestClient

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.anyio


async def test_rooms_hear_their_members_and_the_news(example: Callable[[str], Any]) -> None:
    module = example("fastapi_app")
    transport = httpx.ASGITransport(module.api)
    async with (
        TestClient(module.io, app=module.api) as client,
        httpx.AsyncClient(transport=transport, base_url="http://test") as http,
    ):
        ann, bob = [await client.connect(auth={"token": token}) for token in ("secret", "hidden")]
        assert await ann.emit_with_ack("join", "cats") == ["ann"]
        assert await bob.emit_with_ack("join", "cats") == ["ann", "bob"]
        assert await ann.expect("joined") == ("cats", "bob")
        await bob.emit("say", "cats", "meow")
        assert await ann.expect("said") == ("cats", "bob", "meow")
        await bob.expect_nothing()
        assert (await http.post("/rooms/cats/news", params={"text": "fish"})).json() == {"told": "cats"}
        assert await bob.expect("news") == ("cats", "fish")
        assert (await http.post("/rooms/dogs/news", params={"text": "bone"})).status_code == 404
        await client.drop(ann)
        assert (await http.get("/people")).json() == ["bob"]


async def test_strangers_stay_outside(example: Callable[[str], Any]) -> None:
    async with TestClient(example("fastapi_app").io) as client:
        with pytest.raises(ConnectError, match="unknown token") as refused:
            await client.connect(auth={"token": "guess"})
        assert refused.value.data == {"code": 401}
