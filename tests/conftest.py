"""Options and plug-ins of the whole suite. What only one folder needs is in that folder's conftest."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pytest

# A skip in CI is a failure unless allowed_skips.txt says why no registry has what it needs.
pytest_plugins = ["plugins.skips"]


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("sio_fast", "the server under test")
    group.addoption(
        "--server",
        choices=("sio_fast", "official"),
        default="sio_fast",
        help="run the black-box tests against this package, or the marked ones against the official server",
    )
    group.addoption(
        "--loop",
        action="append",
        choices=("asyncio", "uvloop", "trio"),
        help="only this event loop (repeatable); default: all three",
    )
