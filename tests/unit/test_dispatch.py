"""Who runs what, and when: order per socket, contexts, limits, cancellation, the end of sockets."""

from __future__ import annotations

import asyncio
import contextvars
import logging
from typing import TYPE_CHECKING, Any

import anyio
import pytest

from sio_fast import Server, Socket, current_socket, dispatch
from unit.conftest import running, settled, until

if TYPE_CHECKING:
    from collections.abc import Callable

    Make = Callable[..., Server[Any]]

pytestmark = pytest.mark.anyio

VARIABLE: contextvars.ContextVar[Any] = contextvars.ContextVar("variable", default=None)


async def connected(io: Server[Any], core: Any, *, session: int | None = None) -> Any:
    client = core.client_connect(session=session)
    await until(lambda: client.id in io.sockets)
    await until(lambda: not lane_of(io, client).opening)
    return client


def lane_of(io: Server[Any], client: Any) -> Any:
    lifetime: Any = io._lifetime
    return lifetime._dispatcher._lanes[client.handle]


def dispatcher_of(io: Server[Any]) -> Any:
    lifetime: Any = io._lifetime
    return lifetime._dispatcher


async def test_events_of_one_socket_run_one_after_the_other(make: Make) -> None:
    io = make()
    log: list[str] = []

    @io.on("e")
    async def handler(socket: Socket, number: int) -> None:
        log.append(f"start {number}")
        for _ in range(5 - number):
            await anyio.lowlevel.checkpoint()
        log.append(f"end {number}")

    async with running(io) as core:
        client = await connected(io, core)
        for number in range(5):
            client.client_event("e", number)
        await until(lambda: len(log) == 10)
        assert log == [f"{what} {number}" for number in range(5) for what in ("start", "end")]
        await until(lambda: not dispatcher_of(io).running())
        assert client.held == [0, 0]
        assert not lane_of(io, client).blocked


async def test_sockets_do_not_wait_for_each_other(make: Make) -> None:
    io = make()
    gate = anyio.Event()
    log: list[str] = []

    @io.on("wait")
    async def waits(socket: Socket) -> None:
        await gate.wait()
        log.append("waited")

    @io.on("quick")
    async def quick(socket: Socket) -> None:
        log.append("quick")

    async with running(io) as core:
        one, other = await connected(io, core), await connected(io, core)
        one.client_event("wait")
        one.client_event("quick")
        other.client_event("quick")
        await until(lambda: log == ["quick"])
        assert one.held == [1, 10]
        gate.set()
        await until(lambda: len(log) == 3)
        assert log == ["quick", "waited", "quick"]


async def test_a_batch_is_never_held_by_a_handler(make: Make) -> None:
    """The next worker goes on with the batch before the suspended handler's worker yields."""
    io = make()
    gate = anyio.Event()
    started: list[str] = []

    @io.on("wait")
    async def waits(socket: Socket) -> None:
        started.append(socket.id)
        await gate.wait()

    async with running(io) as core:
        clients = [await connected(io, core) for _ in range(100)]
        for client in clients:
            client.client_event("wait")
        await until(lambda: len(started) == 100)
        assert started == [client.id for client in clients]
        assert dispatcher_of(io).running() == 100
        gate.set()
        await until(lambda: dispatcher_of(io).running() == 0)


async def test_acks_pass_handlers(make: Make) -> None:
    io = make()

    @io.on("ask")
    async def ask(socket: Socket) -> Any:
        return await socket.emit_with_ack("question")

    async with running(io) as core:
        client = await connected(io, core)
        client.client_event("ask", ack_id=5)
        client.client_event("ask", ack_id=6)
        await until(lambda: client.sent == [("question",)])
        client.client_ack(0, "first")
        await until(lambda: len(client.sent) == 2)
        client.client_ack(1, "second")
        await until(lambda: len(client.acks) == 2)
        assert client.acks == [(5, ("first",)), (6, ("second",))]


async def test_concurrent_handlers_do_not_hold_back(make: Make) -> None:
    io = make()
    gate = anyio.Event()
    log: list[str] = []

    @io.on("slow", concurrent=True)
    async def slow(socket: Socket, number: int) -> None:
        VARIABLE.set(f"slow {number}")
        log.append(f"start {number}")
        await gate.wait()
        log.append(f"end {VARIABLE.get()}")

    @io.on("quick")
    async def quick(socket: Socket) -> None:
        log.append(f"quick {VARIABLE.get()}")

    async with running(io) as core:
        client = await connected(io, core)
        client.client_event("slow", 1)
        client.client_event("slow", 2)
        client.client_event("quick")
        await until(lambda: len(log) == 3)
        assert log == ["start 1", "start 2", "quick None"]
        gate.set()
        await until(lambda: len(log) == 5)
        assert sorted(log[3:]) == ["end slow 1", "end slow 2"]


async def test_concurrent_handlers_start_in_order_behind_others(make: Make) -> None:
    io = make()
    first, gate = anyio.Event(), anyio.Event()
    log: list[str] = []

    @io.on("first")
    async def waits(socket: Socket) -> None:
        await first.wait()
        log.append("first")

    @io.on("slow", concurrent=True)
    async def slow(socket: Socket) -> None:
        log.append("slow")
        await gate.wait()

    @io.on("quick")
    async def quick(socket: Socket) -> None:
        log.append("quick")

    async with running(io) as core:
        client = await connected(io, core)
        for name in ("first", "slow", "slow", "quick"):
            client.client_event(name)
        await settled()
        assert log == []
        first.set()
        await until(lambda: len(log) == 4)
        assert log == ["first", "slow", "slow", "quick"]
        gate.set()


async def test_several_at_a_time(make: Make) -> None:
    io = make(max_concurrency_per_socket=3)
    gates = [anyio.Event() for _ in range(6)]
    log: list[int] = []

    @io.on("e")
    async def handler(socket: Socket, number: int) -> None:
        log.append(number)
        await gates[number].wait()

    async with running(io) as core:
        client = await connected(io, core)
        for number in range(6):
            client.client_event("e", number)
        await until(lambda: len(log) == 3)
        await settled()
        assert log == [0, 1, 2]
        gates[1].set()
        await until(lambda: len(log) == 4)
        gates[0].set()
        gates[2].set()
        await until(lambda: len(log) == 6)
        assert log == list(range(6))
        for gate in gates:
            gate.set()
        await until(lambda: dispatcher_of(io).running() == 0)
        assert not lane_of(io, client).blocked
        assert client.held == [0, 0]


async def test_the_process_has_a_limit(make: Make) -> None:
    io = make(max_running_handlers=2)
    gates: dict[str, anyio.Event] = {}
    started: list[str] = []
    answers: list[Any] = []

    @io.on("e")
    async def handler(socket: Socket) -> None:
        started.append(socket.id)
        await gates[socket.id].wait()

    @io.on("ask")
    async def ask(socket: Socket) -> None:
        started.append(socket.id)
        answers.append(await socket.emit_with_ack("q"))

    async with running(io) as core:
        clients = [await connected(io, core) for _ in range(5)]
        for client in clients:
            gates[client.id] = anyio.Event()
        clients[0].client_event("ask")
        for client in clients[1:]:
            client.client_event("e")
        late = core.client_connect()
        await until(lambda: len(started) == 2)
        await settled()
        assert len(started) == 2
        assert [client.held[0] for client in clients] == [0, 0, 1, 1, 1]
        assert late.id not in io.sockets
        clients[0].client_ack(0, "yes")  # an answer passes although the process is full
        await until(lambda: answers == ["yes"])
        await until(lambda: len(started) == 3)
        for gate in gates.values():
            gate.set()
        await until(lambda: len(started) == 5 and late.id in io.sockets)
        assert started == [client.id for client in clients]
        assert all(client.held == [0, 0] for client in clients)


async def test_one_context_per_socket(make: Make) -> None:
    io = make()
    seen: list[Any] = []

    @io.use
    async def gate(socket: Socket) -> None:
        VARIABLE.set(f"tenant of {socket.id}")
        await anyio.lowlevel.checkpoint()

    @io.on("connect")
    def connect(socket: Socket) -> None:
        assert current_socket.get() is socket

    @io.on("get")
    async def get(socket: Socket) -> None:
        assert current_socket.get() is socket
        await anyio.lowlevel.checkpoint()
        assert current_socket.get() is socket
        seen.append((socket.id, VARIABLE.get()))

    @io.on("set")
    def set_(socket: Socket, value: str) -> None:
        VARIABLE.set(value)

    VARIABLE.set("program")
    async with running(io) as core:
        one, other = await connected(io, core), await connected(io, core)
        one.client_event("get")
        one.client_event("set", "changed")
        one.client_event("get")
        other.client_event("get")
        await until(lambda: len(seen) == 3)
        assert sorted(seen) == sorted(
            [(one.id, f"tenant of {one.id}"), (one.id, "changed"), (other.id, f"tenant of {other.id}")]
        )
    assert VARIABLE.get() == "program"
    assert current_socket.get(None) is None


async def test_a_task_of_a_handler_inherits_its_context(make: Make) -> None:
    io = make()
    seen: list[Any] = []

    async def child() -> None:
        await anyio.lowlevel.checkpoint()
        seen.append(current_socket.get().id)

    @io.on("e")
    async def handler(socket: Socket) -> None:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(child)
            tasks.start_soon(child)

    async with running(io) as core:
        client = await connected(io, core)
        client.client_event("e")
        await until(lambda: seen == [client.id, client.id])


@pytest.mark.parametrize("kind", [ValueError, GeneratorExit, BaseException])
@pytest.mark.parametrize("late", [False, True])
async def test_no_error_of_a_handler_ends_anything(
    make: Make, caplog: pytest.LogCaptureFixture, kind: type[BaseException], late: bool
) -> None:
    io = make()

    @io.on("bad")
    async def bad(socket: Socket) -> None:
        if late:
            await anyio.lowlevel.checkpoint()
        raise kind("boom")

    @io.on("good")
    async def good(socket: Socket) -> str:
        return "ok"

    async with running(io) as core:
        client = await connected(io, core)
        client.client_event("bad", ack_id=1)
        client.client_event("good", ack_id=2)
        await until(lambda: client.acks)
        assert client.acks == [(2, ("ok",))]
    [record] = [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert record.exc_info is not None
    assert isinstance(record.exc_info[1], kind)
    assert (record.sid, record.nsp, record.event) == (client.id, "/", "bad")  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "anyio_backend",
    [("asyncio", {"use_uvloop": False}), ("asyncio", {"use_uvloop": True})],
    ids=["asyncio", "uvloop"],
)
@pytest.mark.parametrize("itself", [False, True])
async def test_a_stray_cancellation_is_an_error_of_the_handler(
    make: Make, caplog: pytest.LogCaptureFixture, itself: bool
) -> None:
    io = make()

    @io.on("bad")
    async def bad(socket: Socket) -> None:
        if itself:
            task: Any = asyncio.current_task()
        else:
            task = asyncio.ensure_future(asyncio.sleep(10))
        task.cancel()
        await (asyncio.sleep(0) if itself else task)

    @io.on("good")
    async def good(socket: Socket) -> str:
        await anyio.sleep(0.001)
        return "ok"

    async with running(io) as core:
        client = await connected(io, core)
        for number in range(10):
            client.client_event("bad")
            client.client_event("good", ack_id=number)
        await until(lambda: len(client.acks) == 10)
    assert sum(record.levelno >= logging.ERROR for record in caplog.records) == 10


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit])
@pytest.mark.parametrize("how", ["def", "async", "suspended", "grouped"])
async def test_the_end_of_the_program_goes_through_the_close(make: Make, kind: type[BaseException], how: str) -> None:
    io = make()
    left: list[str] = []

    async def raises() -> None:
        await anyio.lowlevel.checkpoint()
        raise kind(3)

    if how == "def":

        @io.on("end")
        def end(socket: Socket) -> None:
            raise kind(3)
    elif how == "grouped":

        @io.on("end")
        async def end_in_group(socket: Socket) -> None:
            raise BaseExceptionGroup("g", [ValueError(), BaseExceptionGroup("h", [kind(3)])])
    else:

        @io.on("end")
        async def end_later(socket: Socket) -> None:
            if how == "suspended":
                await anyio.lowlevel.checkpoint()
            raise kind(3)

    @io.on("disconnect")
    def gone(socket: Socket, reason: str) -> None:
        left.append(reason)

    async def client_of(core: Any) -> None:
        client = await connected(io, core)
        client.client_event("end")

    caught: BaseException | None = None
    async with anyio.create_task_group() as tasks:
        core: Any = io._core
        tasks.start_soon(client_of, core)
        try:
            await io.serve("127.0.0.1", 0)
        except (KeyboardInterrupt, SystemExit) as error:
            caught = error
    assert isinstance(caught, kind)
    assert left == ["server shutting down"]
    assert core.joins == 1


async def test_events_before_a_peers_end_still_run(make: Make) -> None:
    io = make()
    gate = anyio.Event()
    log: list[str] = []

    @io.on("e")
    async def handler(socket: Socket, number: int) -> None:
        await gate.wait()
        log.append(f"{number} {socket.connected}")

    @io.on("disconnecting")
    def leaving(socket: Socket, reason: str) -> None:
        log.append(f"disconnecting {reason} {sorted(socket.rooms)}")
        assert not socket.join("late").accepted

    @io.on("disconnect")
    def gone(socket: Socket, reason: str) -> None:
        log.append(f"disconnect {reason} {sorted(socket.rooms)}")

    async with running(io) as core:
        client = await connected(io, core)
        socket = io.sockets[client.id]
        client.join(("room",))
        client.client_event("e", 1)
        client.client_event("e", 2)
        client.client_leave("ping timeout")
        client.client_event("e", 3)
        await until(lambda: client.id not in io.sockets)
        assert log == []
        gate.set()
        await until(lambda: len(log) >= 4)
        await settled()
        assert log == [
            "1 False",
            "2 False",
            f"disconnecting ping timeout {sorted((client.id, 'room'))}",
            "disconnect ping timeout []",
        ]
        assert set(socket.rooms) == set()
        assert client.held == [0, 0]


async def test_events_after_our_own_end_are_dropped(make: Make) -> None:
    io = make()
    log: list[str] = []

    @io.on("leave")
    async def leave(socket: Socket, suspended: bool) -> None:
        if suspended:
            await anyio.lowlevel.checkpoint()
        socket.disconnect()
        assert socket.id not in io.sockets
        log.append("left")

    @io.on("e")
    def handler(socket: Socket) -> None:
        log.append("event")

    @io.on("disconnect")
    def gone(socket: Socket, reason: str) -> None:
        log.append(reason)

    async with running(io) as core:
        for suspended in (False, True):
            client = await connected(io, core)
            client.client_event("e")
            client.client_event("leave", suspended)
            client.client_event("e")
            client.client_event("e")
            await until(lambda: "server namespace disconnect" in log)
            assert log == ["event", "left", "server namespace disconnect"]
            assert client.held == [0, 0]
            log.clear()


async def test_disconnect_handlers_do_not_wait_for_ever(make: Make, caplog: pytest.LogCaptureFixture) -> None:
    io = make(disconnect_wait=3)
    gate = anyio.Event()
    log: list[str] = []

    @io.on("e")
    async def handler(socket: Socket, number: int) -> None:
        log.append(f"start {number}")
        await gate.wait()
        log.append(f"end {number}")

    @io.on("disconnect")
    async def gone(socket: Socket, reason: str) -> None:
        await anyio.lowlevel.checkpoint()
        log.append(reason)

    async with running(io) as core:
        client = await connected(io, core)
        client.client_event("e", 1)
        client.client_event("e", 2)
        client.client_leave()
        await until(lambda: 3 in core.deadlines.values())
        assert log == ["start 1"]
        core.expire(3)
        await until(lambda: len(log) == 2)
        gate.set()
        await until(lambda: len(log) == 3)
        await settled()
        assert log == ["start 1", "transport close", "end 1"]
        assert client.held == [0, 0]
    assert "1 events of socket" in caplog.text


async def test_a_disconnect_in_time_cancels_its_deadline(make: Make) -> None:
    io = make(disconnect_wait=3)
    gate = anyio.Event()

    @io.on("e")
    async def handler(socket: Socket) -> None:
        await gate.wait()

    async with running(io) as core:
        client = await connected(io, core)
        client.client_event("e")
        client.client_leave()
        await until(lambda: 3 in core.deadlines.values())
        gate.set()
        await until(lambda: not core.deadlines)
        assert len(core.cancelled) == 1


async def test_disconnect_settles_acks_at_once(make: Make) -> None:
    io = make()
    log: list[Any] = []

    @io.on("ask")
    async def ask(socket: Socket) -> None:
        try:
            await socket.emit_with_ack("q")
        except ConnectionError as error:
            log.append(error.reason)  # type: ignore[attr-defined]
        try:
            await socket.emit_with_ack("q")
        except ConnectionError as error:
            log.append(error.reason)  # type: ignore[attr-defined]
        log.append(socket.emit("x").accepted)

    async with running(io) as core:
        client = await connected(io, core)
        client.client_event("ask")
        await until(lambda: client.sent)
        client.client_leave("ping timeout")
        await until(lambda: len(log) == 3)
        assert log == ["ping timeout", "ping timeout", False]


async def test_drained_passes_handlers(make: Make) -> None:
    io = make()
    log: list[str] = []

    @io.on("e")
    async def handler(socket: Socket) -> None:
        await socket.emit("big")
        log.append("went on")

    async with running(io) as core:
        client = await connected(io, core)
        client.emit_code, client.buffered_amount = 1, 5000
        client.client_event("e")
        await until(lambda: client.sent)
        await settled()
        assert log == []
        core.push((4, client.session))
        await until(lambda: log)


async def test_log_notices(make: Make, caplog: pytest.LogCaptureFixture) -> None:
    io = make()
    async with running(io) as core:
        core.push((6, logging.WARNING, "sio_fast.engine", "50% of it"))
        await until(lambda: caplog.records)
    [record] = caplog.records
    assert (record.name, record.levelno, record.getMessage()) == ("sio_fast.engine", logging.WARNING, "50% of it")


async def test_the_loop_breathes_under_load(make: Make) -> None:
    io = make()
    seen: list[int] = []
    progress: list[int] = []

    @io.on("e")
    def handler(socket: Socket, number: int) -> None:
        seen.append(number)

    @io.on("wait")
    async def wait(socket: Socket) -> None:
        await anyio.sleep(0.002)

    async def other() -> None:
        while len(seen) < 40_000:
            progress.append(len(seen))
            await anyio.lowlevel.checkpoint()

    async with running(io) as core:
        client, held = await connected(io, core), await connected(io, core)
        held.client_event("wait")
        for number in range(20_000):
            client.client_event("e", number)
            held.client_event("e", number)
        progress.clear()
        await other()
        assert len(seen) == 40_000
    # A batch is under 1 ms of work, so a few dozen turns at least; one would mean that nobody else had run.
    assert len(set(progress)) > 10


async def test_a_core_that_fails_ends_the_server(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    io = make()
    core: Any = io._core
    real = core.drain

    def drain(count: int) -> Any:
        monkeypatch.setattr(core, "drain", real)
        raise OSError("the mailbox is broken")

    monkeypatch.setattr(core, "drain", drain)
    core.push((6, logging.INFO, "sio_fast.engine", "something to drain"))
    with pytest.raises(OSError, match="broken"):
        with anyio.fail_after(10):
            await io.serve("127.0.0.1", 0)


async def test_cancelled_in_the_middle(make: Make) -> None:
    io = make()
    log: list[str] = []

    @io.on("e")
    async def handler(socket: Socket) -> None:
        try:
            await anyio.sleep_forever()
        finally:
            log.append("cancelled")

    core: Any = io._core
    async with anyio.create_task_group() as tasks:
        await tasks.start(io.serve, "127.0.0.1", 0)
        client = await connected(io, core)
        client.client_event("e")
        await until(lambda: dispatcher_of(io).running() == 1)
        tasks.cancel_scope.cancel()
    assert log == ["cancelled"]
    assert core.joins == 1
    assert len(io.sockets) == 0
    assert io._lifetime is None


async def test_the_slices_are_not_longer_than_promised() -> None:
    assert dispatch._SLICE_SECONDS <= 0.001
    assert dispatch._BATCH == 256
