"""A Starlette application around a Socket.IO server: the wrapped form, and a webhook whose news the browsers hear at once.

Run it with ``uvicorn starlette_app:app`` in this folder and connect a client with ``io("http://127.0.0.1:8000")``; then
``curl -X POST http://127.0.0.1:8000/deploys/website -d 'version=7'``.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from urllib.parse import parse_qs

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sio_fast import Server, Socket

io = Server()
deployed: dict[str, str] = {}


@io.on("watch")
async def watch(socket: Socket, service: str) -> str | None:
    """Subscribes to a service; the answer is the version that runs."""
    socket.join(f"service:{service}")
    return deployed.get(service)


async def deploy(request: Request) -> Response:
    """What the build server calls."""
    service = request.path_params["service"]
    version = parse_qs((await request.body()).decode()).get("version", [""])[0]
    if not version:
        return JSONResponse({"error": "version is missing"}, status_code=400)
    deployed[service] = version
    io.to(f"service:{service}").emit("deployed", service, version)
    return JSONResponse({"watchers": len(await io.in_(f"service:{service}").fetch_sockets())})


@asynccontextmanager
async def lifespan(app: Starlette) -> AsyncGenerator[None]:
    """Starlette's own lifespan runs inside the server's: what is opened here is there for every handler."""
    deployed["website"] = "1"
    yield
    deployed.clear()


app = io.asgi_app(Starlette(routes=[Route("/deploys/{service}", deploy, methods=["POST"])], lifespan=lifespan))
