"""Handlers get values of the types they are annotated with, and nothing else."""

from __future__ import annotations

import dataclasses
import datetime as dt
import functools
import sys
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypedDict

import msgspec
import pydantic
import pytest

import sio_fast
from sio_fast import Event, InvalidPayload, Server, _core
from sio_fast.arguments import shape_of
from sio_fast.validation import Checks, Validation

if TYPE_CHECKING:
    from collections.abc import Callable

    from unit.fake_core import FakeSocketCore as Unseen

    Make = Callable[..., Server[Any]]


class Struct(msgspec.Struct):
    text: str
    n: int = 0


class Model(pydantic.BaseModel):
    text: str
    n: int = 0


@dataclasses.dataclass
class Record:
    text: str
    n: int = 0


class Typed(TypedDict):
    text: str


class Tree(msgspec.Struct):
    value: Any = None
    data: bytes = b""
    children: list[Tree] = []


class Loose(pydantic.BaseModel):
    value: Any = None
    data: bytes = b""


class Mixed(msgspec.Struct):
    model: Model


class Opaque:
    pass


@dataclasses.dataclass
class Outer:
    inner: Struct


def checks_of(fn: Callable[..., Any], engine: Any = "auto", *, heads: int = 0, event: Any = None) -> Checks | None:
    declared = sio_fast.types.declared_types(event)
    return Validation(engine).checks(fn, shape_of(fn), heads, declared)


def came(*args: Any) -> list[Any]:
    """The arguments as the two forms in which the core gives them."""
    text, attachments = _core.encode_packet("e", args)
    forms = [_core.decode_packet(text, attachments)[4]]
    if not attachments:
        forms.append(_core.decode_packet(text, raw=True)[4])
    return forms


def faults_of(checks: Checks, args: Any) -> list[Any]:
    with pytest.raises(InvalidPayload) as caught:
        checks("e", args)
    assert caught.value.event == "e"
    assert caught.value.__cause__ is not None
    return [(fault["location"], fault["type"]) for fault in caught.value.errors]


# Which types, which engine.


def _struct(msg: Struct) -> None: ...
def _structs(msg: list[Struct]) -> None: ...
def _maybe(msg: Struct | None) -> None: ...
def _model(msg: Model) -> None: ...
def _models(msg: dict[str, Model]) -> None: ...
def _record(msg: Record) -> None: ...
def _typed(msg: Typed) -> None: ...
def _meta(msg: Annotated[int, msgspec.Meta(gt=3)]) -> None: ...
def _field(msg: Annotated[int, pydantic.Field(gt=3)]) -> None: ...
def _outer(msg: Outer) -> None: ...
def _literal(msg: Literal["a", "b"]) -> None: ...
def _time(msg: dt.datetime) -> None: ...
def _pair(msg: tuple[int, str]) -> None: ...
def _numbers(msg: dict[int, str]) -> None: ...


WHEN = dt.datetime(2024, 5, 1, 12, 0, tzinfo=dt.UTC)


@pytest.mark.parametrize(
    ("fn", "value", "expected", "wrong"),
    [
        (_struct, {"text": "a", "n": 2}, Struct("a", 2), {"text": 1}),
        (_structs, [{"text": "a"}], [Struct("a")], [{"text": "a"}, 1]),
        (_maybe, None, None, 1),
        (_maybe, {"text": "a"}, Struct("a"), {}),
        (_model, {"text": "a", "n": 2}, Model(text="a", n=2), {"text": 1}),
        (_models, {"x": {"text": "a"}}, {"x": Model(text="a")}, {"x": 1}),
        (_record, {"text": "a"}, Record("a"), {"n": 1}),
        (_typed, {"text": "a"}, {"text": "a"}, {"text": None}),
        (_outer, {"inner": {"text": "a"}}, Outer(Struct("a")), {"inner": 1}),
        (_meta, 4, 4, 3),
        (_field, 4, 4, 3),
        (_literal, "a", "a", "c"),
        (_time, WHEN.isoformat(), WHEN, "yesterday"),
        (_pair, [1, "a"], (1, "a"), [1]),
        (_numbers, {"1": "a"}, {1: "a"}, {"x": "a"}),
    ],
)
def test_values_are_made_of_both_forms(fn: Any, value: Any, expected: Any, wrong: Any) -> None:
    checks = checks_of(fn)
    assert checks is not None
    for args in came(value):
        assert checks("e", args) == (expected,)
    for args in came(wrong):
        [(location, kind), *_] = faults_of(checks, args)
        assert location[0] == 0
        assert kind


def _plain(
    a: str,
    b: int,
    c: list[str],
    d: dict[str, Any],
    e: str | None,
    f: Any,
    g: object,
    h: list[dict[str, int]],
    *i: float,
) -> None: ...


def _bare(a, b=1, *c):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN002, ANN202
    ...


@pytest.mark.parametrize("fn", [_plain, _bare, print, lambda *args: args])
def test_builtins_are_not_checked(fn: Any) -> None:
    assert checks_of(fn) is None


@pytest.mark.parametrize("engine", ["pydantic", "msgspec"])
def test_a_forced_engine_checks_builtins_too(engine: str) -> None:
    checks = checks_of(_plain, engine)
    assert checks is not None
    good = ("a", 1, ["b"], {}, None, 1, 2, [{"x": 1}], 1.5)
    for args in came(*good):
        assert checks("e", args) == good
    for args in came("a", "x", ["b"], {}, 1, 1, 2, [{"x": "y"}], 1.5, "z"):
        assert [location[:1] for location, _ in faults_of(checks, args)] == [(1,), (4,), (7,), (9,)]


def test_none_checks_nothing_and_looks_at_nothing() -> None:
    def fn(a: Nowhere, b: Model) -> None: ...  # type: ignore[name-defined] # noqa: F821

    assert checks_of(fn, None) is None


def test_locations_lead_to_the_fault() -> None:
    def fn(a: Any, b: list[Model], c: list[Struct]) -> None: ...

    checks = Validation("auto").checks(fn, shape_of(fn), 0, ())
    assert checks is not None
    for args in came(0, [{"text": "a"}, {"text": 1}], [{"text": None}]):
        with pytest.raises(InvalidPayload) as caught:
            checks("e", args)
        assert [fault["location"] for fault in caught.value.errors] == [(1, 1, "text"), (2, 0, "text")]
        assert str(caught.value).startswith("event 'e': args[1][1]['text']: ")


def test_arguments_without_annotation_and_those_that_are_missing() -> None:
    def fn(socket, a, b: Struct | None = None, *rest: Struct) -> None: ...  # type: ignore[no-untyped-def] # noqa: ANN001

    checks = checks_of(fn, heads=1)
    assert checks is not None
    for args in came({"text": 1}):
        assert checks("e", args) == ({"text": 1},)
    for args in came(1, None, {"text": "a"}, {"text": "b"}):
        assert checks("e", args) == (1, None, Struct("a"), Struct("b"))
    for args in came(1, None, {"text": "a"}, 5):
        assert faults_of(checks, args) == [((3,), "invalid")]


@pytest.mark.parametrize(
    ("event", "checked"),
    [
        (Event("e"), False),
        ("e", False),
        (Event[[Struct]]("e"), True),
        (Event[[Struct], int]("e"), True),
        (Event[Struct]("e"), True),
        (Event[..., int]("e"), False),
        (Event[[str, int]]("e"), False),
        (Event[["Struct"]]("e"), True),
    ],
)
def test_types_of_an_event_count_where_the_handler_says_none(event: Any, checked: bool) -> None:
    def silent(msg): ...  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202
    def open_(*args: Any) -> None: ...
    def says_so(msg: Typed) -> None: ...

    checks = checks_of(silent, event=event)
    assert (checks is not None) == checked
    if checks is not None:
        assert checks("e", ({"text": "a"},)) == (Struct("a"),)
    own = checks_of(says_so, event=event)
    assert own is not None
    assert own("e", ({"text": "a"},)) == ({"text": "a"},)
    assert checks_of(open_, event=event) is None


def test_methods_partials_and_objects() -> None:
    class Holder:
        def method(self, a: int, msg: Model) -> None: ...

        def __call__(self, msg: Model) -> None: ...

    def wrapped(a: int, msg: Model) -> None: ...

    @functools.wraps(wrapped)
    def wrapper(*args: Any) -> None: ...

    for fn, args in (
        (Holder().method, (1, {"text": "a"})),
        (functools.partial(Holder().method, 1), ({"text": "a"},)),
        (Holder(), ({"text": "a"},)),
        (wrapper, (1, {"text": "a"})),
    ):
        checks = checks_of(fn)
        assert checks is not None
        assert checks("e", args)[-1] == Model(text="a")


def test_values_of_attachments_are_converted() -> None:
    def fn(tree: Tree, loose: Loose) -> None: ...

    checks = checks_of(fn)
    assert checks is not None
    [args] = came({"data": b"\x00\xff", "children": [{"data": b"x"}]}, {"data": b"\x00\xff"})
    assert checks("e", args) == (Tree(None, b"\x00\xff", [Tree(None, b"x")]), Loose(data=b"\x00\xff"))
    [args] = came({"data": 1}, {"data": b""})
    assert faults_of(checks, args) == [((0, "data"), "invalid")]


# What engines read otherwise than we do.


@pytest.mark.parametrize(
    "value",
    [
        pytest.param('"\\ud800"', id="lone surrogate"),
        pytest.param("[" * 500 + "]" * 500, id="deep"),
        pytest.param("9" * 4300, id="huge"),
        pytest.param('{"a":1,"a":2}', id="twice"),
        pytest.param("1e300", id="float"),
    ],
)
def test_json_that_is_valid_to_us_is_valid(value: str) -> None:
    def fn(tree: Tree, loose: Loose) -> None: ...

    checks = checks_of(fn)
    assert checks is not None
    text = f'2["e",{{"value":{value}}},{{"value":{value}}}]'
    expected = _core.decode_packet(text)[4][0]["value"]
    tree, loose = checks("e", _core.decode_packet(text, raw=True)[4])
    assert tree.value == loose.value == expected


@pytest.mark.parametrize("engine", ["pydantic", "msgspec"])
def test_nested_deeper_than_the_engine_goes(engine: str) -> None:
    def fn(tree: Tree) -> None: ...

    def loose(tree: Annotated[Any, pydantic.Field()]) -> None: ...

    checks = checks_of(fn if engine == "msgspec" else loose, engine)
    assert checks is not None
    depth = 400
    text = '2["e",' + '{"children":[' * depth + "]}" * depth + "]"
    for raw in (True, False):
        args = _core.decode_packet(text, raw=raw, max_depth=1000)[4]
        try:
            [value] = checks("e", args)
        except InvalidPayload as error:
            assert [fault["type"] for fault in error.errors] == ["too_deep"]  # noqa: PT017 - either is right
        else:
            assert value


def test_many_faults_are_counted_only() -> None:
    def fn(msg: list[Model]) -> None: ...

    checks = checks_of(fn)
    assert checks is not None
    for args in came([1] * 100_000):
        with pytest.raises(InvalidPayload) as caught:
            checks("e", args)
        assert caught.value.errors == [{"location": (0,), "message": "100000 faults", "type": "too_many"}]


# The caller's faults.


def test_an_annotation_that_means_nothing(make: Make) -> None:
    io = make()

    def fn(socket: Unseen, text: str, msg: list[Unseen]) -> None: ...

    with pytest.raises(
        TypeError, match=r"fn: the annotation of 'msg', 'list\[Unseen\]', .*TYPE_CHECKING.*validation=None"
    ):
        io.on("e", fn)
    io.on("connect", lambda socket: None)

    def ending(socket: Unseen, reason: Unseen) -> None: ...

    io.on("disconnect", ending)
    make(validation=None).on("e", fn)


@pytest.mark.parametrize(
    ("engine", "kind", "name"),
    [
        ("auto", Opaque, "Opaque"),
        ("pydantic", Opaque, "Opaque"),
        ("pydantic", Struct, "Struct"),
        ("msgspec", Opaque, "Opaque"),
        ("msgspec", Model, "Model"),
        ("auto", Mixed, "Model"),
        ("msgspec", dict[str, list[Opaque]], "Opaque"),
    ],
)
def test_a_type_that_the_engine_does_not_know(engine: str, kind: Any, name: str) -> None:
    def fn(msg: Any) -> None: ...

    fn.__annotations__["msg"] = kind
    with pytest.raises(TypeError, match=rf"nothing can check 'msg'.*{name}.*validation=None"):
        checks_of(fn, engine)


@pytest.mark.parametrize("engine", ["orjson", "", True])
def test_an_engine_that_does_not_exist(engine: Any) -> None:
    with pytest.raises(ValueError, match="validation is"):
        Server(validation=engine)


@pytest.mark.parametrize("engine", ["pydantic", "msgspec"])
def test_an_engine_that_is_not_installed(engine: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, engine)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None if name == engine else object())
    with pytest.raises(ImportError, match=rf"pip install 'sio-fast\[{engine}\]'"):
        Server(validation=engine)


@pytest.mark.parametrize("missing", [("pydantic",), ("pydantic", "msgspec")])
def test_auto_without_engines(missing: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    for name in missing:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None if name in missing else object())
    assert checks_of(_plain) is None
    if len(missing) == 2:
        with pytest.raises(TypeError, match=r"sio-fast\[pydantic\].*sio-fast\[msgspec\]"):
            checks_of(_record)
    else:
        checks = checks_of(_record)
        assert checks is not None
        assert checks("e", ({"text": "a"},)) == (Record("a"),)


def test_readers_are_made_once_for_a_type() -> None:
    """Handlers of sockets are registered for every socket; the types are few."""

    def fn(a: Model, b: list[Struct], c: Annotated[int, ["cannot be hashed"]]) -> None: ...

    first, second = checks_of(fn), checks_of(fn)
    assert first is not None
    assert second is not None
    assert first._readers[:2] == second._readers[:2]
    assert first("e", ({"text": "a"}, [], 1)) == second("e", ({"text": "a"}, [], 1)) == (Model(text="a"), [], 1)


def test_equal_unions_in_another_order_are_not_the_same() -> None:
    def fn(a: int | str, b: str | int) -> None: ...

    checks = checks_of(fn, "pydantic")
    assert checks is not None
    assert checks._readers[0] is not checks._readers[1]
