"""Namespaces that exist once somebody asks for them, and those that a class describes."""

from __future__ import annotations

import itertools
import time
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from clients.official import OfficialClient
    from clients.raw_client import RawClient
    from clients.wire import Wire
    from harness.process import ServerProcess

    Official = Callable[..., OfficialClient]

pytestmark = pytest.mark.server(app="dynamic.py")
numbers = itertools.count(1)
INVALID = {"message": "Invalid namespace"}


def fresh() -> str:
    """A name that no test has asked for."""
    return f"/room-{next(numbers)}"


@pytest.mark.parity("namespaces.pattern", "namespaces.dynamic_news")
def test_a_first_client_makes_its_namespace(server: ServerProcess, official: Official, transport: str) -> None:
    name = fresh()
    client = official(transport, nsp=name)
    assert client.expect("welcome") == [name]
    assert client.ask("ask", 1, b"two") == [1, b"two"]
    second = official(transport, nsp=name)
    assert second.expect("welcome") == [name]
    assert len(server.noted("made", nsp=name)) == 1
    assert name in server.command("namespaces")


def test_gates_of_the_parent_hold(official: Official) -> None:
    name = fresh()
    client = official(nsp=name, auth={"token": "bad"}, wait=False)
    assert client.report("connect_error")["message"] == "not authorized"


@pytest.mark.parity("namespaces.no_match")
def test_names_that_fit_nothing(official: Official, server: ServerProcess) -> None:
    main = official()
    for name in ("/x/room-1", "/room-1y", "/nowhere"):
        client = official(nsp=name, over=main, wait=False)
        assert client.report("connect_error")["message"] == "Invalid namespace"
        assert name not in server.command("namespaces")
    room = official(nsp=fresh(), over=main)
    assert room.ask("ask", "the connection stays") == ["the connection stays"]


@pytest.mark.parity("namespaces.predicate")
def test_a_predicate_sees_who_asks(server: ServerProcess, official: Official, transport: str) -> None:
    name = f"/club-{next(numbers)}"
    stranger = official(transport, nsp=name, auth={"member": False}, wait=False)
    assert stranger.report("connect_error")["message"] == "Invalid namespace"
    broken = official(transport, nsp=name, auth={"break": True}, wait=False)
    assert broken.report("connect_error")["message"] == "Invalid namespace"
    assert name not in server.command("namespaces")
    member = official(transport, nsp=name, auth={"member": True})
    assert member.expect("welcome") == [name]
    late = official(transport, nsp=name, auth={"member": False})
    assert late.expect("welcome") == [name], "it exists: nobody is asked"
    assert len(server.noted("asked", nsp=name)) == 3


@pytest.mark.parity("namespaces.race")
def test_two_first_clients_meet(server: ServerProcess, official: Official) -> None:
    name = f"/club-{next(numbers)}"
    auth = {"member": True, "after": 0.2}
    clients = [official(nsp=name, auth=auth, wait=False, forceNew=True) for _ in range(2)]
    for client in clients:
        assert client.expect("welcome") == [name]
    assert len(server.noted("asked", nsp=name)) == 2
    assert len(server.noted("made", nsp=name)) == 1


@pytest.mark.parity("namespaces.parent_room", "native.dynamic")
def test_a_parent_speaks_to_all_children(official: Official) -> None:
    clients = [official(nsp=fresh()) for _ in range(3)]
    for client in clients[:2]:
        client.ask("ask", 0)
        client.emit("join", "corner")
        client.ask("ask", "joined")
    clients[0].emit("publish", [], "news", 1)
    clients[0].emit("publish", ["corner"], "gossip", 2)
    clients[0].emit("publish", [], "last", 3)
    for client in clients:
        assert client.expect("last") == [3]
    assert [[r["name"] for r in client.seen("event") if r["name"] != "welcome"] for client in clients] == [
        ["news", "gossip"],
        ["news", "gossip"],
        ["news"],
    ]


def test_a_class_is_a_namespace(official: Official, transport: str) -> None:
    client = official(transport, nsp="/admin")
    assert client.expect("welcome") == ["/admin"]
    assert client.ask("tell all", "hello") == [1]
    assert client.expect("told") == ["hello"]


def test_sockets_of_children_leave_like_others(server: ServerProcess, official: Official) -> None:
    name = fresh()
    client = official(nsp=name)
    client.disconnect()
    server.expect("disconnect", id=client.id, nsp=name, reason="client namespace disconnect")


def raw(connect: Any, transport: str = "websocket") -> RawClient:
    client: RawClient = connect(transport, nsp=None)
    return client


def test_asking_again_meanwhile_is_a_protocol_error(connect: Any, transport: str) -> None:
    client = raw(connect, transport)
    name = f"/club-{next(numbers)}"
    for _ in range(2):
        client.send(0, {"member": True, "after": 0.3}, nsp=name)
    assert client.wire.wait_closed() == []


def test_leaving_meanwhile_is_a_change_of_mind(server: ServerProcess, connect: Any, transport: str) -> None:
    client = raw(connect, transport)
    name = f"/club-{next(numbers)}"
    client.send(0, {"member": True, "after": 0.2}, nsp=name)
    server.expect("asked", nsp=name)
    client.send(1, nsp=name)
    room = fresh()
    client.connect(room)
    client.expect("welcome", nsp=room)
    server.expect("made", nsp=name)
    assert client.ask("ask", 1, nsp=room) == [1]
    assert client.inbox == []


@pytest.mark.server(app="dynamic.py", connect_timeout=0.4, upgrade_timeout=10)
def test_the_time_to_join_goes_on_while_a_predicate_thinks(wire: Wire) -> None:
    opened = time.monotonic()
    wire.send(f'40/club-{next(numbers)},{{"member":true,"after":2}}')
    assert wire.wait_closed() == []
    assert 0.2 <= time.monotonic() - opened < 1.5


@pytest.mark.parity("namespaces.static_stays", "namespaces.no_cleanup")
def test_a_namespace_outlives_its_clients(server: ServerProcess, official: Official) -> None:
    name = fresh()
    for nsp in (name, "/admin"):
        client = official(nsp=nsp)
        client.disconnect()
        client.report("disconnect")
    server.expect("disconnect", nsp=name)
    assert {name, "/admin"} <= set(server.command("namespaces"))
    again = official(nsp=name)
    assert again.expect("welcome") == [name]
    assert len(server.noted("made", nsp=name)) == 1
