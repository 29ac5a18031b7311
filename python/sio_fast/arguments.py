"""What the signature of a registered function says: how many arguments of an event it takes, of which types, and which objects
of the library it wants beside them.

Refuses to know what types mean. A class of the library that handlers may ask for by annotation has ``_given_as``. A parameter
that somebody else fills, such as one with a ``Depends``, is no argument of an event: see :func:`_is_filled`.
"""

from __future__ import annotations

import functools
import inspect
import sys
from typing import TYPE_CHECKING, Any, Final, ForwardRef, NamedTuple, get_args, get_type_hints

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ("UNANNOTATED", "Given", "Shape", "is_async", "named", "positional_range", "resolved", "shape_of")

UNANNOTATED: Any = inspect.Parameter.empty
"""The annotation of a parameter that has none."""

_NAMES: Final = {each.__name__: each for each in (bool, bytes, dict, float, int, list, str)}


class Given(NamedTuple):
    """A parameter that the library fills.

    Attributes:
        kind: With what: ``ack``, ``packet``, ``handshake`` or ``socket``.
        place: How many arguments stand before it, those of this kind left out. None: only by name.
        name: The parameter's.
    """

    kind: str
    place: int | None
    name: str


class Shape(NamedTuple):
    """What a signature takes by position, the socket and the event's name among it.

    Attributes:
        low: Least number of arguments.
        high: Most of them.
        given: What the library fills, in order.
        parameters: Name and annotation, maybe as text, of each other positional parameter.
        rest: The same of ``*args``, if it has them.
    """

    low: int
    high: int
    given: tuple[Given, ...]
    parameters: tuple[tuple[str, Any], ...]
    rest: tuple[str, Any] | None


def is_async(fn: Callable[..., Any]) -> bool:
    """True if calling ``fn`` gives a coroutine: also for partials, methods and objects with an async ``__call__``."""
    while isinstance(fn, functools.partial):
        fn = fn.func
    return inspect.iscoroutinefunction(fn) or inspect.iscoroutinefunction(getattr(fn, "__call__", None))  # noqa: B004


def positional_range(fn: Callable[..., Any]) -> tuple[int, int]:
    """Least and most positional arguments that ``fn`` takes.

    Raises:
        TypeError: It needs an argument by name, which no event can bring.
    """
    shape = shape_of(fn)
    return shape.low, shape.high


def shape_of(fn: Callable[..., Any], *, bare: bool = False) -> Shape:
    """What ``fn`` takes.

    Args:
        fn: The function.
        bare: True if it is not called with a socket anyway, so that it may ask for one.

    Raises:
        TypeError: It needs an argument by name, which no event can bring; it wants the same object twice; an argument of the
            event stands behind a parameter that somebody else fills; or an ``Annotated`` means nothing at run time.
    """
    try:
        parameters = _signature(fn).parameters.values()
    except ValueError:  # builtins without a text signature: let them judge for themselves
        return Shape(0, sys.maxsize, (), (), None)
    low, position, endless = 0, 0, False
    found: list[tuple[str, Any]] = []
    rest: tuple[str, Any] | None = None
    given: list[Given] = []
    filled: str | None = None
    for parameter in parameters:
        positional = parameter.kind in (parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD)
        if parameter.kind is not parameter.VAR_POSITIONAL and _is_filled(fn, parameter):
            filled = parameter.name if positional else filled
        elif (positional or parameter.kind is parameter.KEYWORD_ONLY) and (kind := _given_as(fn, parameter, bare=bare)):
            twin = next((each.name for each in given if each.kind == kind), None)
            if twin is not None:
                raise TypeError(
                    f"{named(fn)}: {twin!r} and {parameter.name!r} are the same object; take one of them away"
                )
            given.append(Given(kind, position if positional and filled is None else None, parameter.name))
            if parameter.kind is parameter.POSITIONAL_ONLY:
                low = position  # it cannot be given by name, so everything before it must be there
        elif positional or parameter.kind is parameter.VAR_POSITIONAL:
            if filled is not None:
                raise TypeError(
                    f"{named(fn)}: {parameter.name!r} is an argument of the event and stands behind {filled!r}, which is not; "
                    f"put {filled!r} last, or behind a *"
                )
            if positional:
                position += 1
                low += parameter.default is parameter.empty
                found.append((parameter.name, parameter.annotation))
            else:
                endless = True
                rest = (parameter.name, parameter.annotation)
        elif parameter.kind is parameter.KEYWORD_ONLY and parameter.default is parameter.empty:
            raise TypeError(f"{named(fn)} needs {parameter.name!r} by name; events bring arguments by position only")
    return Shape(low, sys.maxsize if endless else position, tuple(given), tuple(found), rest)


def resolved(fn: Callable[..., Any], parameter: str, annotation: Any) -> Any:
    """The type that an annotation means, which may be text or hold text.

    Raises:
        TypeError: It names something that is not there at run time.
    """
    inner = _innermost(fn)
    known: dict[str, Any] = getattr(inner, "__globals__", {})
    names = {each.__name__: each for each in getattr(inner, "__type_params__", ())}
    # Most are the name of a class; sockets' own handlers are registered by the thousand, and the long way takes long.
    found = known.get(annotation, _NAMES.get(annotation)) if isinstance(annotation, str) else annotation
    if isinstance(found, type) and annotation not in names:
        return found

    def holder() -> None: ...

    holder.__annotations__ = {parameter: annotation}
    try:
        return get_type_hints(holder, known, names, include_extras=True)[parameter]
    except Exception as error:
        text = _text(annotation) or annotation
        raise TypeError(
            f"{named(fn)}: the annotation of {parameter!r}, {text!r:.80}, means nothing at run time ({error}); import it where "
            "the module can see it, outside of `if TYPE_CHECKING:` (validation=None checks nothing)"
        ) from error


def named(fn: Callable[..., Any]) -> str:
    """How messages call a function."""
    return str(getattr(fn, "__qualname__", None) or repr(fn))


def _signature(fn: Callable[..., Any]) -> inspect.Signature:
    """The signature; where annotations are evaluated late, names that do not exist are left as they are."""
    if sys.version_info >= (3, 14):
        from annotationlib import Format  # noqa: PLC0415 - there is none before 3.14

        return inspect.signature(fn, annotation_format=Format.FORWARDREF)
    return inspect.signature(fn)


def _is_filled(fn: Callable[..., Any], parameter: inspect.Parameter) -> bool:
    """True if a container fills a parameter: its default, or what ``Annotated`` says of it, names a ``dependency``, as the
    ``Depends`` of FastAPI and of fast-depends do. A client must never be able to, so ``Annotated`` must mean something.

    Raises:
        TypeError: It does not.
    """
    if callable(getattr(parameter.default, "dependency", None)):
        return True
    annotation: Any = parameter.annotation
    text = _text(annotation)
    if text is not None and "Annotated" in text:
        annotation = resolved(fn, parameter.name, annotation)
    marks: tuple[Any, ...] = getattr(annotation, "__metadata__", ())
    return any(callable(getattr(mark, "dependency", None)) for mark in marks)


def _given_as(fn: Callable[..., Any], parameter: inspect.Parameter, *, bare: bool) -> str | None:
    """With what the library fills a parameter that is annotated with one of its classes, maybe with ``| None``. Text that
    names nothing at run time, as an import under ``TYPE_CHECKING`` leaves it, can only be ``Ack``, by its last word: other
    names may well be the application's."""
    annotation: Any = parameter.annotation
    text = _text(annotation)
    if text is None:
        candidates: list[Any] = [annotation, *get_args(annotation)]
    else:
        known: Mapping[str, Any] = getattr(_innermost(fn), "__globals__", {})
        words = [part.strip(" '\"") for part in text.split("|")]
        candidates = [known.get(word) for word in words]
        if any(word not in known and word.rpartition(".")[2] == "Ack" for word in words):
            return "ack"
        candidates += [
            getattr(known.get(module), name, None)
            for module, _, name in (word.rpartition(".") for word in words)
            if module
        ]
    kinds = (getattr(each, "_given_as", None) for each in candidates if isinstance(each, type))
    return next((kind for kind in kinds if isinstance(kind, str) and (bare or kind != "socket")), None)


def _text(annotation: Any) -> str | None:
    """An annotation that is still text."""
    return (
        annotation.__forward_arg__
        if isinstance(annotation, ForwardRef)
        else annotation
        if isinstance(annotation, str)
        else None
    )


def _innermost(fn: Callable[..., Any]) -> Callable[..., Any]:
    """The function below partials, wrappers and objects that can be called."""
    while isinstance(fn, functools.partial):
        fn = fn.func
    fn = inspect.unwrap(fn)
    return fn if hasattr(fn, "__globals__") else getattr(fn, "__call__", fn)  # noqa: B004 - its function is wanted
