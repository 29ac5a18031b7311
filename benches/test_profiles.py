"""What perf says becomes shares and calls, and the newest file stands on the page."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

import page
import profiles
from profiles import PARTS, calls_of, newest_profile, shares_of

if TYPE_CHECKING:
    from pathlib import Path

REPORT = """
    50.25%  [kernel.kallsyms]
    20.00%  _core.cpython-311-x86_64-linux-gnu.so
    10.50%  libpython3.11.so.1.0
     9.00%  libc.so.6
     6.00%  loop.cpython-311-x86_64-linux-gnu.so
     1.00%  _asyncio.cpython-311-x86_64-linux-gnu.so
     3.25%  [vdso]
"""


def test_each_binary_belongs_to_one_part() -> None:
    shares = shares_of(REPORT)
    assert shares == {
        "kernel": 0.5025,
        "core": 0.2,
        "event loop": 0.07,
        "interpreter": 0.105,
        "C library": 0.09,
        "rest": 0.0325,
    }
    assert sum(shares.values()) == pytest.approx(1)
    assert set(PARTS) < set(shares)


def test_calls_that_were_made_are_counted() -> None:
    text = "# started on …\n\n12,,syscalls:sys_enter_sendto,1,100.00,,\n0,,syscalls:sys_enter_read,1,100.00,,\n"
    text += "<not counted>,,syscalls:sys_enter_open,0,0.00,,\n"
    assert calls_of(text) == {"sendto": 12}


def test_the_newest_file_stands_on_the_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert newest_profile(tmp_path) is None
    header: dict[str, Any] = {"machine": "a machine", "peer": "sio-fast", "versions": {}}
    for day, figure in ((1, 1000), (2, 4000)):
        row = {"row": "echo", "per_cpu_second": figure, "shares": shares_of(REPORT), "system_calls": {"sendto": 1.0}}
        content: dict[str, Any] = {**header, "date": f"2026-01-0{day}T00:00:00+00:00", "rows": [row]}
        (tmp_path / f"{day}.json").write_text(json.dumps(content), encoding="utf-8")
    monkeypatch.setattr(page, "newest_profile", lambda: profiles.newest_profile(tmp_path))
    made = page.pages({})[page.PAGE]
    assert "| echo | 250.00 | 50% | 20% | 7% | 10% | 9% | 3% | 1.00 sendto |" in made
    assert "[2.json](../benches/results/profiles/2.json)" in made
