"""The details of a handshake as a frozen mapping, parsed when somebody looks. Refuses to know sockets and their state.

The official server's ``socket.handshake``: nine fields, built anew for every namespace from the connection's first request.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, ClassVar, Final, TypeAlias

from .request import joined_headers, query_of

__all__ = ("Handshake", "RawHandshake", "date_text")

RawHandshake: TypeAlias = "tuple[list[tuple[str, str]], str, str | None, bool, bool, int]"
"""Headers in order, url, address, xdomain, secure, issued: as the core keeps them."""

_FIELDS: Final = ("headers", "time", "address", "xdomain", "secure", "issued", "url", "query", "auth")
_DAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


class Handshake(Mapping[str, Any]):
    """What the client sent when it came, frozen. Encodes as its nine fields; safe to read from any thread.

    Attributes are preferred; the mapping is there for the codec and for ``dict(socket.handshake)``.
    """

    __slots__ = ("_auth", "_headers", "_load", "_query", "_raw", "_scope")

    _given_as: ClassVar[str] = "handshake"

    def __init__(
        self, load: Callable[[], RawHandshake], auth: dict[str, Any], scope: dict[str, Any] | None = None
    ) -> None:
        self._load = load
        self._scope = scope
        self._auth = auth
        self._raw: RawHandshake | None = None
        self._headers: Mapping[str, str] | None = None
        self._query: Mapping[str, str] | None = None

    def _parts(self) -> RawHandshake:
        if self._raw is None:
            self._raw = self._load()
        return self._raw

    @property
    def headers(self) -> Mapping[str, str]:
        """Headers of the first request, names in lower case, repeated ones joined with ``", "``."""
        if self._headers is None:
            self._headers = joined_headers(self._parts()[0])
        return self._headers

    @property
    def query(self) -> Mapping[str, str]:
        """Parameters of the first request's URL; of a repeated one the last value counts, as in the official server."""
        if self._query is None:
            self._query = query_of(self.url)
        return self._query

    @property
    def auth(self) -> dict[str, Any]:
        """What the client passed as ``auth``; ``{}`` if nothing."""
        return self._auth

    @property
    def time(self) -> str:
        """When it came, as the text of a JavaScript ``Date``, in the server's time zone."""
        return date_text(self.issued)

    @property
    def issued(self) -> int:
        """When it came, in milliseconds since 1970: the only duration here that is not in seconds."""
        return self._parts()[5]

    @property
    def url(self) -> str:
        """Path and query of the first request."""
        return self._parts()[1]

    @property
    def address(self) -> str | None:
        """Address of the peer of the TCP connection, or of the client that a proxy among ``trusted_proxies`` names."""
        return self._parts()[2]

    @property
    def xdomain(self) -> bool:
        """True if the first request had an ``Origin``."""
        return self._parts()[3]

    @property
    def secure(self) -> bool:
        """True if the connection is encrypted."""
        return self._parts()[4]

    @property
    def scope(self) -> dict[str, Any] | None:
        """The ASGI scope of the first request; None on the native listener."""
        return self._scope

    def __getitem__(self, key: str) -> Any:
        if key not in _FIELDS:
            raise KeyError(key)
        return getattr(self, key)

    def __iter__(self) -> Iterator[str]:
        return iter(_FIELDS)

    def __len__(self) -> int:
        return len(_FIELDS)

    def __repr__(self) -> str:
        return f"Handshake(address={self.address!r}, url={self.url!r}, issued={self.issued})"


def date_text(milliseconds: int) -> str:
    """A moment as JavaScript's ``Date.prototype.toString`` writes it, English whatever the locale.

    Args:
        milliseconds: Since 1970.
    """
    moment = datetime.fromtimestamp(milliseconds / 1000, tz=UTC).astimezone()
    zone = moment.tzname() or ""
    # The name of the zone is for the engine to choose (ECMA-262, TimeZoneString); browsers spell this one out.
    zone = "Coordinated Universal Time" if zone == "UTC" else zone
    return (
        f"{_DAYS[moment.weekday()]} {_MONTHS[moment.month - 1]} {moment.day:02d} {moment.year:04d} "
        f"{moment:%H:%M:%S} GMT{moment:%z} ({zone})"
    )
