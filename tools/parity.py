#!/usr/bin/env python3
"""Writes docs/parity.md: what the official server does, what sio_fast does, and which test shows it.

The behaviours stand in ``tests/parity/*.toml``, the tests name them: ``@pytest.mark.parity("rooms.leave")``. Tests are
read, never imported or run, so this needs nothing but the standard library; whether a test passes is pytest's business,
and whether the three agree is asked by ``tests/house/test_parity.py``.

Usage: parity.py [--check]
"""

from __future__ import annotations

import ast
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, cast, get_args

__all__ = ["Area", "Behaviour", "Group", "Shown", "main", "page", "problems", "read_areas", "read_tests"]

ROOT = Path(__file__).resolve().parent.parent
PAGE = "docs/parity.md"
DATA = "tests/parity"
#: The files of behaviours, in the order of the page.
AREAS = ("socketio", "engineio", "faults")

Status = Literal["same", "differs", "later", "not_ours"]
STATUSES: tuple[Status, ...] = get_args(Status)
#: What a status is called on the page, and what comes before its reason.
NAMES: dict[Status, str] = {
    "same": "the same",
    "differs": "different on purpose",
    "later": "later",
    "not_ours": "not ours",
}
INTRODUCTION = """\
<!-- Written by `make parity` from tests/parity and the marks of the tests. Change those. -->

# Parity

What the tests of the official server and its Engine.IO look at, told in our own words, with what sio_fast does and the
tests that show it. *Different on purpose* and *later* give their reason. A test with a ⚖ also passes against the official
server (`--server=official`), which proves the expectation.
"""


@dataclass(frozen=True)
class Behaviour:
    """One thing that a server does. `ours` is the reason, or a remark on something that is the same."""

    id: str
    official: str
    status: Status
    ours: str


@dataclass(frozen=True)
class Group:
    """Behaviours that belong together."""

    title: str
    behaviours: tuple[Behaviour, ...]


@dataclass(frozen=True)
class Area:
    """A file of behaviours: whom we are compared with, and the groups."""

    heading: str
    peer: str
    groups: tuple[Group, ...]

    @property
    def behaviours(self) -> list[Behaviour]:
        """Those of all groups."""
        return [behaviour for group in self.groups for behaviour in group.behaviours]


@dataclass(frozen=True, order=True)
class Shown:
    """A test that shows a behaviour; `judged` if the official server passes it too."""

    path: str
    name: str
    judged: bool


def read_behaviour(key: str, value: Any) -> Behaviour:
    """A behaviour from its TOML value: a sentence, or a table with `official` and one status (or `same` with a remark)."""
    if isinstance(value, str):
        return Behaviour(key, value, "same", "")
    table = cast("dict[str, Any]", value) if isinstance(value, dict) else {}
    status: Status | None = next((each for each in STATUSES if table.get(each) is not None), None)
    if (
        status is None
        or set(table) != {"official", status}
        or not all(isinstance(text, str) for text in table.values())
    ):
        raise ValueError(
            f"{key}: {value!r} needs `official` and exactly one of {', '.join(STATUSES)}, all of them texts"
        )
    return Behaviour(key, table["official"], status, table[status])


def read_area(text: str) -> Area:
    """An area from the text of its file."""
    document = tomllib.loads(text)
    heading, peer = document.pop("heading"), document.pop("peer")
    groups: list[Group] = []
    for name, table in document.items():
        title = table.pop("title")
        groups.append(Group(title, tuple(read_behaviour(f"{name}.{key}", value) for key, value in table.items())))
    return Area(heading, peer, tuple(groups))


def read_areas(root: Path = ROOT) -> list[Area]:
    """All areas, in the order of the page."""
    return [read_area((root / DATA / f"{name}.toml").read_text(encoding="utf-8")) for name in AREAS]


def marks_of(function: ast.FunctionDef | ast.AsyncFunctionDef) -> tuple[list[str], bool]:
    """The ids that a test's `parity` marks name, and whether it is marked `official`."""
    ids: list[str] = []
    judged = False
    for decorator in function.decorator_list:
        call = decorator if isinstance(decorator, ast.Call) else None
        name = ast.unparse(call.func if call else decorator)
        judged = judged or name == "pytest.mark.official"
        if name == "pytest.mark.parity":
            ids += [str(ast.literal_eval(argument)) for argument in (call.args if call else [])]
    return ids, judged


def read_tests(root: Path = ROOT) -> dict[str, list[Shown]]:
    """The tests that show each behaviour, by its id."""
    shown: dict[str, list[Shown]] = {}
    for path in sorted((root / "tests").glob("*/test_*.py")):
        text = path.read_text(encoding="utf-8")
        if "pytest.mark.parity" not in text:
            continue
        for node in ast.parse(text).body:
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                ids, judged = marks_of(node)
                for each in ids:
                    shown.setdefault(each, []).append(Shown(path.relative_to(root).as_posix(), node.name, judged))
    return shown


def problems(areas: list[Area], shown: dict[str, list[Shown]]) -> list[str]:
    """What does not fit together: an unknown id, a behaviour without a test, a test of what is not there yet."""
    behaviours = [behaviour for area in areas for behaviour in area.behaviours]
    known = {behaviour.id: behaviour for behaviour in behaviours}
    found = [
        f"{test.path}::{test.name} shows {each}, which {DATA} does not know"
        for each, tests in shown.items()
        if each not in known
        for test in tests
    ]
    found += [f"{each.id} stands in two places" for each in behaviours if known[each.id] is not each]
    for each in behaviours:
        if each.status in {"same", "differs"} and each.id not in shown:
            found.append(f"{each.id} has no test: mark one, or say why it comes later")
        if each.status in {"later", "not_ours"} and each.id in shown:
            found.append(f"{each.id} has a test, so it is here: it is no longer {NAMES[each.status]}")
        if not each.official.strip() or (each.status != "same" and not each.ours.strip()):
            found.append(f"{each.id} lacks a sentence or its reason")
    return found


def cell(text: str) -> str:
    """A text that stays inside its cell."""
    return " ".join(text.split()).replace("|", "\\|")


def told(behaviour: Behaviour) -> str:
    """The cell of what sio_fast does."""
    if behaviour.status == "same":
        return cell(behaviour.ours) or "the same"
    return f"*{NAMES[behaviour.status]}:* {cell(behaviour.ours)}"


def linked(tests: list[Shown]) -> str:
    """The cell of tests, each a link to its file."""
    return "<br>".join(
        f"[{Path(test.path).stem}](../{test.path})::{test.name}{' ⚖' if test.judged else ''}" for test in sorted(tests)
    )


def counts(areas: list[Area], shown: dict[str, list[Shown]]) -> list[str]:
    """The table of counts, as lines."""
    lines = [
        f"| | behaviours | {' | '.join(NAMES[status] for status in STATUSES)} | with ⚖ |",
        f"|---|{'---:|' * (len(STATUSES) + 2)}",
    ]
    everything = [behaviour for area in areas for behaviour in area.behaviours]
    for heading, behaviours in [*((area.heading, area.behaviours) for area in areas), ("together", everything)]:
        kinds = [sum(each.status == status for each in behaviours) for status in STATUSES]
        judged = sum(any(test.judged for test in shown.get(each.id, [])) for each in behaviours)
        lines.append(f"| {heading} | {' | '.join(map(str, [len(behaviours), *kinds, judged]))} |")
    return lines


def page(areas: list[Area], shown: dict[str, list[Shown]]) -> str:
    """The whole page."""
    lines = [INTRODUCTION, *counts(areas, shown)]
    for area in areas:
        lines += ["", f"## {area.heading}"]
        for group in area.groups:
            lines += ["", f"### {group.title}", "", f"| | {area.peer} | sio_fast | tests |", "|---|---|---|---|"]
            lines += [
                f"| `{each.id}` | {cell(each.official)} | {told(each)} | {linked(shown.get(each.id, []))} |"
                for each in group.behaviours
            ]
    return "\n".join(lines) + "\n"


def main(arguments: list[str]) -> int:
    """Writes the page, or with `--check` only says whether it is up to date; 1 if something does not fit together."""
    areas, shown = read_areas(), read_tests()
    found = problems(areas, shown)
    text = page(areas, shown)
    target = ROOT / PAGE
    if arguments == ["--check"]:
        if not target.exists() or target.read_text(encoding="utf-8") != text:
            found.append(f"{PAGE} is stale: run `make parity`")
    else:
        target.write_text(text, encoding="utf-8")
    for problem in found:
        print(problem, file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
