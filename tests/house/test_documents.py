"""The documents tell the truth: commands exist, links lead somewhere, code is code, versions agree."""

from __future__ import annotations

import ast
import re
import subprocess

import pytest

from house.tree import ROOT, files, manifest, text

DOCUMENTS = files(".md")


def blocks(path: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", text(path), re.DOTALL | re.MULTILINE)


def targets() -> set[str]:
    return set(re.findall(r"^([a-z-]+):", text("Makefile"), re.MULTILINE))


@pytest.mark.parametrize("path", [*DOCUMENTS, ".ci/run"])
def test_named_make_words_exist(path: str) -> None:
    shell = "\n".join(blocks(path, "(?:sh|shell|bash|console)")) if path.endswith(".md") else text(path)
    spans = re.findall(r"`(make [^`]*)`", text(path))
    commands = re.findall(r"^(?:\$ )?(make .*)$", shell, re.MULTILINE) + spans
    for command in commands:
        words = [word for word in command.split("#")[0].split()[1:] if re.fullmatch(r"[a-z][a-z-]*", word)]
        assert set(words) <= targets(), command


def test_readme_names_the_two_commands() -> None:
    commands = "\n".join(blocks("README.md", "(?:sh|shell|bash|console)"))
    assert re.search(r"^make demo\b", commands, re.MULTILINE)
    assert re.search(r"^make test\b", commands, re.MULTILINE)


def test_every_make_word_explains_itself() -> None:
    makefile = text("Makefile")
    phony = re.search(r"^\.PHONY: ((?:.*\\\n)*.*)$", makefile, re.MULTILINE)
    assert phony is not None
    helped = set(re.findall(r"^([a-z-]+):.*## \S", makefile, re.MULTILINE))
    assert set(phony[1].replace("\\\n", " ").split()) - {"clean"} <= helped | {"clean"}
    assert targets() - {"js"} <= helped
    listing = subprocess.run(["make", "help"], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    assert {line.split()[1] for line in listing.splitlines() if line.startswith("  make ")} == helped


@pytest.mark.parametrize("path", DOCUMENTS)
def test_relative_links_lead_somewhere(path: str) -> None:
    prose = re.sub(r"^```.*?^```", "", text(path), flags=re.DOTALL | re.MULTILINE)
    for target in re.findall(r"\]\(([^)\s]+)\)", prose):
        if not re.match(r"[a-z]+:|#", target):
            assert (ROOT / path).parent.joinpath(target.split("#")[0]).exists(), target


@pytest.mark.parametrize("path", DOCUMENTS)
def test_python_blocks_compile(path: str) -> None:
    for block in blocks(path, "python"):
        compile(block, path, "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)


def test_readme_example_is_the_program_that_is_tested() -> None:
    """The first Python block of the README stands in the examples, where both type checkers read it."""
    example = blocks("README.md", "python")[0]
    assert example in "\n".join(text(path) for path in files(".py") if path.startswith("examples/"))


def test_changelog_opens_with_this_version() -> None:
    version = manifest("Cargo.toml")["workspace"]["package"]["version"]
    headings = re.findall(r"^## (\S+)", text("CHANGELOG.md"), re.MULTILINE)
    assert headings[0] in {version, "Unreleased"}
    assert version in headings or headings[0] == "Unreleased"


def test_oldest_python_is_the_same_everywhere() -> None:
    project = manifest("pyproject.toml")
    oldest = project["project"]["requires-python"].removeprefix(">=")
    assert project["tool"]["mypy"]["python_version"] == oldest
    assert project["tool"]["pyright"]["pythonVersion"] == oldest
    assert project["tool"]["ruff"]["target-version"] == "py" + oldest.replace(".", "")
    minors = re.search(r'^MINORS="([0-9 ]+)"', text("tools/find-python"), re.MULTILINE)
    assert minors is not None
    assert minors[1].split()[-1] == oldest.split(".")[1]


def test_licence_is_the_same_everywhere() -> None:
    assert manifest("pyproject.toml")["project"]["license"] == "MIT"
    assert manifest("Cargo.toml")["workspace"]["package"]["license"] == "MIT"
    assert text("LICENSE").startswith("MIT License")
    assert "The sio_fast developers" in text("LICENSE")
