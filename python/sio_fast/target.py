"""``module:attribute`` as people write it on a command line: the object, or what was wrong. Refuses to know its use."""

from __future__ import annotations

import importlib
import sys
from functools import reduce
from pathlib import Path
from typing import Any

__all__ = ("TargetError", "load")


class TargetError(Exception):
    """There is no such object; the text says what is missing, and where."""


def load(target: str) -> Any:
    """The object that ``target`` names. The working folder comes first on the path.

    Args:
        target: ``module:attribute``, both with dots if wanted.

    Raises:
        TargetError: It is written otherwise, or the module or the attribute does not exist. What the module itself
            raises is passed on.
    """
    module_name, colon, attribute = target.partition(":")
    if not (colon and module_name and attribute):
        raise TargetError(f"{target!r} is not MODULE:NAME, such as app:io")
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        # A module that it imports in turn is another matter: that traceback says where.
        if error.name is None or not f"{module_name}.".startswith(f"{error.name}."):
            raise
        raise TargetError(f"there is no module {error.name!r} in {here} or on the path") from None
    try:
        return reduce(getattr, attribute.split("."), module)
    except AttributeError as error:
        raise TargetError(f"module {module_name!r} has no {attribute!r}: {error}") from None
