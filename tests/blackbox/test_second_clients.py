"""Other clients than the newest official one: older versions of it, and those of python-socketio."""

from __future__ import annotations

import asyncio
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest
import socketio
from engineio.payload import Payload

from clients.official import PATIENCE, Driver

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

    from clients.official import OfficialClient
    from harness.process import ServerProcess

    Official = Callable[..., OfficialClient]

# It is the protocol that they speak; how the application's loop runs plays no part.
pytestmark = pytest.mark.loops("uvloop")

VERSIONS = {"4.0": "socket.io-client-4-0", "4.5": "socket.io-client-4-5", "4.8": "socket.io-client"}


# --- the official client, then and now


@pytest.fixture(scope="module", params=VERSIONS)
def dated_driver(request: pytest.FixtureRequest) -> Iterator[Driver]:
    driver = Driver(VERSIONS[request.param])
    assert driver.version.startswith(request.param + ".")
    yield driver
    driver.stop()


@pytest.fixture
def dated(dated_driver: Driver, server: ServerProcess) -> Iterator[Official]:
    """Makes clients of each version."""
    made = []

    def make(transport: str, **options: Any) -> OfficialClient:
        made.append(client := dated_driver.connect(server.port, transport, **options))
        return client

    yield make
    for client in made:
        client.close()


def test_a_version_connects_and_leaves(server: ServerProcess, dated: Official, transport: str) -> None:
    client = dated(transport, auth={"token": "abc"})
    assert client.expect("welcome") == [{"token": "abc"}]
    assert server.expect("connect", id=client.id)["nsp"] == "/"
    client.disconnect()
    assert server.expect("disconnect", id=client.id)["reason"] == "client namespace disconnect"


def test_a_version_exchanges_events_and_acks(dated: Official, transport: str) -> None:
    client = dated(transport)
    client.emit("echo", 1, "ü€😀", {"a": [None, True]}, [])
    assert client.expect("echo") == [1, "ü€😀", {"a": [None, True]}, []]
    assert client.ask("ask", 1, {"b": 2}) == [1, {"b": 2}]
    client.answer("what?", "args")
    client.emit("question", 5, "what?", {"n": 1})
    assert client.expect("answered") == [{"n": 1}]
    for n in range(100):
        client.emit("echo", n)
    assert [client.expect("echo") for _ in range(100)] == [[n] for n in range(100)]


def test_a_version_exchanges_bytes(dated: Official, transport: str) -> None:
    client = dated(transport)
    client.emit("echo", b"\x00\x01", {"deep": [b"\xff" * 1000]})
    assert client.expect("echo") == [b"\x00\x01", {"deep": [b"\xff" * 1000]}]
    assert client.ask("ask", b"b") == [b"b"]


def test_a_version_uses_namespaces(dated: Official, transport: str) -> None:
    main = dated(transport)
    chat = dated(transport, nsp="/chat", over=main)
    assert chat.ask("ask", 1) == [1]
    refused = dated(transport, nsp="/guarded", auth={"token": "bad"}, wait=False)
    report = refused.report("connect_error")
    assert (report["message"], report["data"]) == ("not authorized", {"code": 401, "why": ["token"]})


def test_a_version_is_told_to_leave_and_comes_back(server: ServerProcess, dated: Official, transport: str) -> None:
    client = dated(transport)
    client.emit("bye", False)
    assert client.report("disconnect")["reason"] == "io server disconnect"
    client.report("close")  # version 4.0 takes the end of the old connection for that of the new one
    client.reconnect()
    assert client.report("connect")["id"] != client.id


@pytest.mark.server(ping_interval=0.1, ping_timeout=0.4)
def test_a_version_answers_pings(dated: Official, transport: str) -> None:
    client = dated(transport)
    time.sleep(0.7)  # some heartbeats
    assert client.ask("ask", 1) == [1]
    assert client.seen("disconnect") == []


# --- python-socketio

PYTHON_TRANSPORTS = {"polling": ["polling"], "websocket": ["websocket"], "upgrade": None}


class Inbox:
    """What a client of python-socketio was told."""

    def __init__(self, client: socketio.AsyncClient) -> None:
        self.queue: asyncio.Queue[tuple[str, tuple[Any, ...]]] = asyncio.Queue()
        self.waiting: list[tuple[str, tuple[Any, ...]]] = []
        client.on("*", self.heard)

    async def heard(self, event: str, *args: Any) -> Any:
        self.queue.put_nowait((event, args))
        return args

    async def expect(self, event: str) -> tuple[Any, ...]:
        while True:
            name, args = await asyncio.wait_for(self.queue.get(), PATIENCE)
            if name == event:
                return args


@asynccontextmanager
async def connected(
    server: ServerProcess, transport: str, **options: Any
) -> AsyncIterator[tuple[socketio.AsyncClient, Inbox]]:
    client = socketio.AsyncClient(reconnection=False)
    inbox = Inbox(client)
    url = f"http://127.0.0.1:{server.port}"
    await client.connect(url, transports=PYTHON_TRANSPORTS[transport], wait_timeout=PATIENCE, **options)
    try:
        yield client, inbox
    finally:
        await client.disconnect()


def run(conversation: Callable[[], Awaitable[None]]) -> None:
    async def main() -> None:
        await conversation()
        # aiohttp lets go of its sockets a turn of the loop later.
        await asyncio.sleep(0)

    asyncio.run(main())


def test_asyncclient_talks(server: ServerProcess, transport: str) -> None:
    async def conversation() -> None:
        async with connected(server, transport, auth={"token": "abc"}) as (client, inbox):
            assert await inbox.expect("welcome") == ({"token": "abc"},)
            assert client.transport() == ("polling" if transport == "polling" else "websocket")
            await client.emit("echo", (1, "ü€😀", {"a": [None, True]}, []))
            assert await inbox.expect("echo") == (1, "ü€😀", {"a": [None, True]}, [])
            assert await client.call("ask", ({"b": 2}, "c"), timeout=int(PATIENCE)) == ({"b": 2}, "c")
            await client.emit("echo", (b"\x00\x01", {"deep": [b"\xff" * 1000]}))
            assert await inbox.expect("echo") == (b"\x00\x01", {"deep": [b"\xff" * 1000]})
            assert await client.call("ask", b"b", timeout=int(PATIENCE)) == b"b"
            await client.emit("question", (5, "what?", {"n": 1}))
            assert await inbox.expect("answered") == ({"n": 1},)

    run(conversation)


def test_asyncclient_keeps_the_order_of_a_burst(
    server: ServerProcess, transport: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Over polling it takes 16 packets in a payload and no more, unless it is told otherwise, from whatever server."""
    monkeypatch.setattr(Payload, "max_decode_packets", 1000)

    async def conversation() -> None:
        async with connected(server, transport) as (client, inbox):
            for n in range(200):
                await client.emit("echo", n)
            assert [await inbox.expect("echo") for _ in range(200)] == [(n,) for n in range(200)]

    run(conversation)


def test_asyncclient_uses_namespaces(server: ServerProcess, transport: str) -> None:
    async def conversation() -> None:
        async with connected(server, transport, namespaces=["/", "/chat"]) as (client, _):
            assert await client.call("ask", 1, namespace="/chat", timeout=int(PATIENCE)) == 1
            assert client.get_sid("/") != client.get_sid("/chat")
        with pytest.raises(socketio.exceptions.ConnectionError, match="namespaces failed to connect"):
            async with connected(server, transport, namespaces=["/guarded"], auth={"token": "bad"}):
                pass

    run(conversation)


def test_asyncclient_leaves_and_is_told_to_leave(server: ServerProcess, transport: str) -> None:
    async def conversation() -> None:
        async with connected(server, transport) as (client, _):
            left = client.get_sid()
        # It says DISCONNECT and closes at once; polling never hears of its packets' answers.
        ended = await asyncio.to_thread(server.expect, "disconnect", id=left)
        assert ended["reason"] in ("client namespace disconnect", "transport close")
        async with connected(server, transport) as (client, _):
            kicked = client.get_sid()
            await client.emit("bye", False)
            await asyncio.wait_for(client.wait(), PATIENCE)
        ended = await asyncio.to_thread(server.expect, "disconnect", id=kicked)
        assert ended["reason"] == "server namespace disconnect"

    run(conversation)


@pytest.mark.server(ping_interval=0.1, ping_timeout=0.4)
def test_asyncclient_answers_pings(server: ServerProcess, transport: str) -> None:
    async def conversation() -> None:
        async with connected(server, transport) as (client, _):
            await asyncio.sleep(0.7)
            assert await client.call("ask", 1, timeout=int(PATIENCE)) == 1

    run(conversation)


# Its writing thread may see that the client is closing before it has sent the goodbye: then only the heartbeat tells.
@pytest.mark.server(ping_interval=1, ping_timeout=2)
def test_simpleclient_talks(server: ServerProcess, transport: str) -> None:
    client = socketio.SimpleClient(reconnection=False)
    options = {"transports": transports} if (transports := PYTHON_TRANSPORTS[transport]) else {}
    client.connect(f"http://127.0.0.1:{server.port}", auth={"token": "abc"}, wait_timeout=int(PATIENCE), **options)
    try:
        assert client.receive(timeout=PATIENCE) == ["welcome", {"token": "abc"}]
        assert client.transport == ("polling" if transport == "polling" else "websocket")
        client.emit("echo", ("ü€😀", {"b": b"\x00\xff"}))
        assert client.receive(timeout=PATIENCE) == ["echo", "ü€😀", {"b": b"\x00\xff"}]
        assert client.call("ask", {"n": 1}, timeout=int(PATIENCE)) == {"n": 1}
        name = client.sid
    finally:
        client.disconnect()
    reasons = ("client namespace disconnect", "transport close", "ping timeout")
    assert server.expect("disconnect", id=name)["reason"] in reasons


def test_asyncsimpleclient_talks(server: ServerProcess, transport: str) -> None:
    async def conversation() -> None:
        async with socketio.AsyncSimpleClient(reconnection=False) as client:
            options = {"transports": transports} if (transports := PYTHON_TRANSPORTS[transport]) else {}
            await client.connect(f"http://127.0.0.1:{server.port}", wait_timeout=int(PATIENCE), **options)
            assert (await client.receive(timeout=PATIENCE))[0] == "welcome"
            await client.emit("echo", [1, 2])
            assert await client.receive(timeout=PATIENCE) == ["echo", [1, 2]]
            assert await client.call("ask", "x", timeout=int(PATIENCE)) == "x"

    run(conversation)
