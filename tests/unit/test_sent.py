"""What emit returns."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import anyio
import pytest

from sio_fast.sent import ACCEPTED, DROPPED, CongestedBroadcast, CongestedSocket
from sio_fast.waits import Waits
from unit.fake_core import FakeCore

if TYPE_CHECKING:
    from sio_fast import Sent

pytestmark = pytest.mark.anyio


def steps(sent: Sent) -> int:
    """How often awaiting it yields to the loop, driven by hand."""
    return sum(1 for _ in sent.__await__())


async def test_accepted_does_not_suspend() -> None:
    assert ACCEPTED.accepted
    assert steps(ACCEPTED) == 0
    await ACCEPTED
    await ACCEPTED


@pytest.mark.parity("send.not_called")
async def test_a_loop_over_a_dead_socket_lets_others_run() -> None:
    assert not DROPPED.accepted
    others = 0

    async def other() -> None:
        nonlocal others
        for _ in range(10):
            others += 1
            await anyio.lowlevel.checkpoint()

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(other)
        with anyio.fail_after(5):
            while others < 10:
                await DROPPED


async def test_a_loop_over_a_dead_socket_can_be_cancelled() -> None:
    with anyio.move_on_after(0.01) as scope:
        while True:
            await DROPPED
    assert scope.cancelled_caught


@pytest.mark.parity("messages.flush_drain")
async def test_congested_waits() -> None:
    core: Any = FakeCore(None)
    socket: Any = core.client_connect()
    socket.accept()
    socket.buffered_amount = 5000
    waits = Waits(core, 1000)
    waits.open()
    sent = CongestedSocket(socket, waits)
    assert sent.accepted
    with anyio.move_on_after(0.02) as scope:
        await sent
    assert scope.cancelled_caught
    socket.buffered_amount = 0
    with anyio.fail_after(1):
        await sent


async def test_congested_broadcast_waits_for_the_process() -> None:
    core: Any = FakeCore(None)
    core.congested = True
    sent = CongestedBroadcast(core)
    assert sent.accepted
    with anyio.move_on_after(0.05) as scope:
        await sent
    assert scope.cancelled_caught
    core.congested = False
    with anyio.fail_after(1):
        await sent
