"""How runs become medians, spreads, ratios and a verdict, and the table of a row for a terminal.

Pure arithmetic and text; starts nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING, Any

from rows import LOADED, Figure, Row

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["MARKS", "Run", "Summary", "count", "format_summary", "mark", "summarise"]

# Above this share of its core the generator may be what limits, so the wall clock says nothing about the server.
BUSY_GENERATOR = 0.9
# Below this share of its core a server under full load shared the core with something else, or waited.
IDLE_SERVER = 0.8

MARKS = {
    "*": f"the generator used more than {BUSY_GENERATOR:.0%} of its core: it may be the limit of the wall clock",
    "^": "the generator itself sent late: at least half of the latency is its own",
    "~": f"the server got less than {IDLE_SERVER:.0%} of a core under full load: the machine was not quiet, or it waited",
}


@dataclass(frozen=True)
class Run:
    """One run of the generator against one peer."""

    round: int
    peer: str
    report: dict[str, Any]


@dataclass(frozen=True)
class Summary:
    """The runs of one row, put together; the first peer is the subject."""

    row: Row
    peers: tuple[str, ...]
    runs: tuple[Run, ...]
    # For each other peer how many times better the subject was, round by round.
    ratios: dict[str, tuple[float, ...]]
    medians: dict[str, float]

    @property
    def errors(self) -> list[str]:
        """What went wrong, peer by peer."""
        failed = [run for run in self.runs if self.row.figure.of(run.report) is None]
        return [f"{run.peer}, round {run.round}: {run.report.get('error') or 'no figure'}" for run in failed]

    def ratio(self, peer: str) -> float | None:
        """The median over the rounds of subject to peer."""
        ratios = self.ratios.get(peer)
        return median(ratios) if ratios else None

    def reached(self, peer: str) -> bool | None:
        """Whether the wanted ratio to a peer is there without a failed run of either; ``None``: not measured, or none wanted."""
        wanted = self.row.wanted.get(peer)
        if wanted is None or peer not in self.peers[1:]:
            return None
        failed = {run.peer for run in self.runs if self.row.figure.of(run.report) is None}
        ratio = self.ratio(peer)
        return ratio is not None and ratio >= wanted and not failed & {peer, self.peers[0]}

    def values(self, peer: str) -> list[float]:
        """The figures of a peer, round by round, without failed ones."""
        figures = [self.row.figure.of(run.report) for run in self.runs if run.peer == peer]
        return [value for value in figures if value is not None]

    def spread(self, peer: str) -> float | None:
        """The distance between the best and the worst round as a part of the median."""
        values = self.values(peer)
        return (max(values) - min(values)) / median(values) if values else None

    def middle(self, peer: str, figure: Figure | str) -> float | None:
        """The median over the rounds of another number of the reports."""
        of_peer = [run.report for run in self.runs if run.peer == peer and not run.report.get("error")]
        if isinstance(figure, Figure):
            values = [figure.of(report) for report in of_peer]
        else:
            values = [report.get(figure) for report in of_peer]
        known = [value for value in values if value is not None]
        return median(known) if known else None

    def as_json(self) -> dict[str, Any]:
        """Everything, for the results file."""
        return {
            "row": self.row.name,
            "measure": self.row.title,
            "unit": self.row.unit,
            "medians": self.medians,
            "ratios": {peer: list(ratios) for peer, ratios in self.ratios.items()},
            "wanted": dict(self.row.wanted),
            "reached": {peer: self.reached(peer) for peer in self.row.wanted},
            "errors": self.errors,
            "runs": [{"round": run.round, "peer": run.peer, "report": run.report} for run in self.runs],
        }


def summarise(row: Row, peers: Sequence[str], runs: Sequence[Run]) -> Summary:
    """Put the runs of a row together; the first peer is the subject, compared round by round with each other one."""
    figures = {(run.round, run.peer): row.figure.of(run.report) for run in runs}
    ratios: dict[str, tuple[float, ...]] = {}
    for peer in peers[1:]:
        pairs = [(figures.get((number, peers[0])), figures.get((number, peer))) for number in _rounds(runs)]
        ratios[peer] = tuple(row.ratio(ours, theirs) for ours, theirs in pairs if ours and theirs)
    by_peer = {peer: [value for (_, name), value in figures.items() if name == peer and value] for peer in peers}
    medians = {peer: median(values) for peer, values in by_peer.items() if values}
    return Summary(row, tuple(peers), tuple(runs), ratios, medians)


def mark(row: Row, report: dict[str, Any]) -> str:
    """The marks of a doubtful run."""
    marks = ""
    # The clock of an open loop is looked at without sleeping.
    if (report.get("generator_share") or 0.0) > BUSY_GENERATOR and row.mode != "open-loop":
        marks += "*"
    if (report.get("server_share") or 0.0) < IDLE_SERVER and row.mode in LOADED and row.figure is not Figure.P50:
        marks += "~"
    delay = report.get("send_delay_us")
    if delay and delay["p99"] * 2 > report["latency_us"]["p99"]:
        marks += "^"
    return marks


def count(value: float | None) -> str:
    """A figure for people."""
    if value is None:
        return "-"
    return f"{value:.1f}" if value < 1000 and value != int(value) else f"{value:,.0f}".replace(",", " ")


def format_summary(summary: Summary) -> str:
    """The table of one row: a line for each peer."""
    row, width = summary.row, max(len(peer) for peer in summary.peers) + 2
    head = f"  {'':<{width}}{'median':>10}{'spread':>8}  {'ratio':<20}{'wanted':<20}rounds"
    lines = [f"{row.name}: {row.title}: {row.unit}", head]
    for peer in summary.peers:
        spread, ratios, wanted = summary.spread(peer), summary.ratios.get(peer), row.wanted.get(peer)
        ratio = f"{median(ratios):.2f} ({min(ratios):.2f}-{max(ratios):.2f})" if ratios else ""
        verdict = ""
        if summary.reached(peer) is not None:
            verdict = f"{wanted:.2f} {'REACHED' if summary.reached(peer) else 'NOT REACHED'}"
        elif peer == summary.peers[0] and row.target:
            ours = summary.medians.get(peer)
            good = ours is not None and row.ratio(ours, row.target) >= 1.0
            verdict = f"{count(row.target)} {'REACHED' if good else 'NOT REACHED'}"
        notes = "; ".join(_note(row, run.report) for run in summary.runs if run.peer == peer)
        cells = f"{count(summary.medians.get(peer)):>10}{'-' if spread is None else f'{spread:.0%}':>8}"
        lines.append(f"  {peer:<{width}}{cells}  {ratio:<20}{verdict:<20}{notes}".rstrip())
    lines.append("  rounds: figure, p50/p99 in ms, server's and generator's share of a core")
    lines += [f"  ! {error}" for error in summary.errors]
    marks = "".join(mark(row, run.report) for run in summary.runs if not run.report.get("error"))
    lines += [f"  {sign} {meaning}" for sign, meaning in MARKS.items() if sign in marks]
    return "\n".join(lines)


def _rounds(runs: Sequence[Run]) -> list[int]:
    return sorted({run.round for run in runs})


def _note(row: Row, report: dict[str, Any]) -> str:
    if report.get("error") or "latency_us" not in report:
        return "failed"
    latency, server, generator = report["latency_us"], report["server_share"] or 0.0, report["generator_share"] or 0.0
    shares = f"{server:.0%} {generator:.0%}{mark(row, report)}"
    return f"{count(row.figure.of(report))} {latency['p50'] / 1000:.2f}/{latency['p99'] / 1000:.2f} {shares}"
