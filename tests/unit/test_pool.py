"""Workers: released, parked, and few."""

from __future__ import annotations

import asyncio

import anyio
import pytest

from sio_fast import pool
from unit.conftest import settled, until

pytestmark = pytest.mark.anyio


async def test_workers_are_used_again() -> None:
    jobs: list[int] = []
    done: list[int] = []

    async def work() -> bool:
        if not jobs:
            return False
        done.append(jobs.pop(0))
        return True

    async with anyio.create_task_group() as tasks:
        workers = pool.Pool(tasks, work)
        for number in range(20):
            jobs.append(number)
            workers.release()
            await until(lambda: not jobs)
            await settled()
        assert done == list(range(20))
        assert workers.count == 1
        tasks.cancel_scope.cancel()
    assert workers.count == 0


async def test_idle_workers_above_the_bound_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool, "_KEPT", 3)
    gate = anyio.Event()
    jobs = list(range(10))

    async def work() -> bool:
        if not jobs:
            return False
        jobs.pop()
        await gate.wait()
        return True

    async with anyio.create_task_group() as tasks:
        workers = pool.Pool(tasks, work)
        for _ in range(10):
            workers.release()
        await until(lambda: not jobs)
        assert workers.count == 10
        gate.set()
        await until(lambda: workers.count == 3)
        await settled()
        assert workers.count == 3
        tasks.cancel_scope.cancel()


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_a_worker_that_was_cancelled_by_somebody_goes_on() -> None:
    workers_task: list[asyncio.Task[object]] = []
    jobs = [1]

    async def work() -> bool:
        if not jobs:
            return False
        jobs.pop()
        task = asyncio.current_task()
        assert task is not None
        workers_task.append(task)
        return True

    async with anyio.create_task_group() as tasks:
        workers = pool.Pool(tasks, work)
        workers.release()
        await until(lambda: not jobs)
        await settled()
        workers_task[0].cancel()
        await settled()
        jobs.append(2)
        workers.release()
        await until(lambda: not jobs)
        assert workers.count == 1
        assert workers_task[0] is workers_task[1]
        tasks.cancel_scope.cancel()
