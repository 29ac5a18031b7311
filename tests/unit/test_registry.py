"""Namespaces that come into being when a client asks for them, and what a server knows of its namespaces."""

from __future__ import annotations

import logging
import re
import threading
from typing import TYPE_CHECKING, Any

import anyio
import pytest

from sio_fast import ConnectError, Namespace, ParentNamespace, Server, Socket, current_socket, on
from unit.conftest import running, until

if TYPE_CHECKING:
    from collections.abc import Callable

    Make = Callable[..., Server[Any]]

ROOM = re.compile(r"/room-\d+")
INVALID = ("Invalid namespace", None)


async def joined(io: Server[Any], core: Any, name: str, auth: Any = None) -> Any:
    client = core.client_connect(name, auth)
    await until(lambda: client.connected and client.id in io.namespaces[name].sockets)
    return client


async def refused(core: Any, name: str, auth: Any = None) -> None:
    client = core.client_connect(name, auth)
    await until(lambda: client.refused)
    assert client.refused == INVALID


@pytest.mark.anyio
async def test_a_pattern_makes_namespaces_of_whole_names(make: Make) -> None:
    io = make()
    log: list[str] = []
    rooms = io.of(ROOM)

    @rooms.use
    async def gate(socket: Socket) -> None:
        log.append(f"gate {socket.nsp.name}")
        if "token" not in socket.handshake.auth:
            raise ConnectError("no")

    @rooms.on("connect")
    def connect(socket: Socket) -> None:
        assert current_socket.get() is socket
        log.append(f"connect {socket.nsp.name}")

    @rooms.on("who")
    def who(socket: Socket) -> str:
        return socket.nsp.name

    async with running(io) as core:
        assert core.dynamic
        client = await joined(io, core, "/room-1", {"token": 1})
        client.client_event("who", ack_id=1)
        await until(lambda: client.acks)
        assert client.acks == [(1, ("/room-1",))]
        assert log == ["gate /room-1", "connect /room-1"]
        other = core.client_connect("/room-1")
        await until(lambda: other.refused)
        assert other.refused == ("no", None)
        for name in ("/x/room-1", "/room-1y", "/room-", "/other"):
            await refused(core, name, {"token": 1})
        assert list(io.namespaces) == ["/", "/room-1"]
        assert type(io.namespaces["/room-1"]) is Namespace


@pytest.mark.anyio
async def test_without_parents_nobody_is_asked(make: Make) -> None:
    io = make()
    async with running(io) as core:
        assert not core.dynamic
        await refused(core, "/room-1")


@pytest.mark.anyio
async def test_predicates_are_asked_in_order(make: Make, caplog: pytest.LogCaptureFixture) -> None:
    io = make()
    asked: list[tuple[str, str, Any]] = []

    def first(name: str, auth: Any) -> bool:
        asked.append(("first", name, auth))
        return name == "/first"

    async def second(name: str, auth: Any) -> bool:
        await anyio.lowlevel.checkpoint()
        asked.append(("second", name, auth))
        if name == "/broken":
            raise RuntimeError("the database is away")
        return auth.get("ok") is True

    async def third(name: str, auth: Any) -> str:
        return "yes" if name == "/broken" else ""

    parents = [io.of(rule) for rule in (first, second, third)]
    assert len({parent.name for parent in parents}) == 3
    assert io.of(first) is parents[0]
    async with running(io) as core:
        await joined(io, core, "/first")
        await joined(io, core, "/second", {"ok": True})
        assert asked == [
            ("first", "/first", {}),
            ("first", "/second", {"ok": True}),
            ("second", "/second", {"ok": True}),
        ]
        await refused(core, "/third", {"ok": False})
        with caplog.at_level(logging.ERROR):
            await joined(io, core, "/broken")
        assert [(record.exc_info[1].args, record.__dict__["nsp"]) for record in caplog.records if record.exc_info] == [
            (("the database is away",), "/broken")
        ]
        asked.clear()
        await joined(io, core, "/second", {"ok": False})
        assert asked == [], "it exists: nobody is asked"


@pytest.mark.anyio
async def test_two_first_clients_make_one_child(make: Make) -> None:
    io = make()
    asked, answer = [], anyio.Event()

    @io.on("new_namespace")
    def made(nsp: Namespace) -> None:
        news.append(nsp)

    news: list[Namespace] = []

    async def slow(name: str, auth: Any) -> bool:
        asked.append(name)
        await answer.wait()
        return True

    io.of(slow)
    async with running(io) as core:
        clients = [core.client_connect("/late") for _ in range(3)]
        await until(lambda: len(asked) == 3)
        other = core.client_connect("/")
        await until(lambda: other.connected)
        answer.set()
        await until(lambda: len(news) and len(news[0].sockets) == 3)
        assert news == [io.namespaces["/late"]]
        assert all(client.connected for client in clients)


@pytest.mark.anyio
async def test_a_client_that_leaves_while_asking(make: Make) -> None:
    io = make()
    asked, answer = [], anyio.Event()

    async def slow(name: str, auth: Any) -> bool:
        asked.append(name)
        await answer.wait()
        return name == "/yes"

    parent = io.of(slow)
    parent.on("connect", lambda socket: asked.append("connected"))
    async with running(io) as core:
        clients = [core.client_connect(name) for name in ("/yes", "/no")]
        await until(lambda: len(asked) == 2)
        for client in clients:
            client.client_leave()
        answer.set()
        lifetime: Any = io._lifetime
        await until(lambda: not lifetime._dispatcher._lanes)
        assert len(asked) == 2
        assert not io.namespaces["/yes"].sockets


@pytest.mark.anyio
async def test_the_server_ends_while_a_predicate_waits(make: Make) -> None:
    io = make()
    asked = []

    async def forever(name: str, auth: Any) -> bool:
        asked.append(name)
        await anyio.sleep_forever()
        return True

    io.of(forever)
    async with running(io, grace=0) as core:
        core.client_connect("/x")
        await until(lambda: asked)
    assert list(io.namespaces) == ["/"]


@pytest.mark.anyio
async def test_a_parent_speaks_to_its_children(make: Make) -> None:
    io = make()
    rooms = io.of(ROOM)
    assert isinstance(rooms, ParentNamespace)
    assert rooms.emit("nobody hears it").accepted
    async with running(io) as core:
        await joined(io, core, "/room-1")
        await joined(io, core, "/room-2")
        io.of("/elsewhere")
        rooms.to("a", "b").except_("c").emit("news", 1)
        rooms.volatile.emit("cursor")
        for name in ("/room-1", "/room-2"):
            heard = core.spaces[name].broadcasts
            assert [sent[:4] for sent in heard] == [("news", (1,), ("a", "b"), ("c",)), ("cursor", (), (), ())]
            assert [sent[5] for sent in heard] == [False, True]
        assert core.spaces["/elsewhere"].broadcasts == []
        assert rooms.name not in core.spaces
        assert repr(rooms) == f"<ParentNamespace {rooms.name!r} with 2 namespaces>"
        with pytest.raises(AttributeError, match="no sockets"):
            rooms.sockets  # noqa: B018 - asking raises
        for asked in (rooms.fetch_sockets, rooms.to("a").timeout(1).fetch_sockets):
            with pytest.raises(AttributeError, match="no sockets"):
                await asked()
        with pytest.raises(AttributeError, match="no sockets"):
            await rooms.timeout(1).emit_with_ack("x")
        with pytest.raises(AttributeError, match="no sockets"):
            rooms.adapter.rooms  # noqa: B018 - asking raises
        rooms.sockets_join("crowd", "other")
        rooms.in_("crowd").sockets_leave("other")
        for name in ("/room-1", "/room-2"):
            (socket,) = io.namespaces[name].sockets.values()
            assert socket.rooms == {socket.id, "crowd"}


@pytest.mark.anyio
async def test_children_take_over_what_sees_every_event(make: Make) -> None:
    io = make()
    log: list[Any] = []
    rooms = io.of(ROOM)
    rooms.on_any(lambda socket, event: log.append(("any", event)))
    rooms.use_event(lambda socket, packet: log.append(("gate", packet.name)))
    rooms.on("*", lambda socket, event: log.append(("rest", event)))
    rooms.on_any_outgoing(lambda socket, event: log.append(("out", socket.nsp.name, event)))

    @rooms.around_event
    async def around(socket: Socket, packet: Any, call_next: Any) -> Any:
        log.append(("around", packet.name))
        return await call_next()

    @rooms.on_error(KeyError)
    def failed(socket: Socket, packet: Any, error: KeyError) -> None:
        log.append(("error", packet.name))

    @rooms.on("fail")
    def fail(socket: Socket) -> None:
        raise KeyError("x")

    async with running(io) as core:
        client = await joined(io, core, "/room-1")
        client.client_event("unknown")
        await until(lambda: len(log) == 4)
        assert log == [(what, "unknown") for what in ("any", "gate", "around", "rest")]
        client.client_event("fail")
        await until(lambda: len(log) == 8)
        assert log[7] == ("error", "fail")
        rooms.emit("news")
        assert log[8:] == [("out", "/room-1", "news")]


@pytest.mark.anyio
async def test_children_take_over_what_is_there_when_they_are_made(make: Make) -> None:
    io = make()
    log: list[str] = []
    rooms = io.of(ROOM)

    @rooms.once("first")
    def first(socket: Socket) -> None:
        log.append(f"first {socket.nsp.name}")

    async with running(io) as core:
        old = await joined(io, core, "/room-1")
        rooms.on("later", lambda socket: log.append(f"later {socket.nsp.name}"))
        io.namespaces["/room-1"].on("own", lambda socket: log.append("own"))
        new = await joined(io, core, "/room-2")
        for client in (old, new):
            for name in ("first", "first", "later", "own", "mark"):
                client.client_event(name)
        await until(lambda: len(log) == 4)
        assert log == ["first /room-1", "own", "first /room-2", "later /room-2"]


@pytest.mark.parity("namespaces.attached")
def test_names_that_a_pattern_matches_are_its_children(make: Make) -> None:
    io = make()
    before = io.of("/room-1")
    rooms = io.of(ROOM)
    handler = rooms.on("x", lambda socket: None)
    io.of(lambda name, auth: True)
    after, other = io.of("/room-2"), io.of("/other")
    assert [handler.fn for handler in after._table.handlers("x")] == [handler]
    assert not before._table.handlers("x")
    assert not other._table.handlers("x")
    rooms.emit("e")
    core: Any = io._core
    assert [len(core.spaces[name].broadcasts) for name in ("/room-1", "/room-2", "/other")] == [0, 1, 0]


@pytest.mark.anyio
async def test_a_class_for_a_pattern(make: Make) -> None:
    class Rooms(Namespace):
        @on("say")
        def say(self, socket: Socket, text: str) -> None:
            self.emit("said", text)
            socket.nsp.emit("said here", text)

    io = make()
    rooms = io.register(Rooms(ROOM))
    assert io.of(ROOM) is rooms
    async with running(io) as core:
        one = await joined(io, core, "/room-1")
        await joined(io, core, "/room-2")
        one.client_event("say", "hi")
        await until(lambda: len(core.spaces["/room-1"].broadcasts) == 2)
        heard = {name: [sent[0] for sent in core.spaces[name].broadcasts] for name in ("/room-1", "/room-2")}
        assert heard == {"/room-1": ["said", "said here"], "/room-2": ["said"]}


@pytest.mark.anyio
async def test_socket_classes_of_namespaces(make: Make) -> None:
    class General(Socket): ...

    class Special(Socket):
        def __init__(self) -> None:
            self.rank = 3

    io = make(socket_class=General)
    special = io.of("/special", socket_class=Special)
    io.of(ROOM, socket_class=Special)
    io.of("/plain")
    assert io.of("/special", socket_class=Special) is special
    with pytest.raises(ValueError, match="another class"):
        io.of("/plain", socket_class=Special)
    with pytest.raises(TypeError, match="subclass of Socket"):
        io.of("/other", socket_class=int)  # type: ignore[type-var]
    async with running(io) as core:
        found = {}
        for name in ("/", "/special", "/plain", "/room-7"):
            client = await joined(io, core, name)
            found[name] = type(io.namespaces[name].sockets[client.id])
        assert found == {"/": General, "/special": Special, "/plain": General, "/room-7": Special}
        assert [socket.rank for socket in special.sockets.values()] == [3]


@pytest.mark.parity("namespaces.new_namespace", "namespaces.dynamic_news")
@pytest.mark.anyio
async def test_news_of_namespaces(make: Make, caplog: pytest.LogCaptureFixture) -> None:
    io = make()
    log: list[str] = []

    @io.on("new_namespace")
    def made(nsp: Namespace) -> None:
        nsp.on("x", lambda socket: log.append(f"x {nsp.name}"))
        log.append(nsp.name)

    @io.once("new_namespace")
    def once(nsp: Namespace) -> None:
        log.append("once")
        raise RuntimeError("not mine")

    with caplog.at_level(logging.ERROR):
        io.of("/a")
    assert "a listener of 'new_namespace' failed" in caplog.text
    io.of("/a")
    io.register(Namespace("/b"))
    io.of(ROOM)
    async with running(io) as core:
        client = await joined(io, core, "/room-1")
        client.client_event("x")
        root = await joined(io, core, "/")
        root.client_event("new_namespace", "fake")
        root.client_event("new_namespace", "fake", ack_id=1)
        await until(lambda: "x /room-1" in log)
    assert log == ["/a", "once", "/b", "/room-1", "x /room-1"]
    assert root.acks == []
    io.off("new_namespace", made)
    io.of("/c")
    assert "/c" not in log


def test_what_listens_to_news_is_a_plain_function(make: Make) -> None:
    io = make()

    async def slow(nsp: Namespace) -> None: ...

    with pytest.raises(TypeError, match="plain function"):
        io.on("new_namespace", slow)
    io.of("/a").on("new_namespace", lambda socket: None)


def test_rules_are_checked(make: Make) -> None:
    io = make()
    with pytest.raises(TypeError, match="bytes"):
        io.of(re.compile(rb"/x"))  # type: ignore[call-overload]
    with pytest.raises(TypeError, match="a str, a pattern or a predicate"):
        io.of(3)  # type: ignore[call-overload]


def test_threads_that_want_the_same_name_get_the_same_namespace(make: Make) -> None:
    io = make()
    news: list[str] = []
    io.on("new_namespace", lambda nsp: news.append(nsp.name))
    start = threading.Barrier(8)
    found: list[list[Namespace[Any]]] = []

    def work() -> None:
        start.wait()
        found.append([io.of(f"/{number}") for number in range(50)])

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(mine == found[0] for mine in found)
    assert sorted(news) == sorted(f"/{number}" for number in range(50))
