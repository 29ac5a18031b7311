"""A server inside an application of another framework, tested as one."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from fastapi import FastAPI
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Route

from sio_fast import Server, Socket
from sio_fast.testing import HandshakeError, TestClient

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from starlette.requests import Request

pytestmark = pytest.mark.anyio


def web(app: Any) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://testserver")


async def test_rest_beside_a_server_that_the_test_client_runs() -> None:
    io = Server()
    api = FastAPI()

    @api.post("/orders/{number}")
    async def order(number: int) -> str:
        io.emit("order", number)
        return "ok"

    app = io.asgi_app(api)
    async with TestClient(io) as client, web(app) as http:
        a = await client.connect()
        assert (await http.post("/orders/7")).json() == "ok"
        assert await a.expect("order") == (7,)


@pytest.mark.parametrize("transport", ["websocket", "polling"])
async def test_the_whole_application_with_its_lifespan(transport: Any) -> None:
    io = Server()
    order: list[str] = []
    io.on("connect")(lambda socket: order.append("connect"))
    io.on("disconnect")(lambda socket, reason: order.append(reason))

    @contextlib.asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncGenerator[dict[str, Any]]:
        order.append("opened")
        async with io.lifespan():
            yield {"database": "open"}
        order.append("closed")

    async def hello(request: Request) -> PlainTextResponse:
        io.emit("hello", io.engine.clients_count)
        return PlainTextResponse("hello")

    app = Starlette(lifespan=lifespan, routes=[Mount("/ws", io), Route("/hello", hello)])
    for _ in range(2):
        order.clear()
        async with TestClient(io, app=app, path="/ws", transport=transport) as client, web(app) as http:
            a = await client.connect()
            assert (await http.get("/hello")).text == "hello"
            assert await a.expect("hello") == (1,)
            handshake = io.sockets[a.id].handshake
            assert handshake.url.startswith("/ws/?EIO=4")
            assert handshake.scope is not None
            assert handshake.scope["state"] == {"database": "open"}
            a.answer_pings = False
            await client.advance(46)
            await client.connect()
        assert order == ["opened", "connect", "ping timeout", "connect", "server shutting down", "closed"]


async def test_an_application_that_leaves_the_start_to_others() -> None:
    io = Server()
    io.on("echo")(lambda socket, value: value)
    for app in (io.asgi_app(FastAPI()), Starlette(routes=[Mount("/socket.io", io)])):
        async with TestClient(io, app=app) as client:
            a = await client.connect()
            assert await a.emit_with_ack("echo", 1) == 1


@pytest.mark.parametrize(("transport", "text"), [("websocket", "status 403"), ("polling", "status 404: Not Found")])
async def test_a_path_that_is_nobodys(transport: Any, text: str) -> None:
    io = Server()
    app = Starlette(routes=[Mount("/ws", io)])
    async with TestClient(io, app=app, transport=transport) as client:
        with pytest.raises(HandshakeError, match=text):
            await client.connect()


async def test_an_application_that_cannot_start() -> None:
    @contextlib.asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncGenerator[None]:
        raise LookupError("no database")
        yield

    io = Server()
    app = Starlette(lifespan=lifespan, routes=[Mount("/socket.io", io)])
    with pytest.raises(RuntimeError, match=r"startup failed: LookupError\('no database'\)"):
        async with TestClient(io, app=app):
            pytest.fail("it has not started")


async def test_a_server_that_runs_already() -> None:
    io: Server[Socket] = Server()
    async with io.lifespan():
        with pytest.raises(RuntimeError, match=r"runs already, .* TestClient\(io, app=app\)"):
            async with TestClient(io):
                pytest.fail("it runs twice")
    async with TestClient(io) as client:
        await client.connect()
        with pytest.raises(RuntimeError, match="in use"):
            await client.__aenter__()
        await client.connect()
