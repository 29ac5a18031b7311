"""The Starlette example: who watches a service hears of its deployment."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx
import pytest

from sio_fast.testing import TestClient

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.anyio


async def test_watchers_hear_of_deployments(example: Callable[[str], Any]) -> None:
    module = example("starlette_app")
    transport = httpx.ASGITransport(module.app)
    async with (
        TestClient(module.io, app=module.app) as client,
        httpx.AsyncClient(transport=transport, base_url="http://test") as http,
    ):
        a, b = await client.connect(), await client.connect()
        assert await a.emit_with_ack("watch", "website") == "1", "the application's lifespan has run"
        assert await b.emit_with_ack("watch", "shop") is None
        assert (await http.post("/deploys/website", data={"version": "7"})).json() == {"watchers": 1}
        assert await a.expect("deployed") == ("website", "7")
        await b.expect_nothing()
        assert (await http.post("/deploys/website")).status_code == 400
        assert await b.emit_with_ack("watch", "website") == "7"
    assert module.deployed == {}, "and has ended"
