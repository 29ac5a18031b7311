"""Servers and clients of the black-box tests.

A server is a child process, started once per (application, options, skin, event loop) and shared by the tests that
ask for the same; a test names what it needs by marks: `@pytest.mark.server(ping_interval=0.3)`. After each
module every server that it used must have let go of everything.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from clients.official import Driver
from clients.raw_client import RawClient
from clients.raw_http import HttpConnection
from clients.wire import TRANSPORTS, PollingWire, WebSocketWire, Wire, open_wire
from harness.gauges import expect_empty
from harness.process import ServerProcess
from harness.skins import LOOPS, SKINS, Backend

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator, Sequence


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "backend" not in metafunc.fixturenames:
        return
    if metafunc.config.getoption("--server") == "official":
        backends = [Backend("node")]
    else:
        mark = metafunc.definition.get_closest_marker("loops")
        native = metafunc.definition.get_closest_marker("native") or "server" not in metafunc.fixturenames
        skins = ["native"] if native else chosen_skins(metafunc.config)
        barred = {mark.args[0] for mark in metafunc.definition.iter_markers("not_on")}
        skins = [skin for skin in skins if skin not in barred]
        wanted = metafunc.config.getoption("--loop") or LOOPS
        backends = [each for skin in skins for each in backends_of(skin, mark.args if mark else LOOPS, wanted)]
    metafunc.parametrize("backend", backends, ids=[each.label for each in backends], scope="session")


def chosen_skins(config: pytest.Config) -> list[str]:
    chosen = config.getoption("--skin") or ["native"]
    asgi = [skin for skin in SKINS if skin != "native"]
    return [skin for skin in SKINS if skin in chosen or (skin in asgi and "asgi" in chosen)]


def backends_of(skin: str, possible: Sequence[str], wanted: Sequence[str]) -> list[Backend]:
    """The loops of a skin on which a test runs."""
    fitting = [loop for loop in SKINS[skin] if loop in possible]
    # A test to which the loop means nothing runs all the same when its loop was not asked for.
    loops = [loop for loop in fitting if loop in wanted] or (fitting or SKINS[skin])[:1]
    return [Backend(loop, skin) for loop in loops]


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    # Of a test that none of the chosen skins carries pytest makes one without a backend, to be skipped.
    keep(config, items, [item for item in items if skin_of(item) != ""])
    if config.getoption("--server") == "official":
        keep_marked(config, items, "official")
    if config.getoption("--sample"):
        keep_marked(config, items, "sample")
    if "native" not in chosen_skins(config):
        # Everything else has run on the listener of our own.
        keep(config, items, [item for item in items if skin_of(item) not in (None, "native")])


def keep_marked(config: pytest.Config, items: list[pytest.Item], mark: str) -> None:
    keep(config, items, [item for item in items if item.get_closest_marker(mark) is not None])


def keep(config: pytest.Config, items: list[pytest.Item], kept: list[pytest.Item]) -> None:
    known = {id(item) for item in kept}
    config.hook.pytest_deselected(items=[item for item in items if id(item) not in known])
    items[:] = kept


def skin_of(item: pytest.Item) -> str | None:
    """What carries the server of a test; None if it has none, "" if it should and nothing does."""
    backend = getattr(getattr(item, "callspec", None), "params", {}).get("backend")
    if backend is None or "blackbox" not in item.path.parts:
        return None
    return getattr(backend, "skin", "")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A failure shows what its server printed: often it died, and the client only saw a closed connection."""
    report = yield
    server = getattr(item, "funcargs", {}).get("server")
    if report.failed and isinstance(server, ServerProcess):
        report.sections.append(("server under test", server.describe("a test of it failed")))
    return report


class Pool:
    """The running servers, by what they were asked to be."""

    def __init__(self, *, official: bool) -> None:
        self.official = official
        self.servers: dict[str, ServerProcess] = {}

    def get(self, app: str, backend: Backend, options: dict[str, Any]) -> ServerProcess:
        key = json.dumps([app, backend, backend.skin, options], sort_keys=True)
        server = self.servers.get(key)
        if server is None or not server.alive():
            program = "official.mjs" if self.official else app
            server = self.servers[key] = ServerProcess(program, backend=backend, skin=backend.skin, options=options)
        return server

    def stop(self) -> None:
        problems = []
        for server in self.servers.values():
            try:
                server.stop()
            except AssertionError as exc:
                problems.append(str(exc))
        assert not problems, "\n\n".join(problems)


@pytest.fixture(scope="session")
def pool(request: pytest.FixtureRequest) -> Iterator[Pool]:
    pool = Pool(official=request.config.getoption("--server") == "official")
    yield pool
    pool.stop()


@pytest.fixture(scope="module")
def used() -> Iterator[list[ServerProcess]]:
    """The servers this module used; at its end nothing of its clients may be left in them."""
    servers: list[ServerProcess] = []
    yield servers
    for server in servers:
        if server.alive():
            expect_empty(server)


@pytest.fixture
def server(request: pytest.FixtureRequest, pool: Pool, backend: Backend, used: list[ServerProcess]) -> ServerProcess:
    """The server that the test's `server` mark describes; without one, all options at their default."""
    mark = request.node.get_closest_marker("server")
    options = dict(mark.kwargs) if mark else {}
    server = pool.get(options.pop("app", "main.py"), backend, options)
    if server not in used:
        used.append(server)
    return server


@pytest.fixture(params=TRANSPORTS)
def transport(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def closing() -> Iterator[list[Any]]:
    """What is closed after the test, last first."""
    things: list[Any] = []
    yield things
    for thing in reversed(things):
        thing.close()


@pytest.fixture
def http(server: ServerProcess, closing: list[Any]) -> HttpConnection:
    """A TCP connection for HTTP requests."""
    connection = HttpConnection(server.port)
    closing.append(connection)
    return connection


@pytest.fixture
def polling(server: ServerProcess, closing: list[Any]) -> PollingWire:
    """An Engine.IO session over polling that joined no namespace."""
    wire = PollingWire(server.port)
    closing.append(wire)
    return wire


@pytest.fixture
def websocket(server: ServerProcess, closing: list[Any]) -> WebSocketWire:
    """An Engine.IO session over WebSocket that joined no namespace."""
    wire = WebSocketWire.open(server.port)
    closing.append(wire)
    return wire


@pytest.fixture
def wire(server: ServerProcess, transport: str, closing: list[Any]) -> Wire:
    """An Engine.IO session over each transport."""
    wire = open_wire(transport, server.port)
    closing.append(wire)
    return wire


@pytest.fixture
def connect(server: ServerProcess, closing: list[Any]) -> Callable[..., RawClient]:
    """Makes a client that joined a namespace: `connect("polling", nsp="/chat", auth={…})`."""

    def make(
        transport: str = "websocket", *, nsp: str | None = "/", auth: Any = None, **wire_options: Any
    ) -> RawClient:
        wire = open_wire(transport, server.port, **wire_options)
        closing.append(wire)
        client = RawClient(wire)
        if nsp is not None:
            client.connect(nsp, auth)
            if nsp != "/guarded":
                client.expect("welcome", nsp=nsp)
        return client

    return make


@pytest.fixture
def client(connect: Callable[..., RawClient], transport: str) -> RawClient:
    """A client in `/`, over each transport."""
    return connect(transport)


@pytest.fixture(scope="session")
def driver() -> Iterator[Driver]:
    """The Node process in which official clients live."""
    driver = Driver()
    yield driver
    driver.stop()


@pytest.fixture
def official(driver: Driver, server: ServerProcess) -> Iterator[Callable[..., Any]]:
    """Makes official clients of the server: `official("upgrade", nsp="/chat", auth={…})`."""
    made = []

    def make(transport: str = "websocket", **options: Any) -> Any:
        client = driver.connect(server.port, transport, **options)
        made.append(client)
        return client

    yield make
    for client in made:
        client.close()
