"""The main job in a real browser: the chat demo, played through by three people in headless Chromium.

`scenario.mjs` plays and reports what it saw; the tests here judge one scene each. Screenshots are left in `screenshots/`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from browser.chat_server import ChatServer
from browser.play import Play, need_browser

if TYPE_CHECKING:
    from collections.abc import Iterator

LARGEST_PICTURE_KB = 700

# The whole play is the set-up of the first test: about 20 s alone, more on a machine that runs other suites.
pytestmark = pytest.mark.timeout(240)


@pytest.fixture(scope="module")
def play() -> Iterator[Play]:
    """The play, once for all tests of this file."""
    need_browser()
    server = ChatServer()
    server.start()
    try:
        play = Play(server)
        play.run("scenario.mjs")
        yield play
    finally:
        server.kill()
        server.output.close()


def test_a_taken_nickname_is_refused_with_its_reason(play: Play) -> None:
    assert play.scenes["refusal"]["text"] == "“Ada” is here already. Please choose another nickname."


def test_everybody_sees_who_is_here(play: Play) -> None:
    assert play.scenes["presence"]["seenByAda"] == ["Ada", "Grace", "Linus"]


def test_messages_reach_everybody_over_websocket(play: Play) -> None:
    scene = play.scenes["talk"]
    assert scene["names"] == ["Grace", "Linus"]
    assert scene["links"] == [["https://example.org/changes", "noopener noreferrer nofollow", "_blank"]]
    assert all(count >= 1 for count in scene["websockets"])  # each brought something


def test_markup_in_a_message_is_text(play: Play) -> None:
    assert play.scenes["markup"] == {"elements": 0, "title": "Chat"}


def test_a_typing_mark_comes_and_fades(play: Play) -> None:
    assert play.scenes["typing"]["mark"] == "Grace is typing"


def test_the_three_columns_fill_the_window(play: Play) -> None:
    assert play.scenes["typing"]["heights"] == [800, 800, 800]


def test_rooms_are_joined_and_left(play: Play) -> None:
    assert play.scenes["rooms"] == {"graceIsIn": ["lobby"], "linusHasRead": 0}


def test_a_private_message_reaches_one_person(play: Play) -> None:
    scene = play.scenes["private"]
    assert scene["unread"] == {"badge": "1", "title": "(1) Chat"}
    assert scene["readTitle"] == "Chat"
    assert (scene["linusHasRead"], scene["linusHasPrivate"]) == (0, 0)


def test_a_picture_arrives_pixel_by_pixel(play: Play) -> None:
    scene = play.scenes["picture"]
    assert (scene["width"], scene["height"], scene["own"]) == (640, 360, False)
    assert scene["left"] == [196, 62, 40, 255]
    assert scene["right"] == [38, 92, 168, 255]


def test_a_large_picture_is_made_smaller(play: Play) -> None:
    scene = play.scenes["large picture"]
    assert scene["bytes"] > 10_000_000
    size, before = scene["note"].split(", ")[1:]
    assert int(size.removesuffix(" kB")) <= LARGEST_PICTURE_KB
    assert before.startswith("made smaller from 1")
    assert (scene["own"], scene["width"] < 2600) == (False, True)
    assert scene["width"] / scene["height"] == pytest.approx(2600 / 1700, rel=0.01)


def test_a_reload_keeps_the_nickname_and_what_was_said(play: Play) -> None:
    assert play.scenes["reload"] == {"me": "Ada", "remembered": 1, "leftAndJoined": 0}


def test_everybody_comes_back_after_the_server_was_killed(play: Play) -> None:
    scene = play.scenes["restart"]
    assert all("Connection lost" in banner for banner in scene["lost"])
    assert scene["names"] == ["Ada", "Grace", "Linus"]
    assert scene["adaIsIn"] == ["lobby", "rose-garden"]
    assert scene["written"] == 1


def test_everybody_comes_back_after_an_orderly_restart(play: Play) -> None:
    assert play.scenes["orderly restart"]["members"] == ["Ada", "Grace", "Linus"]


def test_the_same_person_in_two_tabs_is_one_person(play: Play) -> None:
    assert play.scenes["two tabs"]["members"] == ["Grace", "Ada", "Linus"]


def test_the_page_fits_a_phone(play: Play) -> None:
    scene = play.scenes["phone"]
    assert scene["wide"] == [390, 390]
    assert scene["closed"] is True
    assert scene["focused"] == "open-people"


def test_who_closes_the_page_has_left(play: Play) -> None:
    assert play.scenes["departure"]["members"] == ["Grace", "Ada"]


def test_no_error_in_any_page_and_nothing_from_elsewhere(play: Play) -> None:
    scene = play.scenes["end"]
    assert scene["problems"] == []
    assert scene["foreign"] == []


def test_the_server_ends_when_asked(play: Play) -> None:
    assert play.server.stop() == 0, play.server.printed()
