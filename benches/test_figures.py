"""The arithmetic of the gate: ratios by round, medians, and when a row counts as reached."""

from __future__ import annotations

from typing import Any

import pytest

from figures import Run, format_summary, summarise
from peers import PEERS
from rows import GROUPS, ROWS, Figure, Row, rows_of

ECHO = Row("echo", "echo-ack", 100, 16, 64, wanted={"node": 1.5})
IDLE = Row("idle", "idle", 5000, figure=Figure.MEMORY, wanted={"node": 5.0})


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
    summary = summarise(ECHO, ["sio-fast", "node"], measured)
    assert summary.ratios == {"node": (3.0, 3.0, 3.2)}
    assert summary.ratio("node") == 3.0
    assert summary.medians == {"sio-fast": 300, "node": 100}
    assert summary.spread("sio-fast") == pytest.approx(170 / 300)
    assert summary.reached("node") is True


@pytest.mark.parametrize(("ours", "reached"), [(149.0, False), (150.0, True)])
def test_the_wanted_ratio_is_a_lower_bound(ours: float, reached: bool) -> None:
    summary = summarise(ECHO, ["sio-fast", "node"], runs([report(ours)], [report(100)]))
    assert summary.reached("node") is reached
    assert ("NOT REACHED" in format_summary(summary)) is not reached


def test_a_failed_run_is_shown_and_nothing_is_reached() -> None:
    broken = {"error": "connection 3: closed by the server"}
    summary = summarise(ECHO, ["sio-fast", "node"], runs([report(300), broken], [report(100), report(100)]))
    assert summary.ratios == {"node": (3.0,)}
    assert summary.reached("node") is False
    text = format_summary(summary)
    assert "sio-fast, round 2: connection 3: closed by the server" in text
    assert "NOT REACHED" in text


def test_the_failure_of_one_peer_says_nothing_of_another() -> None:
    measured = [Run(1, "sio-fast", report(300)), Run(1, "node", report(100)), Run(1, "bun", {"error": "no"})]
    row = Row("echo", "echo-ack", 100, wanted={"node": 1.5, "bun": 1.1})
    summary = summarise(row, ["sio-fast", "node", "bun"], measured)
    assert summary.reached("node") is True
    assert summary.reached("bun") is False


def test_without_any_figure_the_table_still_prints() -> None:
    summary = summarise(ECHO, ["sio-fast", "node"], runs([{"error": "no"}], [{"error": "no"}]))
    assert summary.ratio("node") is None
    assert "NOT REACHED" in format_summary(summary)


def test_a_peer_alone_gets_no_verdict() -> None:
    summary = summarise(ECHO, ["node"], [Run(1, "node", report(100))])
    assert summary.reached("node") is None
    assert "REACHED" not in format_summary(summary)


def test_less_memory_is_better() -> None:
    measured = [
        Run(1, "sio-fast", {"error": None, "resident_bytes_per_connection": 3000}),
        Run(1, "node", {"error": None, "resident_bytes_per_connection": 18000}),
    ]
    summary = summarise(IDLE, ["sio-fast", "node"], measured)
    assert summary.ratio("node") == 6.0
    assert summary.reached("node") is True


def test_latencies_are_read_where_they_stand() -> None:
    assert Figure.P50.of(report(1)) == 1000.0
    assert Figure.P99.of(report(1)) == 2500.0
    assert Figure.P99.of({"error": None}) is None
    assert Figure.CPU.of({"error": "x", "per_cpu_second": 5.0}) is None


def test_busy_generators_and_starved_servers_are_marked() -> None:
    quiet = format_summary(summarise(ECHO, ["sio-fast"], [Run(1, "sio-fast", report(1))]))
    assert "*" not in quiet
    assert "~" not in quiet
    busy = format_summary(summarise(ECHO, ["sio-fast"], [Run(1, "sio-fast", report(1, generator=0.91))]))
    assert "91%*" in busy
    assert "* the generator" in busy
    starved = format_summary(summarise(ECHO, ["sio-fast"], [Run(1, "sio-fast", report(1, server=0.5))]))
    assert "50% 30%~" in starved
    # Its clock is looked at without sleeping, and its load is not all that the server can take.
    paced = Row("fixed", "open-loop", 100, figure=Figure.P99)
    text = format_summary(summarise(paced, ["sio-fast"], [Run(1, "sio-fast", report(1, generator=1.0, server=0.1))]))
    assert "10% 100%" in text
    assert not set("*~^") & set(text)
    late = report(1) | {"send_delay_us": {"p50": 1.0, "p99": 2000.0, "max": 3000.0}}
    assert "30%^" in format_summary(summarise(paced, ["sio-fast"], [Run(1, "sio-fast", late)]))


def test_everything_reaches_the_results_file() -> None:
    summary = summarise(ECHO, ["sio-fast", "node"], runs([report(300)], [report(100)]))
    content = summary.as_json()
    assert content["ratios"] == {"node": [3.0]}
    assert content["reached"] == {"node": True}
    assert [run["peer"] for run in content["runs"]] == ["sio-fast", "node"]


def test_the_gate_has_its_two_rows() -> None:
    assert {row.name: row.title for row in rows_of("gate")} == {
        "echo": "echo-ack N=100 K=16 B=64",
        "fanout": "fanout N=1000 W=4 B=128",
    }


def test_rows_have_names_of_their_own_and_known_peers() -> None:
    assert len({row.name for row in ROWS}) == len(ROWS)
    for row in ROWS:
        assert set(row.peers) | set(row.wanted) <= set(PEERS)
        assert set(row.wanted) <= set(row.peers)
        assert set(row.groups) <= set(GROUPS)
        assert not PEERS[row.peers[0]].lacks
    assert rows_of("all") == list(ROWS)


def test_unknown_rows_are_named() -> None:
    with pytest.raises(ValueError, match="ecco"):
        rows_of("echo,ecco")
