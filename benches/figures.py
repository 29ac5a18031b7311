"""What is measured, and how runs become medians, spreads, ratios and a verdict.

Pure arithmetic and text; starts nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["ROWS", "Row", "Run", "Summary", "format_summary", "summarise"]

# Above this share of its core the generator may be what limits, so the wall clock says nothing about the server.
BUSY_GENERATOR = 0.9
# Below this share of its core a server under full load shared the core with something else, or waited.
IDLE_SERVER = 0.8


MARKS = {
    "*": f"the generator used more than {BUSY_GENERATOR:.0%} of its core: it may be the limit of the wall clock",
    "~": f"the server got less than {IDLE_SERVER:.0%} of a core under full load: the machine was not quiet",
}


@dataclass(frozen=True)
class Row:
    """One measure and the ratio to the baseline that is wanted of it."""

    name: str
    mode: str
    connections: int
    in_flight: int
    bytes: int
    wanted: float
    gate: bool = False

    @property
    def title(self) -> str:
        """The measure with its sizes."""
        sizes = f"N={self.connections}"
        if self.mode not in ("connect", "idle"):
            sizes += f" {'W' if self.mode == 'fanout' else 'K'}={self.in_flight} B={self.bytes}"
        return f"{self.mode} {sizes}"

    @property
    def unit(self) -> str:
        """What a figure counts."""
        if self.mode == "idle":
            return "bytes of resident memory for each connection (less is better)"
        what = {"fanout": "deliveries", "connect": "connects"}.get(self.mode, "echoes")
        return f"{what} per CPU-second of the server"

    def arguments(self, seconds: float, warm_up: float) -> list[str]:
        """The generator's command line for this measure."""
        return [
            *(self.mode, "--connections", str(self.connections), "--in-flight", str(self.in_flight)),
            *("--bytes", str(self.bytes), "--seconds", str(seconds), "--warm-up", str(warm_up)),
            *("--parallel", "100"),
        ]

    def figure(self, report: dict[str, Any]) -> float | None:
        """The figure of a report, or ``None`` if the run gave none."""
        if report.get("error"):
            return None
        key = "resident_bytes_per_connection" if self.mode == "idle" else "per_cpu_second"
        value = report.get(key)
        return float(value) if value else None

    def ratio(self, subject: float, baseline: float) -> float:
        """How many times better the subject is."""
        return baseline / subject if self.mode == "idle" else subject / baseline


ROWS = (
    Row("echo", "echo-ack", 100, 16, 64, wanted=1.5, gate=True),
    Row("fanout", "fanout", 1000, 4, 128, wanted=2.0, gate=True),
    Row("echo-1", "echo-ack", 100, 1, 64, wanted=1.9),
    Row("emit", "echo-emit", 100, 16, 64, wanted=4.0),
    Row("fanout-1", "fanout", 1000, 1, 128, wanted=2.0),
    Row("fanout-5000", "fanout", 5000, 4, 128, wanted=5.5),
    Row("connect", "connect", 2000, 1, 64, wanted=5.0),
    Row("idle", "idle", 5000, 1, 64, wanted=5.0),
)


@dataclass(frozen=True)
class Run:
    """One run of the generator against one peer."""

    round: int
    peer: str
    report: dict[str, Any]


@dataclass(frozen=True)
class Summary:
    """The runs of one row, put together."""

    row: Row
    peers: tuple[str, ...]
    runs: tuple[Run, ...]
    baseline: str | None
    ratios: tuple[float, ...]
    medians: dict[str, float]

    @property
    def errors(self) -> list[str]:
        """What went wrong, peer by peer."""
        failed = [run for run in self.runs if self.row.figure(run.report) is None]
        return [f"{run.peer}, round {run.round}: {run.report.get('error') or 'no figure'}" for run in failed]

    @property
    def ratio(self) -> float | None:
        """The median over the rounds of subject to baseline."""
        return median(self.ratios) if self.ratios else None

    @property
    def reached(self) -> bool | None:
        """Whether the wanted ratio is there without any failed run; ``None`` where there is nothing to compare."""
        if self.baseline is None:
            return None
        return self.ratio is not None and self.ratio >= self.row.wanted and not self.errors

    def as_json(self) -> dict[str, Any]:
        """Everything, for the results file."""
        return {
            "row": self.row.name,
            "measure": self.row.title,
            "unit": self.row.unit,
            "medians": self.medians,
            "baseline": self.baseline,
            "ratios": list(self.ratios),
            "median_ratio": self.ratio,
            "wanted_ratio": self.row.wanted,
            "reached": self.reached,
            "errors": self.errors,
            "runs": [{"round": run.round, "peer": run.peer, "report": run.report} for run in self.runs],
        }


def summarise(row: Row, peers: Sequence[str], baseline: str, runs: Sequence[Run]) -> Summary:
    """Put the runs of a row together; the first peer is the subject, compared round by round with the baseline."""
    subject = peers[0]
    compared = baseline if baseline in peers and baseline != subject else None
    figures = {(run.round, run.peer): row.figure(run.report) for run in runs}
    ratios: list[float] = []
    for number in sorted({run.round for run in runs}):
        ours = figures.get((number, subject))
        theirs = figures.get((number, compared)) if compared else None
        if ours and theirs:
            ratios.append(row.ratio(ours, theirs))
    by_peer = {peer: [value for (_, name), value in figures.items() if name == peer and value] for peer in peers}
    medians = {peer: median(values) for peer, values in by_peer.items() if values}
    return Summary(row, tuple(peers), tuple(runs), compared, tuple(ratios), medians)


def format_summary(summary: Summary) -> str:
    """The table of one row."""
    row, peers = summary.row, summary.peers
    width = max(12, *(len(peer) + 2 for peer in peers))
    lines = [
        f"{row.title}: {row.unit}",
        _line("round", list(peers), "ratio", "p50/p99 ms, server's and generator's share of a core", width),
    ]
    rounds = sorted({run.round for run in summary.runs})
    marks: set[str] = set()
    for number in rounds:
        of_round = {run.peer: run.report for run in summary.runs if run.round == number}
        values = [row.figure(of_round.get(peer, {})) for peer in peers]
        notes = [_note(row, of_round.get(peer, {})) for peer in peers]
        marks.update(mark for mark in MARKS for note in notes if mark in note)
        theirs = row.figure(of_round.get(summary.baseline, {})) if summary.baseline else None
        ratio = f"{row.ratio(values[0], theirs):.2f}" if values[0] and theirs else ""
        lines.append(_line(str(number), [_count(value) for value in values], ratio, "; ".join(notes), width))
    ratio = f"{summary.ratio:.2f}" if summary.ratio is not None else ""
    span = f"({min(summary.ratios):.2f}-{max(summary.ratios):.2f})" if summary.ratios else ""
    lines.append(_line("median", [_count(summary.medians.get(peer)) for peer in peers], ratio, span, width))
    lines.append(_line("spread", [_spread(summary, peer) for peer in peers], "", "(max - min) / median", width))
    lines += [f"  ! {error}" for error in summary.errors]
    lines += [f"  {mark} {meaning}" for mark, meaning in MARKS.items() if mark in marks]
    if summary.reached is not None:
        verdict = "REACHED" if summary.reached else "NOT REACHED"
        lines.append(f"  wanted {row.wanted:.1f} x {summary.baseline}: {verdict}")
    return "\n".join(lines)


def _line(head: str, cells: Sequence[str], ratio: str, note: str, width: int) -> str:
    columns = "".join(f"{cell:>{width}}" for cell in cells)
    return f"  {head:<7}{columns}{ratio:>8}   {note}".rstrip()


def _count(value: float | None) -> str:
    return "-" if value is None else f"{value:,.0f}".replace(",", " ")


def _spread(summary: Summary, peer: str) -> str:
    figures = [summary.row.figure(run.report) for run in summary.runs if run.peer == peer]
    values = [value for value in figures if value is not None]
    return f"{(max(values) - min(values)) / median(values):.0%}" if values else "-"


def _note(row: Row, report: dict[str, Any]) -> str:
    if report.get("error") or "latency_us" not in report:
        return "failed"
    latency, server, generator = report["latency_us"], report["server_share"] or 0.0, report["generator_share"] or 0.0
    text = f"{latency['p50'] / 1000:.1f}/{latency['p99'] / 1000:.1f}, {server:.0%}"
    if server < IDLE_SERVER and row.mode != "idle":
        text += "~"
    text += f" {generator:.0%}"
    return text + "*" if generator > BUSY_GENERATOR else text
