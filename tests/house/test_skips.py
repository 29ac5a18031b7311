"""The plugin that makes a skip in CI a failure, run in a pytest of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from house.tree import ROOT
from plugins.skips import read_allowed

if TYPE_CHECKING:
    from pathlib import Path

SUITE = """
import pytest

def test_passes():
    pass

@pytest.mark.skipif(True, reason="no chromium found")
def test_marked():
    pass

def test_calls_skip():
    pytest.skip("no moon above")

@pytest.mark.xfail(reason="known")
def test_expected_failure():
    assert False
"""
WHOLE_MODULE = "import pytest\npytest.importorskip('a_module_nobody_has')\n"


def run(folder: Path, ci: str, allowed: str = "") -> tuple[int, str]:
    """Runs the little suite with a copy of the plugin beside its own list; exit code and output."""
    plugins = folder / "tests/plugins"
    plugins.mkdir(parents=True)
    source = (ROOT / "tests/plugins/skips.py").read_text(encoding="utf-8")
    (plugins / "skips_copy.py").write_text(source, encoding="utf-8")
    (folder / "tests/allowed_skips.txt").write_text(allowed, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "skips_copy", "-p", "no:cacheprovider", "-rA", str(folder)],
        cwd=folder,
        env={**os.environ, "CI": ci, "PYTHONPATH": str(plugins), "PYTEST_ADDOPTS": ""},
        check=False,
        capture_output=True,
        text=True,
    )
    return done.returncode, done.stdout


def test_skips_pass_on_a_developers_machine(tmp_path: Path) -> None:
    (tmp_path / "test_suite.py").write_text(SUITE, encoding="utf-8")
    code, output = run(tmp_path, ci="")
    assert code == 0, output
    assert "1 passed, 2 skipped, 1 xfailed" in output


def test_skips_fail_in_ci(tmp_path: Path) -> None:
    (tmp_path / "test_suite.py").write_text(SUITE, encoding="utf-8")
    code, output = run(tmp_path, ci="true")
    assert code == 1, output
    assert "skipped in CI: no chromium found" in output
    assert "skipped in CI: no moon above" in output
    assert "1 passed" in output
    assert "1 xfailed" in output
    assert " skipped," not in output


def test_allowed_reasons_may_be_skipped_in_ci(tmp_path: Path) -> None:
    (tmp_path / "test_suite.py").write_text(SUITE, encoding="utf-8")
    code, output = run(tmp_path, "true", "# why\nno chromium* | not packaged\n\nno moon above | the sky\n")
    assert code == 0, output
    assert "1 passed, 2 skipped, 1 xfailed" in output


def test_module_that_skips_itself_fails_in_ci(tmp_path: Path) -> None:
    (tmp_path / "test_suite.py").write_text(WHOLE_MODULE, encoding="utf-8")
    code, output = run(tmp_path, ci="true")
    assert code != 0, output
    assert "skipped in CI: could not import 'a_module_nobody_has'" in output


@pytest.mark.parametrize("line", ["no reason", "reason |", "reason | ", " | why"])
def test_entry_without_reason_or_why_is_refused(line: str) -> None:
    with pytest.raises(pytest.UsageError, match="line 2"):
        read_allowed(f"# comment\n{line}\n")


def test_list_of_this_project_is_readable() -> None:
    read_allowed((ROOT / "tests/allowed_skips.txt").read_text(encoding="utf-8"))
