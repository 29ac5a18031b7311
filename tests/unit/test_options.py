"""Options as values: from a mapping to a server, and back as those in force."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from sio_fast import Cookie, Server, ServerOptions, Socket
from sio_fast.settings import DEFAULT_CORS_METHODS

if TYPE_CHECKING:
    from collections.abc import Mapping


def test_a_configuration_file_makes_a_server() -> None:
    options: ServerOptions = json.loads('{"ping_interval": 5, "transports": ["websocket"], "cookie": {"name": "sid"}}')
    io = Server(**options)
    assert io._settings.ping_interval == 5
    assert io._settings.transports == ("websocket",)
    assert io._settings.cookie is not None
    assert io.options["ping_interval"] == 5


def test_defaults_are_in_force_too() -> None:
    io = Server()
    assert io.options["path"] == "/socket.io"
    assert io.options["parser"] == "json"
    assert io.options["socket_class"] is Socket
    assert io.options["cors_allowed_methods"] == DEFAULT_CORS_METHODS
    assert io.options["high_water_mark"] == io.options["max_buffered_bytes"] // 4
    assert set(io.options) == set(ServerOptions.__annotations__)


def test_nobody_can_change_them() -> None:
    transports: list[Any] = ["polling"]
    cookie: dict[str, Any] = {"name": "sid"}
    origins = ["https://a.example"]
    io = Server(transports=transports, cookie=cookie, cors_allowed_origins=origins)
    for given in (transports, origins):
        given.append("websocket")
    cookie["name"] = "other"
    assert io.options["transports"] == ("polling",)
    assert io.options["cookie"] == {"name": "sid"}
    assert io.options["cors_allowed_origins"] == ("https://a.example",)
    changing: Any = io.options
    with pytest.raises(TypeError):
        changing["path"] = "/x"
    with pytest.raises(TypeError):
        changing["cookie"]["name"] = "x"
    with pytest.raises(AttributeError):
        io.options = {}  # type: ignore[misc, assignment]  # pyright: ignore[reportAttributeAccessIssue]


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"cookie": True, "cors_allowed_origins": "https://a.example"},
        {"cookie": Cookie(name="sid"), "cors_allowed_origins": ["https://a.example", "https://b.example"]},
        {"cookie": {"name": "sid"}, "cors_allowed_headers": ["x-a"], "max_buffered_bytes": 1000, "strict_rooms": True},
        {"ack_on_error": repr, "disconnect_wait": 1, "cors_allowed_origins": False},
    ],
)
def test_they_make_a_server_of_the_same_kind(options: Mapping[str, Any]) -> None:
    io = Server(**options)
    other = Server(**io.options)
    assert other.options == io.options
    assert other._settings == io._settings
    assert other._dispatch_settings == io._dispatch_settings
    assert set(options) <= set(io.options)


def test_there_is_one_parser() -> None:
    assert Server(parser="json").options["parser"] == "json"
    for wrong in ("msgpack", None, object()):
        with pytest.raises(ValueError, match="the only one so far is 'json'"):
            Server(parser=wrong)  # type: ignore[arg-type]
