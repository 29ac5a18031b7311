"""A page whose network is strict, whose transport changes, whose laptop sleeps; two namespaces and bytes in one page.

`networks.mjs` plays and reports what it saw; the tests here judge one scene each.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from browser.chat_server import CHAT, ChatServer
from browser.play import Play, need_browser
from harness.process import ServerProcess

if TYPE_CHECKING:
    from collections.abc import Iterator

# The whole play is the set-up of the first test.
pytestmark = pytest.mark.timeout(240)


@pytest.fixture(scope="module")
def lab() -> Iterator[ServerProcess]:
    """The suite's application, for what the chat does not use."""
    need_browser()
    client = CHAT / "node_modules" / "socket.io-client" / "dist"
    server = ServerProcess("main.py", backend="asyncio", options={"serve_client": str(client)})
    try:
        yield server
        server.stop()
    finally:
        server.kill()


@pytest.fixture(scope="module")
def play(lab: ServerProcess) -> Iterator[Play]:
    """The play, once for all tests of this file."""
    chat = ChatServer(by=Path(__file__).with_name("quick_chat.py"))
    chat.start()
    try:
        play = Play(chat)
        play.run("networks.mjs", lab=f"http://127.0.0.1:{lab.port}/")
        yield play
    finally:
        chat.kill()
        chat.output.close()


@pytest.mark.parity("engine_handshake.proxy")
def test_a_network_without_websocket_is_no_obstacle(play: Play) -> None:
    """The proxy refuses what a browser needs for WebSocket: all letters and pictures go over polling, both ways."""
    scene = play.scenes["polling only"]
    assert scene["refused"] >= 2, "the page tries to upgrade, and again after its reload"
    assert scene["tried"] >= 2
    assert scene["talking"] == 0
    assert scene["polls"] >= 3
    assert scene["sent"] == [640, [196, 62, 40, 255], [38, 92, 168, 255]]
    assert scene["received"] == [320, [20, 120, 60, 255], [200, 180, 30, 255]]


def test_a_closed_lid_is_slept_through(play: Play) -> None:
    """The renderer stands still for longer than interval and timeout; then the page comes back by itself."""
    scene = play.scenes["lid"]
    assert scene["renderers"] >= 1
    assert scene["whileClosed"] == ["Grace"]
    assert scene["reloaded"] is False
    assert scene["me"] == "Ada"
    assert sorted(scene["isIn"]) == ["bedroom", "lobby"]
    assert sorted(scene["seenByAda"]) == ["Ada", "Grace"]
    assert scene["dark"] == 1


def test_the_upgrade_happens_and_loses_nothing(play: Play) -> None:
    """Both sides say so, and what was under way meanwhile arrives once and in order."""
    scene = play.scenes["upgrade"]
    assert (scene["first"], scene["second"], scene["server"]) == ("polling", "websocket", "websocket")
    assert scene["frames"] == [["sent", "2probe"], ["received", "3probe"], ["sent", "5"]]
    assert scene["back"] == list(range(200))


def test_two_namespaces_share_one_connection(play: Play, lab: ServerProcess) -> None:
    scene = play.scenes["two namespaces"]
    assert scene["opened"] == 1
    assert scene["heard"] == {"main": ["to /"], "chat": ["to /chat"]}
    assert scene["alone"] == "still here"
    main, chat = scene["ids"]
    assert main != chat
    reasons = [lab.expect("disconnect", id=name)["reason"] for name in (main, chat)]
    assert reasons == ["client namespace disconnect"] * 2


@pytest.mark.parametrize("transport", ["polling", "websocket"])
def test_bytes_are_bytes_both_ways(play: Play, lab: ServerProcess, transport: str) -> None:
    scene = play.scenes[f"binary over {transport}"]
    assert scene["kinds"] == ["ArrayBuffer"] * 4
    assert scene["intact"] == [True, True, True]
    assert scene["blob"] == "a blob"
    assert lab.expect("record", id=scene["id"])["value"] == repr(bytes(range(256)))
