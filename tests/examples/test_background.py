"""The examples that do something beside serving: a ticker on trio, a thread that measures, an application on the same port."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import anyio
import httpx
import pytest
from anyio import to_thread

from sio_fast.testing import TestClient

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("anyio_backend", ["trio"])
async def test_missed_ticks_are_asked_for(example: Callable[[str], Any]) -> None:
    module = example("trio_program")
    async with TestClient(module.io) as client, anyio.create_task_group() as tasks:
        a = await client.connect()
        tasks.start_soon(module.tick, 0.01)
        await a.expect("tick")
        (second,) = await a.expect("tick")
        assert (await a.emit_with_ack("since", second - 1))[0] == second
        assert await a.emit_with_ack("stop") == "goodbye"
        assert module.stopping.is_set()
        tasks.cancel_scope.cancel()


async def test_measurements_and_alarms_come_from_a_thread(example: Callable[[str], Any]) -> None:
    module = example("producer_thread")
    stop = threading.Event()
    async with TestClient(module.io) as client, anyio.create_task_group() as tasks:
        a = await client.connect()
        tasks.start_soon(to_thread.run_sync, module.produce, stop)
        assert await a.emit_with_ack("limit", 0.5) == 0.999
        (value,) = await a.expect("alarm")
        assert value > 0.5
        (value,) = await a.expect("measured")
        assert 0 <= value < 1
        stop.set()


async def test_orders_are_told_to_everybody(example: Callable[[str], Any]) -> None:
    module = example("one_port")
    transport = httpx.ASGITransport(module.api)
    async with TestClient(module.io) as client, httpx.AsyncClient(transport=transport, base_url="http://test") as http:
        a = await client.connect()
        assert await a.emit_with_ack("stock") == {"tea": 5, "milk": 2}
        assert (await http.post("/orders/tea")).json() == {"tea": 4}
        assert await a.expect("stock") == ("tea", 4)


async def test_hello_reaches_everybody(example: Callable[[str], Any]) -> None:
    async with TestClient(example("hello").io) as client:
        a, b = await client.connect(), await client.connect()
        assert await a.emit_with_ack("chat message", "hi") == "sent"
        for each in (a, b):
            assert await each.expect("chat message") == (a.id, "hi")


async def test_orders_are_checked_and_saved(example: Callable[[str], Any]) -> None:
    async with TestClient(example("injection").io) as client:
        a = await client.connect()
        assert await a.emit_with_ack("order", {"item": "tea", "count": 2}) == 1
        await a.emit("order", {"item": "tea", "count": 0})
        name, [error] = await a.expect("invalid")
        assert (name, error["location"]) == ("order", [0, "count"])
