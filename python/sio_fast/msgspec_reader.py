"""Checking by msgspec. Refuses to know events. Imported when the first type wants it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

import msgspec
from msgspec import inspect

from .reading import Unfit, Unreadable, too_deep

if TYPE_CHECKING:
    from .exceptions import PayloadFault

__all__ = ("MsgspecReader",)

_WHERE: Final = re.compile(r"^(.*) - at (?:`key` in )?`\$(.*)`$", re.DOTALL)
_STEP: Final = re.compile(r"\.([^.\[\]]+)|\[(\d+)\]|\[(\.\.\.)\]")


class MsgspecReader:
    """Reads as :func:`msgspec.json.decode` does, strictly.

    Raises:
        TypeError: msgspec does not know the type.
    """

    __slots__ = ("_decode", "_wanted")

    def __init__(self, wanted: Any) -> None:
        unknown = _unknown(inspect.type_info(wanted), [])
        if unknown is not None:
            raise TypeError(f"msgspec does not know {unknown!r:.80}")
        self._wanted = wanted
        self._decode = msgspec.json.Decoder(wanted).decode

    def read(self, raw: bytes) -> Any:
        """From JSON."""
        try:
            return self._decode(raw)
        except msgspec.ValidationError as error:
            raise Unfit([_fault(str(error))]) from error
        except (msgspec.DecodeError, RecursionError) as error:
            raise Unreadable from error

    def convert(self, value: Any) -> Any:
        """From what JSON gives, and bytes."""
        try:
            return msgspec.convert(value, self._wanted, str_keys=True)
        except msgspec.ValidationError as error:
            raise Unfit([_fault(str(error))]) from error
        except RecursionError as error:
            raise too_deep() from error


def _fault(text: str) -> PayloadFault:
    """Msgspec has one sentence for what is wrong and where."""
    found = _WHERE.match(text)
    if found is None:
        return {"location": (), "message": text, "type": "invalid"}
    steps = (int(index) if index else key or dots for key, index, dots in _STEP.findall(found[2]))
    return {"location": tuple(steps), "message": found[1], "type": "invalid"}


def _unknown(info: Any, seen: list[Any]) -> Any:
    """A type in it that msgspec would only compare the class of."""
    if any(info is each for each in seen):
        return None
    if isinstance(info, inspect.CustomType):
        return info.cls
    parts: list[Any] = []
    if isinstance(info, tuple):
        parts += info
    elif isinstance(info, inspect.Type | inspect.Field):
        parts += [getattr(info, name) for name in info.__struct_fields__]
    seen.append(info)
    found = (_unknown(part, seen) for part in parts)
    return next((each for each in found if each is not None), None)
