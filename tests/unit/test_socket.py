"""The socket as the application sees it."""

from __future__ import annotations

import gc
import weakref
from typing import TYPE_CHECKING, Any

import anyio
import pytest

from sio_fast import AckTimeout, DisconnectedError, ReservedEventName, Server, Socket
from unit.conftest import running, settled, until
from unit.test_dispatch import connected

if TYPE_CHECKING:
    from collections.abc import Callable

    Make = Callable[..., Server[Any]]

pytestmark = pytest.mark.anyio


async def test_what_it_is(make: Make) -> None:
    io = make()
    async with running(io) as core:
        client = core.client_connect(auth={"token": "t"})
        await until(lambda: client.id in io.sockets)
        socket = io.sockets[client.id]
        assert socket.id == client.id
        assert socket.handshake.auth == {"token": "t"}
        assert socket.handshake is socket.handshake
        assert socket.rooms == {client.id}
        assert socket.nsp is io.of("/")
        assert socket.connected
        assert socket.buffered_amount == 0
        assert socket.disconnect_detail is None
        assert socket.recovered is False
        with pytest.raises(AttributeError, match="belongs to Socket"):
            socket.recovered = True  # type: ignore[misc]
        assert socket.data == {}
        socket.data["a"] = 1
        assert socket.data == {"a": 1}
        assert repr(socket) == f"<Socket {client.id} of '/'>"
        conn = socket.conn
        assert conn is socket.conn
        assert (conn.id, conn.protocol, conn.transport, conn.upgraded) == (client.conn_id, 4, "websocket", False)
        assert (conn.remote_address, conn.ready_state, conn.buffered_amount) == ("127.0.0.1", "open", 0)
        conn.close()
        await until(lambda: client.id not in io.sockets)
        assert not socket.connected


async def test_free_attributes_and_protected_names(make: Make) -> None:
    io = make()
    async with running(io) as core:
        client = await connected(io, core)
        socket: Any = io.sockets[client.id]
        socket.user = "ann"
        assert socket.user == "ann"
        del socket.user
        assert not hasattr(socket, "user")
        names = [name for name in dir(Socket) if not name.startswith("_")]
        assert {"id", "emit", "rooms", "handshake", "on", "send", "emit_with_ack"} <= set(names)
        for name in [*names, "_core", "_nsp"]:
            with pytest.raises(AttributeError, match=name):
                setattr(socket, name, 1)
            with pytest.raises(AttributeError, match=name):
                delattr(socket, name)


async def test_emitting(make: Make) -> None:
    io = make()
    async with running(io) as core:
        client = await connected(io, core)
        socket = io.sockets[client.id]
        assert socket.emit("a", 1, b"x").accepted
        assert socket.send("hi").accepted
        assert socket.volatile.emit("v").accepted
        assert client.sent == [("a", 1, b"x"), ("message", "hi"), ("v",)]
        for name in ("connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener"):
            with pytest.raises(ReservedEventName, match="is a reserved event name"):
                socket.emit(name)
            with pytest.raises(ReservedEventName):
                await socket.emit_with_ack(name)
        client.client_leave()
        await until(lambda: client.id not in io.sockets)
        assert not socket.emit("late").accepted
        with anyio.fail_after(1):
            await socket.emit("late")


async def test_broadcasting_leaves_itself_out(make: Make) -> None:
    io = make()
    async with running(io) as core:
        client = await connected(io, core)
        socket = io.sockets[client.id]
        socket.broadcast.emit("a")
        socket.to("r1", "r2").except_("r3").emit("b")
        socket.in_("r1").emit("c")
        socket.except_("r1").volatile.emit("d")
        socket.volatile.to("r1").emit("e")
        socket.volatile.broadcast.emit("f")
        socket.timeout(1).except_("r1").emit("g")
        assert core.spaces["/"].broadcasts == [
            ("a", (), (), (), client, False),
            ("b", (), ("r1", "r2"), ("r3",), client, False),
            ("c", (), ("r1",), (), client, False),
            ("d", (), (), ("r1",), client, True),
            ("e", (), ("r1",), (), client, True),
            ("f", (), (), (), client, True),
            ("g", (), (), ("r1",), client, False),
        ]


async def test_rooms(make: Make) -> None:
    io = make()
    async with running(io) as core:
        client = await connected(io, core)
        socket = io.sockets[client.id]
        await socket.join("a", "b")
        assert socket.rooms == {client.id, "a", "b"}
        await socket.leave("a", client.id)
        assert socket.rooms == {"b"}
        for method in (socket.join, socket.leave, socket.to, socket.in_, socket.except_):
            for wrong in (["a"], ("a",), {"a"}):
                with pytest.raises(TypeError, match=r"\*rooms"):
                    method(wrong)  # type: ignore[arg-type]
            with pytest.raises(TypeError, match="int"):
                method(3)  # type: ignore[arg-type]
        client.client_leave()
        await until(lambda: client.id not in io.sockets)
        await settled()
        assert not socket.join("late").accepted
        assert set(socket.rooms) == set()


async def test_asking(make: Make) -> None:
    io = make()
    async with running(io) as core:
        client = await connected(io, core)
        socket = io.sockets[client.id]
        results: list[Any] = []

        async def ask(operator: Any) -> None:
            try:
                results.append(await operator.emit_with_ack("q", 1))
            except (AckTimeout, DisconnectedError) as error:
                results.append(error)

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(ask, socket)
            tasks.start_soon(ask, socket.timeout(7))
            await until(lambda: len(client.sent) == 2)
            assert list(core.deadlines.values()) == [7]
            core.expire(7)
            await until(lambda: results)
            assert isinstance(results[0], AckTimeout)
            asked = 1 if client.forgotten == [0] else 0
            client.client_ack(asked, "a", "b")
        assert results[1] == ("a", "b")
        client.buffered_amount = 1
        with pytest.raises(AckTimeout):
            await socket.volatile.emit_with_ack("q")
        client.client_leave("ping timeout")
        await until(lambda: client.id not in io.sockets)
        with pytest.raises(DisconnectedError) as caught:
            await socket.emit_with_ack("q")
        assert caught.value.reason == "ping timeout"


async def test_the_reason_is_known_before_the_notice_is_taken(make: Make) -> None:
    """The core ends a socket on its own thread; a handler may ask before the loop has heard of it."""
    io = make()
    log: list[Any] = []

    @io.on("ask")
    async def ask(socket: Socket) -> None:
        client.client_leave("ping timeout")
        try:
            await socket.emit_with_ack("q")
        except DisconnectedError as error:
            log.append(error.reason)

    async with running(io) as core:
        client = await connected(io, core)
        client.client_event("ask")
        await until(lambda: log)
        assert log == ["ping timeout"]


async def test_asking_from_a_thread_says_how(make: Make) -> None:
    io = make()
    async with running(io) as core:
        client = await connected(io, core)
        socket = io.sockets[client.id]

        def elsewhere() -> None:
            anyio.run(socket.emit_with_ack, "q")

        with pytest.raises(RuntimeError, match=r"anyio\.from_thread\.run"):
            await anyio.to_thread.run_sync(elsewhere)
        await anyio.to_thread.run_sync(socket.emit, "from a thread")
        assert client.sent == [("from a thread",)]


async def test_disconnect_from_a_thread(make: Make) -> None:
    io = make()
    left: list[str] = []
    io.on("disconnect", lambda socket, reason: left.append(reason))
    async with running(io) as core:
        client = await connected(io, core)
        await anyio.to_thread.run_sync(io.sockets[client.id].disconnect)
        await until(lambda: left)
        assert left == ["server namespace disconnect"]


async def test_wrong_registrations(make: Make) -> None:
    io = make()
    async with running(io) as core:
        client = await connected(io, core)
        socket = io.sockets[client.id]
        with pytest.raises(TypeError, match="is a function"):
            socket.on("e", 3)  # type: ignore[call-overload]
        with pytest.raises(TypeError, match="is a function"):
            socket.use(None)  # type: ignore[arg-type]
        fn = socket.on("e", lambda: None)
        with pytest.raises(ValueError, match="already"):
            socket.on("e", fn)
        socket.off("unknown")
        socket.off("e", fn)
        socket.on("e", fn)


@pytest.mark.parity("send.freed")
async def test_a_socket_that_left_is_freed(make: Make) -> None:
    io = make()
    io.on("connect", lambda socket: socket.on("e", lambda: None) and None)
    async with running(io) as core:
        client = await connected(io, core)
        alive = weakref.ref(io.sockets[client.id])
        gc.collect()
        gc.disable()
        try:
            client.client_leave()
            await until(lambda: alive() is None)
        finally:
            gc.enable()


async def test_a_forgotten_await_gives_pythons_own_warning(make: Make) -> None:
    io = make()
    async with running(io) as core:
        client = await connected(io, core)
        with pytest.warns(RuntimeWarning, match="was never awaited"):
            io.sockets[client.id].emit_with_ack("q")  # type: ignore[unused-coroutine]  # pyright: ignore[reportUnusedCoroutine]
        assert client.sent == [], "nothing was asked"
