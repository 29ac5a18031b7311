"""How peers get onto the machine: npm and cargo, from their lock files, into ignored folders of this project.

Says for each peer that cannot be had why; starts no server.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from peers import BENCHES, BUN, SOCKETIOXIDE_TARGET, Peer

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["build", "prepare"]

ROOT = BENCHES.parent
SERVERS = BENCHES / "servers"


def prepare(peers: Sequence[Peer], python: str) -> dict[str, str]:
    """Install what the peers need and have not got; those that cannot run here come back with the reason."""
    missing: dict[str, str] = {}
    for need in dict.fromkeys(need for peer in peers for need in peer.requires):
        problem = _provide(need, python)
        if problem:
            missing |= {peer.name: problem for peer in peers if need in peer.requires}
    return missing


def build(package: str) -> Path:
    """Build a crate of the workspace with optimisation and return the path of its program."""
    return _cargo(["--package", package], package)


def _provide(need: str, python: str) -> str | None:
    kind, _, what = need.partition(":")
    if kind == "npm":
        return _npm(what)
    if kind == "python":
        return _python(what, python)
    if kind == "crate":
        build(what)
        return None
    return _foreign_crate()


def _npm(folder: str) -> str | None:
    if shutil.which("npm") is None:
        return "npm (Node) is not on this machine"
    if folder == "node" and shutil.which("node") is None:
        return "node is not on this machine"
    place = SERVERS / folder
    installed = place / "node_modules" / ".package-lock.json"
    if not installed.exists() or installed.stat().st_mtime < (place / "package-lock.json").stat().st_mtime:
        # A package's own script would fetch what the lock file does not name.
        command = ["npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts"]
        if subprocess.run(command, cwd=place, check=False, stdout=sys.stderr).returncode:
            return f"npm ci failed in {place.relative_to(ROOT)}"
        installed.touch()
    if folder == "bun" and not BUN.exists():
        return "the npm package of bun has no program for this machine"
    return None


def _python(modules: str, python: str) -> str | None:
    """Python peers live in the environment of the interpreter, which `make bench` fills."""
    code = f"import importlib.util as u; print([m for m in {modules.split(',')!r} if not u.find_spec(m)])"
    found = subprocess.run([python, "-c", code], check=True, capture_output=True, text=True).stdout.strip()
    return None if found == "[]" else f"{python} lacks {found}: pip install --group bench"


def _foreign_crate() -> str | None:
    arguments = ["--manifest-path", str(SERVERS / "socketioxide" / "Cargo.toml")]
    try:
        _cargo([*arguments, "--target-dir", str(SOCKETIOXIDE_TARGET)], "sio-bench-socketioxide")
    except subprocess.CalledProcessError as problem:
        return f"cargo ended with status {problem.returncode}"
    return None


def _cargo(arguments: Sequence[str], name: str) -> Path:
    command = ["cargo", "build", "--locked", "--release", "--message-format", "json", *arguments]
    built = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True)
    for line in built.stdout.splitlines():
        message = json.loads(line)
        if message.get("executable") and message["target"]["name"] == name:
            return Path(message["executable"])
    raise RuntimeError(f"cargo built no executable named {name}")
