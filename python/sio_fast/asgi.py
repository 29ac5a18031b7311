"""The ASGI skin: requests and WebSockets of a server that brings the bytes itself, over the same hub as the native listener.

It moves bytes and waits. Refuses to know what a request means, when a session ends and what it is told.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

import anyio

from . import _core
from .driver import Waiting
from .wake import on_asyncio, signal

if TYPE_CHECKING:
    from .asgi_types import Answer, Message, Receive, Scope, Send
    from .driver import Driver

__all__ = ("Hearing", "answer_http", "answer_websocket", "refuse", "respond", "verdict")

# What uvicorn says when it stops. Others cut us off then, and it means the same.
_SERVICE_RESTART: Final = 1012
_STATE: Final = _core.UNSETTLED - 1

_log = logging.getLogger("sio_fast.asgi")


class Hearing:
    """``receive`` of one request, from which somebody may turn away in the middle of a wait without losing a message.

    Cancelling ``receive`` is not safe everywhere: granian (2.8) may answer the next call with a disconnect, though the client
    is there. What somebody began to hear is therefore kept for the next one; an HTTP request on asyncio only, as the other
    servers' queues lose nothing, and granian has nothing to hear of a WebSocket before it is accepted.

    Attributes:
        heard: Whether a message has come.
    """

    __slots__ = ("_pending", "_receive", "heard")

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._pending: asyncio.Future[Message] | None = None
        self.heard = False

    async def __call__(self) -> Message:
        """The next message."""
        if self._pending is None:
            message = await self._receive()
        else:
            message = await asyncio.shield(self._pending)
            self._pending = None
        self.heard = True
        return message

    async def kept(self) -> Message:
        """The same for somebody who may be cancelled while others still want to hear."""
        if self._pending is None and on_asyncio():
            self._pending = asyncio.ensure_future(self._receive())
        return await self()

    def straight(self) -> Receive:
        """What to call from now on, without the detour where nothing is kept."""
        return self._receive if self._pending is None else self

    def close(self) -> None:
        """Nobody wants to hear any more."""
        if self._pending is not None:
            self._pending.cancel()


async def verdict(driver: Driver, scope: Scope, hearing: Hearing, *, mounted: bool) -> tuple[Any, ...] | None:
    """What the core says about a request, which may have to wait for the application first. None: it is somebody else's.
    Empty: the client did not wait."""
    path = scope["path"]
    raw = scope.get("raw_path")
    target = quote(path) if raw is None else raw.decode("latin-1").partition("?")[0]
    query = scope.get("query_string", b"")
    client = scope.get("client")
    head = (
        scope.get("method", "GET"),
        f"{target}?{query.decode('latin-1')}" if query else target,
        path,
        scope.get("root_path", ""),
        mounted,
        scope["type"] == "websocket",
        scope.get("scheme") in ("https", "wss"),
        # Granian has the port as a str, a Unix socket none at all.
        None if client is None else (client[0], int(client[1] or 0)),
        scope,
        [(name, value) for name, value in scope["headers"]],
    )
    said = driver.shard.request(driver.clock(), None, *head)
    driver.settle()
    if said[0] == _core.ASK:
        hear = hearing.kept if scope["type"] == "http" else hearing
        # The end of the run waits for whoever waits: the last answer is the shard's too.
        driver.begin()
        try:
            while said[0] == _core.ASK:
                if not await _decided(driver, hear, said[1]):
                    return ()
                said = driver.shard.request(driver.clock(), said[1], *head)
                driver.settle()
        finally:
            driver.finish()
    return None if said[0] == _core.NOT_OURS else said


async def _decided(driver: Driver, receive: Receive, question: int) -> bool:
    """Waits until the application has judged a request. False: the client is gone."""
    gone = False

    async def watch() -> None:
        nonlocal gone
        while not (await receive())["type"].endswith(".disconnect"):
            pass
        gone = True
        tasks.cancel_scope.cancel()

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(watch)
        await driver.decided(question)
        tasks.cancel_scope.cancel()
    return not gone


# HTTP.


async def answer_http(driver: Driver, scope: Scope, receive: Receive, send: Send, said: tuple[Any, ...]) -> None:
    """Carries out a verdict about an HTTP request."""
    kind = said[0]
    if kind == _core.RESPOND:
        answer = said[1]
    elif kind == _core.POLL:
        answer = await _poll(driver, receive, said[1])
    else:
        answer = await _post(driver, receive, said[1], said[2], _length(scope))
    if answer is not None:
        await respond(scope, send, answer)


async def respond(scope: Scope, send: Send, answer: Answer) -> None:
    """Sends a complete answer."""
    status, headers, body, close = answer
    # HTTP/2 and later have no such header; there a connection is not one client's request.
    fields = [pair for pair in headers if pair[0] != b"connection"]
    if status != 204:
        fields.append((b"content-length", b"%d" % len(body)))
    if close and scope.get("http_version", "1.1").startswith("1"):
        fields.append((b"connection", b"close"))
    await send({"type": "http.response.start", "status": status, "headers": fields})
    await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})


async def _poll(driver: Driver, receive: Receive, session: int) -> Answer | None:
    """Waits until the session has something to say. None: the client is gone."""
    gone = False

    async def watch() -> None:
        nonlocal gone
        while (await receive())["type"] != "http.disconnect":
            pass
        gone = True
        tasks.cancel_scope.cancel()

    waiting = Waiting()
    async with anyio.create_task_group() as tasks:
        waiting.cancel = tasks.cancel_scope.cancel
        driver.polls[session] = waiting
        try:
            driver.answer_poll(session)
            tasks.start_soon(watch)
            await waiting.written.wait()
            tasks.cancel_scope.cancel()
        finally:
            if driver.polls.get(session) is waiting:
                del driver.polls[session]
            if waiting.answer is None:
                driver.shard.poll_aborted(driver.clock(), session, not gone)
                driver.settle()
    return waiting.answer


async def _post(driver: Driver, receive: Receive, session: int, limit: int, length: int) -> Answer | None:
    """Reads a body and hands it over. None: the client is gone."""
    shard = driver.shard
    body: bytes | None = b""
    try:
        with anyio.CancelScope() as reading, driver.posting(session, reading.cancel):
            body = None if length > limit else await _read(receive, limit)
    except BaseException as error:
        shard.post_aborted(driver.clock(), session)
        driver.settle()
        if isinstance(error, _Gone):
            return None
        raise
    if body is None:
        return shard.post_too_large(driver.clock(), session)
    if reading.cancelled_caught:
        # The session is over: the answer says so.
        shard.post_aborted(driver.clock(), session)
    resumed = signal()
    with driver.posting(session, resumed.tell):
        verdict = shard.post(driver.clock(), session, body)
        driver.settle()
        if verdict is None:
            return None
        held, answer = verdict
        if held:
            await resumed.wait()
        return answer


class _Gone(Exception):
    """The client went away in the middle of its body."""


async def _read(receive: Receive, limit: int) -> bytes | None:
    """A whole body; None if it is over the limit."""
    pieces: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise _Gone
        piece = message.get("body", b"")
        size += len(piece)
        if size > limit:
            return None
        pieces.append(piece)
        if not message.get("more_body", False):
            return b"".join(pieces)


def _length(scope: Scope) -> int:
    """The announced length of a body; 0 if none is."""
    for name, value in scope["headers"]:
        if name == b"content-length" and value.isdigit():
            return int(value)
    return 0


# WebSocket.


async def answer_websocket(driver: Driver, scope: Scope, receive: Receive, send: Send, said: tuple[Any, ...]) -> None:
    """Carries out a verdict about a WebSocket: talks, or refuses."""
    if said[0] == _core.ACCEPT:
        _, link, subprotocol, headers = said
        await _Link(driver, link, receive, send).talk(subprotocol, headers)
    else:
        await refuse(scope, send, said[1])


async def refuse(scope: Scope, send: Send, answer: Answer) -> None:
    """Refuses a WebSocket before it is accepted, with its reasons where the server can carry them."""
    status, headers, body, _ = answer
    if "websocket.http.response" in (scope.get("extensions") or {}):
        fields = [pair for pair in headers if pair[0] != b"connection"]
        fields.append((b"content-length", b"%d" % len(body)))
        await send({"type": "websocket.http.response.start", "status": status, "headers": fields})
        await send({"type": "websocket.http.response.body", "body": body})
    else:
        await send({"type": "websocket.close", "code": 1008})


class _Link:
    """One WebSocket: a task that reads, and one that writes."""

    __slots__ = ("_code", "_driver", "_key", "_receive", "_send", "_waiting")

    def __init__(self, driver: Driver, key: int, receive: Receive, send: Send) -> None:
        self._driver = driver
        self._key = key
        self._receive = receive
        self._send = send
        self._code: int | None = None
        self._waiting = Waiting()

    async def talk(self, subprotocol: str | None, headers: list[tuple[bytes, bytes]]) -> None:
        """Accepts, and goes on until one of both sides has ended it."""
        driver, key = self._driver, self._key
        try:
            await self._send({"type": "websocket.accept", "subprotocol": subprotocol, "headers": headers})
            async with anyio.create_task_group() as tasks:
                self._waiting.cancel = tasks.cancel_scope.cancel
                driver.links[key] = self._waiting
                state = driver.shard.link_open(driver.clock(), key)
                tasks.start_soon(self._write)
                await self._read(state)
        except anyio.get_cancelled_exc_class():
            self._code = _SERVICE_RESTART
            raise
        except OSError:
            _log.debug("a WebSocket ended before it was accepted", exc_info=True)
        finally:
            driver.links.pop(key, None)
            driver.shard.link_ended(driver.clock(), key, self._code)
            driver.settle()

    async def _read(self, state: int) -> None:
        """Hands messages over until the link is closing or the client is gone."""
        driver, key, receive, clock = self._driver, self._key, self._receive, self._driver.clock
        shard = driver.shard
        while True:
            if state & _core.UNSETTLED:
                driver.settle()
            state &= _STATE
            if state == _core.CLOSING:
                return
            if state == _core.PAUSED:
                await self._waiting.resumed.wait()
                state = shard.link_state(key)
                continue
            message = await receive()
            if message["type"] != "websocket.receive":
                self._code = message.get("code")
                self._waiting.cancel()
                return
            if (text := message.get("text")) is not None:
                state = shard.link_text(clock(), key, text)
                continue
            state = shard.link_bytes(clock(), key, message["bytes"])

    async def _write(self) -> None:
        """Sends what the core has for the link, one message after the other, as fast as the server takes them."""
        take, key, send, written = self._driver.shard.take, self._key, self._send, self._waiting.written
        message: str | bytes | int | None = None
        try:
            while not isinstance(message, int):
                message = take(key)
                if isinstance(message, str):
                    await send({"type": "websocket.send", "text": message})
                elif message is None:
                    await written.wait()
                elif isinstance(message, bytes):
                    await send({"type": "websocket.send", "bytes": message})
                else:
                    await send({"type": "websocket.close", "code": message})
        except OSError:
            # How a server says that the client is gone.
            _log.debug("a WebSocket ended while something was sent", exc_info=True)
        self._waiting.cancel()
