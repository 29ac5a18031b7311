"""What a broadcast costs its caller: encoding once, finding the targets, one command; the writing is the I/O thread's."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from serving import core

if TYPE_CHECKING:
    from pytest_benchmark.fixture import BenchmarkFixture

ARGUMENT = ("x" * 128,)
# As many at a time as no client's buffer minds, then a look at how far the I/O thread has come.
CALLS = 20


@pytest.mark.parametrize("receivers", [1, 10, 100])
def test_broadcast(benchmark: BenchmarkFixture, receivers: int) -> None:
    benchmark.group = f"{CALLS} broadcasts"
    with core() as bench:
        for _ in range(receivers):
            bench.join().join(("room",))

        def written() -> None:
            bench.core.rest()
            while bench.core.stats()["bytes_queued"]:
                pass

        def broadcast() -> None:
            for _ in range(CALLS):
                bench.namespace.broadcast("news", ARGUMENT, ("room",), (), None, False)

        with bench.reading():
            benchmark.pedantic(broadcast, setup=written, rounds=40)
        assert bench.core.stats()["sockets"] == receivers
