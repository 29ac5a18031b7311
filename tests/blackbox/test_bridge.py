"""Between the threads that talk to clients and the loop that runs handlers: nothing is lost, late or unbounded."""

from __future__ import annotations

import contextlib
import signal
import time
from typing import TYPE_CHECKING, Any

import pytest

from clients.raw_client import RawClient
from clients.raw_http import HttpConnection
from clients.wire import TRANSPORTS, PollingWire, WebSocketWire
from harness.process import ServerProcess

if TYPE_CHECKING:
    from collections.abc import Callable

    from clients.official import OfficialClient

pytestmark = pytest.mark.sample

BRIDGE = pytest.mark.server(app="bridge.py")
INTERVAL, TIMEOUT = 0.3, 0.4
HASTY = pytest.mark.server(app="bridge.py", ping_interval=INTERVAL, ping_timeout=TIMEOUT)
MIB = 1 << 20


# --- a blocked loop, a stopped process


@pytest.mark.native  # there the heartbeats have a thread of their own
@HASTY
def test_a_blocked_loop_loses_nobody(
    server: ServerProcess, connect: Callable[..., RawClient], official: Callable[..., OfficialClient]
) -> None:
    """The loop stands still for longer than interval and timeout together; heartbeats do not need it."""
    blocker = connect("websocket")
    clients = [official(transport) for transport in TRANSPORTS]
    number = blocker.start_ask("block", 3 * (INTERVAL + TIMEOUT))
    server.expect("blocking", id=blocker.id)
    asked = [client.start_ask("ask", n) for n, client in enumerate(clients)]  # while nobody can hear it
    assert blocker.finish_ask(number) == []
    for n, (client, question) in enumerate(zip(clients, asked, strict=True)):
        assert client.finish_ask(question) == [n]
        assert client.seen("disconnect") == []
    assert server.noted("disconnect", id=blocker.id) == []


@HASTY
def test_a_stopped_process_loses_nobody(server: ServerProcess, connect: Callable[..., RawClient]) -> None:
    """A suspended machine: every deadline passed meanwhile, and the pongs waited in the kernel."""
    clients = [connect("websocket") for _ in range(3)]
    for client in clients:
        client.wire.expect("2")
    server.signal(signal.SIGSTOP)
    try:
        for client in clients:
            client.wire.send("3")
        time.sleep(3 * TIMEOUT + 0.5)  # the point of the test: this much time passes unseen
    finally:
        server.signal(signal.SIGCONT)
    for n, client in enumerate(clients):
        assert client.ask("ask", n) == [n]
    assert [server.noted("disconnect", id=client.id) for client in clients] == [[], [], []]


# The listener's heartbeat goes on behind a blocked loop, so its clients must answer all the time.
@pytest.mark.not_on("native")
@HASTY
def test_pongs_that_wait_behind_a_blocked_loop_count(server: ServerProcess, connect: Callable[..., RawClient]) -> None:
    """Whoever answered in time stays, also where the loop itself has to see it, and sees it too late."""
    blocker, clients = connect("websocket"), [connect("websocket") for _ in range(3)]
    for client in (blocker, *clients):
        client.wire.expect("2")
    blocker.wire.send("3")
    number = blocker.start_ask("block", 3 * (INTERVAL + TIMEOUT))
    server.expect("blocking", id=blocker.id)
    for client in clients:
        client.wire.send("3")
    assert blocker.finish_ask(number) == []
    for n, client in enumerate(clients):
        assert client.ask("ask", n) == [n]
    assert [server.noted("disconnect", id=client.id) for client in (blocker, *clients)] == [[], [], [], []]


# --- order and concurrency


@BRIDGE
def test_events_of_one_socket_run_one_after_the_other(
    server: ServerProcess, connect: Callable[..., RawClient], transport: str
) -> None:
    client = connect(transport)
    numbers = [client.start_ask("slow", seconds, tag) for tag, seconds in enumerate((0.3, 0, 0.1, 0))]
    assert [client.recv().args for _ in numbers] == [[0], [1], [2], [3]]
    server.expect("end", id=client.id, tag=3)
    order = [(e["what"], e["tag"]) for e in server.journal if e.get("id") == client.id and "tag" in e]
    assert order == [(what, tag) for tag in range(4) for what in ("start", "end")]


@BRIDGE
def test_a_concurrent_handler_steps_aside(server: ServerProcess, connect: Callable[..., RawClient]) -> None:
    client = connect("websocket")
    slow = client.start_ask("aside", 0.5, "slow")
    assert client.ask("aside", 0, "quick") == ["quick"]
    assert server.noted("end", id=client.id, tag="slow") == []
    assert client.finish_ask(slow) == ["slow"]


@BRIDGE
def test_sockets_run_beside_each_other(server: ServerProcess, connect: Callable[..., RawClient]) -> None:
    first, second = connect("websocket"), connect("polling")
    slow = first.start_ask("slow", 1, "slow")
    server.expect("start", id=first.id, tag="slow")
    assert second.ask("slow", 0, "quick") == ["quick"]
    assert server.noted("end", id=first.id, tag="slow") == []
    assert first.finish_ask(slow) == ["slow"]


@BRIDGE
def test_many_handlers_wait_at_once(connect: Callable[..., RawClient]) -> None:
    clients = [connect("websocket") for _ in range(100)]
    started = time.monotonic()
    numbers = [client.start_ask("slow", 0.5, n) for n, client in enumerate(clients)]
    for n, (client, number) in enumerate(zip(clients, numbers, strict=True)):
        assert client.finish_ask(number) == [n]
    assert time.monotonic() - started < 10  # one after the other would take 50 s


@BRIDGE
def test_each_thread_keeps_its_order(connect: Callable[..., RawClient]) -> None:
    client, witness = connect("websocket"), connect("websocket")
    client.ask("threads", 600)
    received = [client.expect("from a thread") for _ in range(1200)]
    for name in range(2):
        assert [n for who, n in received if who == name] == list(range(600))
    seen = [args for event, *args in witness.events() if event == "from a thread"]
    for name in range(2):
        assert [n for who, n in seen if who == name] == [n for n in range(600) if n % 3 == 1]


@pytest.mark.native  # as above
@BRIDGE
def test_an_emit_does_not_wait_for_its_handler(connect: Callable[..., RawClient]) -> None:
    """A handler that emits and then computes: the client has the event within 20 ms."""
    client = connect("websocket")
    delays = []
    for _ in range(7):
        number = client.start_ask("emit then compute", 0.2)
        (emitted,) = client.expect("emitted")
        delays.append(time.monotonic() - emitted)  # the clock is the machine's, the same in both processes
        client.finish_ask(number)
    assert min(delays) < 0.02, delays


# --- contexts and strays


@BRIDGE
def test_context_variables_are_the_sockets_own(connect: Callable[..., RawClient]) -> None:
    red, blue = connect(auth={"tenant": "red"}), connect(auth={"tenant": "blue"})
    assert red.ask("tenant") == [["red", red.id]]
    slow = red.start_ask("tenant", 0.2)
    assert blue.ask("tenant") == [["blue", blue.id]]
    blue.ask("set tenant", "green")
    assert red.finish_ask(slow) == [["red", red.id]]
    assert blue.ask("tenant") == [["green", blue.id]]
    assert red.ask("tenant") == [["red", red.id]]


def assert_others_go_on(server: ServerProcess, connect: Callable[..., RawClient], kind: str) -> None:
    victim, other = connect("websocket"), connect("polling")
    slow = other.start_ask("slow", 0.5, "mine")
    server.expect("start", id=other.id, tag="mine")
    victim.start_ask("stray", kind)
    assert victim.ask("ask", "alive") == ["alive"]
    assert other.finish_ask(slow) == ["mine"]
    server.expect("error", id=victim.id)
    assert server.noted("disconnect", id=victim.id) == []


@BRIDGE
@pytest.mark.loops("asyncio", "uvloop")
@pytest.mark.parametrize("kind", ["cancelled task", "cancelled error"])
def test_a_stray_cancellation_is_a_handlers_error(
    server: ServerProcess, connect: Callable[..., RawClient], kind: str
) -> None:
    assert_others_go_on(server, connect, kind)


@BRIDGE
def test_a_stray_generator_exit_is_a_handlers_error(server: ServerProcess, connect: Callable[..., RawClient]) -> None:
    assert_others_go_on(server, connect, "generator exit")


# --- floods


@BRIDGE
def test_a_flood_behind_a_slow_handler_is_handled_whole(
    server: ServerProcess, connect: Callable[..., RawClient]
) -> None:
    client = connect("websocket")
    client.start_ask("slow", 0.5, "first")
    assert isinstance(client.wire, WebSocketWire)
    ws = client.wire.ws
    ws.http.send(b"".join(ws.frame(0x1, f'42["record",{n}]'.encode()) for n in range(5000)))
    client.ask("mark")
    assert [e["value"] for e in server.noted("record", id=client.id)] == list(range(5000))


@pytest.mark.server(app="bridge.py", max_queued_events=100)
def test_a_flood_behind_a_handler_that_awaits_the_flooder(
    server: ServerProcess, connect: Callable[..., RawClient]
) -> None:
    """Its answer is behind the flood: reading goes on beyond the bound while an ack is awaited."""
    client = connect("websocket")
    for n in range(300):
        client.emit("need", n)
    for _ in range(300):
        question = client.expect_question("need")
        client.answer(question, question.args[0])
    server.expect("needed", id=client.id, count=300)
    needed = [(e["n"], e["answer"]) for e in server.noted("needed", id=client.id)]
    assert needed == [(n, n) for n in range(300)]


@pytest.mark.server(app="bridge.py", max_queued_events=100)
def test_a_flood_without_the_answer_ends_the_session(server: ServerProcess, connect: Callable[..., RawClient]) -> None:
    client = connect("websocket")
    assert isinstance(client.wire, WebSocketWire)
    ws = client.wire.ws
    # The first handler awaits its answer before the flood begins: one that starts after the end is not told why.
    client.wire.send('42["need",0]')
    assert "need" in str(client.wire.recv())
    frames = b"".join(ws.frame(0x1, f'42["need",{n}]'.encode()) for n in range(1, 5000))
    with contextlib.suppress(OSError):  # the server may have enough before the end
        ws.http.send(frames)
    gone = server.expect("disconnect", id=client.id, reason="transport error")
    assert "inbound queue full" in gone["detail"]
    assert server.noted("unanswered", id=client.id, n=0)[0]["reason"] == "transport error"


# --- a client that stops reading


def stalled(server: ServerProcess, closing: list[Any]) -> RawClient:
    """A client whose kernel takes little before it says stop."""
    wire = WebSocketWire.open(server.port, receive_buffer=4096)
    closing.append(wire)
    client = RawClient(wire)
    client.connect()
    client.expect("welcome")
    return client


@pytest.mark.server(app="bridge.py", max_buffered_bytes=MIB)
def test_a_client_that_stops_reading_is_dropped(server: ServerProcess, closing: list[Any]) -> None:
    client = stalled(server, closing)
    before = server.resident_bytes()
    client.emit("pour", 400, MIB // 2)
    server.expect("poured", id=client.id)
    gone = server.expect("disconnect", id=client.id, reason="transport error")
    assert "slow consumer" in gone["detail"]
    assert str(MIB) in gone["detail"]
    # 200 MiB were emitted; the limit, what the kernel took (up to 6 MiB) and the allocator's slack stay.
    assert server.resident_bytes() - before < 24 * MIB


@pytest.mark.not_on("daphne")  # its `send` never waits
@pytest.mark.parity("messages.flush_drain", "send.callbacks")
@pytest.mark.server(app="bridge.py", max_buffered_bytes=MIB)
def test_an_awaited_emit_waits_for_a_slow_client(
    server: ServerProcess, closing: list[Any], connect: Callable[..., RawClient]
) -> None:
    client, other = stalled(server, closing), connect("websocket")
    before = server.resident_bytes()
    client.emit("pour politely", 200, 100_000)
    server.expect("drop", id=client.id)
    for n in range(20):  # the loop is free meanwhile
        assert other.ask("slow", 0.01, n) == [n]
    assert len(server.noted("drop", id=client.id)) < 200
    assert server.resident_bytes() - before < 16 * MIB
    assert [client.expect("drop")[0] for _ in range(200)] == list(range(200))
    assert server.noted("disconnect", id=client.id) == []


@pytest.mark.server(app="bridge.py", max_buffered_bytes=MIB)
def test_a_polling_client_that_stops_polling_is_dropped(
    server: ServerProcess, connect: Callable[..., RawClient]
) -> None:
    client = connect("polling")
    before = server.resident_bytes()
    client.emit("pour", 200, MIB // 4)
    gone = server.expect("disconnect", id=client.id, reason="transport error")
    assert "slow consumer" in gone["detail"]
    assert server.resident_bytes() - before < 24 * MIB
    assert isinstance(client.wire, PollingWire)
    assert client.wire.is_unknown()


@pytest.mark.server(app="bridge.py")
def test_an_idle_server_rests(server: ServerProcess, connect: Callable[..., RawClient]) -> None:
    """A wake-up that nobody answers would keep a core busy for ever, and no other test would see it."""
    clients = [connect("websocket"), connect("polling")]
    for client in clients:
        for n in range(50):
            assert client.ask("slow", 0, n) == [n]
    before = server.cpu_seconds()
    time.sleep(1)
    assert server.cpu_seconds() - before < 0.3


# --- processes


def free_port() -> int:
    """A port that a server may take a moment later: bound, asked for its number and released."""
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def run_server(port: int, backend: str) -> ServerProcess:
    server = ServerProcess("main.py", backend=backend, port=port, mode="run")

    def answers() -> bool:
        if not server.alive():
            raise AssertionError(server.describe("ended at its start"))
        try:
            with HttpConnection(port) as http:
                return http.request("GET", "/socket.io/?EIO=4&transport=x").status == 400
        except OSError:
            return False

    try:
        server.eventually(answers, "it to answer")
    except BaseException:
        server.kill()
        raise
    return server


@pytest.mark.parity("socket.server_restart", "engine_close.restart")
def test_a_restart_brings_everybody_back(backend: str, driver: Any) -> None:
    """SIGTERM under connected clients: the official client takes it for a lost connection and returns by itself."""
    port = free_port()
    server = run_server(port, backend)
    clients: list[OfficialClient] = []
    try:
        clients += [
            driver.connect(port, transport, reconnection=True, reconnectionDelay=50, reconnectionDelayMax=200)
            for transport in TRANSPORTS
        ]
        first = [client.id for client in clients]
        server.signal(signal.SIGTERM)
        for client in clients:
            assert client.report("disconnect")["reason"] in ("transport close", "transport error")
        assert server.wait_ended() == 0, server.describe("ended badly")
        for socket_id in first:
            assert server.noted("disconnect", id=socket_id)[0]["reason"] == "server shutting down"
        server.kill()
        server = run_server(port, backend)
        for client, old in zip(clients, first, strict=True):
            assert client.report("connect")["id"] != old
            assert client.ask("ask", "back") == ["back"]
    finally:
        for client in clients:
            client.close()
        server.signal(signal.SIGTERM)
        try:
            server.wait_ended()
        finally:
            server.kill()


def test_forked_children_make_different_ids(backend: str, closing: list[Any]) -> None:
    server = ServerProcess("forked.py", backend=backend, mode="fork")
    try:
        parent = WebSocketWire.open(server.port)
        closing.append(parent)
        RawClient(parent).connect()
        server.expect("child", count=2)
        ids = []
        for entry in server.noted("child"):
            for _ in range(3):
                wire = WebSocketWire.open(entry["port"])
                closing.append(wire)
                client = RawClient(wire)
                ids += [wire.sid, client.connect()]
        assert len(set(ids)) == 12
    finally:
        server.stop()
