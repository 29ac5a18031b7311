"""The guide's examples are run, on an application that has what they speak of."""

from __future__ import annotations

import inspect
import re
import sys
import textwrap
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from fastapi import FastAPI

from sio_fast import AckTimeout, ConnectError, Server, Socket
from sio_fast.testing import HandshakeError, TestClient

GUIDE = (Path(__file__).resolve().parents[2] / "docs" / "testing.md").read_text()
BLOCKS = re.findall(r"^```python\n(.*?)^```", GUIDE, re.DOTALL | re.MULTILINE)
WHOLE = [block for block in BLOCKS if re.search(r"^(async )?def test_\w+\(\)", block, re.MULTILINE)]
PARTS = [block for block in BLOCKS if re.match(r"(with|assert|await)\b", block)]


def application() -> ModuleType:
    """The module that the guide calls ``myapp``."""
    io = Server(cors_allowed_origins="https://app.example")

    @io.use
    def gate(socket: Socket) -> None:
        if socket.handshake.auth.get("token") == "mallory":
            raise ConnectError("unknown user", data={"code": 401})

    @io.on("connect")
    def come(socket: Socket) -> None:
        socket.join("lobby")

    @io.on("private message")
    def private_message(socket: Socket, to: str, text: str) -> str:
        socket.to(to).emit("private message", socket.id, text)
        return "ok"

    @io.on("ask me")
    async def ask_me(socket: Socket) -> None:
        try:
            await socket.timeout(10).emit_with_ack("status?")
        except AckTimeout:
            socket.emit("too late")

    @io.on("buy")
    def buy(socket: Socket, name: str) -> int:
        return {"bread": 3}[name]

    @io.on("add")
    def add(socket: Socket, a: int, b: int) -> int:
        return a + b

    api = FastAPI()

    @api.post("/orders/{number}")
    async def order(number: int) -> None:
        io.emit("order", number)

    module = ModuleType("myapp")
    module.__dict__.update(io=io, app=io.asgi_app(api))
    return module


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What the examples may use without saying where it is from."""
    module = application()
    monkeypatch.setitem(sys.modules, "myapp", module)
    return {
        "pytest": pytest,
        "TestClient": TestClient,
        "HandshakeError": HandshakeError,
        "io": vars(module)["io"],
        "app": vars(module)["app"],
    }


def test_the_guide_has_examples_of_both_kinds() -> None:
    assert len(WHOLE) == 5
    assert len(PARTS) == 3


@pytest.mark.anyio
@pytest.mark.parametrize("source", [block for block in WHOLE if "SyncTestClient" not in block])
async def test_whole_examples(source: str, names: dict[str, Any]) -> None:
    exec(source, names)
    for name in re.findall(r"^async def (test_\w+)", source, re.MULTILINE):
        await names[name]()


@pytest.mark.parametrize("source", [block for block in WHOLE if "SyncTestClient" in block])
def test_whole_examples_without_await(source: str, names: dict[str, Any]) -> None:
    exec(source, names)
    for name in re.findall(r"^def (test_\w+)", source, re.MULTILINE):
        names[name]()


@pytest.mark.anyio
@pytest.mark.parametrize("source", PARTS)
async def test_parts(source: str, names: dict[str, Any]) -> None:
    exec(f"async def part(client, a):\n{textwrap.indent(source, '    ')}", names)
    assert inspect.iscoroutinefunction(names["part"])
    async with TestClient(names["io"]) as client:
        await names["part"](client, await client.connect())
