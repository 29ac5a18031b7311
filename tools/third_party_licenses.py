#!/usr/bin/env python3
"""Writes the licences of every crate that is compiled into the wheel into one HTML page.

The page goes into the wheel and the source distribution. What may be used at all is decided in ``deny.toml``; this file
only takes, of several licences that a crate offers, the first one allowed there, and copies the texts that the crate's
own archive holds. It knows nothing of Python packages (the wheel contains none) and needs nothing but the standard
library, cargo, and the crates that ``cargo fetch`` has unpacked. A crate without a licence text is an error.

Usage: third_party_licenses.py OUTPUT
"""

from __future__ import annotations

import html
import json
import re
import subprocess
import sys
import tomllib
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

__all__ = ["Crate", "choose", "linked_crates", "main", "page", "texts_of"]

ROOT = Path(__file__).resolve().parent.parent
# The crate that becomes sio_fast._core: what it links is in the wheel.
EDGE = "sio-python"
# How a text is recognised; the first match counts (Apache's own text mentions none of the others).
SIGNS = (
    ("Apache-2.0 WITH LLVM-exception", "LLVM Exceptions to the Apache 2.0 License"),
    ("Apache-2.0", "Apache License"),
    ("Unicode-3.0", "UNICODE LICENSE V3"),
    ("Zlib", "misrepresented as being the original software"),
    ("BSD-3-Clause", "Neither the name of"),
    ("BSD-2-Clause", "Redistributions of source code must retain"),
    ("ISC", "Permission to use, copy, modify, and/or distribute this software"),
    ("ISC", "Permission to use, copy, modify, and distribute this software"),
    ("MIT", "Permission is hereby granted, free of charge"),
)
STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem }
pre { white-space: pre-wrap; border-left: 3px solid #ccc; padding-left: 1rem }
"""
TEXT_NAMES = re.compile(r"(licen[cs]e|copying|copyright|notice|unlicense)", re.IGNORECASE)


@dataclass(frozen=True, order=True)
class Crate:
    """A crate of the wheel: its name, its version, the SPDX expression of its manifest, and where it lies."""

    name: str
    version: str
    expression: str
    folder: Path


def choose(expression: str, allowed: list[str]) -> list[str] | None:
    """The licences to obey for an SPDX expression, or None if nothing allowed satisfies it.

    Of alternatives the one whose licences stand earliest in ``allowed`` is taken. The old ``A/B`` means ``A OR B``.
    """
    tokens: list[str] = re.findall(r"\(|\)|[^\s()]+", expression.replace("/", " OR "))
    if not tokens:
        return None
    position = 0

    def peek() -> str | None:
        return tokens[position] if position < len(tokens) else None

    def take() -> str:
        nonlocal position
        position += 1
        return tokens[position - 1]

    def either() -> list[str] | None:
        best = both()
        while peek() == "OR":
            take()
            other = both()
            if other is not None and (best is None or rank(other) < rank(best)):
                best = other
        return best

    def both() -> list[str] | None:
        found = single()
        while peek() == "AND":
            take()
            more = single()
            found = None if found is None or more is None else [*found, *more]
        return found

    def single() -> list[str] | None:
        if peek() == "(":
            take()
            inner = either()
            take()
            return inner
        name = take()
        if peek() == "WITH":
            take()
            name = f"{name} WITH {take()}"
        return [name] if name in allowed else None

    def rank(names: list[str]) -> int:
        return max(allowed.index(name) for name in names)

    return either()


def linked_crates(metadata: dict[str, Any]) -> list[Crate]:
    """What the edge depends on, at any depth, without build and test dependencies and without our own crates."""
    packages = {package["id"]: package for package in metadata["packages"]}
    nodes = {node["id"]: node for node in metadata["resolve"]["nodes"]}
    waiting = [identity for identity, package in packages.items() if package["name"] == EDGE]
    seen = set(waiting)
    while waiting:
        for dependency in nodes[waiting.pop()]["deps"]:
            linked = any(kind["kind"] is None for kind in dependency["dep_kinds"])
            if linked and dependency["pkg"] not in seen:
                seen.add(dependency["pkg"])
                waiting.append(dependency["pkg"])
    foreign = (packages[identity] for identity in seen if packages[identity]["source"] is not None)
    return sorted(
        Crate(each["name"], each["version"], each["license"] or "", Path(each["manifest_path"]).parent)
        for each in foreign
    )


def texts_of(crate: Crate, licences: list[str]) -> list[str]:
    """The texts in the crate's archive that belong to ``licences``; all of them if they cannot be told apart."""
    files = sorted(path for path in crate.folder.iterdir() if path.is_file() and TEXT_NAMES.match(path.name))
    texts = {path: path.read_text(encoding="utf-8", errors="replace").strip() for path in files}
    kinds = {path: next((name for name, sign in SIGNS if sign in text), None) for path, text in texts.items()}
    wanted = [path for path in files if kinds[path] in licences]
    if not set(licences) <= {kinds[path] for path in wanted}:
        wanted = files
    notices = [path for path in files if path not in wanted and kinds[path] is None and "notice" in path.name.lower()]
    return [texts[path] for path in (*wanted, *notices) if texts[path]]


def page(crates: list[Crate], allowed: list[str]) -> str:
    """The page: every distinct text once, under the crates it belongs to.

    Raises:
        SystemExit: A crate's licence is not allowed, or its archive holds no text; the message names the crate.
    """
    users: dict[str, list[str]] = defaultdict(list)
    for crate in crates:
        licences = choose(crate.expression, allowed)
        if licences is None:
            sys.exit(f"{crate.name} {crate.version}: licence {crate.expression!r} is not allowed by deny.toml")
        texts = texts_of(crate, licences)
        if not texts:
            sys.exit(f"{crate.name} {crate.version}: its archive holds no licence text ({crate.expression})")
        for text in texts:
            users[text].append(f"{crate.name} {crate.version} ({' and '.join(licences)})")
    sections = [
        f"<section>\n<ul>{''.join(f'<li>{html.escape(name)}</li>' for name in names)}</ul>\n"
        f"<pre>{html.escape(text)}</pre>\n</section>"
        for text, names in sorted(users.items(), key=lambda item: item[1])
    ]
    return "\n".join(
        [
            "<!DOCTYPE html>",
            '<html lang="en"><head><meta charset="utf-8"><title>Third-party licences of sio_fast</title>',
            f"<style>{STYLE}</style></head><body>",
            "<h1>Third-party licences</h1>",
            f"<p>The compiled core of sio_fast contains {len(crates)} Rust crates by other authors.</p>",
            *sections,
            "</body></html>",
            "",
        ]
    )


def main(output: Path) -> None:
    """Asks cargo what is linked on this platform and writes the page."""
    host = re.search(r"^host: (\S+)$", run("rustc", "-vV"), re.MULTILINE)
    if host is None:
        sys.exit("rustc -vV names no host")
    metadata = json.loads(run("cargo", "metadata", "--format-version=1", "--locked", "--filter-platform", host[1]))
    allowed: list[str] = tomllib.loads((ROOT / "deny.toml").read_text(encoding="utf-8"))["licenses"]["allow"]
    crates = linked_crates(metadata)
    output.write_text(page(crates, allowed), encoding="utf-8")
    print(f"{output.name}: {len(crates)} crates")


def run(*command: str) -> str:
    """The output of a command run in the project's folder; its own error text is shown when it fails."""
    return subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(Path(sys.argv[1]))
