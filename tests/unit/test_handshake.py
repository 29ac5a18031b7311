"""The handshake's nine fields."""

from __future__ import annotations

import time
from collections.abc import Mapping

import pytest

from sio_fast.handshake import Handshake, RawHandshake, date_text

RAW: RawHandshake = (
    [("host", "example.com"), ("x-a", "1"), ("x-a", "2")],
    "/socket.io/?EIO=4&a=1&a=2&b=&c=%20d",
    "::1",
    True,
    False,
    1606005226969,
)


def make() -> tuple[Handshake, list[int]]:
    loads: list[int] = []

    def load() -> RawHandshake:
        loads.append(1)
        return RAW

    return Handshake(load, {"token": "t"}), loads


def test_fields() -> None:
    handshake, loads = make()
    assert not loads
    assert handshake.headers == {"host": "example.com", "x-a": "1, 2"}
    assert handshake.query == {"EIO": "4", "a": "2", "b": "", "c": " d"}
    assert handshake.auth == {"token": "t"}
    assert handshake.url == RAW[1]
    assert handshake.address == "::1"
    assert handshake.xdomain is True
    assert handshake.secure is False
    assert handshake.issued == 1606005226969
    assert handshake.scope is None
    assert len(loads) == 1


def test_it_is_frozen() -> None:
    handshake, _ = make()
    with pytest.raises(AttributeError):
        handshake.url = "x"  # type: ignore[misc]
    with pytest.raises(TypeError):
        handshake.headers["a"] = "b"  # type: ignore[index]


def test_it_is_a_mapping_of_the_nine_official_fields() -> None:
    handshake, _ = make()
    assert isinstance(handshake, Mapping)
    assert set(handshake) == {"headers", "time", "address", "xdomain", "secure", "issued", "url", "query", "auth"}
    assert len(handshake) == 9
    assert dict(handshake)["auth"] == {"token": "t"}
    for missing in ("scope", "_raw", "keys"):
        with pytest.raises(KeyError):
            handshake[missing]


def test_time_is_the_text_of_a_javascript_date(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    try:
        assert date_text(1606005226969) == "Sun Nov 22 2020 00:33:46 GMT+0000 (Coordinated Universal Time)"
        monkeypatch.setenv("TZ", "CET-1")
        time.tzset()
        assert date_text(1606005226969) == "Sun Nov 22 2020 01:33:46 GMT+0100 (CET)"
    finally:
        monkeypatch.undo()
        time.tzset()
