"""Thousands of clients in one process, which come all at once: over WebSocket and over polling, in turn.

Each is one TCP connection and a few bytes of state; one that is refused or thrown out tries again until it is in. Ports
of one address do not last for that many, so clients spread over the addresses of the loopback. Heartbeats are not
answered: the server's are to be longer than the test.
"""

from __future__ import annotations

import asyncio
import random
import re
from typing import Self

from clients.raw_websocket import TEXT, RawWebSocket
from clients.wire import target

__all__ = ["Crowd", "Page"]

SOCKET_ID = re.compile(rb'40\{"sid":"([^"]{20})"\}')
SESSION_ID = re.compile(rb'0\{"sid":"([^"]{20})"')
#: Seconds until the last one must be in.
PATIENCE = 120.0
#: Clients for each source address.
SHARE = 5_000


class Page(asyncio.Protocol):
    """One client on its connection."""

    def __init__(self, port: int, transport: str) -> None:
        self.port, self.over = port, transport
        self.buffer = bytearray()
        self.session = ""
        self.wire: asyncio.Transport | None = None
        self.awaited: tuple[re.Pattern[bytes], asyncio.Future[str]] | None = None

    # --- bytes

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.wire = transport

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        self.look()

    def connection_lost(self, exc: Exception | None) -> None:
        self.wire = None
        if self.awaited is not None and not self.awaited[1].done():
            self.awaited[1].set_exception(ConnectionResetError("the server ended the connection"))

    def look(self) -> None:
        if self.awaited is None or self.awaited[1].done():
            return
        pattern, future = self.awaited
        if found := pattern.search(self.buffer):
            word = found[found.lastindex or 0].decode()  # taken before the buffer, which the match looks into, changes
            del self.buffer[: found.end()]
            future.set_result(word)

    async def receive(self, pattern: re.Pattern[bytes]) -> str:
        """The word in what the server sends that looks like that; what came before it is dropped."""
        if self.wire is None:
            raise ConnectionResetError("the connection has ended")
        future: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self.awaited = (pattern, future)
        self.look()
        return await future

    def send(self, data: bytes) -> None:
        assert self.wire is not None
        self.wire.write(data)

    def request(self, method: str, where: str, body: bytes = b"", *headers: str) -> None:
        lines = [f"{method} {where} HTTP/1.1", f"Host: 127.0.0.1:{self.port}", *headers]
        if method == "POST":
            lines.append(f"Content-Length: {len(body)}")
        self.send("\r\n".join([*lines, "", ""]).encode() + body)

    # --- what a client does

    @property
    def place(self) -> str:
        return target(transport="polling", sid=self.session)

    async def join(self) -> str:
        """From the bare connection into the namespace; returns the socket's id."""
        if self.over == "websocket":
            upgrade = ("Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13")
            key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="
            self.request("GET", target(transport="websocket"), b"", *upgrade, key)
            self.send(RawWebSocket.frame(TEXT, b"40"))
        else:
            self.request("GET", target(transport="polling"))
            self.session = await self.receive(SESSION_ID)
            self.request("POST", self.place, b"40")
            self.request("GET", self.place)
        return await self.receive(SOCKET_ID)

    async def hear(self, news: bytes) -> None:
        """Wait for an event with that one argument."""
        if self.over == "polling":
            self.request("GET", self.place)
        await self.receive(re.compile(re.escape(b'42["news",' + news + b"]")))

    async def leave(self) -> None:
        if self.wire is None:
            return
        if self.over == "polling":
            self.request("POST", self.place, b"1")
            await self.receive(re.compile(rb"\r\n\r\nok"))
        self.wire.close()


class Crowd:
    """That many clients of one server."""

    def __init__(self, port: int, size: int) -> None:
        self.port = port
        self.size = size
        self.pages: list[Page] = []
        self.attempts = 0

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        for page in self.pages:
            if page.wire is not None:
                page.wire.abort()

    async def come(self) -> set[str]:
        """All at once; returns their sockets' ids when the last one is in."""
        self.attempts = 0
        arrivals = [asyncio.create_task(self.arrive(number)) for number in range(self.size)]
        try:
            entered = await asyncio.wait_for(asyncio.gather(*arrivals), PATIENCE)
        finally:
            for each in arrivals:
                each.cancel()
        self.pages = [page for page, _ in entered]
        return {name for _, name in entered}

    async def arrive(self, number: int) -> tuple[Page, str]:
        """One client: again and again, as the official one does, only sooner."""
        loop = asyncio.get_running_loop()
        transport = ("websocket", "polling")[number % 2]
        source = (f"127.0.0.{2 + number // SHARE}", 0)
        while True:
            self.attempts += 1
            page = Page(self.port, transport)
            try:
                await loop.create_connection(lambda page=page: page, "127.0.0.1", self.port, local_addr=source)
                return page, await page.join()
            except ConnectionError:
                if page.wire is not None:
                    page.wire.abort()
                await asyncio.sleep(random.uniform(0.1, 0.5))

    async def hear(self, news: bytes) -> None:
        """Everybody hears that."""
        await asyncio.gather(*(page.hear(news) for page in self.pages))

    async def leave(self) -> None:
        await asyncio.gather(*(page.leave() for page in self.pages))
