"""A server inside an application, as its users run it: mounts, wrapping, lifespans, and the end that a signal brings.

Rows 11 to 13, 15 and 16 of the faults that its Python peer has are among them.
"""

from __future__ import annotations

import signal
import time
from typing import TYPE_CHECKING, Any

import pytest

from clients.raw_client import RawClient
from clients.raw_http import HttpConnection
from clients.wire import PollingWire, WebSocketWire, target
from harness.process import ServerProcess

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Start = Callable[..., ServerProcess]

#: Where the signals and lifespans of a program take different ways.
CARRIERS = (
    ("uvicorn", "asyncio"),
    ("uvicorn", "uvloop"),
    ("uvicorn-sansio", "asyncio"),
    ("uvicorn-wsproto", "asyncio"),
    ("hypercorn", "asyncio"),
    ("hypercorn", "trio"),
    ("granian", "asyncio"),
)
HOST = {"Host": "site.example"}


@pytest.fixture
def start() -> Iterator[Start]:
    """Starts a program: `start("mounted", prefix="/ws")`, on uvicorn if nothing else is said."""
    started: list[ServerProcess] = []

    def begin(how: str, *, skin: str = "uvicorn", backend: str = "asyncio", **options: Any) -> ServerProcess:
        options = {"how": how, **options}
        server = ServerProcess("mounted.py", backend=backend, skin=skin, options=options, mode="program")
        started.append(server)
        return server

    yield begin
    for server in started:
        if server.alive():
            # Some have workers, which outlive a parent that is killed.
            server.signal(signal.SIGTERM)
            server.wait_ended()
        server.kill()


def echoes(wire: PollingWire | WebSocketWire) -> RawClient:
    client = RawClient(wire)
    client.connect()
    assert client.ask("echo", 1, "ü") == [1, "ü"]
    return client


# --- where it answers


@pytest.mark.parity("faults.mount", "files.attach")
@pytest.mark.parametrize(
    ("how", "prefix", "path"),
    [
        ("alone", "/", "/socket.io/"),
        ("wrapped", "/", "/socket.io/"),
        ("mounted", "/socket.io", "/socket.io/"),
        ("mounted", "/ws", "/ws/"),
        ("mounted", "/ws", "/ws/socket.io/"),
        ("mounted", "/deep/er", "/deep/er/"),
        ("starlette", "/socket.io", "/socket.io/"),
        ("starlette", "/any", "/any/"),
        ("litestar", "/socket.io", "/socket.io/"),
        ("litestar", "/any", "/any/"),
    ],
)
def test_it_answers_at_any_prefix(start: Start, how: str, prefix: str, path: str) -> None:
    server = start(how, prefix=prefix)
    for wire in (PollingWire(server.port, path=path), WebSocketWire.open(server.port, path=path)):
        client = echoes(wire)
        assert server.expect("url", id=client.id)["url"].startswith(f"{path}?EIO=4&")
        wire.close()
    with HttpConnection(server.port) as http:
        assert http.request("GET", "/hello").status == (404 if how == "alone" else 200)


@pytest.mark.parametrize("path", ["/", "/socket.i", "/socket.ioo/", "/elsewhere/"])
def test_a_wrong_path_is_told_the_right_one(start: Start, path: str) -> None:
    server = start("alone", path="/live")
    with HttpConnection(server.port) as http:
        answer = http.request("GET", path)
        assert answer.status == 404
        assert '{ path: "/live/" }' in answer.text
        upgrade = {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13"}
        key = {"Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ=="}
        refused = http.request("GET", target(path, transport="websocket"), headers={**upgrade, **key})
        assert path == "/" or (refused.status == 404 and '{ path: "/live/" }' in refused.text)


# --- lifespans


@pytest.mark.parity("faults.lifespan")
@pytest.mark.parametrize("how", ["wrapped", "mounted", "starlette", "litestar"])
def test_the_applications_own_lifespan_runs_around_ours(start: Start, how: str) -> None:
    server = start(how)
    server.expect("app started")
    with HttpConnection(server.port) as http:
        assert "hello from the lifespan" in http.request("GET", "/hello").text
    client = echoes(WebSocketWire.open(server.port))
    server.signal(signal.SIGTERM)
    server.wait_ended()
    told = [entry["what"] for entry in server.journal]
    assert server.expect("disconnect", id=client.id)["reason"] == "server shutting down"
    assert told.index("disconnect") < told.index("app ended")


def test_a_mount_without_lifespan_runs_and_says_what_is_missing(start: Start) -> None:
    server = start("unasked")
    for _ in range(2):
        echoes(WebSocketWire.open(server.port))
    server.eventually(lambda: "FastAPI(lifespan=io.lifespan)" in "".join(server.stderr), "the line in the log")
    assert "".join(server.stderr).count("nothing has started this Server") == 1


def test_on_trio_it_raises_what_is_missing(start: Start) -> None:
    server = start("unasked", skin="hypercorn", backend="trio")
    with HttpConnection(server.port) as http:
        assert http.request("GET", target(transport="polling")).status == 500
    server.eventually(lambda: "NotRunning" in "".join(server.stderr), "the error in the log")
    assert "FastAPI(lifespan=io.lifespan)" in "".join(server.stderr)


def test_a_lifespan_that_is_entered_twice_is_named(start: Start) -> None:
    with pytest.raises(AssertionError) as failed:
        start("twice")
    assert "io.asgi_app(app) enters it by itself" in str(failed.value)


# --- the end


@pytest.mark.parity("faults.shutdown")
@pytest.mark.parametrize(("skin", "loop"), CARRIERS)
def test_a_signal_ends_it_under_clients(start: Start, skin: str, loop: str) -> None:
    """With a poll that hangs and WebSockets open. Nothing waits for them."""
    server = start("alone", skin=skin, backend=loop)
    polling, websocket = PollingWire(server.port), WebSocketWire.open(server.port)
    ids = [echoes(wire).id for wire in (polling, websocket)]
    polling.start_poll()
    server.expect("connect", count=2)
    began = time.monotonic()
    server.signal(signal.SIGTERM)
    if (skin, loop) == ("hypercorn", "trio"):
        # Its workers hear of the end by no signal, and cut everything off before they end the lifespan.
        for connection in (polling.getter, websocket.ws.http):
            connection.read_to_end()
    else:
        assert polling.finish_poll() == ["1"]
        assert websocket.ws.expect_close() == 1001
    websocket.ws.http.close()
    polling.getter.close()
    polling.poster.close()
    server.wait_ended()
    assert time.monotonic() - began < 6
    for each in ids:
        assert server.expect("disconnect", id=each)["reason"] == "server shutting down"


@pytest.mark.parametrize("code", [1000, 1001])
def test_a_browser_that_leaves_is_no_shutdown(start: Start, code: int) -> None:
    server = start("alone")
    wire = WebSocketWire.open(server.port)
    client = echoes(wire)
    wire.ws.send_frame(0x8, code.to_bytes(2, "big"))
    assert server.expect("disconnect", id=client.id)["reason"] == "transport close"


# --- CORS and proxies


@pytest.mark.parity("faults.double_cors")
def test_no_second_header_beside_the_applications_middleware(start: Start) -> None:
    server = start("mounted", cors_allowed_origins=["http://elsewhere.example"])
    with HttpConnection(server.port) as http:
        answer = http.request("GET", target(transport="polling"), headers={"Origin": "http://elsewhere.example"})
    assert answer.status == 200
    allowed = [value for name, value in answer.all_headers if name == "access-control-allow-origin"]
    assert allowed == ["http://elsewhere.example"]


@pytest.mark.parity("faults.origin_text")
@pytest.mark.parametrize("transport", ["polling", "websocket"])
def test_a_refused_origin_is_told_on_both_transports(start: Start, transport: str) -> None:
    server = start("alone")
    headers = {"Origin": "http://evil.example"}
    if transport == "websocket":
        headers |= {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13"}
        headers |= {"Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ=="}
    with HttpConnection(server.port) as http:
        answer = http.request("GET", target(transport=transport), headers=headers)
    assert answer.status == 403
    assert answer.json()["code"] == 4
    assert "cors_allowed_origins" in answer.json()["message"]


FORWARDED = {
    "X-Forwarded-For": "6.6.6.6, 203.0.113.7",
    "X-Forwarded-Proto": "https",
    "X-Forwarded-Host": "site.example",
    "Origin": "https://site.example",
}


@pytest.mark.parametrize("skin", ["uvicorn", "native"])
def test_a_trusted_proxy_is_looked_through(start: Start, skin: str) -> None:
    server = start("alone", skin=skin, trusted_proxies=["127.0.0.0/8"])
    client = echoes(PollingWire(server.port, headers=FORWARDED))
    seen = server.expect("connect", id=client.id)
    assert (seen["address"], seen["secure"]) == ("203.0.113.7", True)


@pytest.mark.parametrize("skin", ["uvicorn", "native"])
def test_nobody_else_is(start: Start, skin: str) -> None:
    server = start("alone", skin=skin, trusted_proxies=["10.0.0.0/8"])
    with HttpConnection(server.port) as http:
        assert http.request("GET", target(transport="polling"), headers=FORWARDED).status == 403
    plain = {name: value for name, value in FORWARDED.items() if name not in ("Origin", "X-Forwarded-Host")}
    client = echoes(PollingWire(server.port, headers=plain))
    seen = server.expect("connect", id=client.id)
    assert (seen["address"], seen["secure"]) == ("127.0.0.1", False)
