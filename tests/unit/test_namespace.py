"""Namespaces and their registration."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import anyio
import pytest

from sio_fast import Namespace, Server, Socket
from unit.conftest import running, until

if TYPE_CHECKING:
    from collections.abc import Callable

    Make = Callable[..., Server[Any]]


def test_of_and_namespaces(make: Make) -> None:
    io = make()
    assert list(io.namespaces) == ["/"]
    admin = io.of("admin")
    assert isinstance(admin, Namespace)
    assert admin is io.of("/admin")
    assert admin.name == "/admin"
    assert admin.server is io
    assert io.server is io
    assert io.namespaces["/"].server is io
    with pytest.raises(RuntimeError, match=r"'/alone' belongs to no server yet: io\.register"):
        _ = Namespace("/alone").server
    assert io.namespaces["/admin"] is admin
    assert "/other" not in io.namespaces
    with pytest.raises(TypeError):
        io.namespaces["/x"] = admin  # type: ignore[index]
    with pytest.raises(TypeError, match="is a str"):
        io.of(3)  # type: ignore[call-overload]
    with pytest.raises(ValueError, match="comma"):
        io.of("a,b")


def test_names_for_handlers(make: Make) -> None:
    io = make()
    with pytest.raises(TypeError, match="a lambda has none"):
        io.event(lambda socket: None)
    with pytest.raises(TypeError, match="is a function"):
        io.event(3)  # type: ignore[type-var]
    with pytest.raises(TypeError, match="is a function"):
        io.on("e", "text")  # type: ignore[call-overload]
    with pytest.raises(TypeError, match="is a function"):
        io.use(None)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="an event is a name"):
        io.on(print)(lambda socket: None)  # type: ignore[call-overload]

    def handler(socket: Socket) -> None: ...

    assert io.on("e", handler) is handler
    with pytest.raises(ValueError, match="already"):
        io.on("e")(handler)
    io.of("/other").on("e", handler)
    io.off("e", handler)
    io.off("unknown", handler)
    io.on("e", handler)


@pytest.mark.parity("middleware.own_only")
@pytest.mark.anyio
async def test_clients_of_several_namespaces(make: Make) -> None:
    io = make()
    admin = io.of("/admin")
    log: list[str] = []

    @io.use
    def gate(socket: Socket) -> None:
        log.append("gate of /")

    @io.on("connect")
    def connect(socket: Socket) -> None:
        log.append("connect of /")

    @admin.on("connect")
    def connect_admin(socket: Socket) -> None:
        log.append(f"connect of {socket.nsp.name}")

    async with running(io) as core:
        client = core.client_connect("/admin")
        await until(lambda: client.id in admin.sockets)
        await until(lambda: log)
        assert log == ["connect of /admin"]
        assert len(io.sockets) == 0
        view = admin.sockets
        assert list(view) == [client.id]
        with pytest.raises(TypeError):
            view["x"] = None  # type: ignore[index]
        assert repr(admin) == "<Namespace '/admin' with 1 sockets>"
        client.client_leave()
        await until(lambda: not view)
    await anyio.lowlevel.checkpoint()


@pytest.mark.parity("namespaces.main", "namespaces.empty_name")
@pytest.mark.anyio
async def test_the_server_is_its_main_namespace(make: Make) -> None:
    io = make()
    assert io.of("") is io.of("/") is io.namespaces["/"]
    async with running(io) as core:
        client = core.client_connect("/")
        await until(lambda: client.id in io.sockets)
        assert dict(io.sockets) == dict(io.of("/").sockets)
        assert [socket.nsp for socket in io.sockets.values()] == [io.of("/")]
