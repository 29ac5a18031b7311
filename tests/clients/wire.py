"""Engine.IO from the client's side, packet by packet, over each transport the server offers.

A `Wire` sends and receives Engine.IO packets as text (or bytes for binary messages) and hides only how
a transport carries them: payloads and requests for polling, frames for WebSocket, and the switch from
one to the other. It answers no ping and interprets no message; tests do.
"""

from __future__ import annotations

import base64
import contextlib
import json
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from clients.raw_http import TIMEOUT, HttpConnection, HttpResponse
from clients.raw_websocket import RawWebSocket

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["RS", "TRANSPORTS", "Packet", "PollingWire", "WebSocketWire", "Wire", "open_wire", "target", "upgrade"]

#: Separates the packets of a polling payload.
RS = "\x1e"
#: How a client may reach the server; "upgrade" starts on polling and moves to WebSocket.
TRANSPORTS = ("polling", "websocket", "upgrade")
Packet = str | bytes


def target(path: str = "/socket.io/", **query: str) -> str:
    """Path and query of an Engine.IO request, `EIO=4` unless given."""
    return f"{path}?{urlencode({'EIO': '4', **query})}"


class Wire(ABC):
    """One Engine.IO session."""

    handshake: dict[str, Any]

    @property
    def sid(self) -> str:
        return str(self.handshake["sid"])

    @abstractmethod
    def send(self, *packets: Packet) -> None:
        """Send packets in order; over polling they share one payload."""

    @abstractmethod
    def recv(self) -> Packet:
        """The next packet of the server, `noop` packets of polling excepted."""

    @abstractmethod
    def wait_closed(self) -> list[Packet]:
        """See the server end the session; returns the packets that came before the end."""

    @abstractmethod
    def close(self) -> None:
        """End the session from this side; harmless when it is over."""

    def expect(self, packet: Packet) -> None:
        received = self.recv()
        assert received == packet, f"expected {packet!r}, got {received!r}"


def parse_open(packet: Packet) -> dict[str, Any]:
    assert isinstance(packet, str)
    assert packet.startswith("0"), packet
    handshake = json.loads(packet[1:])
    assert isinstance(handshake, dict)
    return handshake


class PollingWire(Wire):
    """Long-polling: one connection for GET, one for POST, both kept alive."""

    def __init__(
        self,
        port: int,
        *,
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        path: str = "/socket.io/",
        timeout: float = TIMEOUT,
    ) -> None:
        self.port, self.path, self.headers = port, path, dict(headers or {})
        self.getter = HttpConnection(port, timeout=timeout)
        self.poster = HttpConnection(port, timeout=timeout)
        self.waiting: list[Packet] = []
        self.over = False  # nothing is left to say goodbye to
        opening = self.getter.request("GET", target(path, transport="polling", **(query or {})), headers=self.headers)
        assert opening.status == 200, (opening.status, opening.body)
        self.opening = opening
        first, *rest = self.decode(opening.body)
        self.waiting.extend(rest)
        self.handshake = parse_open(first)

    @property
    def target(self) -> str:
        return target(self.path, transport="polling", sid=self.sid)

    @staticmethod
    def encode(*packets: Packet) -> bytes:
        parts = [p if isinstance(p, str) else "b" + base64.b64encode(p).decode() for p in packets]
        return RS.join(parts).encode("utf-8", "surrogatepass")

    @staticmethod
    def decode(body: bytes) -> list[Packet]:
        parts = body.decode().split(RS)
        return [base64.b64decode(p[1:], validate=True) if p.startswith("b") else p for p in parts]

    # --- one request at a time

    def post(self, body: bytes, *, headers: Mapping[str, str] | None = None) -> HttpResponse:
        return self.poster.request("POST", self.target, headers={**self.headers, **(headers or {})}, body=body)

    def start_poll(self) -> None:
        """Send a GET and leave it pending. The server has it when this returns, whatever else is sent afterwards."""
        self.getter.start("GET", self.target, headers=self.headers)
        self.getter.wait_until_read()

    def finish_poll(self) -> list[Packet]:
        """The packets that answer the pending GET."""
        response = self.getter.read_response()
        assert response.status == 200, (response.status, response.body)
        return self.decode(response.body)

    def poll(self) -> list[Packet]:
        self.getter.start("GET", self.target, headers=self.headers)
        return self.finish_poll()

    # --- packets

    def send(self, *packets: Packet) -> None:
        response = self.post(self.encode(*packets), headers={"Content-Type": "text/plain;charset=UTF-8"})
        assert (response.status, response.body) == (200, b"ok"), (response.status, response.body)

    def recv(self) -> Packet:
        while not self.waiting:
            self.waiting.extend(p for p in self.poll() if p != "6")
        return self.waiting.pop(0)

    def wait_for_end(self) -> list[Packet]:
        """Like `wait_closed`, with a poll already pending."""
        self.waiting.extend(p for p in self.finish_poll() if p != "6")
        return self.wait_closed()

    def wait_closed(self) -> list[Packet]:
        """The session ends with a `close` packet, or is already unknown."""
        seen = list(self.waiting)
        self.waiting.clear()
        while not seen or seen[-1] != "1":
            self.start_poll()
            response = self.getter.read_response()
            if response.status == 400:
                assert response.json()["code"] == 1, response.body
                self.over = True
                break
            assert response.status == 200, (response.status, response.body)
            seen.extend(p for p in self.decode(response.body) if p != "6")
        self.over = True
        self.abandon()
        return [p for p in seen if p != "1"]

    def is_unknown(self) -> bool:
        """Whether the server has forgotten the session; asks without disturbing a pending poll.

        A request of the wrong transport: code 1 if there is no such session, code 3 if there is.
        """
        with HttpConnection(self.port) as probe:
            answer = probe.request("GET", target(self.path, transport="websocket", sid=self.sid), headers=self.headers)
        assert answer.status == 400, (answer.status, answer.body)
        code = answer.json()["code"]
        assert code in (1, 3), answer.body
        return bool(code == 1)

    def abandon(self) -> None:
        """Drop the TCP connections without a word: the session stays until its ping times out."""
        self.getter.close()
        self.poster.close()

    def close(self) -> None:
        """Say goodbye, if there is anybody to say it to: nothing else tells a server that polling ended."""
        self.abandon()
        if not self.over:
            self.over = True
            with contextlib.suppress(OSError), HttpConnection(self.port) as http:
                http.request("POST", self.target, headers=self.headers, body=b"1")


class WebSocketWire(Wire):
    """WebSocket, from the start or after an upgrade."""

    def __init__(self, ws: RawWebSocket, handshake: dict[str, Any], waiting: list[Packet] | None = None) -> None:
        self.ws, self.handshake, self.waiting = ws, handshake, waiting or []

    @classmethod
    def open(
        cls,
        port: int,
        *,
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        path: str = "/socket.io/",
        timeout: float = TIMEOUT,
        receive_buffer: int | None = None,
    ) -> WebSocketWire:
        ws = RawWebSocket(
            port,
            target(path, transport="websocket", **(query or {})),
            headers=headers,
            timeout=timeout,
            receive_buffer=receive_buffer,
        )
        return cls(ws, parse_open(ws.recv()))

    def send(self, *packets: Packet) -> None:
        for packet in packets:
            self.ws.send(packet)

    def recv(self) -> Packet:
        return self.waiting.pop(0) if self.waiting else self.ws.recv()

    def wait_closed(self) -> list[Packet]:
        seen = list(self.waiting)
        while True:
            frame = self.ws.recv_frame()
            if frame.opcode == 0x8:
                break
            seen.append(frame.payload.decode() if frame.opcode == 0x1 else frame.payload)
        self.close()
        return seen

    def close(self) -> None:
        self.ws.close()


def upgrade(polling: PollingWire) -> WebSocketWire:
    """Move a polling session to WebSocket as the official client does.

    What polling still delivered is received first, so the order of packets is kept.
    """
    polling.start_poll()
    ws = RawWebSocket(
        polling.port, target(polling.path, transport="websocket", sid=polling.sid), headers=polling.headers
    )
    ws.send("2probe")
    assert ws.recv() == "3probe"
    waiting = [*polling.waiting, *(p for p in polling.finish_poll() if p != "6")]
    ws.send("5")
    polling.abandon()
    polling.over = True
    return WebSocketWire(ws, polling.handshake, waiting)


def open_wire(
    transport: str,
    port: int,
    *,
    query: Mapping[str, str] | None = None,
    headers: Mapping[str, str] | None = None,
    path: str = "/socket.io/",
) -> Wire:
    """A session over one of `TRANSPORTS`."""
    if transport == "websocket":
        return WebSocketWire.open(port, query=query, headers=headers, path=path)
    polling = PollingWire(port, query=query, headers=headers, path=path)
    return polling if transport == "polling" else upgrade(polling)
