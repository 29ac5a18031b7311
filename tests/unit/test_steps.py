"""What notices mean: gates, acceptance, handlers, answers, errors."""

from __future__ import annotations

import functools
import logging
from typing import TYPE_CHECKING, Any

import anyio
import pytest

from sio_fast import ConnectError, Event, InvalidPayload, Packet, Server, Socket
from unit.conftest import running, settled, until
from unit.test_dispatch import connected

if TYPE_CHECKING:
    from collections.abc import Callable

    Make = Callable[..., Server[Any]]

pytestmark = pytest.mark.anyio


# Answers.


@pytest.mark.parametrize(
    ("value", "answer"),
    [(None, ()), (1, (1,)), ((1, 2), (1, 2)), ((None,), (None,)), ((), ()), ([1], ([1],)), (False, (False,))],
)
@pytest.mark.parametrize("kind", ["def", "async", "suspended", "awaitable"])
async def test_the_return_value_is_the_answer(make: Make, value: Any, answer: Any, kind: str) -> None:
    io = make()

    async def asynchronous(socket: Socket) -> Any:
        if kind == "suspended":
            await anyio.lowlevel.checkpoint()
        return value

    if kind == "def":
        io.on("e", lambda socket: value)
    elif kind == "awaitable":
        io.on("e", lambda socket: asynchronous(socket))  # noqa: PLW0108 - a function that is not async itself
    else:
        io.on("e", asynchronous)
    async with running(io) as core:
        client = await connected(io, core)
        client.client_event("e")
        client.client_event("e", ack_id=3)
        await until(lambda: client.acks)
        await settled()
        assert client.acks == [(3, answer)]


async def test_a_sent_is_no_value(make: Make) -> None:
    io = make()
    io.on("e", lambda socket: socket.emit("y"))

    @io.on("f")
    async def f(socket: Socket) -> Any:
        return socket.emit("z")

    async with running(io) as core:
        client = await connected(io, core)
        client.client_event("e", ack_id=1)
        client.client_event("f", ack_id=2)
        await until(lambda: len(client.acks) == 2)
        assert client.acks == [(1, ()), (2, ())]
        assert client.sent == [("y",), ("z",)]


async def test_no_handler_no_answer(make: Make) -> None:
    io = make()
    io.on("known", lambda socket: 1)
    async with running(io) as core:
        client = await connected(io, core)
        client.client_event("unknown", ack_id=1)
        client.client_event(7, ack_id=2)
        client.client_event("known", ack_id=3)
        await until(lambda: client.acks)
        assert client.acks == [(3, (1,))]


async def test_several_handlers_the_first_value_answers(make: Make) -> None:
    io = make()
    log: list[str] = []

    @io.on("e")
    async def first(socket: Socket) -> None:
        await anyio.lowlevel.checkpoint()
        log.append("first")

    @io.on("e")
    def second(socket: Socket) -> str:
        log.append("second")
        return "second"

    @io.on("connect")
    def connect(socket: Socket) -> None:
        @socket.on("e")
        async def own() -> str:
            log.append("own")
            return "own"

    async with running(io) as core:
        client = await connected(io, core)
        client.client_event("e", ack_id=1)
        await until(lambda: client.acks)
        assert client.acks == [(1, ("second",))]
        assert log == ["first", "second", "own"]


async def test_a_failing_handler_among_several(make: Make, caplog: pytest.LogCaptureFixture) -> None:
    io = make()
    values: list[Any] = [None]

    @io.on("e")
    def bad(socket: Socket) -> None:
        raise ValueError("boom")

    @io.on("e")
    def other(socket: Socket) -> Any:
        return values[0]

    async with running(io) as core:
        client = await connected(io, core)
        client.client_event("e", ack_id=1)
        await until(lambda: caplog.records)
        await settled()
        assert client.acks == []
        values[0] = "value"
        client.client_event("e", ack_id=2)
        await until(lambda: client.acks)
        assert client.acks == [(2, ("value",))]


async def test_a_value_that_cannot_be_encoded(make: Make, caplog: pytest.LogCaptureFixture) -> None:
    io = make()
    io.on("e", lambda socket: 1j)
    async with running(io) as core:
        client = await connected(io, core)
        client.client_event("e", ack_id=1)
        await until(lambda: caplog.records)
        assert client.acks == []
    assert "failed" in caplog.text
    assert "complex" in caplog.text


# Arguments.


@pytest.mark.parametrize("args", [(), (1,), (1, 2, 3)])
async def test_arity(make: Make, caplog: pytest.LogCaptureFixture, args: tuple[Any, ...]) -> None:
    io = make()

    @io.on("e")
    async def two(socket: Socket, a: Any, b: Any) -> str:
        return "two"

    async with running(io) as core:
        client = await connected(io, core)
        client.client_event("e", *args, ack_id=1)
        client.client_event("e", 1, 2, ack_id=2)
        await until(lambda: client.acks)
        assert client.acks == [(2, ("two",))]
        assert client.connected
    [record] = [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert record.exc_info is None
    assert f"{len(args)} arguments came, the handler takes 2" in record.getMessage()


async def test_lenient_handlers(make: Make) -> None:
    io = make()
    io.on("a", lambda socket, *args: len(args))
    io.on("b", lambda socket, a, b=5: (a, b))
    io.on("c", functools.partial(lambda x, socket: x, 1))
    async with running(io) as core:
        client = await connected(io, core)
        client.client_event("a", ack_id=1)
        client.client_event("a", 1, 2, 3, ack_id=2)
        client.client_event("b", 1, ack_id=3)
        client.client_event("c", ack_id=4)
        await until(lambda: len(client.acks) == 4)
        assert client.acks == [(1, (0,)), (2, (3,)), (3, (1, 5)), (4, (1,))]


async def test_typed_events_and_names_of_functions(make: Make) -> None:
    io = make()
    typed = Event[[int], int]("typed")

    @io.on(typed)
    async def on_typed(socket: Any, number: int) -> int:
        return number + 1

    @io.event
    async def ping_me(socket: Socket) -> str:
        return "pong"

    async with running(io) as core:
        client = await connected(io, core)
        client.client_event("typed", 1, ack_id=1)
        client.client_event("ping_me", ack_id=2)
        await until(lambda: len(client.acks) == 2)
        assert client.acks == [(1, (2,)), (2, ("pong",))]


async def test_once(make: Make) -> None:
    io = make()
    log: list[str] = []

    @io.once("e")
    async def once(socket: Socket) -> str:
        log.append(socket.id)
        return "once"

    @io.on("connect")
    def connect(socket: Socket) -> None:
        socket.once("own", lambda: "own once")

    async with running(io) as core:
        one, other = await connected(io, core), await connected(io, core)
        one.client_event("e", ack_id=1)
        other.client_event("e", ack_id=2)
        for client in (one, other):
            client.client_event("own", ack_id=3)
            client.client_event("own", ack_id=4)
        await until(lambda: len(one.acks) == 2 and other.acks)
        await settled()
        assert log == [one.id]
        assert one.acks == [(1, ("once",)), (3, ("own once",))]
        assert other.acks == [(3, ("own once",))]


async def test_handlers_may_come_and_go(make: Make) -> None:
    io = make()

    @io.on("connect")
    def connect(socket: Socket) -> None:
        socket.on("own", lambda: "own")

    async with running(io) as core:
        plain, client = await connected(io, core), await connected(io, core)
        socket = io.sockets[client.id]
        for number in range(2):  # the second one finds its plan made
            client.client_event("own", ack_id=number)
        await until(lambda: len(client.acks) == 2)
        handler = io.on("own", lambda socket: "namespace")
        client.client_event("own", ack_id=2)
        await until(lambda: len(client.acks) == 3)
        socket.off("own")
        client.client_event("own", ack_id=3)
        await until(lambda: len(client.acks) == 4)
        io.off("own", handler)
        client.client_event("own", ack_id=4)
        io.on("other", lambda socket: "other")
        client.client_event("other", ack_id=5)
        plain.client_event("other", ack_id=6)
        await until(lambda: len(client.acks) == 5 and plain.acks)
        assert [values for _, values in client.acks] == [
            ("own",),
            ("own",),
            ("namespace",),
            ("namespace",),
            ("other",),
        ]


# Gates.


@pytest.mark.parity("middleware.connected", "middleware.before_connection")
async def test_gates_accept_in_order(make: Make) -> None:
    io = make()
    log: list[str] = []

    @io.use
    async def first(socket: Socket) -> None:
        assert not socket.connected
        assert socket.id not in io.sockets
        socket.join("early")
        socket.emit("held")
        await anyio.lowlevel.checkpoint()
        log.append("first")
        socket.user = "ann"  # type: ignore[attr-defined]

    @io.use
    def second(socket: Socket) -> None:
        log.append("second")

    @io.on("connect")
    async def connect(socket: Socket) -> None:
        assert socket.connected
        assert io.sockets[socket.id] is socket
        log.append(f"connect {socket.user}")  # type: ignore[attr-defined]

    @io.on("connection")
    def connection(socket: Socket) -> None:
        log.append("connection")

    async with running(io) as core:
        client = await connected(io, core)
        await until(lambda: len(log) == 4)
        assert log == ["first", "second", "connect ann", "connection"]
        assert client.rooms() == sorted((client.id, "early"))


@pytest.mark.parametrize("suspended", [False, True])
@pytest.mark.parametrize(
    ("error", "refused"),
    [
        (ConnectError("no", data={"code": 401}), ("no", {"code": 401})),
        (ConnectError("no"), ("no", None)),
        (ConnectError("no", data=1j), ("no", None)),
        (KeyError("secret"), ("internal error", None)),
    ],
)
async def test_gates_refuse(
    make: Make, caplog: pytest.LogCaptureFixture, error: Exception, refused: Any, suspended: bool
) -> None:
    io = make()
    log: list[str] = []

    @io.use
    async def gate(socket: Socket) -> None:
        if suspended:
            await anyio.lowlevel.checkpoint()
        raise error

    @io.use
    def later(socket: Socket) -> None:
        log.append("later")

    @io.on("connect")
    @io.on("disconnect")
    @io.on("disconnecting")
    def never(socket: Socket, reason: str = "") -> None:
        log.append("never")

    async with running(io) as core:
        client = core.client_connect()
        await until(lambda: client.refused)
        await settled()
        assert client.refused == refused
        assert log == []
        assert len(io.sockets) == 0
    assert ("secret" in caplog.text) == isinstance(error, KeyError)


async def test_gone_during_the_gates(make: Make) -> None:
    io = make()
    gate_open = anyio.Event()
    log: list[str] = []

    @io.use
    async def gate(socket: Socket) -> None:
        await gate_open.wait()
        log.append("gate ended")

    @io.on("connect")
    @io.on("disconnect")
    def never(socket: Socket, reason: str = "") -> None:
        log.append("never")

    async with running(io) as core:
        client = core.client_connect()
        await settled()
        client.client_leave()
        gate_open.set()
        await until(lambda: log)
        await settled()
        assert log == ["gate ended"]
        assert len(io.sockets) == 0


async def test_asking_inside_a_gate_is_refused_at_once(make: Make) -> None:
    io = make()
    errors: list[str] = []

    @io.use
    async def gate(socket: Socket) -> None:
        try:
            await socket.emit_with_ack("q")
        except RuntimeError as error:
            errors.append(str(error))

    async with running(io) as core:
        await connected(io, core)
        assert "inside `use`" in errors[0]


async def test_client_events_wait_for_connect_handlers(make: Make) -> None:
    io = make()
    gate = anyio.Event()
    log: list[str] = []

    @io.on("connect")
    async def connect(socket: Socket) -> None:
        await gate.wait()
        log.append("connect")

    @io.on("e")
    def handler(socket: Socket) -> None:
        log.append("event")

    async with running(io) as core:
        client = core.client_connect()
        client.client_event("e")
        client.client_event("e")
        await settled()
        assert log == []
        gate.set()
        await until(lambda: len(log) == 3)
        assert log == ["connect", "event", "event"]
        assert client.held == [0, 0]


async def test_connect_handlers_can_ask(make: Make) -> None:
    io = make()
    answers: list[Any] = []

    @io.on("connect")
    async def connect(socket: Socket) -> None:
        answers.append(await socket.emit_with_ack("q"))

    async with running(io) as core:
        client = core.client_connect()
        await until(lambda: client.sent)
        client.client_ack(0, "a")
        await until(lambda: answers == ["a"])


async def test_too_late_for_a_refusal(make: Make, caplog: pytest.LogCaptureFixture) -> None:
    io = make()
    left: list[str] = []

    @io.on("connect")
    async def connect(socket: Socket) -> None:
        raise ConnectError("late")

    @io.on("disconnect")
    def gone(socket: Socket, reason: str) -> None:
        left.append(reason)

    async with running(io) as core:
        core.client_connect()
        await until(lambda: left)
        assert left == ["server namespace disconnect"]
    assert "too late" in caplog.text
    assert all(record.exc_info is None for record in caplog.records)


async def test_returning_false_is_warned_of(make: Make, caplog: pytest.LogCaptureFixture) -> None:
    io = make()
    io.on("connect", lambda socket: False)
    async with running(io) as core:
        client = await connected(io, core)
        assert client.connected
    assert "io.use" in caplog.text
    assert "ConnectError" in caplog.text


async def test_a_socket_class_with_its_own_init(make: Make) -> None:
    class Mine(Socket):
        def __init__(self) -> None:
            self.visits = len(self.rooms)

    io = make(socket_class=Mine)
    async with running(io) as core:
        client = await connected(io, core)
        assert io.sockets[client.id].visits == 1


async def test_a_socket_class_that_fails(make: Make, caplog: pytest.LogCaptureFixture) -> None:
    class Mine(Socket):
        def __init__(self) -> None:
            raise ValueError("mine")

    io = make(socket_class=Mine)
    async with running(io) as core:
        client = core.client_connect()
        await until(lambda: client.refused)
        assert client.refused == ("internal error", None)
    assert "mine" in caplog.text


# Packet gates and error listeners.


@pytest.mark.parity("socket_middleware.chain")
async def test_packet_gates(make: Make) -> None:
    io = make()
    log: list[Any] = []

    @io.on("connect")
    def connect(socket: Socket) -> None:
        @socket.use
        async def slow(packet: Packet) -> None:
            await anyio.lowlevel.checkpoint()
            log.append((packet.name, list(packet.args), packet.ack_requested, packet.nsp))
            if packet.name == "bad":
                raise ValueError("unauthorized event")

        @socket.use
        def change(packet: Packet) -> None:
            if packet.name == "alias":
                packet.name = "e"
                packet.args.append("added")

        @socket.on("error")
        def own_error(error: Exception) -> None:
            log.append(("own", str(error)))

    @io.on("error")
    async def error_of(socket: Socket, error: Exception) -> None:
        log.append(("nsp", str(error)))

    @io.on("e")
    @io.on("bad")
    def handler(socket: Socket, *args: Any) -> Any:
        return list(args)

    async with running(io) as core:
        client = await connected(io, core)
        client.client_event("alias", 1, ack_id=1)
        client.client_event("bad", ack_id=2)
        client.client_event("unknown")
        client.client_event("e", ack_id=3)
        await until(lambda: len(client.acks) == 2)
        assert client.acks == [(1, ([1, "added"],)), (3, ([],))]
        assert client.sent == []
        assert log == [
            ("alias", [1], True, "/"),
            ("bad", [], True, "/"),
            ("nsp", "unauthorized event"),
            ("own", "unauthorized event"),
            ("unknown", [], False, "/"),
            ("e", [], True, "/"),
        ]


async def test_a_rejection_nobody_listens_to_is_one_line(make: Make, caplog: pytest.LogCaptureFixture) -> None:
    io = make()

    def gate(packet: Packet) -> None:
        raise ValueError("no")

    io.on("connect", lambda socket: socket.use(gate) and None)
    async with running(io) as core:
        client = await connected(io, core)
        client.client_event("e")
        await until(lambda: caplog.records)
        await settled()
    assert len(caplog.records) == 1


@pytest.mark.parametrize("own", [False, True])
async def test_error_listeners_get_the_errors_of_handlers(
    make: Make, caplog: pytest.LogCaptureFixture, own: bool
) -> None:
    io = make()
    log: list[Any] = []

    @io.on("bad")
    def bad(socket: Socket, a: Any) -> None:
        raise ValueError("boom")

    @io.on("connect")
    def connect(socket: Socket) -> None:
        async def listener(error: Exception) -> None:
            await anyio.lowlevel.checkpoint()
            log.append(error)

        if own:
            socket.on("error", listener)

    if not own:

        @io.on("error")
        async def listener(socket: Socket, error: Exception) -> None:
            await anyio.lowlevel.checkpoint()
            log.append(error)

    @io.on("ok")
    def ok(socket: Socket) -> None:
        log.append("ok")

    async with running(io) as core:
        client = await connected(io, core)
        client.client_event("bad", 1)
        client.client_event("bad")
        client.client_event("ok")
        client.client_event("error", "the client's own")
        await until(lambda: len(log) == 4)
        assert isinstance(log[0], ValueError)
        assert isinstance(log[1], InvalidPayload)
        assert log[1].event == "bad"
        assert log[2:] == ["ok", "the client's own"]
    assert caplog.records == []


async def test_an_error_listener_that_fails(make: Make, caplog: pytest.LogCaptureFixture) -> None:
    io = make()

    @io.on("error")
    def listener(socket: Socket, error: Exception) -> None:
        raise KeyError("the listener")

    @io.on("e")
    def bad(socket: Socket) -> None:
        raise ValueError("boom")

    async with running(io) as core:
        client = await connected(io, core)
        client.client_event("e")
        await until(lambda: caplog.records)
    [record] = caplog.records
    assert record.exc_info is not None
    assert isinstance(record.exc_info[1], KeyError)


async def test_errors_of_lifecycle_handlers_are_reported(make: Make) -> None:
    io = make()
    log: list[str] = []

    def fails(socket: Socket, reason: str = "") -> None:
        raise ValueError(reason or "connect")

    for name in ("connect", "disconnecting", "disconnect"):
        io.on(name, fails)

    @io.on("disconnect")
    def still(socket: Socket) -> None:
        log.append("still")

    @io.on("error")
    def listener(socket: Socket, error: Exception) -> None:
        log.append(str(error))

    async with running(io) as core:
        client = await connected(io, core)
        client.client_leave()
        await until(lambda: len(log) == 4)
        assert log == ["connect", "transport close", "transport close", "still"]


async def test_own_disconnect_handlers(make: Make) -> None:
    io = make()
    log: list[str] = []

    @io.on("connect")
    def connect(socket: Socket) -> None:
        @socket.on("disconnecting")
        async def leaving(reason: str) -> None:
            await anyio.lowlevel.checkpoint()
            log.append(f"{reason} {len(socket.rooms)}")

        socket.once("disconnect", lambda reason: log.append(f"{reason} {len(socket.rooms)}"))

    async with running(io) as core:
        client = await connected(io, core)
        client.detail = "slow consumer"
        socket = io.sockets[client.id]
        client.client_leave("transport error")
        await until(lambda: len(log) == 2)
        assert log == ["transport error 1", "transport error 0"]
        assert socket.disconnect_detail == "slow consumer"
        assert not socket.connected
