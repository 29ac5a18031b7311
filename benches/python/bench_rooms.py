"""Joining and leaving among a thousand rooms, and who is in one, against python-socketio's manager and a dict of sets."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import socketio  # type: ignore[import-untyped]

from serving import core

if TYPE_CHECKING:
    from pytest_benchmark.fixture import BenchmarkFixture

OTHERS = tuple(f"other {number}" for number in range(1000))


def test_join_and_leave(benchmark: BenchmarkFixture) -> None:
    benchmark.group = "join and leave"
    with core() as bench:
        bench.join().join(OTHERS)
        socket = bench.join()

        def both() -> None:
            socket.join(("room",))
            socket.leave(("room",))

        benchmark(both)
        assert not socket.in_room("room")


def test_python_socketio(benchmark: BenchmarkFixture) -> None:
    benchmark.group = "join and leave"
    manager = socketio.Manager()
    manager.set_server(socketio.Server())
    other, sid = manager.connect("eio", "/"), manager.connect("eio 2", "/")
    for room in OTHERS:
        manager.basic_enter_room(other, "/", room)

    def both() -> None:
        manager.basic_enter_room(sid, "/", "room")
        manager.basic_leave_room(sid, "/", "room")

    benchmark(both)


def test_dict_of_sets(benchmark: BenchmarkFixture) -> None:
    benchmark.group = "join and leave"
    rooms = {room: {"sid"} for room in OTHERS}

    def both() -> None:
        rooms.setdefault("room", set()).add("sid")
        rooms["room"].discard("sid")
        del rooms["room"]

    benchmark(both)


@pytest.mark.parametrize("members", [1, 10, 100])
def test_members(benchmark: BenchmarkFixture, members: int) -> None:
    benchmark.group = "members of a room"
    with core() as bench:
        for _ in range(members):
            bench.join().join(("room",))
        found = benchmark(lambda: bench.namespace.members(("room",), (), None))
        assert len(found) == members
