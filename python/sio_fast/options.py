"""The options of a server as values: ``ServerOptions`` for config files, and how what was given becomes settings.

Refuses to know defaults, which stand in the signature of ``Server``, and ranges, which whoever reads an option checks.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, Generic, Literal, cast

from typing_extensions import TypedDict

from .cookie import cookie_text
from .settings import (
    CorsOrigins,
    DispatchSettings,
    Settings,
    default_mark,
    dispatch_setting_names,
    normalise_origins,
    proxies,
    setting_names,
    words,
)
from .socket import S

if TYPE_CHECKING:
    import os

    from .admission import AllowRequest
    from .cookie import CookieOption
    from .validation import Engine as ValidationEngine

__all__ = ("ServerOptions", "dispatch_settings_of", "in_force", "settings_of")


class ServerOptions(TypedDict, Generic[S], total=False, closed=True):
    """Every option of :class:`Server`, where its documentation is; none is required.

    For options that come from elsewhere, such as a configuration file: ``Server(**options)``. With a ``socket_class`` among
    them it is ``ServerOptions[ChatSocket]``.
    """

    path: str
    transports: Sequence[Literal["polling", "websocket"]]
    allow_upgrades: bool
    allow_request: AllowRequest | None
    cookie: CookieOption
    ping_interval: float
    ping_timeout: float
    upgrade_timeout: float
    connect_timeout: float
    max_connections: int | None
    max_http_buffer_size: int
    max_attachments: int
    max_depth: int
    cors_allowed_origins: CorsOrigins
    cors_allowed_methods: Sequence[str]
    cors_allowed_headers: Sequence[str] | None
    cors_exposed_headers: Sequence[str]
    cors_credentials: bool
    cors_max_age: int | None
    trusted_proxies: Sequence[str]
    serve_client: Literal[False] | str | os.PathLike[str]
    parser: Literal["json"]
    default: Callable[[Any], Any] | None
    socket_class: type[S]
    max_concurrency_per_socket: int
    max_running_handlers: int
    disconnect_wait: float
    ack_on_error: Callable[[BaseException], Any] | None
    max_queued_events: int
    max_queued_bytes: int
    high_water_mark: int | None
    max_buffered_bytes: int
    on_overflow: Literal["disconnect", "drop_oldest"]
    ack_timeout: float | None
    validation: ValidationEngine | None
    call_wrapper: Callable[[Any], Callable[..., Any]] | None
    strict_rooms: bool


# Options that the core gets in another form than the application gave them in.
_TRANSLATED: Final = frozenset(("cookie", "cors_allowed_origins", "trusted_proxies"))


def settings_of(given: Mapping[str, Any]) -> Settings:
    """What the core reads, made of every option of the server.

    Raises:
        TypeError: A value of the wrong type; the core looks at those that are not looked at here.
    """
    values = {name: given[name] for name in setting_names()}
    for name in ("transports", "cors_allowed_methods", "cors_exposed_headers"):
        values[name] = words(name, values[name])
    if values["cors_allowed_headers"] is not None:
        values["cors_allowed_headers"] = words("cors_allowed_headers", values["cors_allowed_headers"])
    if values["high_water_mark"] is None:
        values["high_water_mark"] = default_mark(values["max_buffered_bytes"])
    values["cookie"] = cookie_text(values["cookie"])
    values["trusted_proxies"] = proxies(values["trusted_proxies"])
    values["cors_allowed_origins"] = normalise_origins(values["cors_allowed_origins"])
    return Settings(**values)


def dispatch_settings_of(given: Mapping[str, Any]) -> DispatchSettings:
    """What the dispatcher needs, made of every option of the server.

    Raises:
        TypeError: A value of the wrong type.
        ValueError: A value out of its range.
    """
    return DispatchSettings(**{name: given[name] for name in dispatch_setting_names()})


def in_force(given: Mapping[str, Any], settings: Settings) -> Mapping[str, Any]:
    """What ``io.options`` shows: nothing in it changes any more, and all of it can be given to another server."""
    values = {name: _frozen(value) for name, value in given.items()}
    values.update((name, getattr(settings, name)) for name in setting_names() if name not in _TRANSLATED)
    return MappingProxyType(values)


def _frozen(value: Any) -> Any:
    if isinstance(value, Mapping):
        return MappingProxyType({**cast("Mapping[str, Any]", value)})
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        return (*value,)  # pyright: ignore[reportUnknownVariableType] - of whatever it is
    return value
