"""Middlewares, listeners of any event, answers by hand and the options of handlers, seen by the official client."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from clients.official import OfficialClient
    from clients.raw_client import RawClient
    from harness.process import ServerProcess

    Official = Callable[..., OfficialClient]

pytestmark = pytest.mark.server(app="middlewares.py")


def test_a_rejection_reaches_on_error_and_no_handler(server: ServerProcess, official: Official, transport: str) -> None:
    client = official(transport)
    client.emit("forbidden", 1)
    assert client.ask("ask", 1) == [1]
    error = server.expect("rejected", id=client.id)
    assert (error["event"], error["text"], error["data"]) == ("forbidden", "not for you", {"code": 7})
    assert server.noted("forbidden ran", id=client.id) == []


def test_gates_rewrite_and_wraps_wrap(official: Official) -> None:
    client = official()
    assert client.ask("alias", 1, 2) == [1, 2]
    assert client.ask("wrapped", 1) == [{"wrapped": [1]}]


def test_answers_by_hand_and_of_errors(official: Official, transport: str) -> None:
    client = official(transport)
    assert client.ask("early") == ["early", b"bytes"]
    assert client.expect("later") == []
    assert client.ask("refuse", {"code": 1}, 2) == [{"code": 1}, 2]
    assert client.ask("refuse") == []
    assert client.ask("boom") == [{"failed": "KeyError"}]
    assert client.ask("boom", "too", "many") == [{"failed": "InvalidPayload"}]


def test_events_without_a_handler(connect: Any) -> None:
    client: RawClient = connect()
    assert client.ask("unknown", 1) == ["rest", "unknown", 1]
    assert client.ask(7) == ["rest", 7]
    assert client.ask("*", None) == ["rest", "*", None]


@pytest.mark.parity("socket.on_any", "socket.on_any_outgoing")
def test_every_event_is_heard_both_ways(server: ServerProcess, official: Official) -> None:
    client = official()
    client.expect("welcome")
    assert client.ask("unknown", 1)[0] == "rest"
    heard = server.expect("any", id=client.id, event="unknown")
    assert heard["args"] == [1]
    assert server.expect("outgoing", id=client.id, event="welcome")["args"] == [{}]
    client.emit("to all", client.id)
    assert client.expect("news") == [client.id]
    assert server.expect("outgoing", id=client.id, event="news")["args"] == [client.id]


def test_a_thread_answers_and_emits(server: ServerProcess, official: Official) -> None:
    client = official()
    assert client.ask("thread") == [True]
    assert client.expect("from a thread") == []
    server.expect("outgoing", id=client.id, event="from a thread")


def test_what_ends_with_the_connection(server: ServerProcess, official: Official) -> None:
    client = official()
    client.emit("wait")
    server.expect("waiting", id=client.id)
    mine = client.id
    client.cut()
    server.expect("cancelled", id=mine)
    server.expect("disconnect", id=mine)
    server.expect("task over", id=mine)
