"""The cookie of the polling handshake: what may stand in it, and its text. Refuses to know when it is sent."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Final, Literal, TypeAlias

__all__ = ("Cookie", "CookieOption", "cookie_text")

# RFC 6265, 4.1.1: a name is a token; an attribute's value has no control character and no semicolon.
_TOKEN: Final = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_VALUE: Final = re.compile(r"[ -:<-~]+")
_SAME_SITE: Final = {"lax": "Lax", "strict": "Strict", "none": "None"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Cookie:
    """A cookie that holds the session's id, so that a balancer can keep a client's polls on one server.

    It comes with the handshake over long-polling only, as with the official server (``cookie`` there).

    Attributes:
        name: Its name.
        path: Path it belongs to; None to leave that to the browser.
        http_only: True to hide it from scripts.
        same_site: ``"lax"``, ``"strict"``, ``"none"``, or None to leave the attribute out.
        domain: Domain it belongs to; None for the host of the request.
        max_age: Seconds it lives; None for the browser's session.
        secure: True to send it over HTTPS only.

    Raises:
        TypeError: A field of another type.
        ValueError: A text that cannot stand in a cookie.
    """

    name: str = "io"
    path: str | None = "/"
    http_only: bool = True
    same_site: Literal["lax", "strict", "none"] | None = "lax"
    domain: str | None = None
    max_age: int | None = None
    secure: bool = False

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not _TOKEN.fullmatch(self.name):
            raise ValueError(f"the name of a cookie is a token such as 'io', not {self.name!r:.50}")
        for option in ("path", "domain"):
            value = getattr(self, option)
            if value is not None and not (isinstance(value, str) and _VALUE.fullmatch(value)):
                raise ValueError(f"the {option} of a cookie cannot be {value!r:.50}")
        if self.same_site is not None and self.same_site not in _SAME_SITE:
            raise ValueError(f"same_site is 'lax', 'strict', 'none' or None, not {self.same_site!r:.50}")
        if self.same_site == "none" and not self.secure:
            raise ValueError("same_site='none' needs secure=True: browsers drop such a cookie otherwise")
        if self.max_age is not None and (isinstance(self.max_age, bool) or not isinstance(self.max_age, int)):
            raise TypeError(f"max_age is an int of seconds or None, not {self.max_age!r:.50}")

    def attributes(self) -> str:
        """What follows the value: ``; Path=/; HttpOnly; SameSite=Lax``, in the order of the official server."""
        parts = [
            f"; Max-Age={self.max_age}" if self.max_age is not None else "",
            f"; Domain={self.domain}" if self.domain is not None else "",
            f"; Path={self.path}" if self.path is not None else "",
            "; HttpOnly" if self.http_only else "",
            "; Secure" if self.secure else "",
            f"; SameSite={_SAME_SITE[self.same_site]}" if self.same_site is not None else "",
        ]
        return "".join(parts)


CookieOption: TypeAlias = "bool | Cookie | Mapping[str, Any]"
"""False: none. True: one with the defaults. A mapping has fields of Cookie, as a configuration file would."""


def cookie_text(option: CookieOption) -> tuple[str, str] | None:
    """The option as the core wants it: name and attributes, or None.

    Raises:
        TypeError: Another type, or a field that Cookie does not have.
        ValueError: See Cookie.
    """
    if option is False:
        return None
    if option is True:
        option = Cookie()
    elif isinstance(option, Mapping):
        known = [field.name for field in fields(Cookie)]
        for name in option:
            if name not in known:
                raise TypeError(f"a cookie has no {name!r}; it has {', '.join(known)}")
        option = Cookie(**option)
    if not isinstance(option, Cookie):
        raise TypeError(f"cookie is a bool, a Cookie or a mapping of its fields, not {option!r:.50}")
    return option.name, option.attributes()
