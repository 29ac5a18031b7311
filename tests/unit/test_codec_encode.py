"""From Python values to packet text: every rule of the encoder, one table per family."""

from __future__ import annotations

import collections
import dataclasses
import datetime as dt
import decimal
import enum
import json
import math
import threading
import types
import uuid
from typing import Any, ClassVar, NamedTuple

import msgspec
import pydantic
import pytest

from sio_fast._core import encode_connect, encode_packet


def text(value: Any, **options: Any) -> str:
    """The JSON text of one argument without attachments."""
    packet, attachments = encode_packet("e", (value,), **options)
    assert attachments == []
    assert packet.startswith('2["e",')
    return packet.removeprefix('2["e",').removesuffix("]")


class Colour(enum.Enum):
    RED = "red"
    NESTED = {"r": 255}  # noqa: RUF012


class Level(enum.IntEnum):
    HIGH = 3


class Name(enum.StrEnum):
    ALICE = "alice"


class Point(NamedTuple):
    x: int
    y: int


@dataclasses.dataclass
class User:
    kind: ClassVar[str] = "class level"
    name: str
    secret: dataclasses.InitVar[int]
    _private: list[int] = dataclasses.field(default_factory=lambda: [1])


@dataclasses.dataclass(slots=True, frozen=True)
class Slotted:
    b: int
    a: bytes


class Str(str):
    __slots__ = ()

    def __str__(self) -> str:
        return "not this"


class Int(int):
    def __repr__(self) -> str:
        return "not this"

    __str__ = __repr__


class Float(float):
    def __repr__(self) -> str:
        return "not this"


class OwnMapping(collections.abc.Mapping[str, int]):
    def __getitem__(self, key: str) -> int:
        return {"one": 1, "two": 2}[key]

    def __iter__(self) -> Any:
        return iter(("one", "two"))

    def __len__(self) -> int:
        return 2


class OwnSet(collections.abc.Set[int]):
    def __contains__(self, item: object) -> bool:
        return item == 7

    def __iter__(self) -> Any:
        return iter((7,))

    def __len__(self) -> int:
        return 1


def ordered() -> collections.OrderedDict[str, int]:
    ordered = collections.OrderedDict(a=1, b=2)
    ordered.move_to_end("a")
    return ordered


UTC = dt.UTC
EAST = dt.timezone(dt.timedelta(hours=5, minutes=45))
ODD = dt.timezone(-dt.timedelta(seconds=1, microseconds=500))


class Unknown:
    def __init__(self, inner: Any) -> None:
        self.inner = inner


def open_up(value: Unknown) -> Any:
    return value.inner


class SilentZone(dt.tzinfo):
    def utcoffset(self, when: dt.datetime | None) -> None:
        return None


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        pytest.param(None, "null", id="none"),
        pytest.param(True, "true", id="true"),
        pytest.param(False, "false", id="false"),
        pytest.param(0, "0", id="zero"),
        pytest.param(9, "9", id="digit"),
        pytest.param(-10, "-10", id="negative"),
        pytest.param(2**63 - 1, "9223372036854775807", id="largest-i64"),
        pytest.param(-(2**63), "-9223372036854775808", id="smallest-i64"),
        pytest.param(2**64, "18446744073709551616", id="beyond-64-bits"),
        pytest.param(-(10**4299), "-1" + "0" * 4299, id="4300-digits"),
        pytest.param(1.0, "1.0", id="whole-float"),
        pytest.param(-0.0, "-0.0", id="negative-zero"),
        pytest.param(0.1, "0.1", id="tenth"),
        pytest.param(math.nan, "null", id="nan"),
        pytest.param(math.inf, "null", id="inf"),
        pytest.param(-math.inf, "null", id="minus-inf"),
        pytest.param("", '""', id="empty"),
        pytest.param('a"b\\c/d', '"a\\"b\\\\c/d"', id="quotes"),
        pytest.param("\b\t\n\f\r", '"\\b\\t\\n\\f\\r"', id="short-escapes"),
        pytest.param("\0\x1f\x7f", '"\\u0000\\u001f\x7f"', id="control"),
        pytest.param("é\u2028ж€😀", '"é\u2028ж€😀"', id="non-ascii-is-raw"),
        pytest.param("\ud800x", '"\\ud800x"', id="lone-high"),
        pytest.param("😀\udfff", '"😀\\udfff"', id="lone-low-beside-wide"),
        pytest.param([], "[]", id="empty-list"),
        pytest.param((1, (2, [])), "[1,[2,[]]]", id="tuples"),
        pytest.param({}, "{}", id="empty-dict"),
        pytest.param({"b": 1, "a": {"c": None}}, '{"b":1,"a":{"c":null}}', id="insertion-order"),
        pytest.param({1}, "[1]", id="set"),
        pytest.param(frozenset({"x"}), '["x"]', id="frozenset"),
        pytest.param({"a": 1}.keys(), '["a"]', id="keys"),
        pytest.param({"a": 1}.values(), "[1]", id="values"),
        pytest.param({"a": 1}.items(), '[["a",1]]', id="items"),
        pytest.param(types.MappingProxyType({"a": 1}), '{"a":1}', id="proxy"),
        pytest.param(OwnMapping(), '{"one":1,"two":2}', id="mapping"),
        pytest.param(OwnSet(), "[7]", id="abstract-set"),
        pytest.param(collections.ChainMap({"a": 1}), '{"a":1}', id="chain-map"),
        pytest.param(ordered(), '{"b":2,"a":1}', id="ordered-dict"),
        pytest.param(collections.defaultdict(int, {"n": 1}), '{"n":1}', id="default-dict"),
        pytest.param(Point(1, 2), "[1,2]", id="named-tuple"),
        pytest.param(Str("s"), '"s"', id="str-subclass"),
        pytest.param(Int(5), "5", id="int-subclass"),
        pytest.param(Int(2**70), "1180591620717411303424", id="big-int-subclass"),
        pytest.param(Float(2.5), "2.5", id="float-subclass"),
        pytest.param(type("L", (list,), {})([1]), "[1]", id="list-subclass"),
        pytest.param(Colour.RED, '"red"', id="enum"),
        pytest.param(Colour.NESTED, '{"r":255}', id="enum-of-dict"),
        pytest.param(Level.HIGH, "3", id="int-enum"),
        pytest.param(Name.ALICE, '"alice"', id="str-enum"),
        pytest.param(uuid.UUID(int=0xABC), '"00000000-0000-0000-0000-000000000abc"', id="uuid"),
        pytest.param(decimal.Decimal("1.10"), "1.10", id="decimal"),
        pytest.param(decimal.Decimal("-1E+3"), "-1E+3", id="decimal-exponent"),
        pytest.param(decimal.Decimal("sNaN"), "null", id="decimal-nan"),
        pytest.param(decimal.Decimal("-Infinity"), "null", id="decimal-inf"),
        pytest.param(dt.datetime(2026, 11, 23, 17, 5, 6, 789999, UTC), '"2026-11-23T17:05:06.789Z"', id="utc"),
        pytest.param(dt.datetime(2026, 1, 1, 3, tzinfo=EAST), '"2025-12-31T21:15:00.000Z"', id="east"),
        pytest.param(dt.datetime(1970, 1, 1, tzinfo=ODD), '"1970-01-01T00:00:01.000Z"', id="odd-offset"),
        pytest.param(dt.datetime.fromisoformat("2024-02-29T01:02:03"), '"2024-02-29T01:02:03.000"', id="naive"),
        pytest.param(dt.datetime(2024, 2, 29, tzinfo=SilentZone()), '"2024-02-29T00:00:00.000"', id="silent-zone"),
        pytest.param(dt.datetime.min.replace(tzinfo=EAST), '"0000-12-31T18:15:00.000Z"', id="year-0"),
        pytest.param(
            dt.datetime.max.replace(tzinfo=dt.timezone(-dt.timedelta(hours=1))),
            '"+010000-01-01T00:59:59.999Z"',
            id="year-10000",
        ),
        pytest.param(dt.date(33, 4, 3), '"0033-04-03"', id="date"),
        pytest.param(dt.time(1, 2, 3, 4000), '"01:02:03.004"', id="time"),
        pytest.param(dt.time(1, tzinfo=UTC), '"01:00:00.000Z"', id="utc-time"),
        pytest.param(dt.time(1, tzinfo=EAST), '"01:00:00.000+05:45"', id="zoned-time"),
        pytest.param(User("a", 1), '{"name":"a","_private":[1]}', id="dataclass"),
    ],
)
def test_values(value: Any, expected: str) -> None:
    assert text(value) == expected


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ("k", "k"),
        (Str("k"), "k"),
        (1, "1"),
        (-(2**70), str(-(2**70))),
        (Int(5), "5"),
        (True, "true"),
        (False, "false"),
        (None, "null"),
        (1.0, "1"),
        (-0.0, "0"),
        (0.5, "0.5"),
        (1e21, "1e+21"),
        (1e-7, "1e-7"),
        (math.nan, "NaN"),
        (-math.inf, "-Infinity"),
        (Colour.RED, "red"),
        (Level.HIGH, "3"),
    ],
)
def test_keys_are_spelled_like_javascript(key: Any, expected: str) -> None:
    assert text({key: 1}) == json.dumps({expected: 1}, separators=(",", ":"))
    assert text(types.MappingProxyType({key: 1})) == json.dumps({expected: 1}, separators=(",", ":"))


@pytest.mark.parametrize("key", [(1, 2), b"k", Colour.NESTED.name.encode(), frozenset(), uuid.UUID(int=1)])
def test_other_keys_are_refused_with_the_way_out(key: Any) -> None:
    with pytest.raises(TypeError, match=r"args\[0\]\.outer has a key of type .*str\(key\)"):
        text({"outer": {key: 1}})


def test_msgspec_structs_are_written_as_msgspec_writes_them() -> None:
    class Plain(msgspec.Struct):
        a: int
        b: msgspec.UnsetType | str = msgspec.UNSET

    class Renamed(msgspec.Struct, rename="camel", tag="renamed", tag_field="kind", omit_defaults=True):
        user_name: str
        tags: list[int] = msgspec.field(default_factory=list)
        limit: int | None = None
        other: dict[str, int] = msgspec.field(default_factory=lambda: {"a": 1})

    class Row(msgspec.Struct, array_like=True, tag=True):
        a: int
        b: float = 2.0

    for value in (
        Plain(1),
        Plain(1, "x"),
        Renamed("ann"),
        Renamed("ann", [1], 5, {}),
        Renamed("ann", [], None),
        Row(1),
        [Row(1), Plain(2)],
    ):
        assert text(value) == msgspec.json.encode(value).decode()


def test_structs_carry_attachments_where_msgspec_would_write_base64() -> None:
    class Blob(msgspec.Struct):
        data: bytes

    assert encode_packet("e", (Blob(b"x"),)) == ('51-["e",{"data":{"_placeholder":true,"num":0}}]', [b"x"])


def test_pydantic_models() -> None:
    class Inner(pydantic.BaseModel):
        when: dt.datetime
        data: bytes

    class Outer(pydantic.BaseModel):
        inner: Inner
        colour: Colour = Colour.RED

    value = Outer(inner=Inner(when=dt.datetime(2026, 1, 1, tzinfo=UTC), data=b"\x00"))
    packet, attachments = encode_packet("e", (value, pydantic.RootModel[list[int]]([1])))
    assert attachments == [b"\x00"]
    assert packet == (
        '51-["e",{"inner":{"when":"2026-01-01T00:00:00.000Z","data":{"_placeholder":true,"num":0}},"colour":"red"},[1]]'
    )


@pytest.mark.parity("messages.kinds_of_bytes")
def test_binary_values_become_attachments_in_traversal_order() -> None:
    strided = memoryview(b"abcdef")[::2]
    numbers = memoryview(b"\x01\x00\x00\x00\x02\x00\x00\x00").cast("i")
    packet, attachments = encode_packet(
        "e",
        (
            b"first",
            {"k": [bytearray(b"second"), (memoryview(b"third"),)]},
            {strided: 1}.keys(),
            numbers,
            Slotted(1, b"sixth"),
            type("B", (bytes,), {})(b""),
        ),
        namespace="/n",
        ack_id=12,
    )
    places = [f'{{"_placeholder":true,"num":{num}}}' for num in range(7)]
    assert packet == (
        f'57-/n,12["e",{places[0]},{{"k":[{places[1]},[{places[2]}]]}},[{places[3]}],{places[4]},'
        f'{{"b":1,"a":{places[5]}}},{places[6]}]'
    )
    assert attachments == [b"first", b"second", b"third", b"ace", bytes(numbers), b"sixth", b""]
    assert all(type(attachment) is bytes for attachment in attachments)


def test_packet_heads() -> None:
    assert encode_packet("e", ()) == ('2["e"]', [])
    assert encode_packet("e", (1,), namespace="/admin", ack_id=0) == ('2/admin,0["e",1]', [])
    assert encode_packet(None, (1, "x"), ack_id=7) == ('37[1,"x"]', [])
    assert encode_packet(None, (), ack_id=2**64 - 1, namespace="/n") == ("3/n,18446744073709551615[]", [])
    assert encode_packet(None, (b"x",), ack_id=7) == ('61-7[{"_placeholder":true,"num":0}]', [b"x"])
    assert encode_connect() == "0"
    assert encode_connect({"token": "é"}, namespace="/n") == '0/n,{"token":"é"}'
    for namespace in ("", "n", "/a,b"):
        with pytest.raises(ValueError, match="namespace"):
            encode_packet("e", (), namespace=namespace)
    with pytest.raises(ValueError, match="ack_id"):
        encode_packet(None, ())


@pytest.mark.parametrize(("event", "expected"), [("é", '"é"'), (Str("s"), '"s"'), (1, "1"), (1.5, "1.5")])
def test_event_names(event: Any, expected: str) -> None:
    assert encode_packet(event, ()) == (f"2[{expected}]", [])


@pytest.mark.parametrize("event", [True, b"e", ["e"], math.nan, math.inf])
def test_other_event_names_are_refused(event: Any) -> None:
    with pytest.raises((TypeError, ValueError), match="event name"):
        encode_packet(event, ())


def test_a_payload_of_connect_cannot_be_binary() -> None:
    with pytest.raises(TypeError, match=r"value\.key is binary.*base64"):
        encode_connect({"key": b"x"})


def test_an_unknown_type_is_refused_with_its_place_and_the_option() -> None:
    class Thing:
        pass

    value = {"user": {"tags": [0, 1, 2, Thing()]}, "x": 1}
    with pytest.raises(TypeError, match=r"args\[1\]\.user\.tags\[3\] is of type .*Thing.*default="):
        encode_packet("e", (0, value))
    with pytest.raises(TypeError, match=r'args\[0\]\["first name"\]\[0\] is of type object,'):
        encode_packet("e", ({"first name": {object()}},))
    with pytest.raises(TypeError, match=r"is of type type,"):
        text(User)
    with pytest.raises(TypeError, match="is of type complex,"):
        text(1j)


def test_the_hook_is_asked_for_unknown_types_only() -> None:
    seen: list[object] = []

    def default(value: object) -> object:
        seen.append(value)
        return {"re": value.real, "raw": b"z"} if isinstance(value, complex) else [None]

    unknown = object()
    packet = encode_packet("e", (1j, {"k": unknown}, Colour.RED), default=default)
    assert packet == ('51-["e",{"re":0.0,"raw":{"_placeholder":true,"num":0}},{"k":[null]},"red"]', [b"z"])
    assert seen == [1j, unknown]


def test_an_endless_hook_ends() -> None:
    with pytest.raises(ValueError, match="max_depth=512"):
        text(object(), default=lambda value: value)
    with pytest.raises(ValueError, match="max_depth=512"):
        text(object(), default=lambda value: [value])


def test_what_the_applications_code_raises_passes_unchanged_with_a_note() -> None:
    class Broken(Exception):
        pass

    def default(_: object) -> object:
        raise Broken("why")

    with pytest.raises(Broken, match="why") as caught:
        text({"a": [object()]}, default=default)
    assert caught.value.__notes__ == ["while encoding args[0].a[0]"]

    @dataclasses.dataclass
    class Unset:
        field: int = dataclasses.field(init=False)

    with pytest.raises(AttributeError, match="field"):
        text(Unset())


def nested(levels: int) -> Any:
    value: Any = []
    for _ in range(levels - 1):
        value = [value]
    return value


@pytest.mark.parametrize("wrap", [lambda v: [v], lambda v: (v,), lambda v: {"k": v}, lambda v: Slotted(v, b"")])
def test_depth_is_bounded(wrap: Any) -> None:
    value: Any = 1
    for _ in range(3):
        value = wrap(value)
    encode_packet("e", (value,), max_depth=4)  # the packet's own array is the fourth
    with pytest.raises(ValueError, match="max_depth=3"):
        encode_packet("e", (value,), max_depth=3)


@pytest.mark.parametrize("wrap", [lambda v: Slotted(v, b""), lambda v: types.MappingProxyType({"k": v}), Unknown])
def test_the_deepest_rich_nesting_fits_a_small_stack(wrap: Any) -> None:
    value: Any = 1
    for _ in range(511):
        value = wrap(value)
    results: list[str] = []
    before = threading.stack_size(1024 * 1024)  # an unoptimised build needs 768 KiB
    try:
        thread = threading.Thread(target=lambda: results.append(encode_packet("e", (value,), default=open_up)[0]))
        thread.start()
        thread.join()
    finally:
        threading.stack_size(before)
    assert "1" in results[0]


def test_cycles_end() -> None:
    loop: list[Any] = []
    loop.append({"again": loop})
    with pytest.raises(ValueError, match=r"args\[0\]\[0\]\.again\[0\].*….*max_depth=512.*contains itself"):
        text(loop)


def test_the_deepest_setting_is_bounded() -> None:
    assert text(nested(1023), max_depth=10**9) == "[" * 1023 + "]" * 1023
    with pytest.raises(ValueError, match="max_depth=1024"):
        text(nested(1024), max_depth=10**9)


@pytest.mark.parametrize(
    "lookalike",
    [
        {"_placeholder": True, "num": 0},
        types.MappingProxyType({"num": 0, "_placeholder": True}),
        {Str("_placeholder"): True},
        dataclasses.make_dataclass("Fake", [("_placeholder", bool)])(True),
    ],
)
def test_data_that_looks_like_a_placeholder_never_travels_beside_binary(lookalike: Any) -> None:
    assert json.loads(text(lookalike))["_placeholder"] is True  # harmless: nobody looks for placeholders
    for args in ((b"x", {"deep": [lookalike]}), ({"k": lookalike}, b"x")):
        with pytest.raises(ValueError, match=r'args\[\d\]\.(deep\[0\]|k) holds "_placeholder"'):
            encode_packet("e", args)


@pytest.mark.parametrize("mark", [1, "true", None, False])
def test_other_values_of_that_key_are_ordinary(mark: Any) -> None:
    packet, _ = encode_packet("e", ({"_placeholder": mark}, b"x"))
    assert packet.startswith(f'51-["e",{{"_placeholder":{json.dumps(mark)}}},')


def test_a_dict_that_its_own_values_change_is_noticed() -> None:
    data: dict[str, Any] = {"a": object(), "b": 1}

    def default(_: object) -> None:
        data[str(len(data))] = 1

    with pytest.raises(RuntimeError, match="changed size"):
        text(data, default=default)


def test_a_list_that_its_own_values_empty_ends() -> None:
    data: list[Any] = [object(), 1, 2]
    assert text(data, default=lambda _: data.clear()) == "[null]"


def test_a_released_view_is_the_callers_error() -> None:
    view = memoryview(b"x")
    view.release()
    with pytest.raises(ValueError, match="released"):
        encode_packet("e", (view,))
