"""The system bench: sio_fast and its peers, driven by one generator, interleaved in one run, as ratios with their spread.

Decides the order of runs and where results go; the measures are in ``rows.py``, the servers in ``peers.py``, the arithmetic
in ``figures.py``. It is a measurement and not a test: the exit status is 0 whatever the ratios are.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import resource
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from figures import Run, Summary, format_summary, summarise
from install import build, prepare
from peers import PEERS, Peer, Pinning, generate, start
from results import RESULTS, machine, write
from rows import GROUPS, ROWS, Row, rows_of

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["main"]

# What a run takes besides the load: the start and the end of a server; a thousand connections more.
OVERHEAD = 1.2
OVERHEAD_PER_CONNECTION = 0.0004
# Connections of the largest row, for either side of one process, and some more.
OPEN_FILES = 65_536


@dataclass(frozen=True)
class Plan:
    """A row with those who take part and the number of rounds."""

    row: Row
    peers: tuple[Peer, ...]
    rounds: int

    def duration(self, seconds: float, warm_up: float) -> float:
        """About how long one run takes."""
        load = max(seconds, self.row.seconds) + warm_up
        return load + OVERHEAD + OVERHEAD_PER_CONNECTION * self.row.connections


def main(argv: Sequence[str] | None = None) -> None:
    """Measure, print the tables, write the results file."""
    options = _options(argv)
    _raise_open_files()
    wanted = [
        PEERS[name] for name in dict.fromkeys(name for row in options.rows for name in options.peers or row.peers)
    ]
    missing = prepare(wanted, options.python)
    program = options.load or build("sio-load")
    versions = _versions([peer for peer in wanted if peer.name not in missing], missing, options.python)
    plans = [_plan(row, options, missing) for row in options.rows]
    plans = [plan for plan in plans if plan.peers]

    header: dict[str, Any] = {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": machine(),
        "pinned": "no"
        if options.no_pin
        else f"server on core {Pinning().server}, generator on core {Pinning().generator}",
        "rounds": options.rounds,
        "seconds": options.seconds,
        "warm_up": options.warm_up,
        "versions": versions,
        "skipped": missing,
    }
    _print_header(header)
    summaries: list[Summary] = []
    target: Path | None = None
    with _progress() as progress:
        total = sum(plan.rounds * len(plan.peers) * plan.duration(options.seconds, options.warm_up) for plan in plans)
        task = progress.add_task("", total=total)
        for plan in plans:
            runs = _measure(plan, program, options, progress, task)
            summaries.append(summarise(plan.row, [peer.name for peer in plan.peers], runs))
            progress.console.print(format_summary(summaries[-1]) + "\n", markup=False, highlight=False, soft_wrap=True)
            # What is measured so far is kept if somebody ends this.
            target = write(header, summaries, options.results, options.name)
    print(f"written: {os.path.relpath(target)}" if target else "nothing to measure")


def _plan(row: Row, options: argparse.Namespace, missing: dict[str, str]) -> Plan:
    names = options.peers or row.peers
    able = [PEERS[name] for name in names if name not in missing and not PEERS[name].lacks & row.needs]
    return Plan(row, tuple(able), min(options.rounds, row.most_rounds))


def _measure(plan: Plan, program: Path, options: argparse.Namespace, progress: Progress, task: TaskID) -> list[Run]:
    """All rounds of a row. Every run has a fresh server, so no run inherits the heap of another."""
    runs: list[Run] = []
    pinning = Pinning(None, None) if options.no_pin or not plan.row.pinned else Pinning()
    arguments = plan.row.arguments(options.seconds, options.warm_up)
    for number in range(1, plan.rounds + 1):
        for peer in plan.peers:
            text = f"{plan.row.name}, round {number} of {plan.rounds}, {peer.name}"
            progress.update(task, description=text)
            try:
                with start(peer, pinning, options.python) as server:
                    report = generate(program, pinning, server, [*arguments, *peer.flags])
            except RuntimeError as problem:
                report = {"error": str(problem)}
            runs.append(Run(number, peer.name, report))
            progress.advance(task, plan.duration(options.seconds, options.warm_up))
    return runs


def _progress() -> Progress:
    """A bar with the remaining time; nothing where nobody looks."""
    console = Console(width=None if sys.stdout.isatty() else 400)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:.0f} %"),
        TimeRemainingColumn(),
    )
    return Progress(*columns, console=console, disable=not sys.stdout.isatty(), speed_estimate_period=600)


def _versions(peers: Sequence[Peer], missing: dict[str, str], python: str) -> dict[str, dict[str, str]]:
    """Ask every peer once; one that does not start joins the missing."""
    versions: dict[str, dict[str, str]] = {}
    for peer in peers:
        try:
            with start(peer, Pinning(None, None), python) as server:
                versions[peer.name] = server.versions
        except (RuntimeError, OSError) as problem:
            missing[peer.name] = str(problem)
    return versions


def _raise_open_files() -> None:
    """Server and generator need a descriptor for each connection; the soft limit is often 1024."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < OPEN_FILES:
        # Only root may; a row that needs more fails with the system's own words.
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (OPEN_FILES, OPEN_FILES))
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _print_header(header: dict[str, Any]) -> None:
    print(f"{header['date']}  {header['machine']}")
    print(f"pinned: {header['pinned']}")
    print(
        f"rounds: {header['rounds']} of {header['seconds']:g} s after {header['warm_up']:g} s of warm-up, interleaved"
    )
    for name, versions in header["versions"].items():
        print(f"{name}: " + ", ".join(f"{package} {number}" for package, number in versions.items()))
    for name, reason in header["skipped"].items():
        print(f"skipped: {name}: {reason}")
    print(flush=True)


def _options(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    of_rows = ", ".join(row.name for row in ROWS)
    parser.add_argument("--rows", default="gate", help=f"a group ({', '.join(GROUPS)}), or of {of_rows}")
    parser.add_argument(
        "--peers", type=_peer_names, help=f"subject first, of {', '.join(PEERS)} (default: each row's own)"
    )
    parser.add_argument("--rounds", type=_positive, default=5)
    parser.add_argument("--seconds", type=float, default=4.0, help="measured in each run")
    parser.add_argument("--warm-up", type=float, default=1.0, help="seconds of the same load before that")
    parser.add_argument("--no-pin", action="store_true", help="let the kernel choose the cores")
    parser.add_argument("--python", default=sys.executable, help="interpreter of the Python servers")
    parser.add_argument("--load", type=Path, help="a built sio-load (default: build it)")
    parser.add_argument("--results", type=Path, default=RESULTS, help="folder of the results file")
    options = parser.parse_args(argv)
    options.name = options.rows if options.rows in GROUPS else "rows"
    try:
        options.rows = rows_of(options.rows)
    except ValueError as problem:
        parser.error(f"--rows: {problem}")
    return options


def _peer_names(text: str) -> list[str]:
    names = text.split(",")
    unknown = [name for name in names if name not in PEERS]
    if unknown or len(set(names)) != len(names):
        raise argparse.ArgumentTypeError(f"{text!r}: each once, of {', '.join(PEERS)}")
    return names


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of 1 or more")
    return int(text)


if __name__ == "__main__":
    main()
