"""Which arguments of an event are checked, by which engine, and how: ``Server(validation=…)``.

Types are looked at once, when a handler is registered; what remains is one compiled reader for each argument that wants
one. Refuses to know sockets, and when it is asked. Neither engine is imported before a type needs it.
"""

from __future__ import annotations

import functools
import importlib.util
import sys
import types
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias, Union, get_args, get_origin

from .arguments import UNANNOTATED, named, resolved
from .exceptions import InvalidPayload
from .reading import Unfit, Unreadable

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from .arguments import Shape
    from .exceptions import PayloadFault
    from .reading import Reader
    from .types import Arguments, EventName

__all__ = ("Checks", "Engine", "Validation")

Engine: TypeAlias = Literal["auto", "pydantic", "msgspec"]
"""Who checks: msgspec its own types and pydantic the others, or one of them everything."""

_ENGINES: Final = ("auto", "pydantic", "msgspec")
# What JSON and attachments give by themselves.
_BUILTINS: Final = frozenset((Any, object, None, type(None), bool, int, float, str, bytes, list, dict, UNANNOTATED))


class Checks:
    """The readers of one handler.

    Args:
        readers: One per argument of the event, None where nothing is to be checked.
        rest: That of all further arguments.
    """

    __slots__ = ("_readers", "_rest")

    def __init__(self, readers: Sequence[Reader | None], rest: Reader | None) -> None:
        self._readers = tuple(readers)
        self._rest = rest

    def __call__(self, name: EventName, args: Arguments) -> tuple[Any, ...]:
        """The arguments as the handler wants them, the unchecked ones as they are.

        Raises:
            InvalidPayload: Some do not fit. Whatever else a checker of the application raises is passed on.
        """
        raw = None if isinstance(args, tuple) else args.raw
        known, readers = len(self._readers), self._readers
        values: list[Any] = []
        faults: list[PayloadFault] = []
        cause: BaseException | None = None
        for index in range(len(args)):
            reader = readers[index] if index < known else self._rest
            if reader is None:
                values.append(args[index])
                continue
            try:
                if raw is None:
                    value = reader.convert(args[index])
                else:
                    try:
                        value = reader.read(raw(index))
                    except Unreadable:
                        value = reader.convert(args[index])
            except Unfit as unfit:
                faults.extend(_placed(index, fault) for fault in unfit.faults)
                cause = cause or unfit.__cause__
            else:
                values.append(value)
        if faults:
            raise InvalidPayload(name, faults) from cause
        return tuple(values)


class Validation:
    """One server's choice.

    Args:
        engine: As of ``Server(validation=…)``.

    Raises:
        ValueError: No engine has that name.
        ImportError: It is not installed.
    """

    __slots__ = ("_engine",)

    def __init__(self, engine: Engine | None) -> None:
        if engine is not None and engine not in _ENGINES:
            raise ValueError(f'validation is "auto", "pydantic", "msgspec" or None, not {engine!r:.50}')
        if engine in ("pydantic", "msgspec") and not _installed(engine):
            raise ImportError(f"validation={engine!r} needs {engine}: pip install 'sio-fast[{engine}]'", name=engine)
        self._engine = engine

    def checks(self, fn: Callable[..., Any], shape: Shape, heads: int, declared: Sequence[Any]) -> Checks | None:
        """What is to be checked for a handler; None: nothing.

        Args:
            fn: The handler.
            shape: What it takes.
            heads: How many arguments come before those of the event.
            declared: The types of the event's arguments where the handler does not say them.

        Raises:
            TypeError: An annotation means nothing at run time, or no engine knows the type.
        """
        if self._engine is None:
            return None
        own = shape.parameters[heads:]
        rest = shape.rest or ("", UNANNOTATED)
        readers: list[Reader | None] = []
        for index in range(max(len(own), len(declared))):
            name, annotation = own[index] if index < len(own) else rest
            if annotation is UNANNOTATED and index < len(declared):
                annotation = declared[index]
            readers.append(self._reader(fn, name, annotation))
        after = self._reader(fn, *rest)
        return None if after is None and not any(readers) else Checks(readers, after)

    def _reader(self, fn: Callable[..., Any], name: str, annotation: Any) -> Reader | None:
        if annotation is UNANNOTATED:
            return None
        wanted = resolved(fn, name, annotation)
        if wanted is Any or wanted is object or (self._engine == "auto" and _is_builtin(wanted)):
            return None
        first: Exception | None = None
        for engine in self._candidates(wanted):
            try:
                return _reader_of(engine, wanted)
            except Exception as error:  # noqa: BLE001 - each engine has its own
                first = first or error
        reason = "neither is installed: pip install 'sio-fast[pydantic]' or 'sio-fast[msgspec]'"
        if first is not None:
            reason = str(first).partition("\n")[0]
        raise TypeError(
            f"{named(fn)}: nothing can check {name!r}, which is annotated {wanted!r:.80}: {reason} "
            "(validation=None checks nothing)"
        ) from first

    def _candidates(self, wanted: Any) -> list[str]:
        """The engines for a type, the one that should know it first."""
        if self._engine != "auto":
            return [str(self._engine)]
        msgspec_first = "msgspec" in sys.modules and _is_of_msgspec(wanted)
        return list(filter(_installed, ("msgspec", "pydantic") if msgspec_first else ("pydantic", "msgspec")))


def _placed(index: int, fault: PayloadFault) -> PayloadFault:
    """The same fault, seen from the event."""
    return {"location": (index, *fault["location"]), "message": fault["message"], "type": fault["type"]}


def _installed(engine: str) -> bool:
    return engine in sys.modules or importlib.util.find_spec(engine) is not None


def _reader_of(engine: str, wanted: Any) -> Reader:
    """The reader of a type, the same for all handlers that want it: some are registered anew for every socket."""
    try:
        hash(wanted)
    except TypeError:
        return _made.__wrapped__(engine, wanted, "")
    return _made(engine, wanted, repr(wanted))


@functools.lru_cache(maxsize=1024)
def _made(engine: str, wanted: Any, _text: str) -> Reader:
    """Here an engine is imported. The text tells apart what is equal and not the same: unions in another order."""
    if engine == "msgspec":
        from .msgspec_reader import MsgspecReader  # noqa: PLC0415

        return MsgspecReader(wanted)
    from .pydantic_reader import PydanticReader  # noqa: PLC0415

    return PydanticReader(wanted)


def _is_builtin(wanted: Any) -> bool:
    """True for what JSON gives by itself: ``str``, ``list[str]``, ``dict[str, Any]``, ``int | None``."""
    origin = get_origin(wanted)
    if origin is None:
        try:
            return wanted in _BUILTINS
        except TypeError:  # not hashable, so no builtin
            return False
    parts = get_args(wanted)
    if origin is dict:
        return parts[0] in (str, Any) and _is_builtin(parts[1])
    return (origin is list or origin is Union or origin is types.UnionType) and all(map(_is_builtin, parts))


def _is_of_msgspec(wanted: Any) -> bool:
    """True if a type of msgspec is in it, on the surface."""
    import msgspec  # noqa: PLC0415 - loaded already, since its types can only exist then

    marks: tuple[Any, ...] = getattr(wanted, "__metadata__", ())
    if any(isinstance(mark, msgspec.Meta) for mark in marks):
        return True
    if isinstance(wanted, type) and issubclass(wanted, msgspec.Struct | msgspec.Raw):
        return True
    return any(map(_is_of_msgspec, get_args(wanted)))
