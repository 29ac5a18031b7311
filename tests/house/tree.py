"""What the files of this project are, as git sees them; the tests of this folder read them and never run them."""

from __future__ import annotations

import functools
import subprocess
import tomllib
from pathlib import Path
from typing import Any

__all__ = ["ROOT", "files", "manifest", "member_manifests", "text"]

ROOT = Path(__file__).resolve().parent.parent.parent


@functools.cache
def files(*suffixes: str) -> tuple[str, ...]:
    """Paths of the project's files with one of these suffixes (all without any), committed or about to be."""
    listing = subprocess.run(
        ["git", "-c", f"safe.directory={ROOT}", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    paths = sorted(path for path in set(listing.splitlines()) if (ROOT / path).is_file())
    assert paths, "git lists no file"
    return tuple(path for path in paths if not suffixes or path.endswith(suffixes))


@functools.cache
def text(path: str) -> str:
    """The file's text; what is no text reads as empty."""
    try:
        return (ROOT / path).read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return ""


def manifest(path: str) -> dict[str, Any]:
    """A TOML file of the project."""
    return tomllib.loads(text(path))


def member_manifests() -> dict[str, dict[str, Any]]:
    """The manifests of the workspace's members by folder, such as ``rust/hub``."""
    return {folder: manifest(f"{folder}/Cargo.toml") for folder in manifest("Cargo.toml")["workspace"]["members"]}
