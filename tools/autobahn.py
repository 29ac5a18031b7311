"""Runs the Autobahn suite against the WebSocket framing and writes docs/autobahn.md. `make autobahn`.

The suite needs CPython 2.7, which lives in an environment of its own under build/autobahn. Compression (12, 13) is left
out: the framing offers none. Decides nothing about a case; it reports what the suite said.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
BUILD = ROOT / "build" / "autobahn"
REPORT = ROOT / "docs" / "autobahn.md"
# What the suite calls fine: an informational case has no right answer, a non-strict one is a matter of timing.
PASSED = {"OK", "INFORMATIONAL"}


def find_python() -> str | None:
    """A CPython 2.7, on PATH or among pyenv's."""
    versions = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    for candidate in [shutil.which("python2.7"), *map(str, sorted(versions.glob("2.7*/bin/python2.7")))]:
        if (
            candidate
            and subprocess.run([candidate, "-c", "import ssl"], capture_output=True, check=False).returncode == 0
        ):
            return candidate
    return None


def install(python: str) -> Path:
    """The suite in an environment of its own."""
    wstest = BUILD / "env" / "bin" / "wstest"
    if not wstest.exists():
        BUILD.mkdir(parents=True, exist_ok=True)
        pip = [python, "-m", "pip", "install", "--quiet", "--target", str(BUILD / "virtualenv"), "virtualenv<20.22"]
        subprocess.run(pip, check=True)
        make = [python, "-m", "virtualenv", "--quiet", str(BUILD / "env")]
        subprocess.run(make, check=True, env={**os.environ, "PYTHONPATH": str(BUILD / "virtualenv")})
        subprocess.run([str(BUILD / "env/bin/pip"), "install", "--quiet", "autobahntestsuite==25.10.1"], check=True)
    return wstest


def run(wstest: Path, cases: list[str]) -> dict[str, dict[str, object]]:
    """What the suite found, by case."""
    example = ["cargo", "build", "--locked", "--release", "--package", "sio-protocol", "--example", "websocket_echo"]
    subprocess.run(example, check=True, cwd=ROOT)
    target = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
    server = subprocess.Popen([str(target / "release/examples/websocket_echo")], stdout=subprocess.PIPE, text=True)
    try:
        assert server.stdout is not None
        port = int(server.stdout.readline())
        spec: dict[str, object] = {
            "outdir": str(BUILD / "reports"),
            "servers": [{"agent": "sio_fast", "url": f"ws://127.0.0.1:{port}", "options": {"version": 18}}],
            "cases": cases,
            "exclude-cases": ["12.*", "13.*"],
            "exclude-agent-cases": {},
        }
        (BUILD / "spec.json").write_text(json.dumps(spec), encoding="utf-8")
        command = [str(wstest), "--mode", "fuzzingclient", "--spec", str(BUILD / "spec.json")]
        subprocess.run(command, check=True, cwd=BUILD, stdout=subprocess.DEVNULL, timeout=1200)
    finally:
        server.kill()
        server.wait()
    found: dict[str, dict[str, object]] = json.loads((BUILD / "reports/index.json").read_text(encoding="utf-8"))[
        "sio_fast"
    ]
    return found


def write(found: dict[str, dict[str, object]]) -> None:
    """The page under docs/."""
    verdicts = Counter(str(case["behavior"]) for case in found.values())
    closes = Counter(str(case["behaviorClose"]) for case in found.values())
    lines = [
        "# WebSocket framing: the Autobahn suite",
        "",
        "Made by `make autobahn`: autobahntestsuite 25.10.1 against `rust/protocol/examples/websocket_echo.rs`, which is the",
        "decoder and the frame writer of the core behind a blocking socket. The cases about compression (12, 13) do not apply.",
        "",
        "| verdict | behaviour | closing |",
        "|---|--:|--:|",
        *(f"| {name} | {verdicts[name]} | {closes[name]} |" for name in sorted({*verdicts, *closes})),
        "",
    ]
    odd = [(name, case) for name, case in found.items() if case["behavior"] not in PASSED]
    lines += (
        ["Every case with another verdict than OK or INFORMATIONAL:", ""]
        if odd
        else ["No case with another verdict.", ""]
    )
    lines += [f"- {name}: {case['behavior']}" for name, case in sorted(odd)]
    REPORT.write_text("\n".join(lines).rstrip() + "\n", encoding="utf-8")


def main() -> int:
    """Exit status 1 if a case failed, 0 if none did or the machine lacks CPython 2.7 (which is said)."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("cases", nargs="*", default=["*"], help="such as 1.* or 6.4.*")
    cases = parser.parse_args().cases
    python = find_python()
    if python is None:
        print("skipped: the Autobahn suite needs CPython 2.7, and none was found on PATH or in pyenv")
        return 0
    found = run(install(python), cases)
    if cases == ["*"]:
        write(found)
    failed = sorted(name for name, case in found.items() if case["behavior"] == "FAILED")
    print(f"{len(found)} cases, {len(failed)} failed: {', '.join(failed) or 'none'}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
