"""Methods marked with ``@on``, and namespaces that classes describe."""

from __future__ import annotations

import re
import threading
from typing import TYPE_CHECKING, Any

import pytest

from sio_fast import Event, Namespace, Reason, Server, Socket, on
from unit.conftest import running, until

if TYPE_CHECKING:
    from collections.abc import Callable

    Make = Callable[..., Server[Any]]

shout = Event[[str], str]("shout")


class Base(Namespace):
    def __init__(self, name: Any) -> None:
        super().__init__(name)
        self.log: list[str] = []

    @on("connect")
    async def hello(self, socket: Socket) -> None:
        self.log.append("base connect")

    @on("overridden")
    def overridden(self, socket: Socket) -> str:
        return "base"

    @on("silenced")
    def silenced(self, socket: Socket) -> None:
        self.log.append("never")


class Admin(Base):
    @on("connect")
    def welcome(self, socket: Socket) -> None:
        self.log.append("admin connect")

    @on("kick user")
    @on("kick")
    async def kick(self, socket: Socket, sid: str) -> str:
        self.emit("kicked", sid)
        return f"kicked {sid}"

    @on("overridden")
    def overridden(self, socket: Socket) -> str:
        return "admin"

    def silenced(self, socket: Socket) -> None: ...

    @on(shout)
    def shout(self, socket: Socket, text: str) -> str:
        return text.upper()

    @on("disconnect")
    def gone(self, socket: Socket, reason: Reason) -> None:
        self.log.append(reason)


@pytest.mark.anyio
async def test_a_class_is_a_namespace(make: Make) -> None:
    io = make()
    admin = Admin("/admin")
    assert io.register(admin) is admin
    assert io.of("/admin") is admin
    assert io.namespaces["/admin"] is admin
    assert admin.server is io
    async with running(io) as core:
        client = core.client_connect("/admin")
        await until(lambda: len(admin.log) == 2)
        assert admin.log == ["base connect", "admin connect"]
        for number, (name, *args) in enumerate(
            [("kick", "a"), ("kick user", "b"), ("overridden",), ("silenced",), ("shout", "x")]
        ):
            client.client_event(name, *args, ack_id=number)
        await until(lambda: len(client.acks) == 4)
        assert client.acks == [(0, ("kicked a",)), (1, ("kicked b",)), (2, ("admin",)), (4, ("X",))]
        assert [sent[:2] for sent in core.spaces["/admin"].broadcasts] == [("kicked", ("a",)), ("kicked", ("b",))]
        client.client_leave()
        await until(lambda: admin.log[2:] == ["transport close"])


def test_a_name_is_registered_once(make: Make) -> None:
    io = make()
    io.of("/news")
    for name in ("/", "news"):
        with pytest.raises(ValueError, match="is taken"):
            io.register(Base(name))
    admin = io.register(Admin("admin"))
    with pytest.raises(ValueError, match="belongs to a server"):
        io.register(admin)
    with pytest.raises(ValueError, match="belongs to a server"):
        make().register(admin)
    rooms = io.register(Base(re.compile("/room-.")))
    assert io.of(re.compile("/room-.")) is rooms
    with pytest.raises(ValueError, match="is taken"):
        io.register(Base(re.compile("/room-.")))


def test_what_is_no_namespace(make: Make) -> None:
    class Forgetful(Namespace):
        def __init__(self) -> None: ...

    io = make()
    for wrong in ("/x", Admin, Forgetful()):
        with pytest.raises(TypeError, match="takes a Namespace"):
            io.register(wrong)  # type: ignore[type-var]
    with pytest.raises(TypeError, match="subclass of Socket"):
        io.register(Base("/x"), socket_class=int)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="an event is a name"):
        on(print)  # type: ignore[call-overload]
    with pytest.raises(TypeError, match="is a function"):
        on("x")(3)  # type: ignore[type-var]


def test_before_it_belongs_to_a_server() -> None:
    admin = Admin("admin")
    assert admin.name == "/admin"
    admin.on("more", lambda socket: None)
    with pytest.raises(RuntimeError, match=r"io\.register"):
        admin.emit("x")


@pytest.mark.anyio
async def test_options_reach_the_handler(make: Make) -> None:
    threads: list[int] = []

    class Worker(Namespace):
        @on("work", thread=True)
        def work(self, socket: Socket) -> None:
            threads.append(threading.get_ident())

    io = make()
    io.register(Worker("/worker"))
    async with running(io) as core:
        client = core.client_connect("/worker")
        await until(lambda: client.id in io.of("/worker").sockets)
        client.client_event("work")
        await until(lambda: threads)
    assert threads[0] != threading.get_ident()
