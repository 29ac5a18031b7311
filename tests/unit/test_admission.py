"""Answers of the application about requests, on every back-end: which let go on, which refuse, and which are faults."""

from __future__ import annotations

import logging
import re
from functools import partial
from typing import TYPE_CHECKING, Any

import anyio
import anyio.lowlevel
import pytest

from sio_fast import ConnectError, HttpRequest, Server, current_socket
from unit.conftest import core_of, running, until

if TYPE_CHECKING:
    from collections.abc import Callable

    Make = Callable[..., Server[Any]]

pytestmark = pytest.mark.anyio

ORIGIN = ("origin", "https://app.example")


async def answer(make: Make, fn: Any, *headers: tuple[str, str]) -> Any:
    async with running(make(allow_request=fn)) as core:
        question = core.client_request(*headers)
        await until(lambda: question.answers)
        assert len(question.answers) == 1
        return question.answers[0]


def refusing(request: HttpRequest) -> None:
    raise ConnectError("no guests")


async def refusing_later(request: HttpRequest) -> None:
    await anyio.lowlevel.checkpoint()
    raise ConnectError("no guests")


def failing(request: HttpRequest) -> bool:
    raise KeyError("token")


async def failing_later(request: HttpRequest) -> bool:
    await anyio.lowlevel.checkpoint()
    raise KeyError("token")


async def slow(request: HttpRequest) -> bool:
    await anyio.sleep(0.01)
    return True


@pytest.mark.parametrize(
    ("fn", "said"),
    [
        (lambda request: None, True),
        (lambda request: True, True),
        (lambda request: False, False),
        (partial(slow), True),
        (slow, True),
        (refusing, "no guests"),
        (refusing_later, "no guests"),
    ],
)
async def test_answers(make: Make, fn: Any, said: Any, caplog: pytest.LogCaptureFixture) -> None:
    assert await answer(make, fn) == said
    assert not caplog.records


@pytest.mark.parametrize("fn", [failing, failing_later])
async def test_an_exception_refuses_and_is_logged(make: Make, fn: Any, caplog: pytest.LogCaptureFixture) -> None:
    assert await answer(make, fn) == "failed"
    [record] = caplog.records
    assert record.levelno == logging.ERROR
    assert record.exc_info is not None
    assert "allow_request failed" in record.getMessage()


@pytest.mark.parametrize("value", [0, 1, "yes", ""])
async def test_another_value_refuses_and_is_logged(make: Make, value: Any, caplog: pytest.LogCaptureFixture) -> None:
    assert await answer(make, lambda request: value) == "failed"
    assert f"allow_request returned {value!r}" in caplog.text


async def test_what_the_function_sees(make: Make) -> None:
    seen: list[HttpRequest] = []
    assert await answer(make, seen.append, ("host", "h"), ("x-a", "1"), ("x-a", "2")) is True
    [request] = seen
    assert (request.method, request.path, request.address) == ("GET", "/socket.io/", "127.0.0.1")
    assert request.url == "/socket.io/?EIO=4&transport=polling&token=a"
    assert request.query == {"EIO": "4", "transport": "polling", "token": "a"}
    assert request.headers == {"host": "h", "x-a": "1, 2"}
    assert (request.xdomain, request.secure, request.scope) == (False, False, None)
    assert repr(request) == f"HttpRequest(GET '{request.url}', address='127.0.0.1')"


async def test_many_are_judged_at_a_time_and_none_holds_up_events(make: Make) -> None:
    gate = anyio.Event()

    async def waiting(request: HttpRequest) -> None:
        await gate.wait()

    io = make(allow_request=waiting)
    seen: list[str] = []
    io.on("x")(lambda socket: seen.append(current_socket.get().id))
    async with running(io) as core:
        questions = [core.client_request() for _ in range(3)]
        socket = core.client_connect()
        await until(lambda: socket.connected)
        socket.client_event("x")
        await until(lambda: seen == [socket.id])
        assert not any(question.answers for question in questions)
        gate.set()
        await until(lambda: all(question.answers == [True] for question in questions))


async def test_a_server_that_ends_waits_for_no_decision(make: Make) -> None:
    ended: list[str] = []

    async def waiting(request: HttpRequest) -> None:
        try:
            await anyio.sleep_forever()
        finally:
            ended.append("cancelled")

    with anyio.fail_after(5):
        async with running(make(allow_request=waiting)) as core:
            question = core.client_request()
            await anyio.wait_all_tasks_blocked()
    assert ended == ["cancelled"]
    assert question.answers == ["failed"]


async def test_a_program_that_is_to_end_ends(make: Make) -> None:
    def leaving(request: HttpRequest) -> None:
        raise SystemExit(3)

    with pytest.raises(SystemExit):  # raised by serve, inside the group of the test
        await ended_by(make(allow_request=leaving))


async def ended_by(io: Server[Any]) -> None:
    ended: list[BaseException] = []

    async def serve() -> None:
        try:
            await io.serve("127.0.0.1", 0)
        except SystemExit as error:
            ended.append(error)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(serve)
        await until(lambda: io.addresses)
        core_of(io).client_request()
        await until(lambda: ended)
    raise ended[0]


@pytest.mark.parametrize(
    ("judge", "said"),
    [
        (lambda origin: origin == "https://app.example", True),
        (lambda origin: False, False),
        (lambda origin: None, "failed"),
        (re.compile(r"https://\w+\.example"), True),
        (re.compile(r"https://app"), False),
    ],
)
async def test_origins_are_judged_by_a_function_or_a_pattern(make: Make, judge: Any, said: Any) -> None:
    async with running(make(cors_allowed_origins=judge)) as core:
        question = core.client_request(ORIGIN, about_origin=True)
        await until(lambda: question.answers)
        assert question.answers == [said]


async def test_what_is_no_function_is_refused_at_once() -> None:
    with pytest.raises(TypeError, match="allow_request"):
        Server(allow_request="yes")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="bytes"):
        Server(cors_allowed_origins=re.compile(b"x"))  # type: ignore[arg-type]
