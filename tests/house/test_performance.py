"""No figure without its result file: docs/performance.md is what the generator makes of the committed ones."""

from __future__ import annotations

import json
import re
import subprocess
import sys

import pytest

from house.tree import ROOT, files, text

RESULTS = [path for path in files(".json") if re.fullmatch(r"benches/results/[^/]+\.json", path)]


def test_the_page_and_its_plots_are_what_the_generator_makes() -> None:
    done = subprocess.run(
        [sys.executable, "benches/page.py", "--check"], cwd=ROOT, check=False, capture_output=True, text=True
    )
    assert done.returncode == 0, f"{done.stderr}run: python benches/page.py"


def test_a_changed_figure_would_be_seen() -> None:
    """The check reads figures from the files: in a copy with another figure the page is stale."""
    code = (
        "import sys; sys.path.insert(0, 'benches'); import page, results\n"
        "before = page.pages(results.newest())\n"
        "newest = results.newest()\n"
        "for result in newest.values():\n"
        "    for summary in result.summaries.values():\n"
        "        summary.medians.update({peer: value * 2 for peer, value in summary.medians.items()})\n"
        "after = page.pages(newest)\n"
        "assert before and set(before) == set(after)\n"
        "assert all(before[path] != after[path] for path in before)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_every_number_names_a_committed_file_and_a_command() -> None:
    page = text("docs/performance.md")
    linked = set(re.findall(r"\]\(\.\./(benches/results/[^)]+\.json)\)", page))
    assert linked
    assert linked <= set(files(".json"))
    sections = [part for part in page.split("\n## ")[1:] if "![" in part]
    assert sections
    for section in sections:
        assert "python benches/system.py --rows" in section, section[:60]


@pytest.mark.parametrize("path", RESULTS)
def test_a_result_says_where_and_with_what_it_was_measured(path: str) -> None:
    content = json.loads(text(path))
    assert {"date", "machine", "pinned", "rounds", "seconds", "warm_up", "versions", "rows"} <= set(content)
    assert content["versions"]
    for row in content["rows"]:
        assert row["runs"]
        assert {run["peer"] for run in row["runs"]} <= set(content["versions"])
