"""One port, one process: Socket.IO at native speed, and a FastAPI application for every other path.

Run it with ``python examples/one_port.py``; needs ``pip install 'sio-fast[app]' fastapi``. Port 3000 (or ``PORT``) serves both,
and so does ``sio-fast run one_port:io --app one_port:api`` in this folder. The native listener answers the clients itself and
passes everything else on to the application, which runs on the same loop: its handlers just call ``io.emit``.
"""

from __future__ import annotations

import os

from fastapi import FastAPI, WebSocket

from sio_fast import Server, Socket

io = Server()
api = FastAPI()
stock = {"tea": 5, "milk": 2}


@io.on("stock")
async def look(socket: Socket) -> dict[str, int]:
    """What is there; changes are emitted as ``stock`` from now on."""
    return stock


@api.post("/orders/{item}")
async def order(item: str) -> dict[str, int]:
    """REST on the same port."""
    stock[item] = stock.get(item, 0) - 1
    io.emit("stock", item, stock[item])
    return {item: stock[item]}


@api.websocket("/shout")
async def shout(websocket: WebSocket) -> None:
    """A plain WebSocket of the application's own."""
    await websocket.accept()
    await websocket.send_text((await websocket.receive_text()).upper())
    await websocket.close()


if __name__ == "__main__":
    io.run("127.0.0.1", int(os.environ.get("PORT", "3000")), app=api)
