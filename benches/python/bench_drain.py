"""Taking events out of the mailbox: 500 at once, decoded, against the standard library's JSON for the same texts."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from serving import core, frames

if TYPE_CHECKING:
    from pytest_benchmark.fixture import BenchmarkFixture

EVENTS = 500
TEXTS = [f'2["chat message",{{"room":"general","text":"hello world","n":{n},"ok":true}}]' for n in range(EVENTS)]


def test_drain(benchmark: BenchmarkFixture) -> None:
    benchmark.group = "drain 500 events"
    with core() as bench:
        bench.join()
        sent = frames([f"4{text}" for text in TEXTS])

        def arrive() -> None:
            bench.core.rest()
            bench.wires[0].ws.http.send(sent)
            bench.wait_for_events(EVENTS)

        notices = benchmark.pedantic(lambda: bench.core.drain(1000), setup=arrive, rounds=40)
        assert len(notices) == EVENTS


def test_reference(benchmark: BenchmarkFixture) -> None:
    benchmark.group = "drain 500 events"
    decoded = benchmark(lambda: [json.loads(text[1:]) for text in TEXTS])
    assert len(decoded) == EVENTS
