"""Names, typed events, packets."""

from __future__ import annotations

import pytest

from sio_fast import Event, Packet, ReservedEventName
from sio_fast._core import decode_packet
from sio_fast.types import RESERVED_EVENTS, declared_types, event_name, outgoing_name, room_names


def test_event_is_its_name() -> None:
    event = Event[[str], int]("message")
    assert event.name == "message"
    assert event_name(event) == "message"
    assert repr(event) == "Event('message')"
    with pytest.raises(TypeError, match="is a str"):
        Event(3)  # type: ignore[arg-type]


def test_numbers_are_names_but_truth_values_are_not() -> None:
    assert event_name(7) == 7
    for wrong in (True, None, b"x", ("x",)):
        with pytest.raises(TypeError, match="an event is a name"):
            event_name(wrong)


@pytest.mark.parametrize("name", sorted(RESERVED_EVENTS))
def test_reserved_names_cannot_be_sent(name: str) -> None:
    with pytest.raises(ReservedEventName, match=f'"{name}" is a reserved event name'):
        outgoing_name(name)


def test_error_and_connection_can_be_sent() -> None:
    assert outgoing_name("error") == "error"
    assert outgoing_name("connection") == "connection"


def test_rooms_are_strings_one_by_one() -> None:
    assert room_names("to", ("a", "b")) == ("a", "b")
    with pytest.raises(TypeError, match=r"\*rooms"):
        room_names("join", (["a", "b"],))
    with pytest.raises(TypeError, match="int"):
        room_names("join", (1,))


def test_packet_can_be_changed() -> None:
    packet = Packet("a", [1], ack_requested=True, nsp="/")
    packet.name = "b"
    packet.args.append(2)
    assert (packet.name, packet.args, packet.ack_requested, packet.nsp) == ("b", [1, 2], True, "/")


def test_a_packet_reads_its_arguments_when_somebody_looks() -> None:
    raw = decode_packet('2["e",{"a":1}]', raw=True)[4]
    packet = Packet("e", raw, ack_requested=False, nsp="/")
    assert packet._arguments() is raw
    packet.args[0]["a"] = 2
    assert packet._arguments() == ({"a": 2},)
    packet.args = [3]
    assert (packet.args, packet._arguments()) == ([3], (3,))
    unread = Packet("e", raw, ack_requested=False, nsp="/")
    unread.args = [4]
    assert unread._arguments() == (4,)
    assert repr(Packet("e", (1,), ack_requested=True, nsp="/")) == "Packet('e', [1], ack_requested=True, nsp='/')"


def test_declared_types() -> None:
    assert declared_types("e") == declared_types(Event("e")) == declared_types(Event[..., int]("e")) == ()
    assert declared_types(Event[[int, str], bool]("e")) == (int, str)
    assert declared_types(Event[[]]("e")) == ()
