"""What a test client raises that a server does not know: a handshake that was refused. Refuses to know transports."""

from __future__ import annotations

from ..exceptions import SocketIOError

__all__ = ("HandshakeError",)


class HandshakeError(SocketIOError):
    """The server refused the handshake, before any namespace was asked for: ``allow_request``, a wrong origin, an unknown
    transport. What the official client has as ``connect_error`` with ``err.context``.

    Args:
        status: The HTTP status.
        headers: The answer's headers, with lower-case names.
        body: The answer's body as text, JSON such as ``{"code":4,"message":"Forbidden"}``.
    """

    def __init__(self, status: int, headers: dict[str, str], body: str) -> None:
        super().__init__(f"the server refused the handshake with status {status}: {body.strip()[:500]}")
        self.status = status
        self.headers = headers
        self.body = body
