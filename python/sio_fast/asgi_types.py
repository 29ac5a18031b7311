"""The words of ASGI 3 as types: applications, scopes, and the two channels. Refuses to know what is said in them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, TypeAlias

__all__ = ("ASGIApp", "Answer", "Message", "Receive", "Scope", "Send")

Scope: TypeAlias = MutableMapping[str, Any]
Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
ASGIApp: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]

Answer: TypeAlias = tuple[int, list[tuple[bytes, bytes]], bytes, bool]
"""A complete answer as the core gives it: status, headers, body, and whether the connection is of no more use afterwards."""
