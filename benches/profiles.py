"""Where a server's time goes under each load: shares of kernel, core, interpreter and C library, and system calls.

``python benches/profiles.py`` writes ``results/profiles/<date>.json``, from which page.py makes its table. Needs ``perf`` and
the right to use it (root, or ``kernel.perf_event_paranoid`` of -1); compares no servers.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from install import build
from peers import PEERS, Pinning, Running, generate, start
from results import RESULTS, machine
from rows import LOADED, ROWS, Figure, Row

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["PARTS", "PROFILES", "Profile", "calls_of", "main", "newest_profile", "shares_of"]

PROFILES = RESULTS / "profiles"
# Which part of a server a binary belongs to; the first word that its name contains counts.
PARTS = {
    "kernel": ("kernel",),
    "core": ("_core",),
    "event loop": ("loop.", "_asyncio"),
    "interpreter": ("python",),
    "C library": ("libc.", "ld-linux"),
}
REST = "rest"
# How long each load lasts.
SECONDS = 5.0
# Samples per second; a prime, so that it beats with nothing.
FREQUENCY = "1999"
# System calls that are rarer than one in so many operations are left out.
RARE = 1000


@dataclass(frozen=True)
class Profile:
    """What a row costs and on what."""

    row: str
    per_cpu_second: float
    shares: dict[str, float]
    # For each operation.
    system_calls: dict[str, float]


def main(argv: Sequence[str] | None = None) -> int:
    """Profile, print, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    usable = [row.name for row in ROWS if row.pinned and not row.series and row.mode in {*LOADED, "echo-ack"}]
    parser.add_argument("--rows", default=",".join(name for name in usable if "targets" in _row(name).groups))
    parser.add_argument("--peer", default="sio-fast", choices=sorted(PEERS))
    options = parser.parse_args(argv)
    if shutil.which("perf") is None:
        print("perf is not on this machine (Debian: linux-perf)", file=sys.stderr)
        return 1
    program = build("sio-load")
    profiles: list[Profile] = []
    versions: dict[str, str] = {}
    for name in options.rows.split(","):
        with start(PEERS[options.peer], Pinning(), sys.executable) as server:
            versions = server.versions
            profiles.append(_profile(_row(name), server, program))
        print(profiles[-1], flush=True)
    date = datetime.now(UTC)
    content = {
        "date": date.isoformat(timespec="seconds"),
        "machine": machine(),
        "peer": options.peer,
        "versions": versions,
        "rows": [asdict(profile) for profile in profiles],
    }
    PROFILES.mkdir(parents=True, exist_ok=True)
    target = PROFILES / f"{date:%Y-%m-%d-%H%M%S}.json"
    target.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    print(f"written: {os.path.relpath(target)}")
    return 0


def newest_profile(folder: Path = PROFILES) -> tuple[Path, dict[str, Any], list[Profile]] | None:
    """The newest file, its header and its rows."""
    found = [(path, json.loads(path.read_text(encoding="utf-8"))) for path in folder.glob("*.json")]
    if not found:
        return None
    path, content = max(found, key=lambda each: each[1]["date"])
    return path, content, [Profile(**row) for row in content.pop("rows")]


def _row(name: str) -> Row:
    return next(row for row in ROWS if row.name == name)


def _profile(row: Row, server: Running, program: Path) -> Profile:
    """One load for each instrument, connecting included: what counts system calls slows them down."""
    arguments = row.arguments(SECONDS, 0)
    with tempfile.TemporaryDirectory() as folder:
        data, counts = f"{folder}/perf.data", f"{folder}/counts"
        pid = ["-p", str(server.pid), "--"]
        sampled = generate(
            program, Pinning(), server, arguments, beside=["perf", "record", "-q", "-F", FREQUENCY, "-o", data, *pid]
        )
        counted = generate(
            *(program, Pinning(), server, arguments),
            beside=["perf", "stat", "-x", ",", "-e", "syscalls:sys_enter_*", "-o", counts, *pid],
        )
        for report in (sampled, counted):
            if report.get("error"):
                raise RuntimeError(f"{row.name}: {report['error']}")
        report = subprocess.run(
            ["perf", "report", "-q", "-i", data, "--stdio", "--sort", "dso", "-F", "overhead,dso"],
            check=True,
            capture_output=True,
            text=True,
        )
        calls = calls_of(Path(counts).read_text(encoding="utf-8"))
    done: int = counted["operations"]
    each = {name: round(count / done, 4) for name, count in calls.items() if count * RARE > done}
    each = dict(sorted(each.items(), key=lambda call: -call[1]))
    return Profile(row.name, round(Figure.CPU.of(sampled) or 0.0), shares_of(report.stdout), each)


def shares_of(text: str) -> dict[str, float]:
    """The parts' shares, from what ``perf report`` says of binaries."""
    shares = dict.fromkeys((*PARTS, REST), 0.0)
    for line in text.splitlines():
        share, _, binary = line.strip().partition("%")
        if binary:
            part = next((part for part, words in PARTS.items() if any(word in binary for word in words)), REST)
            shares[part] += float(share) / 100
    return {part: round(share, 4) for part, share in shares.items()}


def calls_of(text: str) -> dict[str, int]:
    """How often each system call was made, from what ``perf stat`` says of tracepoints."""
    counts: dict[str, int] = {}
    for line in text.splitlines():
        count, _, event, *_ = [*line.split(","), "", "", ""]
        if count.isdecimal() and int(count):
            counts[event.removeprefix("syscalls:sys_enter_")] = int(count)
    return counts


if __name__ == "__main__":
    sys.exit(main())
