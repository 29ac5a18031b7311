"""Checking by pydantic. Refuses to know events. Imported when the first type wants it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import pydantic

from .reading import Unfit, Unreadable, too_deep

if TYPE_CHECKING:
    from .exceptions import PayloadFault

__all__ = ("PydanticReader",)

# A list of a hundred thousand wrong items has as many faults; making a dict of each would hold up the loop for a second.
_MOST: Final = 100


class PydanticReader:
    """Reads as :meth:`pydantic.TypeAdapter.validate_json` does, with what the type's configuration says.

    Raises:
        PydanticUserError: pydantic does not know the type.
    """

    __slots__ = ("_adapter",)

    def __init__(self, wanted: Any) -> None:
        self._adapter: pydantic.TypeAdapter[Any] = pydantic.TypeAdapter(wanted)

    def read(self, raw: bytes) -> Any:
        """From JSON."""
        try:
            return self._adapter.validate_json(raw)
        except pydantic.ValidationError as error:
            faults = _faults(error)
            if len(faults) == 1 and faults[0]["type"] == "json_invalid" and not faults[0]["location"]:
                raise Unreadable from error
            raise Unfit(faults) from error

    def convert(self, value: Any) -> Any:
        """From what JSON gives, and bytes."""
        try:
            return self._adapter.validate_python(value)
        except pydantic.ValidationError as error:
            raise Unfit(_faults(error)) from error
        except RecursionError as error:
            raise too_deep() from error


def _faults(error: pydantic.ValidationError) -> list[PayloadFault]:
    count = error.error_count()
    if count > _MOST:
        return [{"location": (), "message": f"{count} faults", "type": "too_many"}]
    return [
        {"location": tuple(each["loc"]), "message": each["msg"], "type": each["type"]}
        for each in error.errors(include_url=False, include_context=False, include_input=False)
    ]
