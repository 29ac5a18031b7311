"""Lifespans and requests as an ASGI server would bring them, with nothing in between."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import anyio
import anyio.lowlevel
import pytest

from sio_fast import NotRunning, Server
from sio_fast.asgi_types import Message, Scope

App = Callable[[Scope, Callable[[], Awaitable[Message]], Callable[[Message], Awaitable[None]]], Awaitable[None]]


class Lifespan:
    """The server's end of a lifespan."""

    def __init__(self, app: App, tasks: anyio.abc.TaskGroup) -> None:
        self.app = app
        self.tasks = tasks
        self.state: dict[str, Any] = {}
        self.said: list[Message] = []
        self.ended = anyio.Event()
        self._send, self._receive = anyio.create_memory_object_stream[Message](8)
        self._changed = anyio.Event()

    async def say(self, kind: str) -> str:
        """Sends a message and returns what came back."""
        count = len(self.said)
        if kind == "lifespan.startup":
            self.tasks.start_soon(self._run)
        await self._send.send({"type": kind})
        with anyio.fail_after(10):
            while len(self.said) == count:
                await self._changed.wait()
        return str(self.said[-1]["type"])

    async def _run(self) -> None:
        async def send(message: Message) -> None:
            self.said.append(message)
            self._changed.set()
            self._changed = anyio.Event()

        scope = {"type": "lifespan", "asgi": {"version": "3.0"}, "state": self.state}
        try:
            await self.app(scope, self._receive.receive, send)
        finally:
            self._send.close()
            self._receive.close()
            self.ended.set()


@contextlib.asynccontextmanager
async def tasks() -> AsyncIterator[anyio.abc.TaskGroup]:
    async with anyio.create_task_group() as group:
        yield group
        group.cancel_scope.cancel()


def get(path: str, query: bytes = b"EIO=4&transport=polling", **more: Any) -> Scope:
    return {
        "type": "http",
        "method": "GET",
        "path": path,
        "query_string": query,
        "headers": [(b"host", b"site.example")],
        "http_version": "1.1",
        **more,
    }


async def ask(app: App, scope: Scope) -> tuple[int, bytes]:
    """One request with an answer that comes at once."""
    said: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        said.append(message)

    await app(scope, receive, send)
    start, body = said
    return int(start["status"]), bytes(body["body"])


@pytest.mark.anyio
async def test_alone_it_starts_and_ends_with_its_lifespan() -> None:
    io = Server()
    async with tasks() as group:
        lifespan = Lifespan(io, group)
        assert await lifespan.say("lifespan.startup") == "lifespan.startup.complete"
        status, body = await ask(io, get("/socket.io/"))
        assert (status, body[:7]) == (200, b'0{"sid"')
        assert await lifespan.say("lifespan.shutdown") == "lifespan.shutdown.complete"
        await lifespan.ended.wait()
        status, body = await ask(io, get("/socket.io/"))
        assert status == 503
        assert io.engine.clients_count == 0


@pytest.mark.anyio
async def test_a_wrapped_application_starts_first_and_ends_last_and_has_its_state() -> None:
    io = Server()
    seen: list[Any] = []

    async def other(scope: Scope, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            await send({"type": "http.response.start", "status": 204, "headers": []})
            await send({"type": "http.response.body", "body": b"other"})
            return
        scope["state"]["pool"] = "opened"
        seen.append(((await receive())["type"], io._lifetime is None))
        await send({"type": "lifespan.startup.complete"})
        seen.append(("started", io._lifetime is None))
        seen.append(((await receive())["type"], io._lifetime is None))
        await send({"type": "lifespan.shutdown.complete"})

    app = io.asgi_app(other)
    async with tasks() as group:
        lifespan = Lifespan(app, group)
        assert await lifespan.say("lifespan.startup") == "lifespan.startup.complete"
        assert lifespan.state == {"pool": "opened"}
        assert (await ask(app, get("/socket.io/")))[0] == 200
        assert await ask(app, get("/else")) == (204, b"other")
        assert await lifespan.say("lifespan.shutdown") == "lifespan.shutdown.complete"
        await lifespan.ended.wait()
        # Nothing of ours is left when the other application closes what we may have used.
        expected = [("lifespan.startup", True), ("started", False), ("lifespan.shutdown", True)]
        assert seen == expected
        assert await ask(app, get("/else")) == (204, b"other")


async def refuses(scope: Scope, receive: Any, send: Any) -> None:
    raise NotImplementedError(scope["type"])


async def listens_first(scope: Scope, receive: Any, send: Any) -> None:
    await receive()
    raise NotImplementedError(scope["type"])


async def says_nothing(scope: Scope, receive: Any, send: Any) -> None:
    return


@pytest.mark.anyio
@pytest.mark.parametrize("other", [refuses, listens_first, says_nothing])
async def test_an_application_without_lifespans_may_be_wrapped(other: App) -> None:
    io = Server()
    async with tasks() as group:
        lifespan = Lifespan(io.asgi_app(other), group)
        assert await lifespan.say("lifespan.startup") == "lifespan.startup.complete"
        assert (await ask(io, get("/socket.io/")))[0] == 200
        assert await lifespan.say("lifespan.shutdown") == "lifespan.shutdown.complete"
        await lifespan.ended.wait()


@pytest.mark.anyio
async def test_a_wrapped_application_that_fails_to_start_says_so_itself() -> None:
    io = Server()

    async def other(scope: Scope, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "lifespan.startup.failed", "message": "no database"})

    async with tasks() as group:
        lifespan = Lifespan(io.asgi_app(other), group)
        assert await lifespan.say("lifespan.startup") == "lifespan.startup.failed"
        await lifespan.ended.wait()
        assert [message["type"] for message in lifespan.said] == ["lifespan.startup.failed"]
        assert io._lifetime is None


@pytest.mark.anyio
async def test_a_second_lifespan_is_refused_with_what_to_do() -> None:
    io = Server()
    async with io.lifespan(), tasks() as group:
        lifespan = Lifespan(io, group)
        assert await lifespan.say("lifespan.startup") == "lifespan.startup.failed"
        assert "drop lifespan=io.lifespan" in lifespan.said[0]["message"]


def test_a_server_in_front_of_itself_is_refused_with_what_to_do() -> None:
    io = Server()

    async def other(scope: Scope, receive: Any, send: Any) -> None:
        raise NotImplementedError

    for itself in (io, io.asgi_app(other)):
        with pytest.raises(TypeError, match=r"in front of itself: .* give the ASGI server io"):
            io.asgi_app(itself)
    # Another server behind this one answers at its own path.
    io.asgi_app(Server(path="/second"))


@pytest.mark.anyio
async def test_a_lifespan_of_ones_own_runs_the_server_inside() -> None:
    io = Server()

    async def fail() -> None:
        async with io.lifespan("the application"):
            assert (await ask(io, get("/socket.io/")))[0] == 200
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail()
    assert io._lifetime is None
    async with io.lifespan():
        assert (await ask(io, get("/socket.io/")))[0] == 200


@pytest.mark.anyio
async def test_without_a_lifespan_there_is_a_warning_or_an_error(anyio_backend_name: str) -> None:
    io = Server()
    fix = r"FastAPI\(lifespan=io\.lifespan\)"
    if anyio_backend_name == "trio":
        with pytest.raises(NotRunning, match=fix):
            await ask(io, get("/socket.io/"))
        return
    with pytest.warns(RuntimeWarning, match=fix):
        assert (await ask(io, get("/socket.io/")))[0] == 200
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert (await ask(io, get("/socket.io/")))[0] == 200
    await io.close(grace=0.1)


@pytest.mark.anyio
async def test_one_server_on_two_loops_is_an_error_that_says_so(anyio_backend_name: str) -> None:
    io = Server()

    def elsewhere() -> None:
        anyio.run(ask, io, get("/socket.io/"), backend=anyio_backend_name)

    async with io.lifespan():
        with pytest.raises(RuntimeError, match="one Server belongs to one ASGI server"):
            await anyio.to_thread.run_sync(elsewhere)
        assert (await ask(io, get("/socket.io/")))[0] == 200


@pytest.mark.anyio
async def test_beside_its_own_listener_it_answers_no_requests_of_others() -> None:
    io = Server()
    async with anyio.create_task_group() as group:
        await group.start(io.serve, "127.0.0.1", 0)
        with pytest.raises(RuntimeError, match=r"io\.run\(\)"):
            await ask(io, get("/socket.io/"))
        await io.close()


@pytest.mark.anyio
async def test_an_old_client_learns_what_to_do() -> None:
    io = Server()
    async with io.lifespan():
        status, body = await ask(io, get("/socket.io/", b"EIO=3&transport=polling"))
    assert status == 400
    assert b'"code":5' in body
    assert b"socket.io-client 3 or newer" in body


@pytest.mark.anyio
@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_a_wait_for_a_decision_takes_no_message_from_the_answer() -> None:
    """What a cancelled ``receive`` was about to give would be missing: granian, which has asyncio only, says then that the
    client is gone."""
    gates = [anyio.Event(), anyio.Event()]
    waiting = anyio.Event()
    calls = 0

    async def judge(_origin: str) -> bool:
        await gates[0].wait()
        return True

    async def allow(_request: Any) -> bool:
        await gates[1].wait()
        return True

    async def receive() -> Message:
        nonlocal calls
        calls += 1
        if calls == 1:
            return {"type": "http.request", "body": b"", "more_body": False}
        if calls > 2:
            return {"type": "http.disconnect"}
        waiting.set()
        await anyio.sleep_forever()
        raise AssertionError

    said: list[Message] = []

    async def send(message: Message) -> None:
        said.append(message)

    io = Server(cors_allowed_origins=judge, allow_request=allow)
    scope = get("/socket.io/")
    scope["headers"].append((b"origin", b"https://app.example"))
    async with io.lifespan(), anyio.create_task_group() as group:
        group.start_soon(io, scope, receive, send)
        await waiting.wait()
        gates[0].set()
        await anyio.wait_all_tasks_blocked()
        gates[1].set()
    assert [message.get("status") for message in said] == [200, None]


@pytest.mark.anyio
async def test_who_waits_for_a_decision_is_told_of_the_end() -> None:
    asked = anyio.Event()

    async def allow(_request: Any) -> bool:
        asked.set()
        await anyio.sleep_forever()
        raise AssertionError

    said: list[Message] = []
    heard = 0

    async def receive() -> Message:
        nonlocal heard
        heard += 1
        if heard == 1:
            return {"type": "http.request", "body": b"", "more_body": False}
        try:
            await anyio.sleep_forever()
        finally:
            # A host whose receive takes its time to be cancelled: the run may end meanwhile.
            with anyio.CancelScope(shield=True):
                for _ in range(50):
                    await anyio.lowlevel.checkpoint()
        raise AssertionError

    async def send(message: Message) -> None:
        said.append(message)

    io = Server(allow_request=allow)
    async with anyio.create_task_group() as group, io.lifespan():
        group.start_soon(io, get("/socket.io/"), receive, send)
        await asked.wait()
    assert said[0]["status"] == 503
    assert b"server shutting down" in said[1]["body"]


@pytest.mark.anyio
async def test_another_kind_of_scope_is_named() -> None:
    with pytest.raises(RuntimeError, match="'grpc'"):
        await ask(Server(), {"type": "grpc"})
