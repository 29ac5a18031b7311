"""A raw WebSocket client (RFC 6455) over TCP: handshake by hand, any frame, right or wrong.

Knows frames only; nothing of Engine.IO. Frames are masked unless a test asks otherwise.
"""

from __future__ import annotations

import base64
import hashlib
import os
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING

from clients.raw_http import TIMEOUT, HttpConnection, HttpResponse, PeerClosed

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["BINARY", "CLOSE", "CONTINUATION", "PING", "PONG", "TEXT", "Frame", "HandshakeRefused", "RawWebSocket"]

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0x0, 0x1, 0x2, 0x8, 0x9, 0xA
#: The fixed GUID of RFC 6455, section 1.3.
GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


class HandshakeRefused(ConnectionError):
    """The server answered the handshake with something else than 101."""

    def __init__(self, response: HttpResponse) -> None:
        super().__init__(f"{response.status} {response.body[:200]!r}")
        self.response = response


@dataclass(frozen=True)
class Frame:
    """One frame of the server."""

    opcode: int
    payload: bytes
    fin: bool = True
    rsv: int = 0

    @property
    def close_code(self) -> int | None:
        """The status of a close frame, None if it carries none."""
        assert self.opcode == CLOSE, self
        return int.from_bytes(self.payload[:2], "big") if self.payload else None


def apply_mask(payload: bytes, key: bytes) -> bytes:
    repeated = (key * (len(payload) // 4 + 1))[: len(payload)]
    return (int.from_bytes(payload, "big") ^ int.from_bytes(repeated, "big")).to_bytes(len(payload), "big")


class RawWebSocket:
    """A WebSocket connection under the test's full control."""

    def __init__(
        self,
        port: int,
        target: str,
        *,
        headers: Mapping[str, str] | None = None,
        timeout: float = TIMEOUT,
        receive_buffer: int | None = None,
    ) -> None:
        self.http = HttpConnection(port, timeout=timeout, receive_buffer=receive_buffer)
        key = base64.b64encode(os.urandom(16))
        fields = {
            "Upgrade": "websocket",
            "Connection": "Upgrade",
            "Sec-WebSocket-Key": key.decode(),
            "Sec-WebSocket-Version": "13",
            **(headers or {}),
        }
        self.http.send_head("GET", target, fields)
        try:
            self.response = self.http.read_response()
        except BaseException:
            self.http.close()
            raise
        if self.response.status != 101:
            self.http.close()
            raise HandshakeRefused(self.response)
        accept = base64.b64encode(hashlib.sha1(key + GUID).digest()).decode()
        assert self.response.headers["sec-websocket-accept"] == accept
        assert self.response.headers["upgrade"].lower() == "websocket"
        assert "upgrade" in self.response.headers["connection"].lower()

    def close(self) -> None:
        """End the TCP connection without a close frame."""
        self.http.close()

    def abort(self) -> None:
        self.http.abort()

    # --- sending

    @staticmethod
    def frame(opcode: int, payload: bytes = b"", *, fin: bool = True, mask: bool = True, rsv: int = 0) -> bytes:
        """The bytes of one client frame."""
        head = bytes([(0x80 if fin else 0) | rsv << 4 | opcode])
        flag = 0x80 if mask else 0
        if len(payload) < 126:
            head += bytes([flag | len(payload)])
        elif len(payload) < 1 << 16:
            head += struct.pack("!BH", flag | 126, len(payload))
        else:
            head += struct.pack("!BQ", flag | 127, len(payload))
        if not mask:
            return head + payload
        key = os.urandom(4)
        return head + key + apply_mask(payload, key)

    def send_frame(
        self, opcode: int, payload: bytes = b"", *, fin: bool = True, mask: bool = True, rsv: int = 0
    ) -> None:
        self.http.send(self.frame(opcode, payload, fin=fin, mask=mask, rsv=rsv))

    def send(self, message: str | bytes) -> None:
        if isinstance(message, str):
            self.send_frame(TEXT, message.encode("utf-8", "surrogatepass"))
        else:
            self.send_frame(BINARY, message)

    def send_close(self, code: int | None = None, reason: str = "") -> None:
        self.send_frame(CLOSE, b"" if code is None else struct.pack("!H", code) + reason.encode())

    # --- receiving

    def recv_frame(self) -> Frame:
        first, second = self.http.read_exactly(2)
        assert not second & 0x80, "a server must not mask its frames"
        size = second & 0x7F
        if size == 126:
            (size,) = struct.unpack("!H", self.http.read_exactly(2))
        elif size == 127:
            (size,) = struct.unpack("!Q", self.http.read_exactly(8))
        return Frame(first & 0x0F, self.http.read_exactly(size), bool(first & 0x80), first >> 4 & 0x7)

    def recv(self) -> str | bytes:
        """The next message; a close frame is an error here (see `expect_close`)."""
        frame = self.recv_frame()
        assert frame.fin, "the servers under test never fragment"
        assert frame.rsv == 0, "no extension was negotiated"
        if frame.opcode == TEXT:
            return frame.payload.decode()
        assert frame.opcode == BINARY, frame
        return frame.payload

    def expect_close(self) -> int | None:
        """Skip messages until the close frame, answer it, and see the TCP connection end.

        Returns the status code of the close frame, None if it carries none.
        """
        while (frame := self.recv_frame()).opcode != CLOSE:
            pass
        code = frame.close_code
        try:
            self.send_frame(CLOSE, frame.payload[:2])
            while self.http.sock.recv(65536):
                pass
        except (ConnectionError, PeerClosed):
            pass
        self.http.close()
        return code
