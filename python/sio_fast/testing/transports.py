"""The client's end of the transports: Engine.IO packets to and from an ASGI application, by messages instead of sockets.

Refuses to know what a packet means. Text packets are ``str``, binary ones ``bytes``.
"""

from __future__ import annotations

import base64
from collections import deque
from typing import TYPE_CHECKING, Any, ClassVar, Final, NamedTuple, Protocol, TypeAlias
from urllib.parse import quote

import anyio

from ..wake import signal

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ..asgi_types import ASGIApp, Message, Scope
    from ..types import Transport

__all__ = ("Packet", "Polling", "Request", "Sink", "WebSocket")

Packet: TypeAlias = str | bytes

# Separates the packets of a payload.
_SEPARATOR: Final = "\x1e"


class Sink(Protocol):
    """Who hears what a transport brings.

    Attributes:
        sid: Id of the session; empty before the handshake.
        max_payload: Bytes that the body of a POST may have, as the handshake says.
    """

    sid: str
    max_payload: int

    def hear(self, packet: Packet) -> None:
        """A packet came."""

    def refused(self, status: int, headers: dict[str, str], body: str) -> None:
        """The server answered a request with an error."""

    def gone(self, reason: str) -> None:
        """The transport has ended, in the official client's words. Again: it has no meaning."""


class Request(NamedTuple):
    """What the requests of one client have in common.

    Attributes:
        app: Who answers them.
        path: Their path.
        query: Pairs, without those of the protocol.
        headers: Pairs, names in lower case.
        client: Address and port.
        state: What the lifespan of the application left for requests.
    """

    app: ASGIApp
    path: str
    query: str
    headers: list[tuple[bytes, bytes]]
    client: tuple[str, int]
    state: Mapping[str, Any]

    def scope(self, kind: str, query: str, **more: Any) -> Scope:
        """The scope of one of them."""
        whole = f"{query}&{self.query}" if self.query else query
        return {
            "type": kind,
            "asgi": {"version": "3.0", "spec_version": "2.4"},
            "http_version": "1.1",
            "scheme": "http" if kind == "http" else "ws",
            "path": self.path,
            "raw_path": quote(self.path).encode(),
            "root_path": "",
            "query_string": whole.encode(),
            "headers": list(self.headers),
            "client": self.client,
            "server": ("testserver", 80),
            "state": dict(self.state),
            **more,
        }


class WebSocket:
    """One WebSocket from its beginning to its end."""

    name: ClassVar[Transport] = "websocket"

    def __init__(self, request: Request, sink: Sink) -> None:
        self._request = request
        self._sink = sink
        self._waiting: deque[Message] = deque([{"type": "websocket.connect"}])
        self._more = signal()
        self._reads = anyio.Event()
        self._reads.set()
        self._accepted = False
        self._refusal: tuple[int, dict[str, str]] | None = None
        self._body = b""

    def read(self, *, on: bool) -> None:
        """Reads on, or lets what the server sends pile up there."""
        if on:
            self._reads.set()
        else:
            self._reads = anyio.Event()

    async def run(self) -> None:
        """Until it has ended."""
        query = f"EIO=4&transport=websocket{_sid(self._sink)}"
        scope = self._request.scope("websocket", query, subprotocols=[], extensions={"websocket.http.response": {}})
        await self._request.app(scope, self._receive, self._send)
        self._sink.gone("transport close")

    def send(self, packet: Packet) -> None:
        """Queues a packet."""
        self._put({"type": "websocket.receive", "text" if isinstance(packet, str) else "bytes": packet})

    def close(self) -> None:
        """A close frame, behind what is queued."""
        self._put({"type": "websocket.disconnect", "code": 1000})

    def drop(self) -> None:
        """The connection breaks."""
        self._waiting.clear()
        self._reads.set()
        self._put({"type": "websocket.disconnect", "code": 1006})

    def _put(self, message: Message) -> None:
        self._waiting.append(message)
        self._more.tell()

    async def _receive(self) -> Message:
        while not self._waiting:
            await self._more.wait()
        return self._waiting.popleft()

    async def _send(self, message: Message) -> None:
        kind = message["type"]
        if kind == "websocket.send":
            await self._reads.wait()
            text = message.get("text")
            self._sink.hear(message["bytes"] if text is None else text)
        elif kind == "websocket.accept":
            self._accepted = True
        elif kind == "websocket.http.response.start":
            self._refusal = message["status"], _named(message["headers"])
        elif kind == "websocket.http.response.body":
            self._body += message.get("body", b"")
            if self._refusal is not None and not message.get("more_body", False):
                self._sink.refused(*self._refusal, self._body.decode("utf-8", "replace"))
        elif self._accepted:
            self._sink.gone("transport close")
        else:
            # What a host makes of a close without an accept.
            self._sink.refused(403, {}, message.get("reason") or "")


class Polling:
    """Long-polling: one task that asks, one that tells.

    Attributes:
        idle: It does neither any more.
    """

    name: ClassVar[Transport] = "polling"

    def __init__(self, request: Request, sink: Sink) -> None:
        self._request = request
        self._sink = sink
        self._waiting: deque[Packet] = deque()
        self._more = signal()
        self.idle = False
        self._over = False
        self._left: Callable[[], object] | None = None
        self._dropped = anyio.Event()
        self._reads = anyio.Event()
        self._reads.set()

    async def run(self) -> None:
        """Until it has ended."""
        if await self._ask():
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(self._tell)
                while not self._over and await self._ask():
                    pass
                self._over = True
                self._more.tell()
        self.idle = True
        if self._left is None:
            self._sink.gone("transport close")
        else:
            self._left()

    def read(self, *, on: bool) -> None:
        """Asks on, or not when the question that is under way has been answered."""
        if on:
            self._reads.set()
        else:
            self._reads = anyio.Event()

    def send(self, packet: Packet) -> None:
        """Queues a packet."""
        self._waiting.append(packet)
        self._more.tell()

    def close(self) -> None:
        """The packet that says so, behind what is queued."""
        self.send("1")

    def drop(self) -> None:
        """The connections break."""
        self._over = True
        self._waiting.clear()
        self._dropped.set()
        self._reads.set()
        self._more.tell()

    def leave(self, left: Callable[[], object]) -> None:
        """Asks and tells no more, and calls ``left`` when nothing is under way: another transport takes over."""
        self._left = left
        self._over = True
        self._more.tell()

    def take(self) -> list[Packet]:
        """What nobody has sent."""
        waiting = list(self._waiting)
        self._waiting.clear()
        return waiting

    async def _ask(self) -> bool:
        """One GET. False: there will be no other."""
        await self._reads.wait()
        answer = await self._http("GET", b"")
        if answer is None:
            return False
        status, headers, body = answer
        text = body.decode()
        if status != 200:
            # The session is over and the server has forgotten it: not what a handshake that is refused means.
            if not self._sink.sid:
                self._sink.refused(status, headers, text)
            return False
        for part in text.split(_SEPARATOR):
            self._over = self._over or part == "1"
            self._sink.hear(base64.b64decode(part[1:]) if part.startswith("b") else part)
        return True

    async def _tell(self) -> None:
        """POSTs what waits."""
        while not self._over:
            if not self._waiting:
                await self._more.wait()
                continue
            answer = await self._http("POST", self._payload())
            if answer is None or answer[0] != 200:
                self._sink.gone("transport error")
                self.drop()

    def _payload(self) -> bytes:
        """As many of the packets that wait as go into one body, as the official client sends them."""
        body = _part(self._waiting.popleft())
        while self._waiting:
            part = _part(self._waiting[0])
            if len(body) + len(_SEPARATOR) + len(part) > self._sink.max_payload:
                break
            self._waiting.popleft()
            body += _SEPARATOR.encode() + part
        return body

    async def _http(self, method: str, body: bytes) -> tuple[int, dict[str, str], bytes] | None:
        """One request and its answer. None: it was given up."""
        headers = [*self._request.headers, (b"content-type", b"text/plain; charset=UTF-8")]
        scope = self._request.scope(
            "http", f"EIO=4&transport=polling{_sid(self._sink)}", method=method, headers=headers
        )
        asked = False
        status, fields, content, complete = 0, dict[str, str](), b"", False

        async def receive() -> Message:
            nonlocal asked
            if not asked:
                asked = True
                return {"type": "http.request", "body": body, "more_body": False}
            await self._dropped.wait()
            return {"type": "http.disconnect"}

        async def send(message: Message) -> None:
            nonlocal status, fields, content, complete
            if message["type"] == "http.response.start":
                status, fields = message["status"], _named(message["headers"])
            else:
                content += message.get("body", b"")
                complete = not message.get("more_body", False)

        await self._request.app(scope, receive, send)
        return (status, fields, content) if complete else None


def _part(packet: Packet) -> bytes:
    """A packet as a payload has it."""
    if isinstance(packet, bytes):
        return b"b" + base64.b64encode(packet)
    return packet.encode("utf-8", "surrogatepass")


def _sid(sink: Sink) -> str:
    """The part of the query that names the session, once there is one."""
    return f"&sid={sink.sid}" if sink.sid else ""


def _named(headers: Any) -> dict[str, str]:
    return {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in headers}
