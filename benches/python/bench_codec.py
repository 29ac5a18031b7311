"""The JSON codec against orjson, msgspec, the standard library and python-socketio's packets, on three sizes of events.

Ours and python-socketio's also write and read the packet's head, the others only the JSON; nobody's result is kept. One of
the events is text without ASCII. Run: ``python -m pytest benches/python/bench_codec.py --benchmark-enable``.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import msgspec
import orjson
import pytest
from socketio.packet import EVENT, Packet  # type: ignore[import-untyped]

from sio_fast._core import decode_packet, encode_packet

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_benchmark.fixture import BenchmarkFixture

RECORD: dict[str, Any] = {
    "id": 123456,
    "name": "Alice Example",
    "email": "alice@example.org",
    "tags": ["a", "bb", "ccc", "dddd"],
    "active": True,
    "score": 98.6,
    "none": None,
    "address": {"street": "Main Street 1", "city": "Springfield", "zip": "12345", "geo": [12.345678, -98.765432]},
    "history": [{"ts": 1_700_000_000 + n, "event": "login", "ip": f"10.0.0.{n}", "ok": n % 2 == 0} for n in range(10)],
}

EVENTS: dict[str, list[Any]] = {
    "76B": ["chat message", {"room": "general", "text": "hello world", "n": 12345, "ok": True}],
    "1KB": ["record", RECORD],
    "10KB": ["records", {"items": [RECORD | {"id": n} for n in range(11)]}],
    "text": [
        "text",
        {"ru": "Съешь ещё этих мягких французских булок, да выпей чаю " * 8, "de": "Zwölf Boxkämpfer " * 16},
    ],
}


def ours_encode(event: list[Any]) -> Callable[[], object]:
    name, args = event[0], tuple(event[1:])
    return lambda: encode_packet(name, args)


def msgspec_encode(event: list[Any]) -> Callable[[], object]:
    encode = msgspec.json.Encoder().encode
    return lambda: encode(event)


def msgspec_decode(text: bytes) -> Callable[[], object]:
    decode = msgspec.json.Decoder().decode
    return lambda: decode(text)


def socketio_decode(text: bytes) -> Callable[[], object]:
    packet = "2" + text.decode()
    return lambda: Packet(encoded_packet=packet)


ENCODERS: dict[str, Callable[[list[Any]], Callable[[], object]]] = {
    "sio_fast": ours_encode,
    "orjson": lambda event: lambda: orjson.dumps(event),
    "msgspec": msgspec_encode,
    "json": lambda event: lambda: json.dumps(event, ensure_ascii=False, separators=(",", ":")),
    "python-socketio": lambda event: lambda: Packet(EVENT, data=event, binary=False).encode(),
}
DECODERS: dict[str, Callable[[bytes], Callable[[], object]]] = {
    "sio_fast": lambda text: lambda packet=b"2" + text: decode_packet(packet),
    "orjson": lambda text: lambda: orjson.loads(text),
    "msgspec": msgspec_decode,
    "json": lambda text: lambda: json.loads(text),
    "python-socketio": socketio_decode,
}


@pytest.mark.parametrize("codec", ENCODERS)
@pytest.mark.parametrize("size", EVENTS)
def test_encode(benchmark: BenchmarkFixture, size: str, codec: str) -> None:
    benchmark.group = f"encode {size}"
    encode = ENCODERS[codec](EVENTS[size])
    encode()
    benchmark(encode)


@pytest.mark.parametrize("codec", DECODERS)
@pytest.mark.parametrize("size", EVENTS)
def test_decode(benchmark: BenchmarkFixture, size: str, codec: str) -> None:
    benchmark.group = f"decode {size}"
    decode = DECODERS[codec](orjson.dumps(EVENTS[size]))
    decode()
    benchmark(decode)
