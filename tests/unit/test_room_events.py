"""Listeners of rooms: which there are, when they are called, and what becomes of their errors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from sio_fast import Namespace, Server
from sio_fast.room_events import RoomEvents
from unit.conftest import running, until

if TYPE_CHECKING:
    from collections.abc import Callable

    Make = Callable[..., Server[Any]]

Change = tuple[str, str, str | None]


class Core:
    """A namespace's core, as far as rooms can be heard of."""

    def __init__(self) -> None:
        self.watched = False
        self.changes: list[Change] = []

    def watch_rooms(self, watched: bool) -> None:
        self.watched = watched

    def take_room_changes(self) -> list[Change]:
        taken, self.changes = self.changes, []
        return taken


def test_changes_are_recorded_only_while_somebody_listens() -> None:
    core: Any = Core()
    events, heard = RoomEvents(), []
    first, second = heard.append, lambda room: heard.append(f"second {room}")
    events.add(core, "create-room", first)
    events.add(core, "create-room", second)
    assert core.watched
    assert events.heard
    core.changes = [("create-room", "a", None), ("join-room", "a", "id")]
    events.tell(core)
    assert heard == ["a", "second a"]
    events.remove(core, "create-room", first)
    events.remove(core, "create-room", first)
    assert core.watched
    events.remove(core, "create-room", None)
    assert not core.watched
    assert not events.heard


def test_a_change_that_a_listener_causes_comes_after_those_before_it() -> None:
    core: Any = Core()
    events, heard = RoomEvents(), []

    def joined(room: str, sid: str) -> None:
        heard.append((room, sid))
        if room == "a":
            core.changes.append(("join-room", "c", sid))
            events.tell(core)

    events.add(core, "join-room", joined)
    core.changes = [("join-room", "a", "1"), ("join-room", "b", "1")]
    events.tell(core)
    assert heard == [("a", "1"), ("b", "1"), ("c", "1")]


def test_an_error_is_logged_and_holds_nothing_up(caplog: pytest.LogCaptureFixture) -> None:
    core: Any = Core()
    events, heard = RoomEvents(), []

    def broken(room: str) -> None:
        raise KeyError(room)

    events.add(core, "delete-room", broken)
    events.add(core, "delete-room", heard.append)
    core.changes = [("delete-room", "a", None)]
    events.tell(core)
    assert heard == ["a"]
    assert "a listener of delete-room failed" in caplog.text


def test_mistakes_are_told_at_the_registration() -> None:
    adapter = Server().adapter

    async def later(room: str) -> None: ...

    with pytest.raises(ValueError, match="create-room, delete-room, join-room, leave-room"):
        adapter.on("room", print)  # type: ignore[call-overload]
    with pytest.raises(TypeError, match="plain function"):
        adapter.on("create-room", later)
    with pytest.raises(TypeError, match="not int"):
        adapter.on("create-room", 3)  # type: ignore[call-overload]
    adapter.on("create-room")(print)
    with pytest.raises(ValueError, match="already"):
        adapter.on("create-room", print)
    with pytest.raises(RuntimeError, match=r"io\.register"):
        Namespace("/x").adapter.on("create-room", print)
    with pytest.raises(AttributeError):
        Server().of(lambda name, auth: True).adapter.on("create-room", print)


@pytest.mark.anyio
async def test_a_notice_of_the_core_is_told(make: Make) -> None:
    io = make()
    heard: list[Any] = []
    async with running(io) as core:
        core.namespace("/").changes = [("join-room", "r", "id")]
        io.adapter.on("join-room", lambda room, sid: heard.append((room, sid)))
        core.client_rooms("/")
        core.client_rooms("/nowhere")
        await until(lambda: heard == [("r", "id")])
