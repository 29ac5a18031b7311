"""The stand-alone example: the door, a table, the referees, and who is sent out."""

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
    return example("standalone").io


async def test_nobody_plays_without_a_name_or_under_anothers(io: Any) -> None:
    async with TestClient(io) as client:
        with pytest.raises(ConnectError, match="what is your name") as refused:
            await client.connect()
        assert refused.value.data == {"field": "name"}
        await client.connect(auth={"name": "ann"})
        with pytest.raises(ConnectError, match="ann plays already"):
            await client.connect(auth={"name": "ann"})
        with pytest.raises(ConnectError, match="referees only"):
            await client.connect("/referees", auth={"password": "pea"})


async def table(client: TestClient) -> tuple[ClientSocket, ClientSocket, ClientSocket]:
    """Two players at one table, and a referee."""
    ann, bob = [await client.connect(auth={"name": name}) for name in ("ann", "bob")]
    assert await ann.emit_with_ack("join", "one") == ["ann"]
    assert await bob.emit_with_ack("join", "one") == ["ann", "bob"]
    assert await ann.expect("joined") == ("bob",)
    return ann, bob, await client.connect("/referees", auth={"password": "whistle"})


async def test_points_are_told_to_the_table_and_to_referees(io: Any) -> None:
    async with TestClient(io) as client:
        ann, bob, referee = await table(client)
        assert await ann.emit_with_ack("point", "one") == 1
        assert await bob.expect("score") == ("ann", 1)
        assert await referee.expect("score") == ("one", "ann", 1)


async def test_who_understands_a_warning_stays(io: Any) -> None:
    async with TestClient(io) as client:
        ann, _, referee = await table(client)
        ann.on("warning")(lambda: True)
        assert await referee.emit_with_ack("warn", "ann") == "understood"
        assert await referee.emit_with_ack("warn", "eve") == "not here"
        assert ann.connected


async def test_who_ignores_a_warning_is_sent_out(io: Any) -> None:
    async with TestClient(io) as client:
        ann, bob, referee = await table(client)

        async def warn() -> None:
            assert await referee.emit_with_ack("warn", "ann") == "sent out"

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(warn)
            await ann.expect("warning")
            await client.advance(3)
        assert await ann.expect_disconnect() == "io server disconnect"
        assert await bob.expect("left") == ("ann", "server namespace disconnect")
