"""Cost of one thing as a multiple of another's, measured in turn within one run, so that the machine cancels out.

Knows clocks and valgrind; does not know what is compared. ``python benches/ratios.py`` lists the instructions of every case
of protocol and hub.
"""

from __future__ import annotations

import functools
import json
import re
import shutil
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["build_micro", "cpu_ratio", "instructions", "main"]

ROOT = Path(__file__).resolve().parent.parent


def build_micro() -> Path:
    """Build the cases of protocol and hub with optimisation and return the path of the program."""
    command = ["cargo", "build", "--locked", "--profile", "quick", "--package", "sio-micro", "--message-format", "json"]
    built = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout
    messages = [json.loads(line) for line in built.splitlines()]
    return Path(next(message["executable"] for message in messages if message.get("executable")))


def cpu_ratio(subject: Callable[[], object], reference: Callable[[], object], rounds: int = 15) -> float:
    """CPU time of all threads of this process, least of many rounds, taken in turn: noise only ever adds to it."""
    least = [float("inf"), float("inf")]
    for _ in range(rounds):
        for place, action in enumerate((subject, reference)):
            begun = time.process_time_ns()
            action()
            least[place] = min(least[place], time.process_time_ns() - begun)
    return least[0] / least[1]


@functools.cache
def instructions(program: Path, case: str, count: int = 100) -> float:
    """Instructions of one repetition, by callgrind: the difference of two runs, so that the start does not count."""
    few, many = (_counted(program, case, times) for times in (count, 2 * count))
    return (many - few) / count


def _counted(program: Path, case: str, count: int) -> int:
    command = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", str(program), case, str(count)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    found = re.search(r"Collected : (\d+)", done.stderr)
    if not found:
        raise RuntimeError(f"callgrind said no count: {done.stderr[-300:]}")
    return int(found[1])


def main() -> None:
    """Print the instructions of every case."""
    if shutil.which("valgrind") is None:
        print("instruction counts are skipped: valgrind is not installed")
        return
    program = build_micro()
    for case in subprocess.run([program], check=True, capture_output=True, text=True).stdout.splitlines():
        print(f"{case:<40}{instructions(program, case):>14,.0f} instructions", flush=True)


if __name__ == "__main__":
    main()
