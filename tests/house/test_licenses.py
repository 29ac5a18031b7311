"""The page of third-party licences: the choice among several, the texts, and that no crate of the wheel is missing."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from house.tree import ROOT

if TYPE_CHECKING:
    from types import ModuleType

ALLOWED = ["MIT", "Apache-2.0", "Apache-2.0 WITH LLVM-exception", "Unicode-3.0", "Zlib"]
MIT_TEXT = "Permission is hereby granted, free of charge, to any person\nCopyright <A & B>"
APACHE_TEXT = "Apache License\nVersion 2.0"


@pytest.fixture(scope="module")
def tool() -> ModuleType:
    spec = importlib.util.spec_from_file_location("third_party_licenses", ROOT / "tools/third_party_licenses.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    # Its dataclass looks its own module up by name.
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("expression", "chosen"),
    [
        ("MIT", ["MIT"]),
        ("Apache-2.0 OR MIT", ["MIT"]),
        ("Apache-2.0/MIT", ["MIT"]),
        ("GPL-3.0-only", None),
        ("GPL-3.0-only OR Zlib", ["Zlib"]),
        ("MIT AND GPL-3.0-only", None),
        ("(MIT OR Apache-2.0) AND Unicode-3.0", ["MIT", "Unicode-3.0"]),
        ("Apache-2.0 WITH LLVM-exception OR GPL-2.0-only", ["Apache-2.0 WITH LLVM-exception"]),
        ("LGPL-2.1-or-later OR (GPL-3.0-only AND MIT)", None),
        ("", None),
    ],
)
def test_choice_among_licences(tool: ModuleType, expression: str, chosen: list[str] | None) -> None:
    assert tool.choose(expression, ALLOWED) == chosen


def crate_with(tool: ModuleType, folder: Path, files: dict[str, str], expression: str = "MIT OR Apache-2.0") -> object:
    for name, content in files.items():
        (folder / name).write_text(content, encoding="utf-8")
    return tool.Crate("thing", "1.2.3", expression, folder)


def test_only_the_chosen_text_and_the_notice_are_taken(tool: ModuleType, tmp_path: Path) -> None:
    files = {"LICENSE-MIT": MIT_TEXT, "LICENSE-APACHE": APACHE_TEXT, "NOTICE": "by C", "README.md": MIT_TEXT}
    crate = crate_with(tool, tmp_path, files)
    assert tool.texts_of(crate, ["MIT"]) == [MIT_TEXT, "by C"]


def test_texts_that_cannot_be_told_apart_are_all_taken(tool: ModuleType, tmp_path: Path) -> None:
    crate = crate_with(tool, tmp_path, {"COPYING": "in our own words", "LICENSE-APACHE": APACHE_TEXT})
    assert tool.texts_of(crate, ["MIT"]) == ["in our own words", APACHE_TEXT]


def test_page_escapes_texts_and_names_their_crates(tool: ModuleType, tmp_path: Path) -> None:
    page = tool.page([crate_with(tool, tmp_path, {"LICENSE": MIT_TEXT})], ALLOWED)
    assert "<li>thing 1.2.3 (MIT)</li>" in page
    assert "Copyright &lt;A &amp; B&gt;" in page


@pytest.mark.parametrize(
    ("files", "expression", "complaint"),
    [
        ({}, "MIT", "holds no licence text"),
        ({"LICENSE": MIT_TEXT}, "GPL-3.0-only", "not allowed by deny.toml"),
    ],
)
def test_crate_that_cannot_be_shipped_is_an_error(
    tool: ModuleType, tmp_path: Path, files: dict[str, str], expression: str, complaint: str
) -> None:
    with pytest.raises(SystemExit, match=complaint):
        tool.page([crate_with(tool, tmp_path, files, expression)], ALLOWED)


def test_linked_crates_leave_out_ours_and_what_only_builds_or_tests(tool: ModuleType) -> None:
    def package(name: str, source: str | None) -> dict[str, object]:
        manifest = f"folder/{name}/Cargo.toml"
        return {
            "id": name, "name": name, "version": "1.0.0", "license": "MIT", "source": source, "manifest_path": manifest
        }  # fmt: skip

    def edge(name: str, *kinds: str | None) -> dict[str, object]:
        return {"pkg": name, "dep_kinds": [{"kind": kind} for kind in kinds]}

    metadata = {
        "packages": [
            package(name, None if name.startswith("sio-") else "registry")
            for name in ("sio-python", "sio-hub", "deep", "both", "builder", "tester")
        ],
        "resolve": {
            "nodes": [
                {
                    "id": "sio-python",
                    "deps": [edge("sio-hub", None), edge("builder", "build"), edge("both", "dev", None)],
                },
                {"id": "sio-hub", "deps": [edge("deep", None), edge("tester", "dev")]},
                *({"id": name, "deps": []} for name in ("deep", "both", "builder", "tester")),
            ]
        },
    }
    assert [crate.name for crate in tool.linked_crates(metadata)] == ["both", "deep"]


def test_page_of_this_project_is_complete(tool: ModuleType, tmp_path: Path) -> None:
    output = tmp_path / "licences.html"
    tool.main(output)
    page = output.read_text(encoding="utf-8")
    for name in ("pyo3", "tokio", "hyper", "bytes"):
        assert f"<li>{name} " in page
    assert str(Path.home()) not in page
