"""Session ids against what python-engineio and the standard library do."""

from __future__ import annotations

import base64
import secrets
from typing import TYPE_CHECKING

import pytest

from sio_fast._core import generate_id

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_benchmark.fixture import BenchmarkFixture

MAKERS: dict[str, Callable[[], str]] = {
    "sio_fast": generate_id,
    "token_urlsafe": lambda: secrets.token_urlsafe(15),
    # python-engineio's way, of the same length.
    "base64": lambda: base64.b64encode(secrets.token_bytes(15)).decode().replace("/", "_").replace("+", "-"),
}


@pytest.mark.parametrize("maker", MAKERS)
def test_generate_id(benchmark: BenchmarkFixture, maker: str) -> None:
    benchmark.group = "session id"
    assert len(benchmark(MAKERS[maker])) == 20
