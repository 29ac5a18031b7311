"""A FastAPI application beside Socket.IO on one port; it notes what becomes of its requests."""

from __future__ import annotations

import gc
import logging
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import anyio
from fastapi import FastAPI, Request, WebSocket, WebSocketDisconnect
from fastapi.responses import PlainTextResponse, Response, StreamingResponse
from launch import Spec, launch, note
from starlette.background import BackgroundTask

from sio_fast import Reason, Server, Socket

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

logging.basicConfig(level="WARNING")
spec = Spec.from_argv()
startup = spec.options.pop("startup", "complete")
io: Server[Socket] = Server(**spec.options)


@io.on("ask")
async def ask(socket: Socket, *args: Any) -> Any:
    return args


@io.on("disconnect")
async def gone(socket: Socket, reason: Reason) -> None:
    note("disconnect", reason=reason)


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[dict[str, Any]]:
    note("startup")
    if startup == "fails":
        raise ConnectionError("no database")
    yield {"answer": 42}
    note("shutdown")
    if startup == "never ends":
        await anyio.sleep_forever()


api = FastAPI(lifespan=lifespan)


@api.get("/items/{number}")
async def item(number: int, request: Request) -> Any:
    return {"number": number, "query": str(request.query_params)}


@api.get("/who")
async def who(request: Request) -> Any:
    keys = ("client", "scheme", "server", "path", "root_path", "state", "type")
    scope = {key: request.scope.get(key) for key in keys}
    return {**scope, "headers": dict(request.headers), "url": str(request.url)}


@api.post("/count")
async def count(request: Request) -> Any:
    total = 0
    async for piece in request.stream():
        if total == 0:
            note("first piece")
        total += len(piece)
    return total


async def echo(scope: Any, receive: Any, send: Any) -> None:
    """By hand: Starlette's streams listen for the client's end, which takes pieces of the body away."""
    await send({"type": "http.response.start", "status": 200, "headers": []})
    more = True
    while more:
        message = await receive()
        more = message.get("more_body", False)
        await send({"type": "http.response.body", "body": message.get("body", b""), "more_body": more})


api.mount("/echo", echo)


@api.get("/big/{pieces}")
async def big(pieces: int) -> Response:
    async def body() -> AsyncIterator[bytes]:
        for number in range(pieces):
            if number % 100 == 0:
                note("pieces", number=number)
            yield b"x" * 65536

    return StreamingResponse(body())


@api.get("/events")
async def events() -> Response:
    async def body() -> AsyncIterator[str]:
        try:
            number = 0
            while True:
                yield f"data: {number}\n\n"
                number += 1
                await anyio.sleep(0.01)
        finally:
            note("events ended")

    return StreamingResponse(body(), media_type="text/event-stream")


@api.get("/wait")
async def wait(request: Request) -> str:
    note("waiting")
    while (message := await request.receive())["type"] != "http.disconnect":
        pass
    note("heard", message=message["type"])
    return "nobody reads this"


@api.get("/slow")
async def slow() -> str:
    note("slow")
    await anyio.sleep(0.5)
    return "done"


@api.get("/stuck")
async def stuck() -> None:
    note("stuck")
    try:
        await anyio.sleep_forever()
    finally:
        note("cancelled")


@api.get("/error")
async def error() -> None:
    raise LookupError("a bug of the application")


@api.get("/afterwards")
async def afterwards() -> Response:
    async def fail() -> None:
        note("afterwards")
        raise LookupError("a background task failed")

    return Response("answered", background=BackgroundTask(fail))


@api.post("/news")
async def news(request: Request) -> str:
    io.emit("news", (await request.body()).decode())
    return "sent"


@api.websocket("/ws")
async def websocket(socket: WebSocket) -> None:
    await socket.accept()
    await socket.send_json([socket.client, socket.url.scheme, socket.state.answer])
    try:
        while True:
            message = await socket.receive_text()
            if message == "close":
                await socket.close(4000, "as you like")
                return
            await socket.send_text(message)
    except WebSocketDisconnect as end:
        note("ws closed", code=end.code)


@api.websocket("/refused")
async def refused(socket: WebSocket) -> None:
    await socket.send_denial_response(PlainTextResponse("not you", status_code=403))


async def stats() -> Any:
    return dict(io.stats())


async def kill() -> None:
    """The application's server ends, and nobody has asked for it."""
    for thing in gc.get_objects():
        kind = type(thing)
        if kind.__module__ == "sio_fast.hosted.on_uvicorn" and kind.__name__ == "_Server":
            thing.should_exit = True
        elif kind.__module__ == "hypercorn.trio.worker_context" and kind.__name__ == "WorkerContext":
            await thing.terminate.set()


if __name__ == "__main__":
    launch(io, spec, {"stats": stats, "kill": kill}, app=api)
