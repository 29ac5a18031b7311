"""The hierarchy and the texts of exceptions."""

from __future__ import annotations

import pickle

import pytest

import sio_fast
from sio_fast import exceptions


def fault(message: str, *location: str | int) -> exceptions.PayloadFault:
    return {"location": location, "message": message, "type": "invalid"}


def test_every_exception_has_the_common_base() -> None:
    for name in set(exceptions.__all__) - {"PayloadFault"}:
        assert issubclass(getattr(exceptions, name), sio_fast.SocketIOError)


@pytest.mark.parametrize(
    ("error", "base"),
    [
        (sio_fast.InvalidPayload("e", [fault("x")]), ValueError),
        (sio_fast.AckTimeout(), TimeoutError),
        (sio_fast.DisconnectedError("ping timeout"), ConnectionError),
        (sio_fast.ReservedEventName("connect"), ValueError),
        (sio_fast.NotRunning("x"), RuntimeError),
    ],
)
def test_builtin_bases(error: Exception, base: type[Exception]) -> None:
    assert isinstance(error, base)


def test_texts_are_the_official_ones() -> None:
    assert str(sio_fast.ReservedEventName("connect")) == '"connect" is a reserved event name'
    assert str(sio_fast.AckTimeout()) == "operation has timed out"


def test_errors_keep_data() -> None:
    error = sio_fast.ConnectError("no", data={"code": 1})
    assert (error.message, error.data, str(error)) == ("no", {"code": 1}, "no")
    timeout = sio_fast.AckTimeout((1, 2), ("a",))
    assert (timeout.responses, timeout.missing) == ([1, 2], ["a"])
    assert sio_fast.DisconnectedError("ping timeout").reason == "ping timeout"
    invalid = sio_fast.InvalidPayload("e", [fault("one"), fault("two", 1, "key", 0)])
    assert invalid.errors == [
        {"location": (), "message": "one", "type": "invalid"},
        {"location": (1, "key", 0), "message": "two", "type": "invalid"},
    ]
    assert str(invalid) == "event 'e': one; args[1]['key'][0]: two"
    with pytest.raises(TypeError):
        sio_fast.ConnectError("no", {"code": 1})  # type: ignore[misc]


def test_text_of_a_payload_is_one_short_line() -> None:
    wild = "\ud800\n" + "x" * 100_000
    text = str(sio_fast.InvalidPayload(wild, [fault(wild, 0, wild)] * 1000))
    assert len(text) < 2500
    assert text.isascii()
    assert text.isprintable()
    assert text.endswith("and 995 more")


def test_plain_ones_can_be_pickled() -> None:
    assert pickle.loads(pickle.dumps(sio_fast.ConnectError("no"))).message == "no"
