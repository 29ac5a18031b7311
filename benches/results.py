"""Result files: what a measurement writes and the page reads, with the machine and the versions in the header.

Knows names and places of files; measures nothing.
"""

from __future__ import annotations

import json
import os
import platform
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from figures import Run, Summary, summarise
from rows import ROWS

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["RESULTS", "Result", "machine", "newest", "read", "write"]

RESULTS = Path(__file__).resolve().parent / "results"


@dataclass(frozen=True)
class Result:
    """One file: its header, and its rows put together anew from the single runs."""

    path: Path
    header: dict[str, Any]
    summaries: dict[str, Summary]


def write(header: dict[str, Any], summaries: Sequence[Summary], folder: Path, name: str) -> Path:
    """Write a file named after the measurement and its date."""
    folder.mkdir(parents=True, exist_ok=True)
    stamp = datetime.fromisoformat(header["date"]).strftime("%Y-%m-%d-%H%M%S")
    target = folder / f"{name}-{stamp}.json"
    content = {**header, "rows": [summary.as_json() for summary in summaries]}
    target.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return target


def read(path: Path) -> Result:
    """Read a file; rows that are not measured any more are left out."""
    content = json.loads(path.read_text(encoding="utf-8"))
    known = {row.name: row for row in ROWS}
    summaries: dict[str, Summary] = {}
    for entry in content.pop("rows"):
        row = known.get(entry["row"])
        if row:
            runs = [Run(run["round"], run["peer"], run["report"]) for run in entry["runs"]]
            summaries[row.name] = summarise(row, list(dict.fromkeys(run.peer for run in runs)), runs)
    return Result(path, content, summaries)


def newest(folder: Path = RESULTS) -> dict[str, Result]:
    """For each row the newest file that has it."""
    results = sorted((read(path) for path in folder.glob("*.json")), key=lambda result: result.header["date"])
    return {name: result for result in results for name in result.summaries}


def machine() -> str:
    """Processor, cores and kernel."""
    model = platform.processor() or platform.machine()
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            model = line.partition(":")[2].strip()
            break
    return f"{model}, {os.cpu_count()} cores, {platform.system()} {platform.release()}"
