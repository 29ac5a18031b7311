"""The cookie of the polling handshake, as text."""

from __future__ import annotations

from typing import Any

import pytest

from sio_fast import Cookie, Server
from sio_fast.cookie import cookie_text


@pytest.mark.parity("engine_handshake.cookie")
def test_the_default_is_the_official_one() -> None:
    assert cookie_text(True) == ("io", "; Path=/; HttpOnly; SameSite=Lax")
    assert cookie_text(False) is None


@pytest.mark.parity("engine_handshake.cookie_fields")
def test_every_field_has_its_attribute() -> None:
    cookie = Cookie(
        name="node", path="/x", domain="example.com", max_age=60, secure=True, same_site="none", http_only=False
    )
    expected = ("node", "; Max-Age=60; Domain=example.com; Path=/x; Secure; SameSite=None")
    assert cookie_text(cookie) == expected
    assert cookie_text({"name": "a", "path": None, "same_site": None, "http_only": False}) == ("a", "")


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({"name": "a b"}, ValueError),
        ({"name": ""}, ValueError),
        ({"path": "/; Domain=evil"}, ValueError),
        ({"domain": "a\r\nb"}, ValueError),
        ({"same_site": "Lax"}, ValueError),
        ({"same_site": "none"}, ValueError),
        ({"max_age": 1.5}, TypeError),
        ({"max_age": True}, TypeError),
        ({"httpOnly": True}, TypeError),
    ],
)
def test_what_cannot_stand_in_a_cookie_raises_at_the_call(fields: dict[str, Any], error: type[Exception]) -> None:
    with pytest.raises(error):
        Server(cookie=fields)


def test_other_types_are_refused() -> None:
    with pytest.raises(TypeError, match="cookie"):
        Server(cookie="io")  # type: ignore[arg-type]
