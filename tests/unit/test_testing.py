"""Clients in process: what they send, get, expect and refuse to wait for."""

from __future__ import annotations

from typing import Any

import anyio
import pytest
from anyio.lowlevel import checkpoint

from sio_fast import AckTimeout, ConnectError, DisconnectedError, Reason, Server, Socket
from sio_fast.testing import HandshakeError, TestClient

pytestmark = pytest.mark.anyio


@pytest.fixture(params=["websocket", "polling"])
def transport(request: pytest.FixtureRequest) -> Any:
    return request.param


@pytest.fixture
def io() -> Server[Socket]:
    io = Server()
    io.on("echo")(lambda socket, *args: args)
    return io


async def test_private_message(io: Server[Socket], transport: Any) -> None:
    @io.on("private message")
    async def private_message(socket: Socket, to: str, text: str) -> str:
        socket.to(to).emit("private message", socket.id, text)
        return "ok"

    async with TestClient(io, transport=transport) as client:
        a = await client.connect(auth={"token": "alice"})
        b = await client.connect(auth={"token": "bob"})
        assert a.transport == transport
        assert await a.emit_with_ack("private message", b.id, "hi") == "ok"
        assert await b.expect("private message") == (a.id, "hi")
        await a.expect_nothing(within=0.05)
        await b.expect_nothing()


async def test_answers_are_nothing_a_value_or_a_tuple(io: Server[Socket], transport: Any) -> None:
    async with TestClient(io, transport=transport) as client:
        a = await client.connect()
        assert await a.emit_with_ack("echo") is None
        assert await a.emit_with_ack("echo", [1, "ü", None]) == [1, "ü", None]
        assert await a.emit_with_ack("echo", 1, 2) == (1, 2)


async def test_attachments_travel_both_ways(io: Server[Socket], transport: Any) -> None:
    async with TestClient(io, transport=transport) as client:
        a = await client.connect()
        assert await a.emit_with_ack("echo", {"a": b"\x00\xff"}, b"2") == ({"a": b"\x00\xff"}, b"2")
        io.emit("news", b"3", 4)
        assert await a.expect("news") == (b"3", 4)


async def test_the_handshake_has_what_the_test_says(io: Server[Socket], transport: Any) -> None:
    async with TestClient(io, transport=transport) as client:
        a = await client.connect(auth={"token": "t"}, headers={"X-Tenant": "x"}, query={"v": "ü 1"}, address="10.1.2.3")
        handshake = io.sockets[a.id].handshake
        assert handshake.auth == {"token": "t"}
        assert handshake.headers["x-tenant"] == "x"
        assert handshake.query["v"] == "ü 1"
        assert handshake.address == "10.1.2.3"
        assert handshake.scope is not None
        assert handshake.scope["path"] == "/socket.io/"


async def test_a_middleware_refuses(io: Server[Socket], transport: Any) -> None:
    @io.use
    async def gate(socket: Socket) -> None:
        if socket.handshake.auth.get("token") != "good":
            raise ConnectError("unknown user", data={"code": 401})

    async with TestClient(io, transport=transport) as client:
        with pytest.raises(ConnectError, match=r"^unknown user$") as refused:
            await client.connect(auth={"token": "bad"})
        assert refused.value.data == {"code": 401}
        assert (await client.connect(auth={"token": "good"})).connected
        with pytest.raises(ConnectError, match="Invalid namespace"):
            await client.connect("/nowhere")
        await client.settle()
        assert io.engine.clients_count == 1


async def test_the_handshake_is_refused(transport: Any) -> None:
    def judge(request: Any) -> bool:
        return "cookie" in request.headers

    io = Server(allow_request=judge, cors_allowed_origins="https://app.example")
    async with TestClient(io, transport=transport) as client:
        with pytest.raises(HandshakeError, match="status 403") as refused:
            await client.connect()
        assert refused.value.status == 403
        assert refused.value.body == '{"code":4,"message":"Forbidden"}'
        assert refused.value.headers["content-type"] == "application/json"
        with pytest.raises(HandshakeError):
            await client.connect(headers={"origin": "https://evil.example", "cookie": "a=b"})
        await client.connect(headers={"origin": "https://app.example", "cookie": "a=b"})


async def test_namespaces_share_a_connection(io: Server[Socket], transport: Any) -> None:
    admin = io.of("/admin")

    @admin.use
    def gate(socket: Socket) -> None:
        if not socket.handshake.auth:
            raise ConnectError("no")

    async with TestClient(io, transport=transport) as client:
        a = await client.connect()
        with pytest.raises(ConnectError, match=r"^no$"):
            await a.of("/admin")
        b = await a.of("/admin", auth={"token": 1})
        assert io.engine.clients_count == 1
        assert admin.sockets[b.id].handshake.auth == {"token": 1}
        io.emit("x", 1)
        admin.emit("x", 2)
        assert await b.expect("x") == (2,)
        assert await a.expect("x") == (1,)
        with pytest.raises(ValueError, match="in namespace '/admin' already"):
            await a.of("/admin")
        await a.disconnect()
        assert b.connected
        await client.drop(b)
        assert not b.connected


async def test_who_leaves_and_why(io: Server[Socket], transport: Any) -> None:
    reasons: list[str] = []

    @io.on("disconnect")
    async def gone(socket: Socket, reason: Reason) -> None:
        await checkpoint()
        reasons.append(reason)

    @io.on("out")
    def out(socket: Socket, close: bool) -> None:
        socket.disconnect(close=close)

    async with TestClient(io, transport=transport) as client:
        a = await client.connect()
        await client.drop(a)
        assert reasons == ["transport close" if transport == "websocket" else "transport error"]
        assert await a.expect_disconnect() == "transport close"

        b = await client.connect()
        await b.disconnect()
        assert reasons[1:] == ["client namespace disconnect"]
        assert await b.expect_disconnect() == "io client disconnect"
        assert io.engine.clients_count == 0

        for close in (False, True):
            c = await client.connect()
            await c.emit("out", close)
            assert await c.expect_disconnect() == "io server disconnect"
        assert reasons[2:] == ["server namespace disconnect"] * 2

        d = await client.connect()
    assert reasons[4:] == ["server shutting down"]
    assert not d.connected
    assert await d.expect_disconnect() == "transport close"


async def test_the_same_server_runs_again(io: Server[Socket], transport: Any) -> None:
    for _ in range(3):
        async with TestClient(io, transport=transport) as client:
            a = await client.connect()
            assert await a.emit_with_ack("echo", 1) == 1
    with pytest.raises(RuntimeError, match="the server does not run: write `async with"):
        await client.connect()


async def test_expect_keeps_order_and_others(io: Server[Socket], transport: Any) -> None:
    async with TestClient(io, transport=transport) as client:
        a = await client.connect()
        for number in range(3):
            io.emit("n", number)
            io.emit("other", number)
        assert [await a.expect("n") for _ in range(3)] == [(0,), (1,), (2,)]
        await client.settle()
        assert [(each.event, *each) for each in a.waiting] == [("other", 0), ("other", 1), ("other", 2)]
        await a.expect_nothing("n")
        with pytest.raises(AssertionError, match="expected nothing, but these events wait: <'other': "):
            await a.expect_nothing()
        with pytest.raises(AssertionError, match="expected no 'n' or 'other', but these"):
            await a.expect_nothing("other", "n")
        with pytest.raises(AssertionError, match=r"expected 'n', which did not come within 0\.01 s; these events wait"):
            await a.expect("n", timeout=0.01)


async def test_expecting_ends_with_the_connection(io: Server[Socket], transport: Any) -> None:
    async with TestClient(io, transport=transport) as client:
        a = await client.connect()
        async with anyio.create_task_group() as tasks:

            async def leave() -> None:
                io.disconnect_sockets()

            tasks.start_soon(leave)
            with pytest.raises(AssertionError, match=r"did not come before the end \(io server disconnect\)"):
                await a.expect("n", timeout=60)
        with pytest.raises(DisconnectedError, match="io server disconnect"):
            await a.emit_with_ack("echo")
        with pytest.raises(DisconnectedError, match="io server disconnect"):
            a.emit("echo")


async def test_the_server_is_answered(io: Server[Socket], transport: Any) -> None:
    async with TestClient(io, transport=transport) as client:
        a = await client.connect()
        answers: list[Any] = []

        async def ask(*args: Any) -> None:
            answers.append(await io.sockets[a.id].emit_with_ack("status?", *args))

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(ask, 1)
            question = await a.expect("status?")
            assert question == (1,)
            assert question.ack_requested
            await question.ack("fine", b"x")
        assert answers == [("fine", b"x")]
        with pytest.raises(RuntimeError, match="has been answered"):
            question.ack()

        @a.on("status?")
        async def status(number: int) -> str:
            await checkpoint()
            return f"by itself {number}"

        await ask(2)
        assert answers[1:] == ["by itself 2"]
        io.emit("plain")
        plain = await a.expect("plain")
        with pytest.raises(RuntimeError, match="wants no answer"):
            plain.ack()


async def test_no_answer(io: Server[Socket]) -> None:
    async with TestClient(io) as client:
        a = await client.connect()
        client.timeout = 0.01
        with pytest.raises(AckTimeout) as late:
            await a.emit_with_ack("nobody handles this")
        client.timeout = 5
        with pytest.raises(AckTimeout):
            await a.emit_with_ack("nobody handles this", timeout=0)
        assert "no answer to 'nobody handles this' came within 0.01 s; no event waits" in late.value.__notes__


async def test_a_silent_client_times_out(io: Server[Socket], transport: Any) -> None:
    reasons: list[str] = []
    io.on("disconnect")(lambda socket, reason: reasons.append(reason))
    async with TestClient(io, transport=transport) as client:
        a = await client.connect()
        b = await client.connect()
        await client.advance(1000)
        assert reasons == []
        assert client.now == pytest.approx(1000)
        b.answer_pings = False
        await client.advance(46)
        assert reasons == ["ping timeout"]
        assert await b.expect_disconnect() == "transport close"
        assert a.connected


async def test_deadlines_come_in_order(io: Server[Socket]) -> None:
    order: list[Any] = []

    @io.on("ask")
    async def ask(socket: Socket, seconds: float) -> None:
        try:
            await socket.timeout(seconds).emit_with_ack("question")
        except AckTimeout:
            order.append(seconds)

    @io.on("vote")
    async def vote(socket: Socket) -> None:
        try:
            await io.timeout(6).emit_with_ack("vote")
        except AckTimeout as late:
            order.append(("vote", client.now, len(late.missing)))

    async with TestClient(io) as client:
        clients = [await client.connect() for _ in range(3)]
        for each, seconds in zip(clients, (5, 3, 4), strict=True):
            await each.emit("ask", seconds)
        await (await client.connect()).emit("vote")
        await client.advance(2.9)
        assert order == []
        await client.advance(10)
        assert order == [3, 4, 5, ("vote", pytest.approx(6), 4)]


async def test_faults_of_handlers_are_raised(io: Server[Socket], transport: Any) -> None:
    @io.on("boom")
    async def boom(socket: Socket) -> None:
        await checkpoint()
        raise LookupError("a bug")

    @io.on("connect")
    def come(socket: Socket) -> None:
        if socket.handshake.auth:
            raise LookupError("another bug")

    async with TestClient(io, transport=transport) as client:
        a = await client.connect()
        for step in (a.emit_with_ack("boom"), a.emit("boom"), ask_and_expect(a)):
            with pytest.raises(LookupError, match="a bug"):
                await step
        with pytest.raises(LookupError, match="another bug"):
            await client.connect(auth={"x": 1})
        await a.expect_nothing()
    with pytest.raises(LookupError, match="a bug"):
        async with TestClient(io, transport=transport) as client:
            (await client.connect()).emit("boom")
    async with TestClient(io, transport=transport, raise_server_exceptions=False) as client:
        a = await client.connect()
        await a.emit("boom")


async def ask_and_expect(a: Any) -> None:
    a.emit("boom")
    await a.expect("never", timeout=60)


async def test_a_failed_test_says_what_else_failed(io: Server[Socket]) -> None:
    @io.on("boom")
    def boom(socket: Socket) -> None:
        raise LookupError("a bug")

    async def fail() -> None:
        async with TestClient(io) as client:
            a = await client.connect()
            a.emit("boom")
            await anyio.wait_all_tasks_blocked()
            _ = 1 / 0

    with pytest.raises(ZeroDivisionError) as failed:
        await fail()
    assert failed.value.__notes__ == ["and code of the server failed: LookupError('a bug')"]


async def test_an_upgrade(io: Server[Socket]) -> None:
    async with TestClient(io, transport="polling") as client:
        a = await client.connect()
        conn = io.sockets[a.id].conn
        assert (a.transport, conn.transport, conn.upgraded) == ("polling", "polling", False)
        io.emit("before", b"1")
        await a.upgrade()
        assert (a.transport, conn.transport, conn.upgraded) == ("websocket", "websocket", True)
        io.emit("after", b"2")
        assert await a.expect("after") == (b"2",)
        assert await a.expect("before") == (b"1",)
        assert await a.emit_with_ack("echo", b"3") == b"3"
        await client.advance(100)
        with pytest.raises(RuntimeError, match="is on WebSocket;"):
            await a.upgrade()
        await client.drop(a)
        assert io.engine.clients_count == 0


async def test_an_upgrade_that_the_server_does_not_offer() -> None:
    io = Server(allow_upgrades=False)
    io.on("echo")(lambda socket, value: value)
    async with TestClient(io, transport="polling") as client:
        a = await client.connect()
        with pytest.raises(RuntimeError, match="the server offered no upgrade"):
            await a.upgrade()
        assert await a.emit_with_ack("echo", 1) == 1
        assert a.connected
