"""What signatures say of a handler's arguments."""

from __future__ import annotations

import functools
import sys
from typing import TYPE_CHECKING, Annotated, Any

import pytest

from sio_fast.arguments import UNANNOTATED, is_async, positional_range, resolved, shape_of

if TYPE_CHECKING:
    from decimal import Decimal as Unseen

    from sio_fast import Ack


class Depends:
    """As those of FastAPI and of fast-depends look."""

    def __init__(self, dependency: Any) -> None:
        self.dependency = dependency


FILL = Depends(int)


class Callable:
    def method(self, a: Any) -> None: ...

    async def __call__(self, a: Any) -> None: ...


async def asynchronous(a: Any) -> None: ...
def none() -> None: ...
def two(a: Any, b: Any) -> None: ...
def lenient(a: Any, b: Any = 1, *c: Any) -> None: ...
def by_name(a: Any, *, b: Any) -> None: ...


def test_names_and_annotations_stand_in_order() -> None:
    def fn(a: int, b, c: str = "", /, *rest: float, d: int = 1, ack: Ack, **e: int) -> None:  # type: ignore[no-untyped-def] # noqa: ANN001
        ...

    shape = shape_of(fn)
    assert shape.low == 2
    assert shape.high == sys.maxsize
    assert shape.given == (("ack", None, "ack"),)
    assert shape.parameters == (("a", "int"), ("b", UNANNOTATED), ("c", "str"))
    assert shape.rest == ("rest", "float")


def test_what_others_fill_is_no_argument() -> None:
    def by_default(a: int, db: int = FILL) -> None: ...  # type: ignore[assignment]
    def annotated(a: int, db: Annotated[int, FILL]) -> None: ...
    def only_by_name(a: int, *, db: Annotated[int, FILL], ack: Ack) -> None: ...
    def ack_behind(a: int, db: Annotated[int, FILL], ack: Ack) -> None: ...
    def ack_before(a: int, ack: Ack, db: Annotated[int, FILL]) -> None: ...
    def other_mark(a: int, b: Annotated[int, "mark"] = 1) -> None: ...

    assert [positional_range(fn) for fn in (by_default, annotated, only_by_name, ack_behind, ack_before)] == [
        (1, 1)
    ] * 5
    assert [shape_of(fn).given for fn in (only_by_name, ack_behind, ack_before)] == [
        (("ack", None, "ack"),),
        (("ack", None, "ack"),),
        (("ack", 1, "ack"),),
    ]
    assert positional_range(other_mark) == (1, 2)


def test_an_annotated_that_means_nothing_may_hide_who_fills_it() -> None:
    def fn(a: int, db: Annotated[Unseen, FILL]) -> None: ...

    with pytest.raises(TypeError, match=r"the annotation of 'db'.*TYPE_CHECKING"):
        shape_of(fn)


@pytest.mark.parametrize("filled", [FILL, Annotated])
def test_arguments_stand_before_what_is_filled(filled: Any) -> None:
    def fn(a: int, db: int = 1, c: int = 2) -> None: ...

    if filled is FILL:
        fn.__defaults__ = (FILL, 2)
    else:
        fn.__annotations__["db"] = Annotated[int, FILL]
    with pytest.raises(TypeError, match="'c' is an argument of the event and stands behind 'db'"):
        shape_of(fn)


def test_resolved_looks_into_text() -> None:
    def fn(a: list[Callable]) -> None: ...

    assert resolved(fn, "a", "list[Callable]") == list[Callable]
    assert resolved(fn, "a", "Callable") is resolved(fn, "a", Callable) is Callable
    assert (resolved(fn, "a", "str"), resolved(fn, "a", "int | None")) == (str, int | None)
    assert resolved(fn, "a", list["Callable"]) == list[Callable]
    assert resolved(functools.partial(fn), "a", "Callable | None") == Callable | None
    assert resolved(fn, "a", "Annotated[int, 5]") == Annotated[int, 5]
    for wrong in ("Unseen", "Callable.", "list[Unseen]"):
        with pytest.raises(TypeError, match="means nothing at run time"):
            resolved(fn, "a", wrong)


@pytest.mark.parametrize(
    ("fn", "expected"),
    [
        (none, (0, 0)),
        (two, (2, 2)),
        (lenient, (1, sys.maxsize)),
        (functools.partial(two, 1), (1, 1)),
        (Callable().method, (1, 1)),
        (Callable(), (1, 1)),
        (lambda *a: a, (0, sys.maxsize)),
    ],
)
def test_positional_range(fn: Any, expected: tuple[int, int]) -> None:
    assert positional_range(fn) == expected


def test_arguments_by_name_cannot_come() -> None:
    with pytest.raises(TypeError, match="'b' by name"):
        positional_range(by_name)


def test_is_async_looks_through_wrappers() -> None:
    assert is_async(asynchronous)
    assert is_async(functools.partial(functools.partial(asynchronous), 1))
    assert is_async(Callable())
    assert not is_async(two)
    assert not is_async(Callable().method)
