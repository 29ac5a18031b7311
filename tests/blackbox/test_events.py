"""Events between a handler and its gate: packet middlewares, errors, reserved names, order, catch-all cases."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from clients.raw_client import RawClient
    from harness.process import ServerProcess


@pytest.mark.official
@pytest.mark.parity("socket_middleware.error")
def test_a_rejected_event_never_reaches_its_handler(server: ServerProcess, client: RawClient) -> None:
    client.start_ask("forbidden", "please")
    client.ask("mark")
    assert client.inbox == []
    error = server.expect("error", id=client.id)
    assert (error["internal"], error["text"], error["data"]) == (True, "not for you", {"code": 7})
    assert server.noted("forbidden ran", id=client.id) == []


@pytest.mark.official
@pytest.mark.parity("socket_middleware.chain")
def test_a_packet_middleware_may_rewrite(client: RawClient) -> None:
    assert client.ask("rewrite", "text") == ["rewritten text"]


@pytest.mark.official
@pytest.mark.parametrize("values", [[], ["oh no"], [{"a": 1}, 2]])
def test_a_clients_own_error_event_is_an_event(server: ServerProcess, client: RawClient, values: list[Any]) -> None:
    client.emit("error", *values)
    client.ask("mark")
    error = server.expect("error", id=client.id)
    assert error["internal"] is False
    assert error["data"] == values


@pytest.mark.official
@pytest.mark.parity("namespaces.reserved", "socket.reserved")
@pytest.mark.parametrize(
    "name", ["connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener"]
)
def test_reserved_names_are_refused(client: RawClient, name: str) -> None:
    assert client.ask("emit reserved", name) == [f'"{name}" is a reserved event name']


@pytest.mark.official
@pytest.mark.parametrize("name", ["error", "connection", "message", "", "Connect", "ü€😀", "a,b", '"quoted"', "\n"])
def test_other_names_are_free(server: ServerProcess, client: RawClient, name: str) -> None:
    server.command("emit", nsp="/", to=[client.id], event=name, args=[1])
    assert client.expect(name) == [1]


@pytest.mark.official
def test_events_arrive_in_order(server: ServerProcess, client: RawClient) -> None:
    for n in range(100):
        client.emit("record", n)
    client.ask("mark")
    server.expect("mark", id=client.id)
    assert [entry["value"] for entry in server.noted("record", id=client.id)] == list(range(100))


@pytest.mark.official
@pytest.mark.parity("messages.to_client")
def test_emits_arrive_in_order(client: RawClient) -> None:
    for n in range(100):
        client.emit("echo", n)
    assert [client.expect("echo") for _ in range(100)] == [[n] for n in range(100)]


@pytest.mark.official
def test_clients_do_not_hold_each_other_up(connect: Any) -> None:
    clients: list[RawClient] = [connect(transport) for transport in ("polling", "websocket", "upgrade") * 3]
    numbers = [[client.start_ask("ask", n, i) for n in range(10)] for i, client in enumerate(clients)]
    for i, (client, asked) in enumerate(zip(clients, numbers, strict=True)):
        assert [client.finish_ask(number) for number in asked] == [[n, i] for n in range(10)]


@pytest.mark.official
@pytest.mark.parity("socket.early_order")
def test_the_first_event_of_a_client_waits_for_its_connect_handlers(connect: Any, transport: str) -> None:
    """An event right behind the acceptance is answered, and after what the connect handler emitted."""
    client: RawClient = connect(transport, nsp=None)
    client.connect("/", {"hello": 1})
    assert client.ask("ask", 1) == [1]
    assert [m.data for m in client.inbox] == [["welcome", {"hello": 1}]]


def test_too_few_arguments_are_an_error_not_a_crash(server: ServerProcess, client: RawClient) -> None:
    client.start_ask("record")
    client.start_ask("record", 1, 2, 3)
    client.ask("mark")
    assert server.expect("error", id=client.id, count=2)["internal"] is True
    assert server.noted("record", id=client.id) == []
    assert client.inbox == []
