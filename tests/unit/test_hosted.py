"""hosted: an application's startup, its server on a private socket, and its end; without a listener in front."""

from __future__ import annotations

import stat
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio
import pytest

import sio_fast.hosted
from sio_fast.hosted import Hosted, host

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

pytestmark = pytest.mark.anyio


class App:
    """An application by hand, which notes what it is told."""

    def __init__(self, *, startup: str = "complete", shutdown: str = "complete") -> None:
        self.startup, self.shutdown = startup, shutdown
        self.seen: list[str] = []
        self.scope: dict[str, Any] = {}
        self.stuck = anyio.Event()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await self.live(scope, receive, send)
            return
        self.scope = dict(scope)
        self.seen.append("request")
        if scope["path"] == "/stuck":
            self.stuck.set()
            try:
                await anyio.sleep_forever()
            finally:
                self.seen.append("cancelled")
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
        await send({"type": "http.response.body", "body": b"ok"})

    async def live(self, scope: Any, receive: Any, send: Any) -> None:
        assert self.startup != "unknown", "only http"
        assert (await receive())["type"] == "lifespan.startup"
        self.seen.append("startup")
        scope["state"]["kept"] = [1]
        if self.startup == "raises":
            await send({"type": "lifespan.startup.failed", "message": "a long text"})
            raise ConnectionError("no database")
        if self.startup == "refuses":
            await send({"type": "lifespan.startup.failed", "message": "not today"})
            return
        await send({"type": "lifespan.startup.complete"})
        assert (await receive())["type"] == "lifespan.shutdown"
        self.seen.append("shutdown")
        if self.shutdown == "hangs":
            await anyio.sleep_forever()
        await send({"type": f"lifespan.shutdown.{self.shutdown}", "message": "disk full"})


async def ask(hosted: Hosted, path: str = "/", peer: str = "http 127.0.0.1 5000") -> bytes:
    async with await anyio.connect_unix(hosted.path) as stream:
        await stream.send(
            f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nSio-Fast-Peer: {peer}\r\n\r\n".encode()
        )
        received = b""
        try:
            while not received.endswith(b"ok"):
                received += await stream.receive()
        except (anyio.EndOfStream, anyio.BrokenResourceError):
            pass
    return received


async def test_from_startup_to_shutdown() -> None:
    app = App()
    folder: list[Path] = []

    async def beside(hosted: Hosted) -> None:
        assert app.seen == ["startup"]
        folder.append(Path(hosted.path).parent)
        assert stat.S_IMODE(folder[0].stat().st_mode) == 0o700
        hosted.application.server = ("127.0.0.1", 3000)
        assert (await ask(hosted)).endswith(b"ok")
        hosted.end(2)

    await host(app, beside)
    assert app.seen == ["startup", "request", "shutdown"]
    assert not folder[0].exists()
    assert app.scope["client"] == ("127.0.0.1", 5000)
    assert (app.scope["scheme"], app.scope["server"]) == ("http", ("127.0.0.1", 3000))
    assert app.scope["state"] == {"kept": [1]}
    assert [name for name, _ in app.scope["headers"]] == [b"host", b"connection"]


async def test_a_client_without_an_address() -> None:
    app = App()

    async def beside(hosted: Hosted) -> None:
        await ask(hosted, peer="https")

    await host(app, beside)
    assert (app.scope["client"], app.scope["scheme"]) == (None, "https")


async def test_an_application_without_lifespan_is_served() -> None:
    app = App(startup="unknown")

    async def beside(hosted: Hosted) -> None:
        assert (await ask(hosted)).endswith(b"ok")

    await host(app, beside)
    assert app.seen == ["request"]
    assert app.scope["state"] == {}


@pytest.mark.parametrize(
    ("startup", "text", "cause"),
    [("raises", "ConnectionError('no database')", ConnectionError), ("refuses", "not today", type(None))],
)
async def test_a_refused_startup(startup: str, text: str, cause: type) -> None:
    async def beside(hosted: Hosted) -> None:
        raise AssertionError("nobody listens yet")

    with pytest.raises(RuntimeError) as failure:
        await host(App(startup=startup), beside)
    assert str(failure.value) == f"the application's startup failed: {text}"
    assert isinstance(failure.value.__cause__, cause)


async def test_what_beside_raises_is_raised_after_an_orderly_end() -> None:
    app = App()

    async def beside(hosted: Hosted) -> None:
        raise OSError("in use")

    with pytest.raises(OSError, match="in use"):
        await host(app, beside)
    assert app.seen == ["startup", "shutdown"]


async def test_requests_that_stay_are_cancelled_after_the_grace() -> None:
    app = App()

    async def beside(hosted: Hosted) -> None:
        tasks.start_soon(ask, hosted, "/stuck")
        await app.stuck.wait()
        hosted.end(0.1)
        await hosted.ended()

    async with anyio.create_task_group() as tasks:
        await host(app, beside)
    assert sorted(app.seen) == ["cancelled", "request", "shutdown", "startup"]


async def test_cancelled_it_leaves_nothing_behind() -> None:
    app = App()

    async def beside(hosted: Hosted) -> None:
        tasks.start_soon(ask, hosted, "/stuck")
        await app.stuck.wait()
        inner.cancel_scope.cancel()
        await anyio.sleep_forever()

    async with anyio.create_task_group() as tasks, anyio.create_task_group() as inner:
        inner.start_soon(host, app, beside)
    assert app.seen == ["startup", "request", "cancelled"]


@pytest.mark.parametrize(("shutdown", "line"), [("failed", "disk full"), ("hangs", "took longer than 1 s")])
async def test_a_shutdown_that_goes_wrong_is_a_line(shutdown: str, line: str, caplog: pytest.LogCaptureFixture) -> None:
    async def beside(hosted: Hosted) -> None:
        hosted.end(0.1)

    await host(App(shutdown=shutdown), beside)
    assert line in caplog.text


async def test_a_server_that_dies_is_a_line_and_no_more(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def die(app: Any, path: str, ending: Any, *, task_status: Any) -> None:
        task_status.started()
        raise LookupError("a bug")

    monkeypatch.setattr(sio_fast.hosted, "_server", lambda: die)
    ran = []

    async def beside(hosted: Hosted) -> None:
        ran.append(hosted)

    await host(App(), beside)
    assert ran
    assert "the application's server has died" in caplog.text
    assert "LookupError: a bug" in caplog.text


async def test_a_folder_whose_name_is_too_long_for_a_socket(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    app = App()
    long = tmp_path / ("x" * 150)
    long.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(long))

    async def beside(hosted: Hosted) -> None:
        raise AssertionError("nobody listens")

    with pytest.raises(RuntimeError, match=r"the application's server cannot listen on .*too long") as failure:
        await host(app, beside)
    assert isinstance(failure.value.__cause__, OSError)
    assert not any(long.iterdir())


async def test_a_missing_package_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    beside: Callable[[Hosted], Awaitable[None]] = ask  # type: ignore[assignment]
    with pytest.raises(ModuleNotFoundError, match=r"app= needs .* on (asyncio|trio): pip install 'sio-fast\[app\]'"):
        await host(App(), beside)


async def test_no_application() -> None:
    beside: Callable[[Hosted], Awaitable[None]] = ask  # type: ignore[assignment]
    with pytest.raises(TypeError, match="app is an ASGI application, not 'module:app'"):
        await host("module:app", beside)  # type: ignore[arg-type]
