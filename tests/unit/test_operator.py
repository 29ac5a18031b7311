"""Operators: values that carry options."""

from __future__ import annotations

import warnings
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import anyio
import pytest

import sio_fast.operator as operators
from sio_fast import (
    AckTimeout,
    Broadcaster,
    BroadcastOperator,
    CanEmit,
    Event,
    ReservedEventName,
    Server,
    SocketOperator,
    emitting,
)
from sio_fast.emitting import Flags
from unit.conftest import running, until

if TYPE_CHECKING:
    from collections.abc import Callable

    from unit.fake_core import FakeCore, FakeSocketCore

target: Any = object()


def broadcasts(io: Any, name: str = "/") -> list[Any]:
    found: list[Any] = io._core.spaces[name].broadcasts
    return found


@pytest.mark.parity("broadcast.immutable", "namespaces.immutable")
def test_chaining_makes_new_values(make: Callable[..., Any]) -> None:
    io = make()
    base = io.to("a")
    more = base.in_("b", "c").except_("d").volatile
    base.emit("x", 1)
    more.emit("y", 2, 3)
    io.emit("z")
    io.volatile.to("e").emit("v")
    io.except_("f").send("hi")
    assert broadcasts(io) == [
        ("x", (1,), ("a",), (), None, False),
        ("y", (2, 3), ("a", "b", "c"), ("d",), None, True),
        ("z", (), (), (), None, False),
        ("v", (), ("e",), (), None, True),
        ("message", ("hi",), (), ("f",), None, False),
    ]


def test_everything_that_emits_has_the_common_bases(make: Callable[..., Any]) -> None:
    io = make()
    for thing in (io, io.of("/x"), io.to("a")):
        assert isinstance(thing, Broadcaster)
        assert isinstance(thing, CanEmit)


def test_namespaces_are_apart(make: Callable[..., Any]) -> None:
    io = make()
    io.of("/admin").to("a").emit("log")
    assert broadcasts(io) == []
    assert broadcasts(io, "/admin") == [("log", (), ("a",), (), None, False)]


def test_typed_events(make: Callable[..., Any]) -> None:
    io = make()
    io.emit(Event[[int], None]("typed"), 1)
    assert broadcasts(io)[0][:2] == ("typed", (1,))


def test_wrong_arguments(make: Callable[..., Any]) -> None:
    io = make()
    with pytest.raises(ReservedEventName):
        io.to("a").emit("disconnect")
    with pytest.raises(TypeError, match=r"\*rooms"):
        io.to(["a"])
    with pytest.raises(TypeError, match=r"except_\(\*rooms\)"):
        io.except_(3)
    with pytest.raises(TypeError, match="by position only"):
        io.emit("x", value=1)
    with pytest.raises(TypeError, match="an event is a name"):
        io.emit(None)
    assert broadcasts(io) == []


def test_congestion_is_told(make: Callable[..., Any]) -> None:
    io = make()
    assert io.emit("x") is operators.ACCEPTED
    io._core.spaces["/"].code = 1
    assert isinstance(io.emit("x"), operators.CongestedBroadcast)


def test_timeouts_are_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(emitting, "_warned_of_timeout", False)
    for operator in (SocketOperator(target), BroadcastOperator(target)):
        assert operator.timeout(0)._flags.timeout == 0.0
        assert operator.volatile.timeout(2)._flags.volatile
        assert operator.timeout(2).volatile._flags.timeout == 2.0
        for wrong in (-1, float("nan"), float("inf")):
            with pytest.raises(ValueError, match="0 or more seconds"):
                operator.timeout(wrong)
        for kind in ("5", None, True):
            with pytest.raises(TypeError, match="seconds as a number"):
                operator.timeout(kind)  # type: ignore[arg-type]
    with pytest.warns(UserWarning, match="83 minutes"):
        operator.timeout(5000)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        operator.timeout(5000)


def test_ack_timeout_of_a_server() -> None:
    with pytest.raises(ValueError, match="ack_timeout"):
        Server(ack_timeout=-1)
    with pytest.raises(TypeError, match="ack_timeout"):
        Server(ack_timeout="5")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="here it is ack_timeout"):
        Server(ackTimeout=5)  # type: ignore[arg-type]


def test_flags_are_carried() -> None:
    every = Flags(volatile=True, timeout=2.0, local=True, compress=False)
    of_many = BroadcastOperator(target).volatile.timeout(2).local.compress(False)
    assert of_many._flags == of_many.to("a").except_("b").in_("c")._flags == every
    member = SimpleNamespace(nsp=target, _core="the sender")
    of_one: Any = SocketOperator(member).volatile.timeout(2).compress(False)  # type: ignore[arg-type]
    assert of_one.local._flags == every
    for turned in (of_one.broadcast, of_one.to("a"), of_one.in_("a"), of_one.except_("a")):
        assert turned._flags == every._replace(local=False)
        assert turned._sender == "the sender"
    assert BroadcastOperator(target).compress(False).compress(True)._flags == Flags()


def test_texts() -> None:
    assert repr(BroadcastOperator(target, rooms=("a",))) == "BroadcastOperator(rooms=('a',), except_=())"
    assert repr(BroadcastOperator(target).volatile) == "BroadcastOperator(rooms=(), except_=(), volatile=True)"
    assert repr(SocketOperator(target).timeout(1)) == "SocketOperator(timeout=1.0)"


async def connected(io: Any, core: FakeCore, *rooms: str, nsp: str = "/", **options: Any) -> FakeSocketCore:
    io.of(nsp)
    client = core.client_connect(nsp, **options)
    await until(lambda: client.id in io.of(nsp).sockets)
    client.join(rooms)
    return client


async def asking(operator: Any, results: list[Any]) -> None:
    try:
        results.append(await operator.emit_with_ack("vote", 1))
    except AckTimeout as error:
        results.append(error)


def pending(io: Any) -> dict[int, Any]:
    found: dict[int, Any] = io._lifetime.waits._acks
    return found


@pytest.mark.anyio
async def test_many_answer_in_the_order_of_arrival(make: Callable[..., Any]) -> None:
    io = make()
    results: list[Any] = []
    async with running(io) as core:
        one, two, other = [await connected(io, core, room) for room in ("r", "r", "s")]
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(asking, io.to("r").timeout(7), results)
            await until(lambda: pending(io))
            assert broadcasts(io) == [("vote", (1,), ("r",), (), None, False)]
            assert list(core.deadlines.values()) == [7]
            other.client_ack(1000, "not asked")
            two.client_ack(1000, "b", "ignored")
            one.client_ack(1000)
        assert results == [["b", None]]
        assert not pending(io)
        assert not core.deadlines
        assert one.forgotten == two.forgotten == []


@pytest.mark.anyio
async def test_a_second_answer_of_one_client_does_not_count(make: Callable[..., Any]) -> None:
    io = make()
    results: list[Any] = []
    async with running(io) as core:
        one, two = await connected(io, core), await connected(io, core)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(asking, io.timeout(7), results)
            await until(lambda: pending(io))
            for client in (one, one, two):
                client.client_ack(1000, client.id)
        assert results == [[one.id, two.id]]


@pytest.mark.anyio
async def test_time_is_up(make: Callable[..., Any]) -> None:
    io = make(ack_timeout=3)
    results: list[Any] = []
    async with running(io) as core:
        one, two, three = [await connected(io, core) for _ in range(3)]
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(asking, io, results)
            await until(lambda: pending(io))
            two.client_ack(1000, "yes")
            await until(lambda: len(pending(io)) == 2)
            core.expire(3)
        [error] = results
        assert isinstance(error, AckTimeout)
        assert isinstance(error, TimeoutError)
        assert error.responses == ["yes"]
        assert sorted(error.missing) == sorted((one.id, three.id))
        assert (one.forgotten, two.forgotten, three.forgotten) == ([1000], [], [1000])
        assert not pending(io)


@pytest.mark.anyio
async def test_who_leaves_is_not_waited_for(make: Callable[..., Any]) -> None:
    io = make()
    results: list[Any] = []
    async with running(io) as core:
        one, two, three = [await connected(io, core) for _ in range(3)]
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(asking, io.timeout(7), results)
            await until(lambda: pending(io))
            one.client_leave("ping timeout")
            io.sockets[two.id].disconnect()
            await until(lambda: len(pending(io)) == 1)
            assert not results
            three.client_ack(1000, "here")
        assert results == [["here"]]
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(asking, io.timeout(7), results)
            await until(lambda: pending(io))
            three.client_leave()
        assert results[1] == []
        assert not core.deadlines


@pytest.mark.anyio
async def test_who_left_before_the_time_is_up_is_not_missing(make: Callable[..., Any]) -> None:
    io = make()
    results: list[Any] = []
    async with running(io) as core:
        one, two = await connected(io, core), await connected(io, core)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(asking, io.timeout(7), results)
            await until(lambda: pending(io))
            one.client_leave()
            await until(lambda: len(pending(io)) == 1)
            core.expire(7)
        assert results[0].missing == [two.id]


@pytest.mark.anyio
async def test_cancelling_forgets_every_answer(make: Callable[..., Any]) -> None:
    io = make()
    async with running(io) as core:
        clients = [await connected(io, core) for _ in range(3)]
        with anyio.move_on_after(0.02) as scope:
            await io.timeout(7).emit_with_ack("vote")
        assert scope.cancelled_caught
        assert [client.forgotten for client in clients] == [[1000]] * 3
        assert not pending(io)
        assert not core.deadlines


@pytest.mark.anyio
async def test_nobody_is_addressed(make: Callable[..., Any]) -> None:
    io = make()
    assert await io.timeout(1).emit_with_ack("before the start") == []
    async with running(io) as core:
        assert await io.to("nobody").timeout(1).emit_with_ack("vote") == []
        assert not core.deadlines


@pytest.mark.anyio
async def test_asking_many_needs_a_limit_and_the_loop(make: Callable[..., Any]) -> None:
    io = make()
    async with running(io) as core:
        await connected(io, core)
        with pytest.raises(ValueError, match="ack_timeout"):
            await io.emit_with_ack("vote")
        with pytest.raises(ReservedEventName):
            await io.timeout(1).emit_with_ack("connect")
        with pytest.raises(TypeError, match="by position only"):
            await io.timeout(1).emit_with_ack("vote", value=1)
        with pytest.raises(RuntimeError, match=r"anyio\.from_thread\.run"):
            await anyio.to_thread.run_sync(anyio.run, io.timeout(1).emit_with_ack, "vote")
        assert broadcasts(io) == []


@pytest.mark.anyio
async def test_joining_and_leaving_of_many(make: Callable[..., Any]) -> None:
    io = make()
    async with running(io) as core:
        one, two, elsewhere = [await connected(io, core, "r", nsp=nsp) for nsp in ("/", "/", "/other")]
        assert io.in_("r").except_(two.id).sockets_join("a", "b").accepted
        assert [set(client.rooms()) for client in (one, two, elsewhere)] == [
            {one.id, "r", "a", "b"},
            {two.id, "r"},
            {elsewhere.id, "r"},
        ]
        io.sockets[one.id].to("r").sockets_join("others")
        assert two.in_room("others")
        assert not one.in_room("others")
        io.sockets_leave("r", "a")
        assert [set(client.rooms()) for client in (one, two)] == [{one.id, "b"}, {two.id, "others"}]
        assert elsewhere.in_room("r")
        for method in (io.sockets_join, io.to("b").sockets_leave):
            with pytest.raises(TypeError, match=r"\*rooms"):
                method(["a"])


@pytest.mark.anyio
async def test_disconnecting_many(make: Callable[..., Any]) -> None:
    io = make()
    left: list[str] = []
    io.on("disconnect", lambda socket, reason: left.append(reason))
    async with running(io) as core:
        one, two = await connected(io, core, "r"), await connected(io, core)
        assert io.in_("r").disconnect_sockets().accepted
        assert (one.gone, two.gone) == (True, False)
        io.disconnect_sockets(close=True)
        await until(lambda: len(left) == 2)
        assert left == ["server namespace disconnect"] * 2


def test_disconnecting_one_that_the_loop_has_not_seen_yet(make: Callable[..., Any]) -> None:
    io = make()
    client = io._core.client_connect()
    client.accept()
    assert client.id not in io.sockets
    io.disconnect_sockets()
    assert client.gone


@pytest.mark.anyio
async def test_from_another_thread(make: Callable[..., Any]) -> None:
    io = make()
    async with running(io) as core:
        client = await connected(io, core, "r")

        def elsewhere() -> list[str]:
            io.to("r").sockets_join("a")
            found: list[Any] = anyio.run(io.in_("a").fetch_sockets)
            io.disconnect_sockets()
            return [each.id for each in found]

        assert await anyio.to_thread.run_sync(elsewhere) == [client.id]
        assert client.gone
        await until(lambda: not io.sockets)


@pytest.mark.anyio
async def test_server_side_emit_on_one_node_reaches_nobody(make: Callable[..., Any]) -> None:
    io = make()
    assert io.server_side_emit("cache invalidated", "key").accepted
    assert await io.of("/x").server_side_emit_with_ack("who is there?") == []
    assert broadcasts(io) == broadcasts(io, "/x") == []
    with pytest.raises(ReservedEventName):
        io.server_side_emit("connect")
    with pytest.raises(ReservedEventName):
        await io.server_side_emit_with_ack("connect")
