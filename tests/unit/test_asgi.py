"""WebSockets and requests of a host that misbehaves, or whose clients do: the server forgets them, and nothing is raised."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import anyio
import pytest

from sio_fast import Server
from sio_fast.asgi_types import Message

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from sio_fast.asgi_types import Scope

QUERY = b"EIO=4&transport="


class Host:
    """A host with one connection: `tell` is what the application receives, `said` what it sends."""

    def __init__(self, io: Server[Any], kind: str, query: bytes, **more: Any) -> None:
        self.io = io
        self.scope: Scope = {
            "type": kind,
            "path": "/socket.io/",
            "query_string": query,
            "headers": [(b"host", b"site.example")],
            "http_version": "1.1",
            **more,
        }
        self.said: list[Message] = []
        self.fails: BaseException | None = None
        self.ended = anyio.Event()
        self._changed = anyio.Event()
        self.tell, self._receive = anyio.create_memory_object_stream[Message](100)

    async def run(self) -> None:
        try:
            await self.io(self.scope, self._receive.receive, self._take)
        finally:
            self._receive.close()
            self.tell.close()
            self.ended.set()

    async def _take(self, message: Message) -> None:
        if self.fails is not None:
            raise self.fails
        self.said.append(message)
        self._changed.set()
        self._changed = anyio.Event()

    async def until(self, count: int) -> Message:
        with anyio.fail_after(10):
            while len(self.said) < count:
                await self._changed.wait()
        return self.said[count - 1]


@contextlib.asynccontextmanager
async def connected(io: Server[Any]) -> AsyncIterator[tuple[Host, anyio.abc.TaskGroup]]:
    """A client in `/` over WebSocket; what it was told so far is forgotten."""
    async with io.lifespan(), anyio.create_task_group() as tasks:
        host = Host(io, "websocket", QUERY + b"websocket")
        tasks.start_soon(host.run)
        await host.tell.send({"type": "websocket.connect"})
        assert (await host.until(1))["type"] == "websocket.accept"
        assert (await host.until(2))["text"][:7] == '0{"sid"'
        await host.tell.send({"type": "websocket.receive", "text": "40"})
        assert (await host.until(3))["text"][:9] == '40{"sid":'
        host.said.clear()
        yield host, tasks
        tasks.cancel_scope.cancel()


async def empty(io: Server[Any]) -> None:
    with anyio.fail_after(10):
        while io.engine.clients_count:  # noqa: ASYNC110 - nobody tells
            await anyio.sleep(0.001)


@pytest.mark.anyio
async def test_texts_bytes_and_empty_fields_travel_both_ways() -> None:
    io = Server()
    io.on("echo")(lambda socket, *args: args)
    async with connected(io) as (host, _):
        await host.tell.send({"type": "websocket.receive", "text": '421["echo","\u00fc"]', "bytes": None})
        assert (await host.until(1))["text"] == '431["\u00fc"]'
        await host.tell.send({"type": "websocket.receive", "text": '451-2["echo",{"_placeholder":true,"num":0}]'})
        await host.tell.send({"type": "websocket.receive", "bytes": b"\x00\xff"})
        assert (await host.until(2))["text"] == '461-2[{"_placeholder":true,"num":0}]'
        assert (await host.until(3))["bytes"] == b"\x00\xff"


@pytest.mark.anyio
async def test_the_handshake_has_the_scope_of_the_first_request() -> None:
    io = Server()
    scopes: list[Any] = []
    io.on("connect")(lambda socket: scopes.append(socket.handshake.scope))
    async with connected(io) as (host, _):
        [scope] = scopes
        assert scope is host.scope


@pytest.mark.anyio
async def test_a_send_that_fails_ends_the_session_and_nothing_else() -> None:
    io = Server()
    async with connected(io) as (host, _):
        host.fails = OSError("the client is gone")
        io.emit("news")
        with anyio.fail_after(10):
            await host.ended.wait()
        await empty(io)


@pytest.mark.anyio
async def test_an_accept_that_fails_leaves_nothing_behind() -> None:
    io = Server()
    async with io.lifespan():
        host = Host(io, "websocket", QUERY + b"websocket")
        host.fails = OSError("the client is gone")
        await host.tell.send({"type": "websocket.connect"})
        await host.run()
        assert io.engine.clients_count == 0


@pytest.mark.anyio
async def test_a_host_that_cuts_us_off_is_stopping() -> None:
    io = Server()
    reasons: list[str] = []
    io.on("disconnect")(lambda socket, reason: reasons.append(reason))
    async with connected(io) as (_, tasks):
        tasks.cancel_scope.cancel()
        with anyio.CancelScope(shield=True):
            await empty(io)
    assert reasons == ["server shutting down"]


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("extensions", "expected"),
    [
        ({"websocket.http.response": {}}, ["websocket.http.response.start", "websocket.http.response.body"]),
        ({}, ["websocket.close"]),
        (None, ["websocket.close"]),
    ],
)
async def test_a_refusal_carries_its_reasons_where_the_host_can(extensions: Any, expected: list[str]) -> None:
    io = Server()
    async with io.lifespan():
        host = Host(io, "websocket", b"EIO=5&transport=websocket", extensions=extensions)
        await host.tell.send({"type": "websocket.connect"})
        await host.run()
    assert [message["type"] for message in host.said] == expected
    if extensions:
        assert host.said[0]["status"] == 400
        assert host.said[1]["body"] == b'{"code":5,"message":"Unsupported protocol version"}'


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("pieces", "length", "status"),
    [
        ([b"4", b"0"], None, 200),
        ([b"4" * 60, b"4" * 60], None, 413),
        ([], b"101", 413),
    ],
)
async def test_a_body_is_read_in_pieces_within_its_limit(
    pieces: list[bytes], length: bytes | None, status: int
) -> None:
    io = Server(max_http_buffer_size=100)
    async with io.lifespan():
        opening = Host(io, "http", QUERY + b"polling", method="GET")
        await opening.run()
        sid = opening.said[1]["body"].split(b'"')[3]
        post = Host(io, "http", QUERY + b"polling&sid=" + sid, method="POST")
        if length is not None:
            post.scope["headers"].append((b"content-length", length))
        for number, piece in enumerate(pieces, 1):
            more = number < len(pieces)
            await post.tell.send({"type": "http.request", "body": piece, "more_body": more})
        await post.run()
        assert post.said[0]["status"] == status


@pytest.mark.anyio
async def test_a_body_that_breaks_off_ends_the_session() -> None:
    io = Server()
    async with io.lifespan():
        opening = Host(io, "http", QUERY + b"polling", method="GET")
        await opening.run()
        sid = opening.said[1]["body"].split(b'"')[3]
        post = Host(io, "http", QUERY + b"polling&sid=" + sid, method="POST")
        await post.tell.send({"type": "http.request", "body": b"4", "more_body": True})
        await post.tell.send({"type": "http.disconnect"})
        await post.run()
        assert post.said == []
        assert io.engine.clients_count == 0


@pytest.mark.anyio
@pytest.mark.parametrize("client", [None, ("testclient", 50000), ("10.1.2.3", "50000"), ("10.1.2.3", None), ["::1", 1]])
async def test_whatever_a_scope_says_of_the_client(client: Any) -> None:
    io = Server()
    async with io.lifespan():
        opening = Host(io, "http", QUERY + b"polling", method="GET", client=client)
        await opening.run()
        assert opening.said[0]["status"] == 200
