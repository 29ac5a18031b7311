"""Options: forms, ranges of our own, hints for unknown ones."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

import engineio
import pytest
import socketio

from sio_fast import Server, Socket, settings

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


OPTIONS = frozenset(inspect.signature(Server.__init__).parameters)

# Those of the Engine.IO server and of the Socket.IO server 4.8, which `new Server(httpServer, opts)` takes.
OFFICIAL = (
    "pingInterval",
    "pingTimeout",
    "upgradeTimeout",
    "maxHttpBufferSize",
    "transports",
    "allowUpgrades",
    "perMessageDeflate",
    "httpCompression",
    "wsEngine",
    "initialPacket",
    "cookie",
    "cors",
    "allowRequest",
    "allowEIO3",
    "path",
    "addTrailingSlash",
    "destroyUpgrade",
    "destroyUpgradeTimeout",
    "serveClient",
    "connectTimeout",
    "parser",
    "adapter",
    "connectionStateRecovery",
    "cleanupEmptyChildNamespaces",
)

# Those of its servers and of the Engine.IO servers below; `engineio_logger` and `socketio_path` are passed on.
PYTHON_SOCKETIO = (
    "client_manager",
    "logger",
    "serializer",
    "json",
    "async_handlers",
    "always_connect",
    "namespaces",
    "async_mode",
    "ping_interval",
    "ping_timeout",
    "max_http_buffer_size",
    "allow_upgrades",
    "http_compression",
    "compression_threshold",
    "cookie",
    "cors_allowed_origins",
    "cors_credentials",
    "monitor_clients",
    "transports",
    "engineio_logger",
    "socketio_path",
    "static_files",
)


@pytest.mark.parametrize(
    ("given", "kept"),
    [(None, None), (False, False), ("*", "*"), ("https://a", ("https://a",)), (["a", "b"], ("a", "b"))],
)
def test_origins_have_four_forms(given: Any, kept: Any) -> None:
    assert settings.normalise_origins(given) == kept


@pytest.mark.parametrize("wrong", [True, 3, [1], {"a"}])
def test_other_origins_are_refused(wrong: Any) -> None:
    with pytest.raises(TypeError, match="cors_allowed_origins"):
        settings.normalise_origins(wrong)


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("cors", "cors_allowed_origins"),
        ("pingInterval", "ping_interval"),
        ("socketio_path", "path"),
        ("async_handlers", "max_concurrency_per_socket"),
        ("ping_intervall", "ping_interval"),
        ("serveClient", "serve_client"),
    ],
)
def test_unknown_options_name_ours(name: str, hint: str) -> None:
    with pytest.raises(TypeError, match=hint) as caught:
        Server(**{name: 1})  # type: ignore[arg-type]
    assert repr(name) in str(caught.value)


def test_an_unknown_option_without_relatives() -> None:
    with pytest.raises(TypeError, match=r"no option 'zzz'$"):
        Server(zzz=1)  # type: ignore[arg-type]


def test_every_hint_names_what_exists() -> None:
    for meant in settings._ELSEWHERE.values():
        first = meant.replace(",", " ").split()[0]
        known = first in OPTIONS or first in settings._LATER
        assert known or first.startswith(("io.", "the", "static_files", "backend")), meant


def test_what_comes_later_is_no_slip_of_the_caller() -> None:
    with pytest.raises(TypeError, match=r"no option 'recovery' yet$"):
        Server(recovery=True)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"here it will be recovery, which does not exist yet$"):
        Server(connectionStateRecovery={})  # type: ignore[arg-type]
    assert settings._LATER.isdisjoint(OPTIONS), "it exists: strike it from those that do not"


@pytest.mark.parametrize("name", [*OFFICIAL, *PYTHON_SOCKETIO])
def test_no_option_of_the_others_is_met_with_silence(name: str) -> None:
    if name in OPTIONS:
        return
    with pytest.raises(TypeError, match=f"no option {name!r}") as caught:
        Server(**{name: 1})  # type: ignore[arg-type]
    assert "; here it " in str(caught.value) or name in settings._LATER


def test_python_socketio_has_no_further_options() -> None:
    constructors = (socketio.AsyncServer, socketio.base_server.BaseServer, engineio.AsyncServer)
    theirs = {
        parameter.name
        for constructor in constructors
        for parameter in inspect.signature(constructor.__init__).parameters.values()
        if parameter.name != "self" and parameter.kind is not parameter.VAR_KEYWORD
    }
    assert theirs <= set(PYTHON_SOCKETIO)


@pytest.mark.parametrize("name", ["max_concurrency_per_socket", "max_running_handlers"])
def test_ranges_of_our_own(name: str, make: Callable[..., Any]) -> None:
    with pytest.raises(ValueError, match=f"{name} is 0"):
        make(**{name: 0})
    with pytest.raises(TypeError, match=name):
        make(**{name: True})
    with pytest.raises(TypeError, match=name):
        make(**{name: 1.5})


def test_disconnect_wait(make: Callable[..., Any]) -> None:
    make(disconnect_wait=0)
    for wrong in (-1, float("nan"), float("inf")):
        with pytest.raises(ValueError, match="disconnect_wait"):
            make(disconnect_wait=wrong)
    with pytest.raises(TypeError, match="disconnect_wait"):
        make(disconnect_wait="5")


def test_a_single_string_is_no_sequence(make: Callable[..., Any]) -> None:
    with pytest.raises(TypeError, match=r"transports=\['polling'\]"):
        make(transports="polling")


def test_client_folder(tmp_path: Path) -> None:
    assert settings.client_folder(False) is None
    assert settings.client_folder(tmp_path) == str(tmp_path)
    with pytest.raises(ValueError, match="npm install"):
        settings.client_folder(tmp_path / "nowhere")
    with pytest.raises(TypeError, match="folder"):
        settings.client_folder(True)  # type: ignore[arg-type]


def test_socket_class(make: Callable[..., Any]) -> None:
    class Mine(Socket):
        pass

    make(socket_class=Mine)
    for wrong in (int, Mine.__new__(Mine), None):
        with pytest.raises((TypeError, AttributeError)):
            make(socket_class=wrong)


def test_settings_are_frozen(make: Callable[..., Any]) -> None:
    io = make()
    with pytest.raises(AttributeError):
        io._settings.path = "/x"


def test_the_high_water_mark_follows_the_limit() -> None:
    assert settings.default_mark(4_000_000) == 1_000_000
    assert settings.default_mark(2) == 1
    Server(max_buffered_bytes=1000)
    with pytest.raises(ValueError, match="high_water_mark"):
        Server(max_buffered_bytes=1000, high_water_mark=1001)
    with pytest.raises(TypeError, match="max_buffered_bytes"):
        Server(max_buffered_bytes="1000")  # type: ignore[arg-type]


def test_a_slow_consumer_has_two_ends() -> None:
    Server(on_overflow="drop_oldest")
    with pytest.raises(ValueError, match="drop_oldest"):
        Server(on_overflow="drop_newest")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="on_overflow"):
        Server(on_overflow=None)  # type: ignore[arg-type]
