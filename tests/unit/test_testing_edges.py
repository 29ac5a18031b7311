"""Clients in process when something goes wrong: handlers that hang, crash or flood, tests that fail or are cancelled."""

from __future__ import annotations

import asyncio
import logging
import threading
from typing import Any

import anyio
import anyio.to_thread
import pytest
import trio
import trio.testing
from anyio.lowlevel import checkpoint

from sio_fast import InvalidPayload, Packet, Reason, RejectEvent, Server, Socket
from sio_fast.testing import HandshakeError, TestClient
from sio_fast.testing.settling import quiet


@pytest.fixture(params=["websocket", "polling"])
def transport(request: pytest.FixtureRequest) -> Any:
    return request.param


@pytest.fixture
def io() -> Server[Socket]:
    io = Server()
    io.on("echo")(lambda socket, *args: args)
    return io


@pytest.mark.anyio
async def test_a_handler_that_never_ends_costs_the_grace_and_no_more(io: Server[Socket], transport: Any) -> None:
    ends: list[str] = []
    io.on("disconnect")(lambda socket, reason: ends.append(reason))

    @io.on("hang")
    async def hang(socket: Socket) -> None:
        try:
            await anyio.sleep_forever()
        finally:
            ends.append("cancelled")

    async with TestClient(io, transport=transport, grace=0.01) as client:
        a = await client.connect()
        await a.emit("hang")
        await a.expect_nothing()
    assert ends == ["server shutting down", "cancelled"]


@pytest.mark.anyio
@pytest.mark.parametrize("fatal", [SystemExit(3), KeyboardInterrupt()])
async def test_what_ends_the_program_ends_the_test(io: Server[Socket], fatal: BaseException, transport: Any) -> None:
    @io.on("exit")
    async def leave(socket: Socket) -> None:
        await checkpoint()
        raise fatal

    async with TestClient(io, transport=transport, raise_server_exceptions=False) as client:
        a = await client.connect()
        with pytest.raises(type(fatal)):
            await a.emit_with_ack("exit")
    async with TestClient(io, transport=transport) as client:
        assert await (await client.connect()).emit_with_ack("echo", 1) == 1


@pytest.mark.anyio
async def test_a_cancelled_test_ends_the_server_at_once(io: Server[Socket], transport: Any) -> None:
    @io.on("hang")
    async def hang(socket: Socket) -> None:
        await anyio.sleep_forever()

    with anyio.move_on_after(0.05) as scope:
        async with TestClient(io, transport=transport, grace=60) as client:
            await (await client.connect()).emit("hang")
            await anyio.sleep_forever()
    assert scope.cancelled_caught
    with anyio.move_on_after(0.05) as scope:
        async with TestClient(io, transport=transport, grace=60) as client:
            await (await client.connect()).emit("hang")
    assert scope.cancelled_caught
    async with TestClient(io, transport=transport) as client:
        assert await (await client.connect()).emit_with_ack("echo", 1) == 1


@pytest.mark.anyio
@pytest.mark.parametrize("outcome", [pytest.fail, pytest.skip])
async def test_outcomes_of_pytest_pass_through(io: Server[Socket], outcome: Any) -> None:
    async def run() -> None:
        async with TestClient(io) as client:
            await client.connect()
            outcome("because")

    with pytest.raises(outcome.Exception, match="because"):
        await run()


@pytest.mark.anyio
async def test_a_fault_at_the_end_leaves_the_end_in_order(io: Server[Socket], transport: Any) -> None:
    ends: list[str] = []

    @io.on("boom")
    def boom(socket: Socket) -> None:
        raise LookupError("a bug")

    @io.on("disconnect")
    async def gone(socket: Socket, reason: Reason) -> None:
        await anyio.sleep(0.01)
        ends.append(reason)
        raise LookupError("another bug")

    async def run() -> None:
        async with TestClient(io, transport=transport) as client:
            (await client.connect()).emit("boom")

    with pytest.raises(LookupError, match="a bug") as failed:
        await run()
    assert ends == ["server shutting down"]
    assert failed.value.__notes__ == ["and code of the server failed: LookupError('another bug')"]


@pytest.mark.anyio
async def test_faults_need_no_log(io: Server[Socket]) -> None:
    @io.on("boom")
    def boom(socket: Socket) -> None:
        raise LookupError("a bug")

    logging.disable(logging.CRITICAL)
    try:
        async with TestClient(io) as client:
            a = await client.connect()
            with pytest.raises(LookupError):
                await a.emit("boom")
    finally:
        logging.disable(logging.NOTSET)


@pytest.mark.anyio
async def test_faults_of_everything_that_is_the_applications(io: Server[Socket]) -> None:
    def fail(*args: Any) -> Any:
        raise LookupError("a bug")

    async def fail_later(*args: Any) -> Any:
        await checkpoint()
        raise LookupError("a bug")

    for gate in (fail, fail_later):
        other = Server(allow_request=gate)
        async with TestClient(other) as client:
            with pytest.raises(LookupError):
                await client.connect()
    io.of("/gated").use(fail_later)
    io.of(lambda name, auth: fail() if name == "/asked" else False)
    io.on("task")(lambda socket: io.start_soon(fail_later))
    io.on("disconnect")(lambda socket, reason: fail() if reason == "server shutting down" else None)

    async def run() -> None:
        async with TestClient(io) as client:
            for nsp in ("/gated", "/asked"):
                with pytest.raises(LookupError):
                    await client.connect(nsp)
            a = await client.connect()
            with pytest.raises(LookupError):
                await a.emit("task")
            a.on("news")(fail_later)
            io.emit("news")
            with pytest.raises(LookupError):
                await client.settle()

    with pytest.raises(LookupError):
        await run()


@pytest.mark.anyio
async def test_what_does_not_fit_or_is_rejected_is_raised(io: Server[Socket]) -> None:
    io.on("one")(lambda socket, value: value)

    @io.use_event
    def gate(socket: Socket, packet: Packet) -> None:
        if packet.name == "admin":
            raise RejectEvent("not you")

    async with TestClient(io) as client:
        a = await client.connect()
        with pytest.raises(InvalidPayload, match="2 arguments came, the handler takes 1"):
            await a.emit_with_ack("one", 1, 2)
        with pytest.raises(RejectEvent, match="not you"):
            await a.emit("admin")
        assert await a.emit_with_ack("one", 1) == 1


@pytest.mark.anyio
async def test_on_error_hears_instead(io: Server[Socket]) -> None:
    heard: list[BaseException] = []
    io.on_error(LookupError)(lambda socket, packet, error: heard.append(error))

    @io.on("boom")
    def boom(socket: Socket) -> None:
        raise LookupError("a bug")

    async with TestClient(io) as client:
        await (await client.connect()).emit("boom")
        assert len(heard) == 1


@pytest.mark.anyio
async def test_two_servers_keep_their_faults_apart(io: Server[Socket]) -> None:
    other = Server()

    @other.on("boom")
    def boom(socket: Socket) -> None:
        raise LookupError("a bug")

    async with TestClient(io) as client, TestClient(other) as another:
        a, b = await client.connect(), await another.connect()
        b.emit("boom")
        await client.settle()
        assert await a.emit_with_ack("echo", 1) == 1
        with pytest.raises(LookupError):
            await another.settle()


@pytest.mark.anyio
async def test_settling_waits_for_all_that_can_run(io: Server[Socket], transport: Any) -> None:
    done: list[int] = []

    @io.on("work")
    async def work(socket: Socket, depth: int) -> None:
        for _ in range(20):
            await checkpoint()
        done.append(depth)
        if depth:
            assert await socket.emit_with_ack("more", depth) == depth
            io.start_soon(later)

    async def later() -> None:
        for _ in range(20):
            await checkpoint()
        done.append(-1)

    async with TestClient(io, transport=transport) as client:
        a = await client.connect()

        @a.on("more")
        async def more(depth: int) -> int:
            await checkpoint()
            a.emit("work", depth - 1)
            return depth

        await a.emit("work", 3)
        assert sorted(done) == [-1, -1, -1, 0, 1, 2, 3]


@pytest.mark.anyio
async def test_several_may_settle_at_a_time(io: Server[Socket], transport: Any) -> None:
    async with TestClient(io, transport=transport) as client:
        clients = [await client.connect() for _ in range(3)]
        async with anyio.create_task_group() as tasks:
            for each in clients:
                tasks.start_soon(each.expect_nothing)
                tasks.start_soon(client.settle)
                tasks.start_soon(each.emit_with_ack, "echo", 1)


@pytest.mark.anyio
async def test_who_never_waits_is_named() -> None:
    async def spin() -> None:
        while True:
            await checkpoint()

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(spin)
        with pytest.raises(RuntimeError, match=r"nothing has settled within 0\.05 s: some task never waits"):
            await quiet(0.05)
        tasks.cancel_scope.cancel()


@pytest.mark.anyio
async def test_threads_emit_and_handle(io: Server[Socket], transport: Any) -> None:
    @io.on("where", thread=True)
    def where(socket: Socket) -> int:
        socket.emit("from a thread")
        return threading.get_ident()

    async with TestClient(io, transport=transport) as client:
        a = await client.connect()
        assert await a.emit_with_ack("where") != threading.get_ident()
        assert await a.expect("from a thread") == ()
        await anyio.to_thread.run_sync(io.emit, "news", 1)
        await client.settle()
        assert a.waiting == ((1,),)


@pytest.mark.anyio
async def test_a_slow_client_piles_up_and_is_closed(transport: Any) -> None:
    io = Server(max_buffered_bytes=10_000, high_water_mark=2_000)
    reasons: list[str] = []
    io.on("disconnect")(lambda socket, reason: reasons.append(f"{reason}: {socket.disconnect_detail}"))
    async with TestClient(io, transport=transport) as client:
        a = await client.connect()
        a.pause_reading()
        io.emit("first")  # what is under way already
        await client.settle()
        for number in range(5):
            io.emit("news", number, "x" * 1000)
        await client.settle()
        assert io.sockets[a.id].buffered_amount > 5000
        a.resume_reading()
        await client.settle()
        assert io.sockets[a.id].buffered_amount == 0
        assert [each.event for each in a.waiting] == ["first", *["news"] * 5]
        a.pause_reading()
        for _ in range(12):
            io.emit("news", "x" * 1000)
        await client.settle()
        [reason] = reasons
        assert reason.startswith("transport error: slow consumer")
        a.resume_reading()
        assert await a.expect_disconnect() == "transport close"


@pytest.mark.anyio
async def test_a_paused_client_does_not_hold_up_the_end(io: Server[Socket], transport: Any) -> None:
    async with TestClient(io, transport=transport, grace=600) as client:
        a = await client.connect()
        a.pause_reading()
        io.emit("news")
        await client.settle()
    assert await a.expect_disconnect() == "transport close"


@pytest.mark.anyio
async def test_a_flood_is_held_back_and_arrives(transport: Any) -> None:
    io = Server(max_queued_events=10)
    go, seen = anyio.Event(), list[int]()

    @io.on("n")
    async def count(socket: Socket, number: int) -> None:
        await go.wait()
        seen.append(number)

    async with TestClient(io, transport=transport) as client:
        a = await client.connect()
        for number in range(100):
            a.emit("n", number)
        await client.settle()
        assert io.stats()["events_queued"] < 100
        go.set()
        await client.settle()
        assert seen == list(range(100))


@pytest.mark.anyio
async def test_a_message_that_is_too_large_ends_the_session(transport: Any) -> None:
    io = Server(max_http_buffer_size=1000)
    async with TestClient(io, transport=transport) as client:
        a = await client.connect()
        await a.emit("x", "y" * 2000)
        assert await a.expect_disconnect() in ("transport close", "transport error")


@pytest.mark.anyio
async def test_many_large_messages_share_no_body_that_is_too_large(transport: Any) -> None:
    io = Server(max_http_buffer_size=1000)
    sizes: list[int] = []
    io.on("x")(lambda socket, text, data: sizes.append(len(text) + len(data)))
    async with TestClient(io, transport=transport) as client:
        a = await client.connect()
        for _ in range(10):
            a.emit("x", "é" * 200, b"y" * 300)
        await client.settle()
        assert sizes == [500] * 10


@pytest.mark.anyio
async def test_disconnect_wait_is_on_the_clock(transport: Any) -> None:
    io = Server(disconnect_wait=7)
    order: list[str] = []

    @io.on("hang")
    async def hang(socket: Socket) -> None:
        await anyio.sleep_forever()

    @io.on("disconnect")
    def gone(socket: Socket, reason: Reason) -> None:
        order.append(reason)

    async with TestClient(io, transport=transport, grace=0.01) as client:
        a = await client.connect()
        await a.emit("hang")
        await client.drop(a)
        await client.advance(6.9)
        assert order == []
        await client.advance(0.2)
        assert len(order) == 1


@pytest.mark.anyio
async def test_what_cannot_be_asked_is_refused(io: Server[Socket]) -> None:
    with pytest.raises(ValueError, match="transport is 'webtransport'"):
        TestClient(io, transport="webtransport")  # type: ignore[arg-type]
    async with TestClient(io) as client:
        with pytest.raises(ValueError, match="0 or more seconds"):
            await client.advance(-1)
        with pytest.raises(ValueError, match="transport is 'x'"):
            await client.connect(transport="x")  # type: ignore[arg-type]
        a = await client.connect()
        with pytest.raises(TypeError, match="has no JSON form"):
            a.emit("x", object())
        with pytest.raises(TypeError, match="position only"):
            a.emit("x", colour=1)  # type: ignore[call-overload]
        with pytest.raises(ValueError, match="reserved event name"):
            a.emit("disconnect")


def test_the_two_halves_of_a_fixture_may_be_two_tasks(io: Server[Socket]) -> None:
    """As pytest-asyncio runs them."""
    gone: list[str] = []
    io.on("disconnect")(lambda socket, reason: gone.append(reason))

    async def main() -> None:
        client = TestClient(io)
        await asyncio.create_task(client.__aenter__())
        a = await asyncio.create_task(client.connect())
        assert await a.emit_with_ack("echo", 1) == 1
        await asyncio.create_task(client.__aexit__(None, None, None))

    asyncio.run(main())
    assert gone == ["server shutting down"]


def test_trios_own_clock_moves_what_this_one_does_not(io: Server[Socket]) -> None:
    @io.on("slow")
    async def slow(socket: Socket) -> str:
        await anyio.sleep(3600)
        return "at last"

    client = TestClient(io, timeout=4000)

    async def main() -> None:
        async with client:
            a = await client.connect()
            assert await a.emit_with_ack("slow") == "at last"
            assert client.now == 0

    trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))
    # The same object may be used again, and on another loop.
    asyncio.run(enter(client))


async def enter(client: TestClient) -> None:
    async with client:
        await client.connect()


@pytest.mark.anyio
async def test_connect_timeout_is_on_the_clock(transport: Any) -> None:
    async def wait(*args: Any) -> None:
        await anyio.sleep_forever()

    io = Server(connect_timeout=30)
    io.use(wait)
    judged = Server(connect_timeout=30, allow_request=wait)
    refused: list[float] = []
    for server, error, text in (
        (io, AssertionError, r"has not answered the CONNECT to '/' before the end \(transport close\)"),
        (judged, HandshakeError, "status 400"),
    ):
        async with TestClient(server, transport=transport, grace=0.01) as client:

            async def connect(client: TestClient = client, error: Any = error, text: str = text) -> None:
                with pytest.raises(error, match=text):
                    await client.connect()
                refused.append(client.now)

            async with anyio.create_task_group() as tasks:
                tasks.start_soon(connect)
                await client.settle()
                await client.advance(29.9)
                assert refused == []
                await client.advance(0.2)
        assert len(refused) == 1
        refused.clear()
