"""The chat: who may enter, who reads what, and which ticks a letter gets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import anyio
import pytest

from sio_fast import ConnectError
from sio_fast.testing import ClientSocket, TestClient

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.anyio


@pytest.fixture
def io(example: Callable[[str], Any]) -> Any:
    return example("chat/app").io


async def enter(client: TestClient, nickname: str) -> ClientSocket:
    """A guest who has been welcomed."""
    guest = await client.connect(auth={"nickname": nickname, "visitor": f"{nickname:x>16}"})
    await guest.expect("welcome")
    return guest


async def test_a_nickname_is_one_persons(io: Any) -> None:
    async with TestClient(io) as client:
        ann = await enter(client, "ann")
        with pytest.raises(ConnectError, match="“ann” is here already"):
            await client.connect(auth={"nickname": "ANN", "visitor": "y" * 16})
        with pytest.raises(ConnectError, match="Please choose a nickname"):
            await client.connect()
        await client.drop(ann)
        await enter(client, "Ann")


async def test_letters_reach_the_room_and_are_ticked(io: Any) -> None:
    async with TestClient(io) as client:
        ann, bob, eve = [await enter(client, name) for name in ("ann", "bob", "eve")]
        for guest in (ann, bob):
            assert (await guest.emit_with_ack("join", "lobby"))["room"] == "lobby"
        letter = await ann.emit_with_ack("message", "lobby", {"text": "hello"})
        room, received = await bob.expect("message")
        assert (room, received["text"], received["id"]) == ("lobby", "hello", letter["id"])
        await bob.emit_with_ack("received", "lobby", letter["id"])
        assert await ann.expect("delivered") == ("lobby", letter["id"], 1)
        await eve.expect_nothing("message")
        assert await eve.emit_with_ack("message", "lobby", {"text": "?"}) == {"error": "You are not in that room."}


async def test_a_private_letter_waits_for_its_reader(io: Any) -> None:
    async with TestClient(io) as client:
        ann, bob = await enter(client, "ann"), await enter(client, "bob")
        bob.on("private message")(lambda letter: None)
        assert (await ann.emit_with_ack("private message", bob.id, {"text": "psst"}))["delivered"] == 1

        async def write() -> None:
            answer = await bob.emit_with_ack("private message", ann.id, {"text": "psst"})
            assert answer["delivered"] == 0

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(write)
            await ann.expect("private message")  # and answers nothing, for which the server waits five seconds
            await client.advance(5)
