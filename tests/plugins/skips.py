"""Keeps skips honest: with CI=true a skipped test fails, unless its reason stands in tests/allowed_skips.txt.

A skip says what the machine lacks. A CI machine lacks nothing that a package registry has, so what is skipped there is a
hole in the set-up, except for what the file lists, with why it cannot be had. This plugin reads the file and changes
outcomes; it never decides whether a test can run.

The file has one entry a line: the skip's reason as a shell-style pattern, then `` | ``, then why no registry has it.
Empty lines and lines that begin with ``#`` say nothing.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Generator

__all__ = ["AllowedSkip", "read_allowed"]

ALLOWED_FILE = Path(__file__).parent.parent / "allowed_skips.txt"


@dataclass(frozen=True)
class AllowedSkip:
    """A reason for a skip that stands in CI, and why it does."""

    pattern: str
    why: str


def read_allowed(text: str) -> list[AllowedSkip]:
    """Reads the entries; one without a why is an error, since the why is what the file is for."""
    allowed: list[AllowedSkip] = []
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        pattern, bar, why = line.partition(" | ")
        if not bar or not pattern.strip() or not why.strip():
            raise pytest.UsageError(f"{ALLOWED_FILE.name}, line {number}: expected `reason | why`, found {line!r}")
        allowed.append(AllowedSkip(pattern.strip(), why.strip()))
    return allowed


class Strict:
    """The hooks that turn a skip which nobody allowed into a failure."""

    def __init__(self, allowed: list[AllowedSkip]) -> None:
        self.allowed = allowed

    def complaint(self, longrepr: object) -> str | None:
        reason = longrepr[2] if isinstance(longrepr, tuple) else str(longrepr)
        reason = str(reason).removeprefix("Skipped: ")
        if any(fnmatchcase(reason, each.pattern) for each in self.allowed):
            return None
        return (
            f"skipped in CI: {reason}\n"
            f"Let the set-up install what is missing, or list the reason in tests/{ALLOWED_FILE.name} with why it cannot."
        )

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        report = yield
        if report.skipped and not hasattr(report, "wasxfail"):
            complaint = self.complaint(report.longrepr)
            if complaint is not None:
                report.outcome = "failed"
                report.longrepr = complaint
        return report

    @pytest.hookimpl(wrapper=True)
    def pytest_make_collect_report(self) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
        report = yield
        if report.skipped:
            complaint = self.complaint(report.longrepr)
            if complaint is not None:
                report.outcome = "failed"
                report.longrepr = complaint
        return report


def pytest_configure(config: pytest.Config) -> None:
    if os.environ.get("CI", "").lower() not in ("true", "1"):
        return
    text = ALLOWED_FILE.read_text(encoding="utf-8") if ALLOWED_FILE.exists() else ""
    config.pluginmanager.register(Strict(read_allowed(text)), "strict-skips")
