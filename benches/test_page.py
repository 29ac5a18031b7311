"""The page from made-up results of every row: what is reached, what failed, where each number comes from."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

import pytest

from figures import Run, summarise
from install import prepare
from page import DOCS, PAGE, PLOTS, pages
from peers import PEERS, Peer
from results import newest, read, write
from rows import ROWS, Row, rows_of

if TYPE_CHECKING:
    from pathlib import Path

HEADER: dict[str, Any] = {
    "date": "2026-01-02T03:04:05+00:00",
    "machine": "a machine",
    "pinned": "no",
    "rounds": 1,
    "seconds": 2.0,
    "warm_up": 0.5,
    "versions": {name: {name: "1.0"} for name in PEERS},
    "skipped": {},
}


def report(value: float) -> dict[str, Any]:
    return {
        "error": None,
        "per_cpu_second": value,
        "per_second": value,
        "resident_bytes_per_connection": value,
        "latency_us": {"p50": value, "p99": value, "max": value},
        "server_share": 0.95,
        "generator_share": 0.03,
    }


def measured(row: Row, **failing: str) -> Any:
    """The subject is at 600 000, every other peer ten times worse."""
    good, bad = (600_000.0, 60_000.0) if row.figure.more_is_better else (1.0, 10.0)
    reports = {peer: report(good if place == 0 else bad) for place, peer in enumerate(row.peers)}
    reports |= {peer: {"error": error} for peer, error in failing.items()}
    return summarise(row, row.peers, [Run(1, peer, reports[peer]) for peer in row.peers])


def test_every_row_has_its_place_its_plot_and_its_command(tmp_path: Path) -> None:
    write(HEADER, [measured(row) for row in ROWS], tmp_path, "all")
    made = pages(newest(tmp_path))
    page = made[PAGE]
    assert "✗" not in page
    assert "Rows without a result file" not in page
    for row in ROWS:
        assert f"--rows {row.name}" in page or f",{row.name}" in page, row.name
        assert (PLOTS / f"{row.series.name if row.series else row.name}.svg") in made
    for path, text in made.items():
        if path != PAGE:
            ET.fromstring(text)
            assert path.relative_to(DOCS).as_posix() in page


def test_a_failed_peer_is_named_and_has_no_figure(tmp_path: Path) -> None:
    (row,) = rows_of("echo")
    write(HEADER, [measured(row, node="connection 3: closed by the server")], tmp_path, "rows")
    page = pages(newest(tmp_path))[PAGE]
    assert "node: `connection 3: closed by the server`." in page
    assert "no figure × node (3.4 ✗)" in page
    assert "10.00 × bun (1.1 ✓)" in page
    assert "Rows without a result file yet" in page


def test_the_newest_file_of_each_row_counts(tmp_path: Path) -> None:
    echo, emit = rows_of("echo,emit")
    write(HEADER, [measured(echo), measured(emit)], tmp_path, "old")
    later = HEADER | {"date": "2026-02-02T03:04:05+00:00"}
    new = write(later, [measured(echo)], tmp_path, "new")
    results = newest(tmp_path)
    assert results["echo"].path == new
    assert results["emit"].path.name == "old-2026-01-02-030405.json"


def test_a_file_is_read_as_it_was_written_and_unknown_rows_are_left_out(tmp_path: Path) -> None:
    (row,) = rows_of("fanout")
    path = write(HEADER, [measured(row)], tmp_path, "rows")
    assert read(path).summaries["fanout"].medians == measured(row).medians
    content = json.loads(path.read_text(encoding="utf-8"))
    content["rows"][0]["row"] = "a row of long ago"
    path.write_text(json.dumps(content), encoding="utf-8")
    assert read(path).summaries == {}


@pytest.mark.parametrize(("module", "missing"), [("json", False), ("a_module_nobody_has", True)])
def test_a_peer_that_cannot_be_had_is_named_with_the_reason(module: str, missing: bool) -> None:
    peer = Peer("some", ["x"], requires=(f"python:{module}",))
    reasons = prepare([peer], sys.executable)
    assert ("some" in reasons) is missing
    assert not missing or module in reasons["some"]
