"""The adapter's events: each change once, in its order, around the handlers of the socket that causes it.

At a connection the order is the official server's. At the end of a socket the effects come at once and its handlers in
turn, so rooms are left before `disconnecting` runs; the official server leaves them after it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from clients.raw_client import RawClient
    from harness.process import ServerProcess

pytestmark = pytest.mark.server(app="rooms.py")


def changes(server: ServerProcess, since: int, *expected: tuple[str, ...]) -> None:
    """What was noted since then, awaited: names of events, with the room where there is one."""
    server.expect("change", count=since + len(expected))
    found = [(entry["event"], entry["room"]) if "room" in entry else (entry["event"],) for entry in noted(server)]
    assert found[since:] == list(expected)


def noted(server: ServerProcess) -> list[dict[str, str]]:
    return server.noted("change")


def test_a_life(server: ServerProcess, connect: Callable[..., RawClient], transport: str) -> None:
    since = len(noted(server))
    client = connect(transport)
    own = client.id
    changes(server, since, ("create-room", own), ("join-room", own), ("connect",))
    since += 3
    client.emit("join", "a", "b", "a")
    changes(
        server,
        since,
        ("create-room", "a"),
        ("join-room", "a"),
        ("create-room", "b"),
        ("join-room", "b"),
        ("joined",),
    )
    since += 5
    client.emit("leave", "b", "b", "never joined")
    changes(server, since, ("leave-room", "b"), ("delete-room", "b"), ("left",))
    since += 3
    client.emit("move all", "c")
    changes(
        server,
        since,
        ("create-room", "c"),
        ("join-room", "c"),
        ("leave-room", "c"),
        ("delete-room", "c"),
        ("moved",),
    )
    since += 5
    client.emit("join in a thread", "d")
    changes(server, since, ("create-room", "d"), ("join-room", "d"))
    since += 2
    client.leave()
    changes(
        server,
        since,
        ("leave-room", own),
        ("delete-room", own),
        ("leave-room", "a"),
        ("delete-room", "a"),
        ("leave-room", "d"),
        ("delete-room", "d"),
        ("disconnecting",),
        ("disconnect",),
    )


def test_rooms_with_others(server: ServerProcess, connect: Callable[..., RawClient]) -> None:
    one, two = connect(), connect()
    since = len(noted(server))
    one.emit("join", "shared")
    server.expect("change", event="joined", id=one.id)
    two.emit("join", "shared")
    changes(
        server,
        since,
        ("create-room", "shared"),
        ("join-room", "shared"),
        ("joined",),
        ("join-room", "shared"),
        ("joined",),
    )
    since += 5
    one.emit("bye")
    changes(
        server,
        since,
        ("leave-room", one.id),
        ("delete-room", one.id),
        ("leave-room", "shared"),
        ("disconnecting",),
        ("disconnect",),
    )
    since += 5
    two.emit("leave", "shared")
    changes(server, since, ("leave-room", "shared"), ("delete-room", "shared"), ("left",))
