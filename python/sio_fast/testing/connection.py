"""The client's end of one Engine.IO session: the handshake, pings, and Socket.IO packets for the namespaces that share it.

Refuses to know how packets travel and who waits for what.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final, Protocol, cast

from .._core import decode_packet, encode_connect, encode_packet
from .exceptions import HandshakeError
from .transports import Polling, WebSocket

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ..types import EventName, Transport
    from .transports import Packet, Request

__all__ = ("Candidate", "Connection", "Member")

_CONNECT: Final = 0
_DISCONNECT: Final = 1
_CONNECT_ERROR: Final = 4
_BINARY: Final = "56"


class Member(Protocol):
    """A socket that lives on a connection."""

    def accepted(self, sid: str) -> None:
        """CONNECT came."""

    def refused(self, payload: Any) -> None:
        """CONNECT_ERROR came."""

    def left(self, reason: str) -> None:
        """It is connected no more."""

    def event(self, name: EventName, args: Sequence[Any], ack_id: int | None) -> None:
        """EVENT came."""

    def answered(self, ack_id: int, args: Sequence[Any]) -> None:
        """ACK came."""


class Connection:
    """One session.

    Args:
        request: What its requests have in common.
        transport: ``"websocket"`` or ``"polling"``.
        max_depth: The deepest nesting of JSON.
        changed: Called after everything that came.

    Attributes:
        sid: Id of the session; empty before the handshake.
        max_payload: What the handshake says of bodies.
        answers_pings: False to stay silent when the server pings.
        refusal: Why there is no session.
        over: Why there is none any more; None while there is.
        members: The sockets by the names of their namespaces.
    """

    def __init__(self, request: Request, transport: Transport, max_depth: int, changed: Callable[[], None]) -> None:
        self.sid = ""
        self.max_payload = 0
        self.answers_pings = True
        self.refusal: HandshakeError | None = None
        self.over: str | None = None
        self.members: dict[str, Member] = {}
        self._request = request
        self._transport: WebSocket | Polling = (WebSocket if transport == "websocket" else Polling)(request, self)
        self._max_depth = max_depth
        self._changed = changed
        self._closing = False
        self._upgrades: list[str] = []
        # A packet that waits for its attachments: text, those that came, how many there will be.
        self._text = ""
        self._parts: list[bytes] = []
        self._missing = 0

    @property
    def transport(self) -> Transport:
        """Name of what carries it now."""
        return self._transport.name

    async def run(self) -> None:
        """Until it is over, or another transport has taken over."""
        try:
            await self._transport.run()
        except Exception:
            self.gone("transport error")
            raise

    # What the client does.

    def connect(self, nsp: str, auth: Any) -> None:
        """Asks for a namespace."""
        self._send(encode_connect(auth, namespace=nsp, max_depth=self._max_depth), ())

    def emit(self, nsp: str, name: EventName, args: tuple[Any, ...], ack_id: int | None) -> None:
        """Sends an event."""
        self._send(*encode_packet(name, args, namespace=nsp, ack_id=ack_id, max_depth=self._max_depth))

    def answer(self, nsp: str, ack_id: int, args: tuple[Any, ...]) -> None:
        """Sends an answer."""
        self._send(*encode_packet(None, args, namespace=nsp, ack_id=ack_id, max_depth=self._max_depth))

    def leave(self, nsp: str) -> None:
        """Leaves a namespace; with the last one the connection ends, as the official client's does."""
        self._send("1" if nsp == "/" else f"1{nsp},", ())
        self.members.pop(nsp, None)
        if not self.members:
            self.close()

    def probe(self) -> Candidate:
        """Begins an upgrade from long-polling to WebSocket.

        Raises:
            RuntimeError: It is not on long-polling, or the server offers no upgrade.
        """
        if isinstance(self._transport, Polling):
            if "websocket" in self._upgrades:
                return Candidate(self, self._transport, self._request)
            raise RuntimeError("the server offered no upgrade: its options allow_upgrades and transports decide that")
        raise RuntimeError("this connection is on WebSocket; connect(transport='polling') begins on long-polling")

    def close(self) -> None:
        """Ends it in an orderly way."""
        if not self._closing and self.over is None:
            self._closing = True
            self._transport.close()

    def drop(self) -> None:
        """The transport breaks."""
        self._transport.drop()
        self.gone("transport close")

    def read(self, *, on: bool) -> None:
        """Reads on, or stops reading."""
        self._transport.read(on=on)

    def _send(self, text: str, parts: Sequence[bytes]) -> None:
        if self.over is None and not self._closing:
            self._transport.send(f"4{text}")
            for part in parts:
                self._transport.send(part)

    # What its transport says.

    def hear(self, packet: Packet) -> None:
        """A packet came."""
        if isinstance(packet, bytes):
            self._parts.append(packet)
            self._complete()
        elif packet.startswith("4"):
            text = packet[1:]
            self._text, self._parts = text, []
            self._missing = int(text[1 : text.index("-")]) if text[:1] in _BINARY else 0
            self._complete()
        elif packet.startswith("2"):
            if self.answers_pings:
                self._transport.send(f"3{packet[1:]}")
        elif packet.startswith("0"):
            handshake = json.loads(packet[1:])
            self.sid, self.max_payload = handshake["sid"], handshake["maxPayload"]
            self._upgrades = handshake["upgrades"]
        elif packet == "1":
            self.gone("transport close")
        self._changed()

    def refused(self, status: int, headers: dict[str, str], body: str) -> None:
        """There will be no session."""
        self.refusal = HandshakeError(status, headers, body)
        self.gone("transport error")

    def gone(self, reason: str) -> None:
        """The transport has ended."""
        if self.over is None:
            self.over = reason
            members, self.members = self.members, {}
            for member in members.values():
                member.left(reason)
            self._changed()

    # Packets.

    def _complete(self) -> None:
        if len(self._parts) < self._missing:
            return
        text, parts = self._text, self._parts
        self._text, self._parts, self._missing = "", [], 0
        refused = text.startswith(str(_CONNECT_ERROR))
        # The codec reads what clients send, and a refusal is the server's alone; it is built like a CONNECT.
        kind, nsp, ack_id, name, args = decode_packet(
            f"{_CONNECT}{text[1:]}" if refused else text, parts, max_depth=self._max_depth
        )
        member = self.members.get(nsp)
        if member is None:
            return
        if refused:
            del self.members[nsp]
            member.refused(args[0])
        elif kind == _CONNECT:
            member.accepted(args[0]["sid"])
        elif kind == _DISCONNECT:
            del self.members[nsp]
            member.left("io server disconnect")
        elif name is not None:
            # Servers send no other numbers than whole ones.
            member.event(cast("EventName", name), args, ack_id)
        elif ack_id is not None:
            member.answered(ack_id, args)


class Candidate:
    """A WebSocket that is to take over from long-polling; hears for it until then.

    Attributes:
        sid: Id of the session.
        max_payload: As its connection has it.
        answered: The server has answered the probe.
        failure: Why it will not.
    """

    def __init__(self, connection: Connection, polling: Polling, request: Request) -> None:
        self.sid = connection.sid
        self.max_payload = connection.max_payload
        self.answered = False
        self.failure: Exception | None = None
        self._connection = connection
        self._polling = polling
        self._link = WebSocket(request, self)
        self._carries = False

    async def run(self) -> None:
        """Until the WebSocket has ended."""
        self._link.send("2probe")
        try:
            await self._link.run()
        except Exception:
            self.gone("transport error")
            raise

    @property
    def ready(self) -> bool:
        """Long-polling has gone quiet."""
        return self._polling.idle

    def pause(self) -> None:
        """Lets long-polling go quiet."""
        self._polling.leave(self._connection._changed)

    def take_over(self) -> None:
        """The WebSocket carries the session from now on, and what could not be sent before."""
        connection, self._carries = self._connection, True
        connection._transport = self._link
        for packet in ("5", *self._polling.take()):
            self._link.send(packet)

    def hear(self, packet: Packet) -> None:
        """A packet came."""
        if self._carries:
            self._connection.hear(packet)
        else:
            self.answered = self.answered or packet == "3probe"
            self._connection._changed()

    def refused(self, status: int, headers: dict[str, str], body: str) -> None:
        """The server wants no WebSocket."""
        self.failure = HandshakeError(status, headers, body)
        self._connection._changed()

    def gone(self, reason: str) -> None:
        """The WebSocket has ended."""
        if self._carries:
            self._connection.gone(reason)
        elif self.failure is None:
            self.failure = ConnectionError(f"the WebSocket ended before the server answered the probe: {reason}")
            self._connection._changed()
