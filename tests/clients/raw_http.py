"""A raw HTTP/1.1 client over one TCP connection, for requests no library would send.

Knows HTTP framing only; nothing of Engine.IO. Everything blocks and everything has a timeout, so a
server that never answers fails the test instead of hanging it.
"""

from __future__ import annotations

import json
import socket
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from types import TracebackType

__all__ = ["TIMEOUT", "HttpConnection", "HttpResponse", "PeerClosed"]

#: Seconds a blocking call waits for the server. Generous: the machines that run this are small and busy.
TIMEOUT = 10.0


class PeerClosed(ConnectionError):
    """The server closed the TCP connection where bytes were expected."""


@dataclass(frozen=True)
class HttpResponse:
    """One answer; header names in lower case, repeats kept in `all_headers`."""

    status: int
    all_headers: list[tuple[str, str]]
    body: bytes

    @property
    def headers(self) -> dict[str, str]:
        return dict(self.all_headers)

    @property
    def text(self) -> str:
        return self.body.decode()

    def json(self) -> Any:
        return json.loads(self.body)


class HttpConnection:
    """One TCP connection that speaks HTTP/1.1, one request at a time."""

    def __init__(self, port: int, *, timeout: float = TIMEOUT, receive_buffer: int | None = None) -> None:
        self.port = port
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        if receive_buffer is not None:  # must be set before the handshake to bound the window
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.sock.settimeout(timeout)
        self.sock.connect(("127.0.0.1", port))
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = bytearray()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Close the TCP connection; what the kernel still holds is sent."""
        self.sock.close()

    def abort(self) -> None:
        """Close with a reset, as a vanished peer's kernel does."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
        self.sock.close()

    def wait_until_read(self) -> None:
        """Return when the server's process has taken all that was sent: what another connection sends now comes later."""
        ends = tuple(f"{ip}:{port:04X}" for ip, port in (_hex(self.sock.getpeername()), _hex(self.sock.getsockname())))
        deadline = time.monotonic() + TIMEOUT
        while time.monotonic() < deadline:
            rows = (line.split() for line in Path("/proc/net/tcp").read_text(encoding="ascii").splitlines()[1:])
            queues = [row[4] for row in rows if (row[1], row[2]) == ends]
            if not queues or queues[0].endswith(":00000000"):
                return
            time.sleep(0.001)
        raise TimeoutError("the server does not read")

    # --- sending

    def send(self, data: bytes) -> None:
        self.sock.sendall(data)

    def send_head(self, method: str, target: str, headers: Mapping[str, str] | Iterable[tuple[str, str]] = ()) -> None:
        pairs = list(headers.items() if hasattr(headers, "items") else headers)
        if not any(name.lower() == "host" for name, _ in pairs):
            pairs.insert(0, ("Host", f"127.0.0.1:{self.port}"))
        lines = [f"{method} {target} HTTP/1.1", *(f"{name}: {value}" for name, value in pairs)]
        self.send(("\r\n".join(lines) + "\r\n\r\n").encode("latin-1"))

    def start(
        self,
        method: str,
        target: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        chunks: Iterable[bytes] | None = None,
    ) -> None:
        """Send a whole request without waiting for the answer.

        `chunks` sends the body with `Transfer-Encoding: chunked`, one chunk each.
        """
        fields = dict(headers or {})
        if chunks is not None:
            fields["Transfer-Encoding"] = "chunked"
            self.send_head(method, target, fields)
            for chunk in chunks:
                self.send(f"{len(chunk):x}\r\n".encode() + chunk + b"\r\n")
            self.send(b"0\r\n\r\n")
            return
        if body is not None:
            fields.setdefault("Content-Length", str(len(body)))
        self.send_head(method, target, fields)
        if body:
            self.send(body)

    def request(
        self,
        method: str,
        target: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        chunks: Iterable[bytes] | None = None,
    ) -> HttpResponse:
        self.start(method, target, headers=headers, body=body, chunks=chunks)
        return self.read_response(method)

    # --- receiving

    def fill(self) -> None:
        """Wait for at least one more byte."""
        data = self.sock.recv(65536)
        if not data:
            raise PeerClosed(f"closed after {bytes(self.buffer[:200])!r}")
        self.buffer += data

    def read_exactly(self, count: int) -> bytes:
        while len(self.buffer) < count:
            self.fill()
        data = bytes(self.buffer[:count])
        del self.buffer[:count]
        return data

    def read_until(self, mark: bytes) -> bytes:
        while (at := self.buffer.find(mark)) < 0:
            self.fill()
        data = bytes(self.buffer[:at])
        del self.buffer[: at + len(mark)]
        return data

    def read_response(self, method: str = "GET") -> HttpResponse:
        lines = self.read_until(b"\r\n\r\n").decode("latin-1").split("\r\n")
        version, status_text, *_ = lines[0].split(" ", 2)
        assert version == "HTTP/1.1", lines[0]
        status = int(status_text)
        headers: list[tuple[str, str]] = []
        for line in lines[1:]:
            name, _, value = line.partition(":")
            headers.append((name.strip().lower(), value.strip()))
        return HttpResponse(status, headers, self.read_body(method, status, dict(headers)))

    def read_body(self, method: str, status: int, headers: Mapping[str, str]) -> bytes:
        if method == "HEAD" or status in (101, 204, 304):
            return b""
        if headers.get("transfer-encoding", "").lower() == "chunked":
            body = b""
            while size := int(self.read_until(b"\r\n").split(b";")[0], 16):
                body += self.read_exactly(size)
                assert self.read_exactly(2) == b"\r\n"
            assert self.read_until(b"\r\n") == b""
            return body
        if "content-length" in headers:
            return self.read_exactly(int(headers["content-length"]))
        return self.read_to_end()

    def read_to_end(self) -> bytes:
        """Everything until the server closes the connection; a reset counts as the end."""
        try:
            while True:
                self.fill()
        except (PeerClosed, ConnectionResetError):
            data = bytes(self.buffer)
            self.buffer.clear()
            return data

    def expect_closed(self) -> None:
        """The server ends the TCP connection and sends nothing more."""
        rest = self.read_to_end()
        assert rest == b"", f"bytes after the end: {rest[:200]!r}"


def _hex(address: tuple[str, int]) -> tuple[str, int]:
    """An address as the kernel's table of connections spells it, on a little-endian machine."""
    return socket.inet_aton(address[0])[::-1].hex().upper(), address[1]
