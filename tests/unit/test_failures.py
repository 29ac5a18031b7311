"""Who hears of an exception: the most specific `on_error`, those of `/`, the `error` listeners, the log."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import anyio
import pytest

from sio_fast import InvalidPayload, Packet, RejectEvent, Server, Socket
from unit.conftest import running, settled, until
from unit.test_dispatch import connected

if TYPE_CHECKING:
    from collections.abc import Callable

    Make = Callable[..., Server[Any]]

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("kind", ["def", "async", "suspended", "several", "misfit"])
async def test_on_error_gets_socket_packet_and_exception(
    make: Make, caplog: pytest.LogCaptureFixture, kind: str
) -> None:
    io = make()
    heard: list[Any] = []

    @io.on_error(ValueError)
    async def failed(socket: Socket, packet: Packet, error: ValueError) -> None:
        await anyio.lowlevel.checkpoint()
        heard.append((socket.id, packet.name, packet.args, packet.ack_requested, packet.nsp, type(error)))

    async def handler(socket: Socket, a: Any, b: Any) -> None:
        if kind == "suspended":
            await anyio.lowlevel.checkpoint()
        raise ValueError("boom")

    def plain(socket: Socket, a: Any, b: Any) -> None:
        raise ValueError("boom")

    io.on("e", plain if kind == "def" else handler)
    if kind == "several":
        io.on("e", lambda socket, *args: None)
    args = [1] if kind == "misfit" else [1, 2]
    async with running(io) as core:
        client = await connected(io, core)
        client.client_event("e", *args, ack_id=3)
        await until(lambda: heard)
        await settled()
        expected = InvalidPayload if kind == "misfit" else ValueError
        assert heard == [(client.id, "e", args, True, "/", expected)]
        assert client.acks == []
    assert caplog.records == []


async def test_the_most_specific_counts_and_several_of_one_type_run(make: Make) -> None:
    io = make()
    heard: list[str] = []
    kinds: dict[str, type[Exception]] = {"key": KeyError, "index": IndexError, "value": ValueError, "type": TypeError}
    io.on_error(LookupError, lambda socket, packet, error: heard.append("lookup 1"))
    io.on_error(LookupError)(lambda socket, packet, error: heard.append("lookup 2"))
    io.on_error(KeyError, lambda socket, packet, error: heard.append("key"))
    io.on_error(Exception, lambda socket, packet, error: heard.append("rest"))
    io.on("error", lambda socket, error: heard.append("not reached"))

    @io.on("e")
    def handler(socket: Socket, kind: str) -> None:
        raise kinds[kind]

    async with running(io) as core:
        client = await connected(io, core)
        for kind in kinds:
            client.client_event("e", kind)
        await until(lambda: len(heard) == 5)
        assert heard == ["key", "lookup 1", "lookup 2", "rest", "rest"]


async def test_the_namespace_comes_before_the_server(make: Make) -> None:
    io = make()
    chat = io.of("/chat")
    heard: list[str] = []
    kinds: dict[str, type[Exception]] = {"key": KeyError, "value": ValueError, "type": TypeError}
    io.on_error(KeyError, lambda socket, packet, error: heard.append("server key"))
    io.on_error(ValueError, lambda socket, packet, error: heard.append(f"server value of {packet.nsp}"))
    chat.on_error(LookupError, lambda socket, packet, error: heard.append("chat lookup"))
    chat.on("error", lambda socket, error: heard.append("listener"))

    @chat.on("e")
    def handler(socket: Socket, kind: str) -> None:
        raise kinds[kind]

    async with running(io) as core:
        client = core.client_connect("/chat")
        await until(lambda: client.id in chat.sockets)
        for kind in kinds:
            client.client_event("e", kind)
        await until(lambda: len(heard) == 3)
        assert heard == ["chat lookup", "server value of /chat", "listener"]


@pytest.mark.parametrize("listened", [False, True])
async def test_a_rejection_skips_handlers_and_answers_nothing(
    make: Make, caplog: pytest.LogCaptureFixture, listened: bool
) -> None:
    io = make()
    heard: list[Any] = []

    @io.use_event
    async def gate(socket: Socket, packet: Packet) -> None:
        if packet.name == "admin":
            raise RejectEvent("unauthorized event", data={"code": 7})

    @io.on("admin")
    def admin(socket: Socket) -> str:
        heard.append("ran")
        return "unreachable"

    if listened:

        @io.on_error(RejectEvent)
        def rejected(socket: Socket, packet: Packet, error: RejectEvent) -> None:
            heard.append((packet.name, error.message, error.data, str(error)))
            socket.disconnect()

    async with running(io) as core:
        client = await connected(io, core)
        client.client_event("admin", ack_id=1)
        await until(lambda: heard or caplog.records)
        await settled()
        assert client.acks == []
        assert client.connected is not listened
    if listened:
        assert heard == [("admin", "unauthorized event", {"code": 7}, "unauthorized event")]
        assert caplog.records == []
    else:
        assert heard == []
        assert [record.getMessage() for record in caplog.records] == [
            f"event 'admin' rejected: unauthorized event (socket {client.id})"
        ]
        assert caplog.records[0].exc_info is None


async def test_an_on_error_that_fails_is_logged_and_the_next_runs(make: Make, caplog: pytest.LogCaptureFixture) -> None:
    io = make()
    heard: list[str] = []

    @io.on_error(ValueError)
    async def bad(socket: Socket, packet: Packet, error: ValueError) -> None:
        raise KeyError("second fault")

    io.on_error(ValueError, lambda socket, packet, error: heard.append("next"))

    @io.on("e")
    def handler(socket: Socket) -> None:
        raise ValueError("boom")

    async with running(io) as core:
        client = await connected(io, core)
        client.client_event("e")
        await until(lambda: heard)
    assert len(caplog.records) == 1
    assert "second fault" in caplog.text


async def test_lifecycle_handlers_have_a_packet_of_their_name(make: Make) -> None:
    io = make()
    heard: list[Any] = []
    io.on_error(ValueError, lambda socket, packet, error: heard.append((packet.name, packet.args)))

    def fail(socket: Socket, *args: Any) -> None:
        raise ValueError("boom")

    for name in ("connect", "disconnecting", "disconnect"):
        io.on(name, fail)
    async with running(io) as core:
        client = await connected(io, core)
        client.client_leave("transport close")
        await until(lambda: len(heard) == 3)
        assert heard == [
            ("connect", []),
            ("disconnecting", ["transport close"]),
            ("disconnect", ["transport close"]),
        ]


def test_wrong_registrations(make: Make) -> None:
    io = make()

    def fn(socket: Socket, packet: Packet, error: Exception) -> None: ...

    wrong: Any = "ValueError"
    with pytest.raises(TypeError, match="takes a type of exceptions"):
        io.on_error(wrong, fn)
    with pytest.raises(TypeError, match="takes a type of exceptions"):
        io.on_error(wrong)(fn)
    io.on_error(ValueError, fn)
    io.on_error(KeyError, fn)
    with pytest.raises(ValueError, match="registered for ValueError already"):
        io.on_error(ValueError, fn)
    not_a_function: Any = 3
    with pytest.raises(TypeError, match="is a function, not int"):
        io.on_error(IndexError, not_a_function)
