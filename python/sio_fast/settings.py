"""Every option of a server with unit and default: ``Settings`` is what the core reads, ``DispatchSettings`` what Python
needs. Refuses to know the ranges of the core's options: here stand only our own, and hints for names that do not exist."""

from __future__ import annotations

import difflib
import ipaddress
import math
import os
import re
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias

__all__ = (
    "DEFAULT_CORS_METHODS",
    "CorsOrigins",
    "DispatchSettings",
    "Settings",
    "checked_parser",
    "client_folder",
    "default_mark",
    "dispatch_setting_names",
    "judge_of_origins",
    "normalise_origins",
    "setting_names",
    "unknown_option",
    "words",
)

CorsOrigins: TypeAlias = (
    "Literal[False] | str | Sequence[str] | re.Pattern[str] | Callable[[str], bool | Awaitable[bool]] | None"
)
"""None: same origin only. False: no check, no headers. ``"*"``, names of origins, a pattern or a function of one."""

DEFAULT_CORS_METHODS: Final = ("GET", "HEAD", "PUT", "PATCH", "POST", "DELETE")
"""The six of the official server's default."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What the core reads, attribute by attribute; its ``config_fields()`` names the same. Seconds and bytes."""

    path: str
    transports: tuple[str, ...]
    allow_upgrades: bool
    allow_request: Callable[..., Any] | None
    cookie: tuple[str, str] | None
    ping_interval: float
    ping_timeout: float
    upgrade_timeout: float
    connect_timeout: float
    max_connections: int | None
    max_http_buffer_size: int
    max_attachments: int
    max_depth: int
    cors_allowed_origins: Literal[False, "*"] | tuple[str, ...] | Callable[[str], Any] | None
    cors_allowed_methods: tuple[str, ...]
    cors_allowed_headers: tuple[str, ...] | None
    cors_exposed_headers: tuple[str, ...]
    cors_credentials: bool
    cors_max_age: int | None
    trusted_proxies: tuple[tuple[str, int], ...]
    default: Callable[[Any], Any] | None
    max_queued_events: int
    max_queued_bytes: int
    high_water_mark: int
    max_buffered_bytes: int
    on_overflow: Literal["disconnect", "drop_oldest"]


@dataclass(frozen=True, slots=True, kw_only=True)
class DispatchSettings:
    """What the dispatcher needs.

    Attributes:
        max_concurrency_per_socket: Event handlers of one socket at a time, at least 1.
        max_running_handlers: Waiting handlers of the process at a time, at least 1; above it sessions pause.
        disconnect_wait: Seconds that ``disconnecting`` waits for what is ahead of it, 0 or more.
        ack_on_error: Makes the answer to an event whose handler failed, or None.
    """

    max_concurrency_per_socket: int
    max_running_handlers: int
    disconnect_wait: float
    ack_on_error: Callable[[BaseException], Any] | None = None

    def __post_init__(self) -> None:
        for name in ("max_concurrency_per_socket", "max_running_handlers"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int):
                raise TypeError(f"{name} is an int, not {type(value).__name__}")
            if value < 1:
                raise ValueError(f"{name} is {value}; it must be at least 1")
        wait = self.disconnect_wait
        if isinstance(wait, bool) or not isinstance(wait, int | float):
            raise TypeError(f"disconnect_wait is a number of seconds, not {type(wait).__name__}")
        if not (wait >= 0 and math.isfinite(wait)):
            raise ValueError(f"disconnect_wait is {wait}; it must be 0 or more seconds")
        if self.ack_on_error is not None and not callable(self.ack_on_error):
            raise TypeError(f"ack_on_error is a function of the exception, or None, not {self.ack_on_error!r:.50}")


def words(option: str, value: Iterable[str]) -> tuple[str, ...]:
    """A sequence of strings as a tuple; a single string where a sequence belongs is the usual slip.

    Raises:
        TypeError: It is a single string, or holds something else.
    """
    if isinstance(value, str):
        raise TypeError(f"{option} is a sequence of str: write {option}=[{value!r}]")
    found = tuple(value)
    for word in found:
        if not isinstance(word, str):
            raise TypeError(f"{option} is a sequence of str; {word!r:.50} is {type(word).__name__}")
    return found


def normalise_origins(value: CorsOrigins) -> Literal[False, "*"] | tuple[str, ...] | Callable[[str], Any] | None:
    """``cors_allowed_origins`` in one of the five forms that the core knows; a pattern is a function.

    Raises:
        TypeError: Something else, such as True.
    """
    if value is None or value is False:
        return value
    if value == "*":
        return "*"
    if isinstance(value, str):
        return (value,)
    if isinstance(value, re.Pattern):
        return _fits(value)
    if callable(value):
        return value
    if isinstance(value, Sequence):  # pyright: ignore[reportUnnecessaryIsInstance] - callers may be unchecked
        return words("cors_allowed_origins", value)
    raise TypeError(
        "cors_allowed_origins is None (same origin), False (no check), '*', an origin, a sequence of origins, a pattern or "
        "a function of an origin, "
        f"not {value!r:.50}"
    )


def judge_of_origins(
    origins: Literal[False, "*"] | tuple[str, ...] | Callable[[str], Any] | None,
) -> Callable[[str], Any] | None:
    """The function among the forms of :func:`normalise_origins`, or None."""
    return origins if callable(origins) else None


def _fits(pattern: re.Pattern[str]) -> Callable[[str], bool]:
    if not isinstance(pattern.pattern, str):
        raise TypeError(f"cors_allowed_origins: {pattern!r:.50} is a pattern of bytes; origins are text")
    return lambda origin: pattern.fullmatch(origin) is not None


def proxies(value: Iterable[str]) -> tuple[tuple[str, int], ...]:
    """``trusted_proxies`` as addresses, each with the number of its bits that count.

    Raises:
        TypeError: A single string, or something else than strings.
        ValueError: No network in CIDR notation.
    """
    found: list[tuple[str, int]] = []
    for word in words("trusted_proxies", value):
        try:
            network = ipaddress.ip_network(word, strict=False)
        except ValueError as error:
            raise ValueError(f"trusted_proxies names {word!r}: addresses or networks such as '10.0.0.0/8'") from error
        found.append((str(network.network_address), network.prefixlen))
    return tuple(found)


def default_mark(max_buffered_bytes: int) -> int:
    """``high_water_mark`` where nobody chose one: a quarter of the limit. What is no int is the core's to refuse."""
    return max(max_buffered_bytes // 4, 1) if isinstance(max_buffered_bytes, int) else 1


def checked_parser(value: object) -> Literal["json"]:
    """``parser``, of which there is one.

    Raises:
        ValueError: Another one.
    """
    if value != "json":
        raise ValueError(f"parser is {value!r:.50}; the only one so far is 'json', that of the official client")
    return "json"


def client_folder(value: Literal[False] | str | os.PathLike[str]) -> str | None:
    """``serve_client`` as an absolute folder, or None.

    Raises:
        ValueError: There is no such folder.
        TypeError: True: the package brings no client, so it must know where one lies.
    """
    if value is False:
        return None
    if not isinstance(value, str | os.PathLike):
        raise TypeError(
            "serve_client is False or the folder of the npm package's files, such as "
            f"'node_modules/socket.io-client/dist', not {value!r:.50}"
        )
    folder = Path(value)
    if not folder.is_dir():
        raise ValueError(
            f"serve_client: {os.fspath(value)!r} is not a folder; run `npm install socket.io-client` first"
        )
    return str(folder.absolute())


# What people write who come from the official server or from python-socketio, and the answer to each.
_ELSEWHERE: Final = {
    "cors": "cors_allowed_origins, cors_allowed_methods, …",
    "corsAllowedOrigins": "cors_allowed_origins",
    "cors_origins": "cors_allowed_origins",
    "cors_allow_origins": "cors_allowed_origins",
    "socketio_path": "path",
    "pingInterval": "ping_interval (seconds)",
    "pingTimeout": "ping_timeout (seconds)",
    "upgradeTimeout": "upgrade_timeout (seconds)",
    "connectTimeout": "connect_timeout (seconds)",
    "addTrailingSlash": "add_trailing_slash",
    "allowEIO3": "allow_eio3",
    "cleanupEmptyChildNamespaces": "cleanup_empty_child_namespaces",
    "connectionStateRecovery": "recovery",
    "destroyUpgrade": "destroy_upgrade",
    "destroyUpgradeTimeout": "destroy_upgrade_timeout (seconds)",
    "httpCompression": "http_compression",
    "initialPacket": "initial_packet",
    "perMessageDeflate": "per_message_deflate",
    "wsEngine": "the WebSocket of the core, which cannot be replaced",
    "maxHttpBufferSize": "max_http_buffer_size",
    "maxPayload": "max_http_buffer_size",
    "ackTimeout": "ack_timeout (seconds)",
    "allowUpgrades": "allow_upgrades",
    "allowRequest": "allow_request",
    "serveClient": "serve_client",
    "async_handlers": "max_concurrency_per_socket, or concurrent=True on a handler",
    "client_manager": "adapter",
    "compression_threshold": "http_compression",
    "json": "the codec of the core, with the option default for values that it does not know",
    "monitor_clients": "the heartbeat of the core, which always runs: ping_interval and ping_timeout",
    "namespaces": "io.of(name)",
    "serializer": "parser",
    "static_files": "static_files of io.run() and io.serve()",
    "logger": "the logging module: logging.getLogger('sio_fast')",
    "engineio_logger": "the logging module: logging.getLogger('sio_fast.engine')",
    "async_mode": "backend of io.run()",
    "always_connect": "io.use for refusing; connect handlers always run after the acceptance",
}

# Options of the design that wait for what they set: whoever asks for one learns that it is no slip of theirs.
_LATER: Final = frozenset(
    (
        "adapter",
        "add_trailing_slash",
        "allow_eio3",
        "cleanup_empty_child_namespaces",
        "destroy_upgrade",
        "destroy_upgrade_timeout",
        "generate_id",
        "http_compression",
        "initial_packet",
        "per_message_deflate",
        "recovery",
    )
)


def unknown_option(name: str, known: Iterable[str]) -> TypeError:
    """The error for an option that does not exist, with the one that was probably meant.

    Args:
        name: What was given.
        known: All names that exist.
    """
    text = f"Server() has no option {name!r}"
    meant = _ELSEWHERE.get(name)
    if name in _LATER:
        return TypeError(f"{text} yet")
    if meant is not None and meant.split()[0] in _LATER:
        return TypeError(f"{text}; here it will be {meant}, which does not exist yet")
    if meant is None:
        close = difflib.get_close_matches(name, list(known), n=1)
        meant = close[0] if close else None
    return TypeError(text if meant is None else f"{text}; here it is {meant}")


def setting_names() -> tuple[str, ...]:
    """Names of the options that the core reads."""
    return tuple(field.name for field in fields(Settings))


def dispatch_setting_names() -> tuple[str, ...]:
    """Names of the options that the dispatcher needs."""
    return tuple(field.name for field in fields(DispatchSettings))
