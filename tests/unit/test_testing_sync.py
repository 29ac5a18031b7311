"""The same clients for tests that are plain functions."""

from __future__ import annotations

import inspect
from typing import Any

import pytest

from sio_fast import ConnectError, Server, Socket
from sio_fast.testing import ClientSocket, SyncClientSocket, SyncTestClient, TestClient


@pytest.fixture(params=["asyncio", "trio"])
def backend(request: pytest.FixtureRequest) -> Any:
    return request.param


def test_a_conversation(backend: Any) -> None:
    io = Server(cors_allowed_origins=False)
    reasons: list[str] = []
    answers: list[Any] = []
    io.of("/admin").on("disconnect")(lambda socket, reason: reasons.append(reason))

    @io.use
    def gate(socket: Socket) -> None:
        if socket.handshake.auth.get("token") == "bad":
            raise ConnectError("no", data=1)

    @io.on("ask me")
    async def ask_me(socket: Socket, to: str) -> None:
        answers.append(await io.sockets[to].timeout(5).emit_with_ack("status?", 1))

    @io.on("add")
    def add(socket: Socket, a: int, b: int) -> int:
        return a + b

    with SyncTestClient(io, backend=backend) as client:
        a = client.connect(auth={"token": "alice"}, headers={"x-a": "b"}, query={"c": "d"})
        b = client.connect(transport="polling")
        with pytest.raises(ConnectError, match=r"^no$"):
            client.connect(auth={"token": "bad"})
        assert (a.nsp, a.connected, a.transport, b.transport) == ("/", True, "websocket", "polling")
        assert a.emit_with_ack("add", 1, 2) == 3
        a.emit("ask me", b.id)
        [question] = b.waiting
        assert (question.event, question.ack_requested) == ("status?", True)
        question = b.expect("status?")
        assert question == (1,)
        question.ack("fine")
        assert answers == ["fine"]
        b.on("status?")(lambda number: number + 1)
        a.emit("ask me", b.id)
        assert answers == ["fine", 2]
        b.expect_nothing()
        b.upgrade()
        assert b.transport == "websocket"
        admin = a.of("/admin")
        client.drop(admin)
        assert reasons == ["transport close"]
        assert a.expect_disconnect() == "transport close"
        b.answer_pings = False
        assert not b.answer_pings
        client.advance(46)
        assert client.now >= 46
        assert b.expect_disconnect() == "transport close"
        c = client.connect("/admin")
        c.send("x")
        c.pause_reading()
        io.of("/admin").emit("y")
        client.settle()
        assert c.waiting == ()
        c.resume_reading()
        client.settle()
        assert c.expect("y") == ()
        c.disconnect()
        assert reasons[1:] == ["client namespace disconnect"]
        assert "left: io client disconnect" in repr(c)


@pytest.mark.parametrize(("twin", "original"), [(SyncTestClient, TestClient), (SyncClientSocket, ClientSocket)])
def test_the_twin_has_every_name(twin: type, original: type) -> None:
    # What a connection tells its sockets is public on one side only.
    inward = {"accepted", "refused", "left", "event", "answered"}
    names = {name for name in vars(original) if not name.startswith("_")} - inward
    assert names <= set(dir(twin))
    for name in names:
        mine, theirs = getattr(twin, name), getattr(original, name)
        if inspect.isfunction(theirs):
            assert list(inspect.signature(mine).parameters) == list(inspect.signature(theirs).parameters), name


def test_the_twin_has_every_option() -> None:
    twin, original = inspect.signature(SyncTestClient).parameters, inspect.signature(TestClient).parameters
    assert {name: each.default for name, each in twin.items() if not name.startswith("backend")} == {
        name: each.default for name, each in original.items()
    }


def test_errors_go_to_who_called(backend: Any) -> None:
    io = Server()

    @io.on("boom")
    def boom(socket: Socket) -> None:
        raise LookupError("a bug")

    with SyncTestClient(io, backend=backend) as client:
        a = client.connect()
        with pytest.raises(LookupError, match="a bug"):
            a.emit("boom")
        with pytest.raises(AssertionError, match="did not come"):
            a.expect("x", timeout=0.01)
    with pytest.raises(ZeroDivisionError), SyncTestClient(io, backend=backend):
        _ = 1 / 0
