"""The arithmetic of the gate: ratios by round, medians, and when a row counts as reached."""

from __future__ import annotations

from typing import Any

import pytest
from figures import ROWS, Row, Run, format_summary, summarise

ECHO = Row("echo", "echo-ack", 100, 16, 64, wanted=1.5)
IDLE = Row("idle", "idle", 5000, 1, 64, wanted=5.0)


def report(figure: float, generator: float = 0.3, server: float = 0.99) -> dict[str, Any]:
    return {
        "error": None,
        "per_cpu_second": figure,
        "latency_us": {"p50": 1000.0, "p99": 2500.0, "max": 3000.0},
        "server_share": server,
        "generator_share": generator,
    }


def runs(ours: list[dict[str, Any]], theirs: list[dict[str, Any]]) -> list[Run]:
    by_peer = [("sio-fast", ours), ("node", theirs)]
    return [Run(number, peer, of_round) for peer, reports in by_peer for number, of_round in enumerate(reports, 1)]


def test_ratios_are_taken_round_by_round() -> None:
    # The machine slows down by half in round 2: the ratio must not notice.
    measured = runs([report(300), report(150), report(320)], [report(100), report(50), report(100)])
    summary = summarise(ECHO, ["sio-fast", "node"], "node", measured)
    assert summary.ratios == (3.0, 3.0, 3.2)
    assert summary.ratio == 3.0
    assert summary.medians == {"sio-fast": 300, "node": 100}
    assert summary.reached is True


@pytest.mark.parametrize(("ours", "reached"), [(149.0, False), (150.0, True)])
def test_the_wanted_ratio_is_a_lower_bound(ours: float, reached: bool) -> None:
    summary = summarise(ECHO, ["sio-fast", "node"], "node", runs([report(ours)], [report(100)]))
    assert summary.reached is reached
    verdict = format_summary(summary).splitlines()[-1]
    assert verdict.endswith(": REACHED" if reached else ": NOT REACHED")


def test_a_failed_run_is_shown_and_nothing_is_reached() -> None:
    broken = {"error": "connection 3: closed by the server"}
    summary = summarise(ECHO, ["sio-fast", "node"], "node", runs([report(300), broken], [report(100), report(100)]))
    assert summary.ratios == (3.0,)
    assert summary.reached is False
    text = format_summary(summary)
    assert "sio-fast, round 2: connection 3: closed by the server" in text
    assert "NOT REACHED" in text


def test_without_any_figure_the_table_still_prints() -> None:
    summary = summarise(ECHO, ["sio-fast", "node"], "node", runs([{"error": "no"}], [{"error": "no"}]))
    assert summary.ratio is None
    assert "NOT REACHED" in format_summary(summary)


def test_a_peer_alone_gets_no_verdict() -> None:
    alone = [Run(1, "node", report(100))]
    summary = summarise(ECHO, ["node"], "node", alone)
    assert summary.reached is None
    assert "REACHED" not in format_summary(summary)


def test_less_memory_is_better() -> None:
    measured = [
        Run(1, "sio-fast", {"error": None, "resident_bytes_per_connection": 3000}),
        Run(1, "node", {"error": None, "resident_bytes_per_connection": 18000}),
    ]
    summary = summarise(IDLE, ["sio-fast", "node"], "node", measured)
    assert summary.ratio == 6.0
    assert summary.reached is True


def test_busy_generators_and_starved_servers_are_marked() -> None:
    quiet = format_summary(summarise(ECHO, ["sio-fast"], "node", [Run(1, "sio-fast", report(1))]))
    assert "*" not in quiet
    assert "~" not in quiet
    busy = format_summary(summarise(ECHO, ["sio-fast"], "node", [Run(1, "sio-fast", report(1, generator=0.91))]))
    assert "91%*" in busy
    assert "* the generator" in busy
    starved = format_summary(summarise(ECHO, ["sio-fast"], "node", [Run(1, "sio-fast", report(1, server=0.5))]))
    assert "50%~" in starved


def test_the_gate_has_its_two_rows() -> None:
    gate = {row.name: (row.title, row.wanted) for row in ROWS if row.gate}
    assert gate == {
        "echo": ("echo-ack N=100 K=16 B=64", 1.5),
        "fanout": ("fanout N=1000 W=4 B=128", 2.0),
    }
    assert len({row.name for row in ROWS}) == len(ROWS)


def test_everything_reaches_the_results_file() -> None:
    summary = summarise(ECHO, ["sio-fast", "node"], "node", runs([report(300)], [report(100)]))
    content = summary.as_json()
    assert content["median_ratio"] == 3.0
    assert content["wanted_ratio"] == 1.5
    assert [run["peer"] for run in content["runs"]] == ["sio-fast", "node"]
