"""docs/performance.md and its plots, made from the newest result file of each row and from nothing else.

``python benches/page.py`` writes them; ``--check`` says whether they are what it would write. Measures nothing.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

from figures import MARKS, Summary, count, mark
from peers import PEERS
from plots import bars, curves
from profiles import newest_profile
from results import RESULTS, Result, newest
from rows import ROWS, Figure, Row

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["main", "pages"]

DOCS = RESULTS.parent.parent / "docs"
PAGE = DOCS / "performance.md"
PLOTS = DOCS / "performance"

OPENING = """\
# Performance

Made by `python benches/page.py` from the files under [benches/results](../benches/results); do not edit. How runs are
made, what is checked and what the words mean stands in [benches/README.md](../benches/README.md).

Figures are per CPU-second of the server process, user and kernel time, native threads included, unless a table says
otherwise. Machines differ, and one machine differs from hour to hour: only the **ratio** of two servers that were measured
in turn within one run says something. A ratio is sio_fast's figure to the peer's (for memory and latency the other way
round), so above 1 sio_fast is better; it is the median of the rounds' ratios, with the smallest and the largest.
"""
TABLE = """\
| server | median | spread | times better | per second (wall) | p50, ms | p99, ms | core of server | of generator |
|---|--:|--:|--:|--:|--:|--:|--:|--:|"""
PROFILES = """\
## Where the time goes

Shares of the server's CPU time, and the system calls that it makes for each event, delivery or connection (those rarer than
one in a hundred left out). What was tried to change that, with the figures before and after, stands in the
[decision on what the I/O thread writes with](decisions/0007-writes-and-wakes-of-the-io-thread.md).
"""
ENDING = """\
## Not measured

* TLS and compression: nobody here does either without a proxy.
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Write the page, or compare it with what lies there."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; fail if something differs")
    parser.add_argument("--results", type=Path, default=RESULTS, help="folder of the result files")
    options = parser.parse_args(argv)
    wanted = pages(newest(options.results))
    existing = set(PLOTS.glob("*.svg")) | ({PAGE} if PAGE.exists() else set())
    stale = [path for path, text in wanted.items() if path not in existing or path.read_text(encoding="utf-8") != text]
    left_over = sorted(existing - set(wanted))
    if options.check:
        for path in [*stale, *left_over]:
            print(f"{os.path.relpath(path)} is not what benches/page.py makes of the result files", file=sys.stderr)
        return 1 if stale or left_over else 0
    PLOTS.mkdir(parents=True, exist_ok=True)
    for path in left_over:
        path.unlink()
    for path in stale:
        path.write_text(wanted[path], encoding="utf-8")
    print(f"written: {len(stale)} files, removed: {len(left_over)}")
    return 0


def pages(results: dict[str, Result]) -> dict[Path, str]:
    """The text of every file by its path."""
    made: dict[Path, str] = {}
    measured = [(row, results[row.name]) for row in ROWS if row.name in results]
    parts = [OPENING, _overview(measured)]
    parts += [_section(row, result, made) for row, result in measured if not row.series]
    for name in dict.fromkeys(row.series.name for row, _ in measured if row.series):
        parts.append(
            _series([(row, result) for row, result in measured if row.series and row.series.name == name], made)
        )
    parts += [_profiles(), _machines([result for _, result in measured]), ENDING]
    missing = [row.name for row in ROWS if row.name not in results]
    if missing:
        parts[-1] += f"* Rows without a result file yet: {', '.join(f'`{name}`' for name in missing)}.\n"
    made[PAGE] = "\n".join(parts)
    return made


def _overview(measured: Sequence[tuple[Row, Result]]) -> str:
    """The wanted figures and ratios, and whether they are there."""
    lines = [
        "## What is wanted, and what is reached\n",
        "| measure | figure | wanted | ratios, with what is wanted of them |",
        "|---|--:|--:|---|",
    ]
    for row, result in measured:
        if not row.wanted and not row.target:
            continue
        summary = result.summaries[row.name]
        ours = summary.medians.get(summary.peers[0])
        target = count(row.target) if row.target else ""
        if ours and row.target:
            target += " ✓" if row.ratio(ours, row.target) >= 1 else " ✗"
        ratios: list[str] = []
        for peer, wanted in row.wanted.items():
            reached, ratio = summary.reached(peer), summary.ratio(peer)
            if reached is not None:
                shown = "no figure" if ratio is None else f"{ratio:.2f}"
                ratios.append(f"{shown} × {peer} ({wanted:g} {'✓' if reached else '✗'})")
        lines.append(f"| [{row.name}](#{row.name}): {row.title} | {count(ours)} | {target} | {', '.join(ratios)} |")
    return "\n".join(lines) + "\n"


def _section(row: Row, result: Result, made: dict[Path, str]) -> str:
    """A measure with its plot, its table, and where it comes from."""
    summary = result.summaries[row.name]
    plot = PLOTS / f"{row.name}.svg"
    shown = [(peer, summary.medians[peer], summary.values(peer)) for peer in summary.peers if peer in summary.medians]
    made[plot] = bars(
        f"{row.title}: {row.unit}", [(peer, middle, min(all_), max(all_)) for peer, middle, all_ in shown]
    )
    lines = [
        f"## {row.name}\n",
        f"`{row.title}`: {row.unit}.\n",
        f"![{row.name}](performance/{plot.name})\n",
        TABLE,
        *(_line(row, summary, peer) for peer in summary.peers),
    ]
    lines += [f"\n{peer}: {problem}." for peer, problem in _problems(summary)]
    marks = {sign for run in summary.runs for sign in mark(row, run.report)}
    lines += [f"\n`{sign}` {meaning}." for sign, meaning in MARKS.items() if sign in marks]
    flags = [f"{peer} runs with `{' '.join(PEERS[peer].flags)}`" for peer in summary.peers if PEERS[peer].flags]
    lines += [f"\n{flag}." for flag in flags if "order" not in flag or row.mode in {"fanout", "rooms"}]
    return "\n".join([*lines, "", _source([row], result), ""])


def _profiles() -> str:
    """On what a server under each load spends its time."""
    found = newest_profile()
    if found is None:
        return PROFILES + "\nNobody has looked yet.\n"
    path, header, profiles = found
    parts = list(profiles[0].shares)
    lines = [
        PROFILES,
        f"| row | µs of CPU each | {' | '.join(parts)} | system calls |",
        f"|---|--:|{'--:|' * len(parts)}---|",
    ]
    for profile in profiles:
        shares = " | ".join(f"{profile.shares[part]:.0%}" for part in parts)
        calls = ", ".join(f"{each:.2f} {name}" for name, each in profile.system_calls.items() if each >= 0.01)
        lines.append(f"| {profile.row} | {1e6 / profile.per_cpu_second:.2f} | {shares} | {calls} |")
    lines.append(
        f"\n{header['peer']} on {header['machine']}: [{path.name}](../benches/results/profiles/{path.name}), made by "
        f"`python benches/profiles.py`.\n"
    )
    return "\n".join(lines)


def _line(row: Row, summary: Summary, peer: str) -> str:
    spread, ratios = summary.spread(peer), summary.ratios.get(peer)
    marks = "".join(sorted({sign for run in summary.runs if run.peer == peer for sign in mark(row, run.report)}))
    ratio = f"**{median(ratios):.2f}** ({min(ratios):.2f}–{max(ratios):.2f})" if ratios else ""
    latencies = [summary.middle(peer, figure) for figure in (Figure.P50, Figure.P99)]
    cells = [
        peer,
        count(summary.medians.get(peer)),
        "-" if spread is None else f"{spread:.0%}",
        ratio,
        count(summary.middle(peer, Figure.WALL)),
        *("-" if value is None else f"{value / 1000:.2f}" for value in latencies),
        *(_share(summary.middle(peer, f"{side}_share")) for side in ("server", "generator")),
    ]
    return f"| {' | '.join(cells)}{f' `{marks}`' if marks else ''} |"


def _share(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:.0%}" if value >= 0.1 else f"{value:.1%}"


def _problems(summary: Summary) -> list[tuple[str, str]]:
    """The first error of each peer, short enough for a page."""
    failed = {
        run.peer: str(run.report.get("error") or "no figure")
        for run in reversed(summary.runs)
        if _failed(summary, run.report)
    }
    return [(peer, f"`{text[:160].replace('`', '')}`") for peer, text in sorted(failed.items())]


def _failed(summary: Summary, report: dict[str, object]) -> bool:
    return summary.row.figure.of(report) is None


def _series(measured: Sequence[tuple[Row, Result]], made: dict[Path, str]) -> str:
    """Measures that differ in one size: a curve for each peer, and a table."""
    series = measured[0][0].series
    if series is None:
        raise ValueError(f"{measured[0][0].name} belongs to no series")
    peers = list(dict.fromkeys(peer for row, result in measured for peer in result.summaries[row.name].peers))
    lines: dict[str, list[tuple[float, float]]] = {peer: [] for peer in peers}
    table = [f"| {series.axis} | {' | '.join(peers)} |", f"|--:|{'--:|' * len(peers)}"]
    for row, result in measured:
        medians = result.summaries[row.name].medians
        if row.series:
            for peer, value in medians.items():
                lines[peer].append((row.series.x, value))
            cells = [count(medians.get(peer)) for peer in peers]
            table.append(f"| {count(row.series.x)} | {' | '.join(cells)} |")
    plot = PLOTS / f"{series.name}.svg"
    drawn = {peer: line for peer, line in lines.items() if line}
    unit = measured[0][0].unit
    if drawn:
        made[plot] = curves(f"{series.name}: {unit}", series.axis, drawn)
    problems = [
        f"\n{row.name}, {peer}: {text}."
        for row, result in measured
        for peer, text in _problems(result.summaries[row.name])
    ]
    sources: dict[Path, list[Row]] = {}
    for row, result in measured:
        sources.setdefault(result.path, []).append(row)
    by_path = {result.path: result for _, result in measured}
    return "\n".join(
        [
            f"## {series.name}\n",
            f"`{measured[0][0].mode}`: {unit}, medians.\n",
            *([f"![{series.name}](performance/{plot.name})\n"] if drawn else []),
            *table,
            *problems,
            "",
            *(_source(rows, by_path[path]) for path, rows in sources.items()),
            "",
        ]
    )


def _source(rows: Sequence[Row], result: Result) -> str:
    """The command that does it again, and the file."""
    header = result.header
    peers = list(dict.fromkeys(peer for row in rows for peer in result.summaries[row.name].peers))
    command = f"python benches/system.py --rows {','.join(row.name for row in rows)}"
    if any(set(peers) != set(row.peers) for row in rows):
        command += f" --peers {','.join(peers)}"
    command += f" --rounds {header['rounds']} --seconds {header['seconds']:g} --warm-up {header['warm_up']:g}"
    link = os.path.relpath(result.path, DOCS)
    return f"From [{result.path.name}]({link}), {header['date'][:10]}: `{command}`"


def _machines(results: Sequence[Result]) -> str:
    """The header of each file: machine, cores, versions."""
    lines = ["## Machines and versions\n"]
    for result in sorted({result.path: result for result in results}.values(), key=lambda each: each.path.name):
        header = result.header
        course = f"{header['rounds']} rounds of {header['seconds']:g} s after {header['warm_up']:g} s"
        lines.append(f"**{result.path.name}**: {header['machine']}; pinned: {header['pinned']}; {course}.\n")
        for peer, versions in header["versions"].items():
            named = ", ".join(f"{name} {number}" for name, number in versions.items())
            lines.append(f"* {peer}: {named}")
        lines += [f"* {peer} was skipped: {reason}" for peer, reason in header.get("skipped", {}).items()]
        lines.append("")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
