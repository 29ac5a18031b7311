"""Every file says what it is for, stays small, and names nothing of the machine it was written on."""

from __future__ import annotations

import ast
import json
import re
from pathlib import Path

import pytest

from house.tree import ROOT, files, manifest, text

ALARM = 500
# A test file mirrors one module, and most of its lines are rows.
ALARM_OF_TESTS = 700
# Files past the alarm, each with the reason why it is still one thing.
LONG: dict[str, str] = {
    "python/sio_fast/_core.pyi": "it mirrors one compiled module, which has many files",
}
# The first paragraph names a responsibility; one word does not. A test file's responsibility is mostly in its name.
SHORTEST_PARAGRAPH = 30
SHORTEST_OF_TESTS = 10


def is_test(path: str) -> bool:
    return "tests/" in path and Path(path).name != "conftest.py"


def sources(*suffixes: str) -> list[str]:
    return [path for path in files(*suffixes) if text(path).strip()]


@pytest.mark.parametrize("path", sources(".rs"))
def test_rust_file_opens_with_its_paragraph(path: str) -> None:
    opening = text(path).split("\n\n", 1)[0]
    lines = [line for line in opening.splitlines() if not line.startswith("#![")]
    paragraph = " ".join(line.removeprefix("//!").strip() for line in lines if line.startswith("//!"))
    assert lines[0].startswith("//!"), "the first line is `//! …`"
    assert len(paragraph) >= SHORTEST_PARAGRAPH, paragraph


@pytest.mark.parametrize("path", sources(".py", ".pyi"))
def test_python_file_opens_with_its_paragraph(path: str) -> None:
    paragraph = ast.get_docstring(ast.parse(text(path)))
    assert paragraph is not None
    assert len(paragraph) >= (SHORTEST_OF_TESTS if is_test(path) else SHORTEST_PARAGRAPH), paragraph


@pytest.mark.parametrize("path", sources(".js", ".mjs"))
def test_script_opens_with_its_paragraph(path: str) -> None:
    opening = re.sub(r"^#!.*\n", "", text(path)).lstrip()
    comment = re.match(r"(?://.*\n)+|/\*.*?\*/", opening, re.DOTALL if opening.startswith("/*") else 0)
    assert comment is not None
    assert len(comment[0]) >= SHORTEST_PARAGRAPH, comment[0]


@pytest.mark.parametrize("path", sources(".rs", ".py", ".pyi", ".js", ".mjs", ".css", "Makefile"))
def test_file_stays_below_the_alarm(path: str) -> None:
    length = text(path).count("\n")
    alarm = ALARM_OF_TESTS if is_test(path) else ALARM
    if path in LONG:
        assert length > alarm, "it is short again: strike it off LONG"
    else:
        assert length <= alarm, f"{length} lines: what second thing moved in?"


def test_list_of_long_files_names_existing_ones() -> None:
    assert set(LONG) <= set(files())
    assert all(len(reason) > SHORTEST_PARAGRAPH for reason in LONG.values())


def places_of_this_machine() -> re.Pattern[str]:
    """Where this checkout lies, whose home it is, and anybody's home by its usual shape."""
    here = [re.escape(str(place)) for place in (ROOT, Path.home()) if place != Path("/")]
    usual = ["/" + "home/[a-z]", "/" + "Users/[A-Za-z]"]
    return re.compile("|".join(rf"(?<![\w.~$}}]){place}(?![\w-])" for place in (*here, *usual)))


@pytest.mark.parametrize("path", files())
def test_file_names_no_path_of_this_machine(path: str) -> None:
    assert places_of_this_machine().search(text(path)) is None


@pytest.mark.parametrize("path", files("package.json"))
def test_npm_package_is_locked_without_a_host(path: str) -> None:
    """`npm ci` takes whichever registry the machine uses; the integrity alone says what must come."""
    lock_path = path.removesuffix("package.json") + "package-lock.json"
    lock = json.loads(text(lock_path))
    wishes = json.loads(text(path))
    for kind in ("dependencies", "devDependencies"):
        assert lock["packages"][""].get(kind, {}) == wishes.get(kind, {}), f"{lock_path} is stale"
        # One package in several versions: each beyond the first has a name of its own.
        assert all(
            re.fullmatch(r"(npm:[\w.-]+@)?\d+\.\d+\.\d+", version) for version in wishes.get(kind, {}).values()
        ), "exact versions"
    for name, package in lock["packages"].items():
        assert "resolved" not in package, f"{lock_path}: {name}"
        assert name == "" or package["integrity"].startswith("sha512-"), f"{lock_path}: {name}"


def test_cargo_lock_knows_one_registry_and_no_path() -> None:
    lock = manifest("Cargo.lock")
    foreign = [package for package in lock["package"] if "source" in package]
    assert {package["source"] for package in foreign} == {"registry+https://github.com/rust-lang/crates.io-index"}
    assert all(re.fullmatch(r"[0-9a-f]{64}", package["checksum"]) for package in foreign)


def test_constraints_are_names_and_versions() -> None:
    lines = [line for line in text("tools/constraints.txt").splitlines() if not line.startswith("#")]
    assert lines
    for line in lines:
        assert re.fullmatch(r"[A-Za-z0-9_.-]+==[0-9][A-Za-z0-9.+!-]*", line), line


@pytest.mark.parametrize("path", [path for path in files() if path != "tests/house/test_files.py"])
def test_nothing_is_left_for_later(path: str) -> None:
    """A mark without an end is a promise nobody keeps: finish it, or write an issue."""
    assert not re.search(r"\b(TODO|FIXME|XXX|HACK)\b|\b(todo|unimplemented)!\(", text(path))
