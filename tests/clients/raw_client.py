"""A small Socket.IO client over a raw `Wire`: connects namespaces, emits, acks, carries bytes.

It keeps no state beyond what arrived and was not asked for yet, never sleeps and never reconnects, so a
test sees exactly what the server sent, in order.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from clients.wire import Packet, Wire

__all__ = ["Message", "RawClient", "decode_packet", "encode_packet"]


@dataclass
class Message:
    """One Socket.IO packet from the server."""

    kind: int
    nsp: str
    ack_id: int | None
    data: Any

    @property
    def name(self) -> Any:
        assert self.kind == 2, self
        return self.data[0]

    @property
    def args(self) -> list[Any]:
        return list(self.data[1:]) if self.kind == 2 else list(self.data)


def encode_packet(kind: int, data: Any, *, nsp: str = "/", ack_id: int | None = None) -> list[Packet]:
    """The Engine.IO packets that carry one Socket.IO packet; `bytes` become attachments."""
    parts: list[bytes] = []

    def replace(value: Any) -> Any:
        if isinstance(value, bytes):
            parts.append(value)
            return {"_placeholder": True, "num": len(parts) - 1}
        if isinstance(value, dict):
            return {key: replace(item) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return [replace(item) for item in value]
        return value

    body = "" if data is None else json.dumps(replace(data), separators=(",", ":"), ensure_ascii=False)
    binary = kind in (2, 3) and parts
    head = f"4{kind + 3}{len(parts)}-" if binary else f"4{kind}"
    return [head + (f"{nsp}," if nsp != "/" else "") + ("" if ack_id is None else str(ack_id)) + body, *parts]


def decode_packet(text: str) -> tuple[Message, int]:
    """A packet and the number of attachments that follow it."""
    assert text[0] == "4", text
    kind, at, attachments = int(text[1]), 2, 0
    if kind in (5, 6):
        dash = text.index("-", at)
        attachments, at, kind = int(text[at:dash]), dash + 1, kind - 3
    nsp = "/"
    if text[at : at + 1] == "/":
        comma = text.find(",", at)
        end = len(text) if comma < 0 else comma
        nsp, at = text[at:end], end + 1
    digits = at
    while digits < len(text) and text[digits].isdigit():
        digits += 1
    ack_id = int(text[at:digits]) if digits > at else None
    body = text[digits:]
    return Message(kind, nsp, ack_id, json.loads(body) if body else None), attachments


def fill_placeholders(value: Any, parts: list[bytes]) -> Any:
    if isinstance(value, dict):
        if value.get("_placeholder") is True:
            return parts[value["num"]]
        return {key: fill_placeholders(item, parts) for key, item in value.items()}
    if isinstance(value, list):
        return [fill_placeholders(item, parts) for item in value]
    return value


class RawClient:
    """Socket.IO over one wire."""

    def __init__(self, wire: Wire) -> None:
        self.wire = wire
        self.inbox: list[Message] = []
        self.ids: dict[str, str] = {}
        self.next_ack = 0

    @property
    def id(self) -> str:
        """The socket id in `/`."""
        return self.ids["/"]

    # --- sending

    def connect(self, nsp: str = "/", auth: Any = None) -> str:
        """Join a namespace and return the socket's id."""
        self.send(0, auth, nsp=nsp)
        answer = self.take(lambda m: m.kind in (0, 4) and m.nsp == nsp)
        assert answer.kind == 0, f"refused: {answer.data!r}"
        self.ids[nsp] = str(answer.data["sid"])
        return self.ids[nsp]

    def connect_refused(self, nsp: str = "/", auth: Any = None) -> Any:
        """Ask for a namespace and return what the refusal carries."""
        self.send(0, auth, nsp=nsp)
        answer = self.take(lambda m: m.kind in (0, 4) and m.nsp == nsp)
        assert answer.kind == 4, f"accepted: {answer.data!r}"
        return answer.data

    def send(self, kind: int, data: Any = None, *, nsp: str = "/", ack_id: int | None = None) -> None:
        self.wire.send(*encode_packet(kind, data, nsp=nsp, ack_id=ack_id))

    def emit(self, event: str | int, *args: Any, nsp: str = "/") -> None:
        self.send(2, [event, *args], nsp=nsp)

    def start_ask(self, event: str | int, *args: Any, nsp: str = "/") -> int:
        """Emit with an ack id and return the id."""
        ack_id, self.next_ack = self.next_ack, self.next_ack + 1
        self.send(2, [event, *args], nsp=nsp, ack_id=ack_id)
        return ack_id

    def finish_ask(self, ack_id: int, *, nsp: str = "/") -> list[Any]:
        return self.take(lambda m: m.kind == 3 and m.ack_id == ack_id and m.nsp == nsp).args

    def ask(self, event: str | int, *args: Any, nsp: str = "/") -> list[Any]:
        """Emit and wait for the ack's values."""
        return self.finish_ask(self.start_ask(event, *args, nsp=nsp), nsp=nsp)

    def answer(self, question: Message, *values: Any) -> None:
        """Acknowledge an event of the server."""
        assert question.ack_id is not None, question
        self.send(3, list(values), nsp=question.nsp, ack_id=question.ack_id)

    # --- receiving

    def recv(self) -> Message:
        """The next packet, attachments included; heartbeats are answered, not returned."""
        while (packet := self.wire.recv()) == "2":
            self.wire.send("3")
        assert isinstance(packet, str), packet[:100]
        message, count = decode_packet(packet)
        parts: list[bytes] = []
        while len(parts) < count:
            part = self.wire.recv()
            assert isinstance(part, bytes), part
            parts.append(part)
        if count:
            message.data = fill_placeholders(message.data, parts)
        return message

    def take(self, wanted: Any) -> Message:
        """The first packet, waiting or to come, that `wanted` accepts; others stay in order."""
        for at, message in enumerate(self.inbox):
            if wanted(message):
                return self.inbox.pop(at)
        while not wanted(message := self.recv()):
            self.inbox.append(message)
        return message

    def expect(self, event: str | int, *, nsp: str = "/") -> list[Any]:
        """The arguments of the next event of that name."""
        return self.take(lambda m: m.kind == 2 and m.nsp == nsp and m.name == event).args

    def expect_question(self, event: str, *, nsp: str = "/") -> Message:
        """The next event of that name that wants an ack."""
        return self.take(lambda m: m.kind == 2 and m.nsp == nsp and m.name == event and m.ack_id is not None)

    def events(self, *, nsp: str = "/") -> list[list[Any]]:
        """Every event that arrived so far and was not taken.

        A round trip comes first: the server answers in order, so nothing sent before is still under way.
        """
        if nsp in self.ids:
            self.ask("mark", nsp=nsp)
        seen = [m.data for m in self.inbox if m.kind == 2 and m.nsp == nsp]
        self.inbox = [m for m in self.inbox if not (m.kind == 2 and m.nsp == nsp)]
        return seen

    def leave(self, nsp: str = "/") -> None:
        self.send(1, nsp=nsp)
        self.ids.pop(nsp, None)

    def close(self) -> None:
        self.wire.close()
