"""Types of test clients as the checkers see them; running it shows that the same lines also work."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import TYPE_CHECKING, Any, assert_type

import pytest

from sio_fast import Event, Server, Socket
from sio_fast.testing import ClientSocket, HandshakeError, Received, SyncClientSocket, SyncTestClient, TestClient

add = Event[[int, int], int]("add")
news = Event[[str]]("news")


class Person(Socket):
    name: str


def server() -> Server[Person]:
    io = Server(socket_class=Person)

    @io.on(add)
    def on_add(socket: Person, a: int, b: int) -> int:
        io.emit(news, "added")
        return a + b

    return io


@pytest.mark.anyio
async def test_clients() -> None:
    io = server()
    async with TestClient(io, transport="polling") as client:
        assert_type(client, TestClient)
        a = assert_type(await client.connect(auth={"token": "t"}, headers={"a": "b"}, query={"c": "d"}), ClientSocket)
        assert_type(a.id, str)
        assert assert_type(await a.emit_with_ack(add, 1, 2), int) == 3
        assert_type(await a.emit_with_ack("add", 1, 2, timeout=1), Any)
        assert_type(a.emit(add, 1, 2), Awaitable[None])
        received = assert_type(await a.expect(news), Received[Awaitable[None]])
        assert received == ("added",)
        assert_type(a.waiting, tuple[Received[Awaitable[None]], ...])

        @a.on("question")
        async def answer(number: int) -> int:
            return number + 1

        if TYPE_CHECKING:
            assert_type(await answer(1), int)
            # What must be refused; the checkers complain about every one of these that they do not refuse.
            a.emit(add, 1)  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue]
            await a.emit_with_ack(add, "1", 2)  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType, reportCallIssue]
            await client.connect(transport="webtransport")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
        await a.expect_nothing("add", within=0)
        await a.disconnect()
        assert_type(await a.expect_disconnect(), str)


def test_the_sync_twin() -> None:
    with SyncTestClient(server(), backend="trio") as client:
        assert_type(client, SyncTestClient)
        a = assert_type(client.connect(), SyncClientSocket)
        assert assert_type(a.emit_with_ack(add, 1, 2), int) == 3
        received = assert_type(a.expect(news), Received[None])
        assert received == ("added",)


def test_errors_have_their_parts() -> None:
    error = HandshakeError(403, {"content-type": "application/json"}, "{}")
    assert_type(error.status, int)
    assert_type(error.headers, dict[str, str])
    assert_type(error.body, str)
    assert str(error) == "the server refused the handshake with status 403: {}"
