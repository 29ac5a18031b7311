"""What a namespace may be called: a name, or a rule for names (a pattern or a predicate). Refuses to know namespaces."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias, cast

__all__ = ("Predicate", "Rule", "namespace_name", "rule_of")

Predicate: TypeAlias = Callable[[str, Any], "Awaitable[object] | object"]
"""Says whether a namespace is to come into being: ``f(name, auth)``, sync or async."""

Rule: TypeAlias = "re.Pattern[str] | Predicate"
"""For which names a parent makes namespaces: those a pattern matches as a whole, or a predicate says yes to."""


def namespace_name(name: str) -> str:
    """The name with its leading slash: ``of("x")`` is ``of("/x")``.

    Raises:
        TypeError: Not a str.
        ValueError: A comma, which ends the name on the wire.
    """
    if not isinstance(name, str):
        raise TypeError(f"a namespace's name is a str, not {type(name).__name__}")
    if "," in name:
        raise ValueError(f"namespace {name!r:.50}: a comma ends the name on the wire")
    return name if name.startswith("/") else f"/{name}"


def rule_of(rule: object) -> Rule:
    """A pattern or a predicate, checked.

    Raises:
        TypeError: It is neither, or a pattern for bytes.
    """
    if isinstance(rule, re.Pattern):
        pattern = cast("re.Pattern[str]", rule)
        if not isinstance(cast("object", pattern.pattern), str):
            raise TypeError(f"{pattern!r:.50} is a pattern for bytes; names of namespaces are str")
        return pattern
    if callable(rule):
        return rule
    raise TypeError(f"a namespace's name is a str, a pattern or a predicate, not {type(rule).__name__}")
