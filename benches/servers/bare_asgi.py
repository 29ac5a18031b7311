"""An upper bound under an ASGI server: the smallest application that the generator takes for Socket.IO.

The handshake, the connect packet, acknowledgements and broadcasts by cutting strings; no heartbeats, limits, JSON, rooms,
long-polling or back-pressure of its own. What this costs is the ASGI server's.
"""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

__all__ = ["app"]

_OPEN = '0{"sid":"engine%d","upgrades":[],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}'
_BROADCAST = '42["bcast",'

_numbers = count()
_joined: dict[int, Callable[[Any], Awaitable[None]]] = {}


async def app(scope: Any, receive: Any, send: Any) -> None:
    """The ASGI 3 application."""
    if scope["type"] == "lifespan":
        await _lifespan(receive, send)
    elif scope["type"] == "websocket":
        await _talk(receive, send)


async def _lifespan(receive: Any, send: Any) -> None:
    for stage in ("startup", "shutdown"):
        await receive()
        await send({"type": f"lifespan.{stage}.complete"})


async def _talk(receive: Any, send: Any) -> None:
    who = next(_numbers)
    await receive()
    await send({"type": "websocket.accept", "subprotocol": None, "headers": []})
    await send({"type": "websocket.send", "text": _OPEN % who})
    try:
        while (message := await receive())["type"] == "websocket.receive":
            text: str = message["text"]
            if text == "40":
                _joined[who] = send
                await send({"type": "websocket.send", "text": f'40{{"sid":"socket{who}"}}'})
            elif text.startswith(_BROADCAST):
                for each in tuple(_joined.values()):
                    await each({"type": "websocket.send", "text": text})
            else:
                # 42<id>["echo",<data>] is acknowledged by 43<id>[<data>].
                head, _, data = text.partition('["echo",')
                await send({"type": "websocket.send", "text": f"43{head[2:]}[{data}"})
    finally:
        _joined.pop(who, None)
