"""What the hosted server runs: the application, told of the client in front of the listener and given its state.

Refuses to know which server it is. The listener says who the client is in a header that clients cannot send.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from ..asgi_types import ASGIApp, Receive, Scope, Send

__all__ = ("Application",)

# As in the listener's `forward/headers.rs`: scheme, address, port.
_PEER: Final = b"sio-fast-peer"

_WEBSOCKET_SCHEMES: Final = {"http": "ws", "https": "wss"}


class Application:
    """``app`` as it would be without a listener in front of it.

    Attributes:
        server: What ``scope["server"]`` says: host and port of the listener, or its Unix socket.
    """

    __slots__ = ("_app", "_state", "server")

    def __init__(self, app: ASGIApp, state: dict[str, Any]) -> None:
        self._app = app
        self._state = state
        self.server: tuple[str, int | None] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One connection or request, as ASGI 3 has it."""
        kind = scope["type"]
        if kind == "lifespan":
            # The application's own one is run elsewhere; the server gets its answers.
            await receive()
            await send({"type": "lifespan.startup.complete"})
            await receive()
            await send({"type": "lifespan.shutdown.complete"})
            return
        peer = b""
        headers: list[tuple[bytes, bytes]] = []
        for name, value in scope["headers"]:
            if name == _PEER:
                peer = value
            else:
                headers.append((name, value))
        scheme, _, address = peer.decode("ascii").partition(" ")
        host, _, port = address.partition(" ")
        scope["headers"] = headers
        scope["client"] = (host, int(port)) if host else None
        scope["scheme"] = _WEBSOCKET_SCHEMES[scheme] if kind == "websocket" else scheme
        scope["server"] = self.server
        scope["state"] = self._state.copy()
        await self._app(scope, receive, send)
