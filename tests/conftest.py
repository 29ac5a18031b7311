"""Options and plug-ins of the whole suite. What only one folder needs is in that folder's conftest."""

from __future__ import annotations

import pytest

from harness.skins import SKINS

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
        "--skin",
        action="append",
        choices=(*SKINS, "asgi"),
        help="what carries the server (repeatable): its own listener (default) or one of these ASGI servers; asgi: all of them",
    )
    group.addoption(
        "--sample",
        action="store_true",
        help="only the black-box tests marked as a sample, for skins that need not run them all",
    )
    group.addoption(
        "--loop",
        action="append",
        choices=("asyncio", "uvloop", "trio"),
        help="only this event loop (repeatable); default: all three",
    )
    group.addoption(
        "--long",
        action="store_true",
        help="the long form of tests that repeat something: 100 000 lives of clients, 10 000 who come back at once, 50 exits",
    )
    group.addoption("--crowd", type=int, metavar="N", help="how many come back at once (1 500, or 10 000 with --long)")


@pytest.fixture(scope="session")
def long(request: pytest.FixtureRequest) -> bool:
    """Whether a test that repeats something shall do so for minutes."""
    return bool(request.config.getoption("--long"))
