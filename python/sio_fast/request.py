"""``HttpRequest``: the head of a request, as ``allow_request`` sees it. Refuses to know sessions, and what is decided."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypeAlias, final
from urllib.parse import parse_qsl

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = ("HttpRequest", "RawHead", "joined_headers", "query_of")

RawHead: TypeAlias = "tuple[str, list[tuple[str, str]], str, str | None, bool, bool]"
"""Method, headers in order, url, address, xdomain, secure: as the core keeps them."""


@final
class HttpRequest:
    """The head of an HTTP request, frozen; safe to read from any thread.

    The official server hands ``allowRequest`` an ``IncomingMessage``; these are its fields that a decision needs, under the
    names of :class:`Handshake`.
    """

    __slots__ = ("_head", "_headers", "_query", "_scope")

    def __init__(self, head: RawHead, scope: dict[str, Any] | None = None) -> None:
        self._head = head
        self._scope = scope
        self._headers: Mapping[str, str] | None = None
        self._query: Mapping[str, str] | None = None

    @property
    def method(self) -> str:
        """``"GET"``: other methods open no session."""
        return self._head[0]

    @property
    def headers(self) -> Mapping[str, str]:
        """Names in lower case, repeated ones joined with ``", "``."""
        if self._headers is None:
            self._headers = joined_headers(self._head[1])
        return self._headers

    @property
    def url(self) -> str:
        """Path and query."""
        return self._head[2]

    @property
    def path(self) -> str:
        """Path without the query."""
        return self.url.partition("?")[0]

    @property
    def query(self) -> Mapping[str, str]:
        """Parameters of the URL; of a repeated one the last value counts. ``transport`` tells which one is asked for."""
        if self._query is None:
            self._query = query_of(self.url)
        return self._query

    @property
    def address(self) -> str | None:
        """Address of the peer of the TCP connection; proxies are not looked through."""
        return self._head[3]

    @property
    def xdomain(self) -> bool:
        """True if it has an ``Origin``."""
        return self._head[4]

    @property
    def secure(self) -> bool:
        """True if the connection is encrypted."""
        return self._head[5]

    @property
    def scope(self) -> dict[str, Any] | None:
        """The ASGI scope; None on the native listener."""
        return self._scope

    def __repr__(self) -> str:
        return f"HttpRequest({self.method} {self.url!r}, address={self.address!r})"


def joined_headers(pairs: Iterable[tuple[str, str]]) -> Mapping[str, str]:
    """Headers in order, repeated ones joined with ``", "``."""
    joined: dict[str, str] = {}
    for name, value in pairs:
        joined[name] = f"{joined[name]}, {value}" if name in joined else value
    return MappingProxyType(joined)


def query_of(url: str) -> Mapping[str, str]:
    """Parameters of a URL; of a repeated one the last value counts, as in the official server."""
    return MappingProxyType(dict(parse_qsl(url.partition("?")[2], keep_blank_values=True)))
