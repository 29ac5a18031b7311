"""The page of parity: data, marks and page agree, and the tool notices when they do not."""

from __future__ import annotations

import importlib.util
import sys
from typing import TYPE_CHECKING

import pytest

from house.tree import ROOT

if TYPE_CHECKING:
    from pathlib import Path
    from types import ModuleType

AREA = """
heading = "Socket.IO"
peer = "official server"

[rooms]
title = "Rooms"
leave = "a socket leaves"
names = { official = "any | value", differs = "text only" }
shards = { official = "several nodes", later = "with the adapters" }
"""
TESTS = """
import pytest

@pytest.mark.official
@pytest.mark.parity("rooms.leave")
def test_leaves(): ...

@pytest.mark.parity("rooms.leave", "rooms.names")
async def test_names(): ...

def helper(): ...
"""


@pytest.fixture(scope="module")
def tool() -> ModuleType:
    spec = importlib.util.spec_from_file_location("parity", ROOT / "tools/parity.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    # Its dataclasses look their own module up by name.
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def tree(folder: Path, area: str = AREA, tests: str = TESTS) -> Path:
    (folder / "tests/parity").mkdir(parents=True)
    (folder / "tests/unit").mkdir()
    for name in ("socketio", "engineio", "faults"):
        text = area if name == "socketio" else f'heading = "{name}"\npeer = "somebody"\n'
        (folder / f"tests/parity/{name}.toml").write_text(text, encoding="utf-8")
    (folder / "tests/unit/test_rooms.py").write_text(tests, encoding="utf-8")
    return folder


def found(tool: ModuleType, folder: Path) -> list[str]:
    problems: list[str] = tool.problems(tool.read_areas(folder), tool.read_tests(folder))
    return problems


def test_data_and_marks_of_this_project_agree(tool: ModuleType) -> None:
    assert found(tool, ROOT) == []


def test_page_of_this_project_is_fresh(tool: ModuleType) -> None:
    fresh = tool.page(tool.read_areas(), tool.read_tests())
    assert (ROOT / "docs/parity.md").read_text(encoding="utf-8") == fresh, "run `make parity`"


def test_the_sixteen_faults_are_all_there(tool: ModuleType) -> None:
    [*_, faults] = tool.read_areas()
    assert len(faults.behaviours) == 16


def test_a_page(tool: ModuleType, tmp_path: Path) -> None:
    folder = tree(tmp_path)
    assert found(tool, folder) == []
    lines = tool.page(tool.read_areas(folder), tool.read_tests(folder)).splitlines()
    assert "| Socket.IO | 3 | 1 | 1 | 1 | 0 | 1 |" in lines
    assert "| together | 3 | 1 | 1 | 1 | 0 | 1 |" in lines
    file = "[test_rooms](../tests/unit/test_rooms.py)"
    assert f"| `rooms.leave` | a socket leaves | the same | {file}::test_leaves ⚖<br>{file}::test_names |" in lines
    assert f"| `rooms.names` | any \\| value | *different on purpose:* text only | {file}::test_names |" in lines
    assert "| `rooms.shards` | several nodes | *later:* with the adapters |  |" in lines


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ('"rooms.leave", "rooms.names"', '"rooms.leave", "rooms.nobody"', "rooms.nobody, which tests/parity does not"),
        ('"rooms.leave", "rooms.names"', '"rooms.leave"', "rooms.names has no test"),
        ('"rooms.names"', '"rooms.names", "rooms.shards"', "rooms.shards has a test, so it is here"),
        ('"text only"', '" "', "rooms.names lacks a sentence or its reason"),
    ],
)
def test_what_does_not_fit_is_named(tool: ModuleType, tmp_path: Path, old: str, new: str, problem: str) -> None:
    assert old in AREA + TESTS
    assert problem in "\n".join(found(tool, tree(tmp_path, AREA.replace(old, new), TESTS.replace(old, new))))


@pytest.mark.parametrize(
    "value", ['{ official = "a" }', '{ differs = "b" }', '{ official = "a", later = "b", differs = "c" }', "1"]
)
def test_a_behaviour_has_one_status(tool: ModuleType, tmp_path: Path, value: str) -> None:
    folder = tree(tmp_path, f"{AREA}more = {value}\n")
    with pytest.raises(ValueError, match="exactly one of"):
        tool.read_areas(folder)


def test_checking_writes_nothing(
    tool: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(tool, "read_areas", lambda read=tool.read_areas: read(tree(tmp_path)))
    monkeypatch.setattr(tool, "read_tests", lambda read=tool.read_tests: read(tmp_path))
    monkeypatch.setattr(tool, "PAGE", str(tmp_path / "parity.md"))
    assert tool.main(["--check"]) == 1
    assert "is stale" in capsys.readouterr().err
    assert not (tmp_path / "parity.md").exists()
