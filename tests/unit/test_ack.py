"""Answers given by hand: where the parameter stands, when it answers, and who answers first."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import anyio
import pytest

from sio_fast import Ack, AckError, Server, Socket
from sio_fast.handlers import HandlerTable
from unit.conftest import running, settled, until
from unit.fake_core import FakeCore, FakeSocketCore
from unit.test_dispatch import connected

if TYPE_CHECKING:
    from collections.abc import Callable

    Make = Callable[..., Server[Any]]

pytestmark = pytest.mark.anyio


def ack_of(ack_id: int) -> tuple[Ack, FakeSocketCore]:
    core = FakeSocketCore(FakeCore(None), "/", 1)
    made: Any = core
    return Ack(made, ack_id), core


def test_the_first_call_wins() -> None:
    ack, core = ack_of(7)
    assert ack
    assert ack.requested
    assert not ack.done
    ack(1, 2)
    ack(3)
    assert ack.done
    assert core.acks == [(7, (1, 2))]


def test_an_answer_nobody_wants() -> None:
    ack, core = ack_of(-1)
    ack(1)
    assert (bool(ack), ack.requested, ack.done, core.acks) == (False, False, False, [])


def test_a_value_that_cannot_be_encoded_answers_nothing() -> None:
    ack, core = ack_of(7)
    with pytest.raises(TypeError, match="complex"):
        ack(1j)
    assert not ack.done
    ack("better")
    assert core.acks == [(7, ("better",))]


def first(ack: Ack, socket: Socket, a: Any) -> None:
    ack("first", a)


def middle(socket: Socket, ack: Ack, a: Any) -> None:
    ack("middle", a)


def last(socket: Socket, a: Any, ack: Ack) -> None:
    ack("last", a)


def by_name(socket: Socket, *args: Any, ack: Ack) -> None:
    ack("by name", *args)


def optional(socket: Socket, a: Any = None, ack: Ack | None = None) -> None:
    assert ack is not None
    ack("optional", a)


@pytest.mark.parametrize("fn", [first, middle, last, by_name, optional])
async def test_the_parameter_stands_anywhere(make: Make, fn: Any) -> None:
    io = make()
    io.on("e", fn)
    async with running(io) as core:
        client = await connected(io, core)
        client.client_event("e", "a", ack_id=1)
        await until(lambda: client.acks)
        assert client.acks == [(1, (fn.__name__.replace("_", " "), "a"))]


async def test_defaults_before_it_may_be_missing(make: Make) -> None:
    io = make()
    io.on("e", optional)
    async with running(io) as core:
        client = await connected(io, core)
        client.client_event("e", ack_id=1)
        await until(lambda: client.acks)
        assert client.acks == [(1, ("optional", None))]


def test_it_is_no_argument_of_the_event() -> None:
    table = HandlerTable(bare=False)
    table.add("e", last)
    handler = table.handlers("e")[0]
    assert (handler.low, handler.high, handler.manual) == (1, 1, True)
    assert table.plans == {}


def test_another_class_of_that_name_is_none() -> None:
    scope: dict[str, Any] = {}
    exec("class Ack: ...\ndef f(a: 'Ack', b: 'Ack | None'): ...\ndef g(a: 'lib.Ack'): ...", scope)
    table = HandlerTable(bare=True)
    table.add("f", scope["f"])
    table.add("g", scope["g"])
    assert (table.handlers("f")[0].manual, table.handlers("f")[0].high) == (False, 2)
    assert table.handlers("g")[0].manual


@pytest.mark.parametrize("name", ["connect", "disconnect", "disconnecting", "error"])
def test_lifecycle_events_have_none(name: str) -> None:
    with pytest.raises(TypeError, match="no Ack of it"):
        HandlerTable(bare=True).add(name, last)


async def test_early_late_and_never(make: Make) -> None:
    io = make()
    kept: list[Ack] = []
    gate = anyio.Event()

    @io.on("early")
    async def early(socket: Socket, ack: Ack) -> str:
        ack("early")
        await gate.wait()
        return "ignored"

    @io.on("late")
    async def late(socket: Socket, ack: Ack) -> str:
        kept.append(ack)
        return "ignored"

    async with running(io) as core:
        client = await connected(io, core)
        client.client_event("early", ack_id=1)
        await until(lambda: client.acks == [(1, ("early",))])
        gate.set()
        client.client_event("late", ack_id=2)
        await until(lambda: kept)
        await settled()
        assert client.acks == [(1, ("early",))]
        await anyio.to_thread.run_sync(kept[0], "late")
        assert client.acks == [(1, ("early",)), (2, ("late",))]


async def test_without_a_wish_it_is_there_all_the_same(make: Make) -> None:
    io = make()
    log: list[bool] = []

    @io.on("e")
    def handler(socket: Socket, ack: Ack) -> None:
        log.append(bool(ack))
        ack(1)

    async with running(io) as core:
        client = await connected(io, core)
        client.client_event("e")
        await until(lambda: log)
        assert (log, client.acks) == ([False], [])


@pytest.mark.parametrize("order", ["manual first", "value first"])
async def test_two_styles_on_one_event(make: Make, order: str) -> None:
    io = make()

    def manual(socket: Socket, ack: Ack) -> None:
        ack("manual")

    def value(socket: Socket) -> str:
        return "value"

    for fn in (manual, value) if order == "manual first" else (value, manual):
        io.on("e", fn)
    async with running(io) as core:
        client = await connected(io, core)
        client.client_event("e", ack_id=1)
        await until(lambda: client.acks)
        await settled()
        assert client.acks == [(1, (order.split(maxsplit=1)[0],))]


async def test_none_beside_a_manual_one_answers_nothing(make: Make) -> None:
    io = make()
    kept: list[Ack] = []
    io.on("e", lambda socket: None)

    @io.on("e")
    def manual(socket: Socket, ack: Ack) -> None:
        kept.append(ack)

    async with running(io) as core:
        client = await connected(io, core)
        client.client_event("e", ack_id=1)
        await until(lambda: kept)
        await settled()
        assert client.acks == []
        kept[0]()
        assert client.acks == [(1, ())]


# AckError and ack_on_error.


@pytest.mark.parametrize("kind", ["plain", "suspended", "several", "gate", "wrap"])
@pytest.mark.parametrize("values", [(), ({"code": 1},), (1, 2)])
async def test_ack_error_answers(
    make: Make, caplog: pytest.LogCaptureFixture, kind: str, values: tuple[Any, ...]
) -> None:
    heard: list[BaseException] = []
    io = make(ack_on_error=heard.append)
    io.on_error(Exception, lambda socket, packet, error: heard.append(error))

    @io.on("e")
    async def handler(socket: Socket) -> str:
        if kind == "suspended":
            await anyio.lowlevel.checkpoint()
        if kind == "gate":
            return "not reached"
        raise AckError(*values)

    if kind == "several":
        io.on("e", lambda socket: "too late")
    if kind == "gate":

        @io.use_event
        async def gate(socket: Socket, packet: Any) -> None:
            raise AckError(*values)

    if kind == "wrap":

        @io.around_event
        async def wrap(socket: Socket, packet: Any, call_next: Any) -> Any:
            with pytest.raises(AckError):
                await call_next()
            raise AckError(*values)

    async with running(io) as core:
        client = await connected(io, core)
        client.client_event("e")
        client.client_event("e", ack_id=1)
        await until(lambda: client.acks)
        await settled()
        assert client.acks == [(1, values)]
    assert heard == []
    assert caplog.records == []


async def test_an_ack_error_that_cannot_be_encoded_is_an_error(make: Make) -> None:
    io = make()
    heard: list[BaseException] = []
    io.on_error(TypeError, lambda socket, packet, error: heard.append(error))

    @io.on("e")
    def handler(socket: Socket) -> None:
        raise AckError(1j)

    async with running(io) as core:
        client = await connected(io, core)
        client.client_event("e", ack_id=1)
        await until(lambda: heard)
        assert client.acks == []


@pytest.mark.parametrize("kind", ["plain", "suspended", "several", "manual", "misfit"])
async def test_ack_on_error_makes_the_answer(make: Make, caplog: pytest.LogCaptureFixture, kind: str) -> None:
    io = make(ack_on_error=lambda error: ("failed", type(error).__name__))

    @io.on("e")
    async def handler(socket: Socket, wanted: bool = True) -> None:
        if kind == "suspended":
            await anyio.lowlevel.checkpoint()
        raise ValueError("boom")

    if kind == "several":
        io.on("e", lambda socket: None)
    if kind == "manual":
        io.off("e")

        @io.on("e")
        def manual(socket: Socket, ack: Ack) -> None:
            raise ValueError("boom")

    args = (1, 2, 3) if kind == "misfit" else ()
    async with running(io) as core:
        client = await connected(io, core)
        client.client_event("e", *args)
        client.client_event("e", *args, ack_id=1)
        await until(lambda: client.acks)
        await settled()
        assert client.acks == [(1, ("failed", "InvalidPayload" if kind == "misfit" else "ValueError"))]
    assert len(caplog.records) == 2


@pytest.mark.parametrize("fault", [False, True])
async def test_ack_on_error_may_say_nothing(make: Make, caplog: pytest.LogCaptureFixture, fault: bool) -> None:
    def answer(error: BaseException) -> None:
        if fault:
            raise RuntimeError("the mapping failed")

    io = make(ack_on_error=answer)

    @io.on("e")
    def handler(socket: Socket) -> None:
        raise ValueError("boom")

    async with running(io) as core:
        client = await connected(io, core)
        client.client_event("e", ack_id=1)
        await until(lambda: len(caplog.records) == 1 + fault)
        await settled()
        assert client.acks == []
    assert ("the mapping failed" in caplog.text) is fault
    assert "boom" in caplog.text


def test_ack_on_error_is_a_function(make: Make) -> None:
    with pytest.raises(TypeError, match="ack_on_error is a function"):
        make(ack_on_error=3)
