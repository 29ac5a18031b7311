"""The gate: sio_fast against the official server on Node, interleaved in one run, as ratios with their spread.

Decides the order of runs and where results go; the servers are in ``peers.py``, the arithmetic in ``figures.py``. It is
a measurement and not a test: the exit status is 0 whatever the ratios are.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from figures import ROWS, Row, Run, Summary, format_summary, summarise
from peers import BENCHES, PEERS, Peer, Pinning, build_generator, generate, prepare, start

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["main"]

BASELINE = "node"
RESULTS = BENCHES / "results"


def main(argv: Sequence[str] | None = None) -> None:
    """Measure, print the tables, write the results file."""
    options = _options(argv)
    peers = [PEERS[name] for name in options.peers]
    pinning = Pinning(None, None) if options.no_pin else Pinning()
    _raise_open_files()
    prepare(options.peers)
    program = options.load or build_generator()

    header: dict[str, Any] = {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": _machine(),
        "pinned": "no" if options.no_pin else f"server on core {pinning.server}, generator on core {pinning.generator}",
        "rounds": options.rounds,
        "seconds": options.seconds,
        "warm_up": options.warm_up,
        "versions": _versions(peers, pinning, options.python),
    }
    _print_header(header)
    summaries: list[Summary] = []
    for row in options.rows:
        runs = _measure(row, peers, pinning, program, options)
        summaries.append(summarise(row, options.peers, BASELINE, runs))
        print(format_summary(summaries[-1]) + "\n", flush=True)
    target = _write(header, summaries, options.results)
    print(f"written: {os.path.relpath(target)}")


def _measure(
    row: Row, peers: Sequence[Peer], pinning: Pinning, program: Path, options: argparse.Namespace
) -> list[Run]:
    """All rounds of a row. Every run has a fresh server, so no run inherits the heap of another."""
    runs: list[Run] = []
    arguments = row.arguments(options.seconds, options.warm_up)
    for number in range(1, options.rounds + 1):
        for peer in peers:
            _progress(f"{row.name}: round {number} of {options.rounds}, {peer.name}")
            try:
                with start(peer, pinning, options.python) as server:
                    report = generate(program, pinning, server, arguments)
            except RuntimeError as problem:
                report = {"error": str(problem)}
            runs.append(Run(number, peer.name, report))
    _progress("")
    return runs


def _versions(peers: Sequence[Peer], pinning: Pinning, python: str) -> dict[str, dict[str, str]]:
    versions: dict[str, dict[str, str]] = {}
    for peer in peers:
        try:
            with start(peer, pinning, python) as server:
                versions[peer.name] = server.versions
        except RuntimeError as problem:
            sys.exit(f"gate: {problem}")
    return versions


def _machine() -> str:
    model = platform.processor() or platform.machine()
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            model = line.partition(":")[2].strip()
            break
    return f"{model}, {os.cpu_count()} cores, {platform.system()} {platform.release()}"


def _raise_open_files() -> None:
    """Server and generator need a descriptor for each connection; the soft limit is often 1024."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _print_header(header: dict[str, Any]) -> None:
    print(f"{header['date']}  {header['machine']}")
    print(f"pinned: {header['pinned']}")
    print(
        f"rounds: {header['rounds']} of {header['seconds']:g} s after {header['warm_up']:g} s of warm-up, interleaved"
    )
    for name, versions in header["versions"].items():
        print(f"{name}: " + ", ".join(f"{package} {number}" for package, number in versions.items()))
    print(flush=True)


def _progress(text: str) -> None:
    if sys.stderr.isatty():
        print(f"\r\033[K{text}", end="", file=sys.stderr, flush=True)


def _write(header: dict[str, Any], summaries: Sequence[Summary], folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    stamp = datetime.fromisoformat(header["date"]).strftime("%Y-%m-%d-%H%M%S")
    target = folder / f"gate-{stamp}.json"
    content = {**header, "rows": [summary.as_json() for summary in summaries]}
    target.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    return target


def _options(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    of_peers, of_rows = ", ".join(PEERS), ", ".join(row.name for row in ROWS)
    parser.add_argument("--peers", type=_peer_names, default="sio-fast,node", help=f"subject first, of {of_peers}")
    parser.add_argument("--rows", type=_rows, default="gate", help=f"gate, all, or of {of_rows}")
    parser.add_argument("--rounds", type=_positive, default=5)
    parser.add_argument("--seconds", type=float, default=4.0, help="measured in each run")
    parser.add_argument("--warm-up", type=float, default=1.0, help="seconds of the same load before that")
    parser.add_argument("--no-pin", action="store_true", help="let the kernel choose the cores")
    parser.add_argument("--python", default=sys.executable, help="interpreter of the Python servers")
    parser.add_argument("--load", type=Path, help="a built sio-load (default: build it)")
    parser.add_argument("--results", type=Path, default=RESULTS, help="folder of the results file")
    return parser.parse_args(argv)


def _peer_names(text: str) -> list[str]:
    names = text.split(",")
    unknown = [name for name in names if name not in PEERS]
    if unknown or len(set(names)) != len(names):
        raise argparse.ArgumentTypeError(f"{text!r}: each once, of {', '.join(PEERS)}")
    return names


def _rows(text: str) -> list[Row]:
    if text == "all":
        return list(ROWS)
    if text == "gate":
        return [row for row in ROWS if row.gate]
    by_name = {row.name: row for row in ROWS}
    unknown = [name for name in text.split(",") if name not in by_name]
    if unknown:
        raise argparse.ArgumentTypeError(f"{', '.join(unknown)}: of {', '.join(by_name)}")
    return [by_name[name] for name in text.split(",")]


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of 1 or more")
    return int(text)


if __name__ == "__main__":
    main()
