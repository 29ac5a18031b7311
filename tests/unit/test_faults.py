"""Errors that nobody hears of: a line in the log, and the listener of the context."""

from __future__ import annotations

import contextvars
import logging
from typing import TYPE_CHECKING

from sio_fast import faults

if TYPE_CHECKING:
    import pytest

log = logging.getLogger("sio_fast.server")


def test_a_fault_is_logged_and_heard_by_the_listener_of_its_context(caplog: pytest.LogCaptureFixture) -> None:
    heard: list[BaseException] = []
    inside = contextvars.copy_context()
    inside.run(faults.listener.set, heard.append)
    error = LookupError("a bug")
    faults.tell(log, "a handler of %r failed", "x", error=error, extra={"sid": "s"})
    assert heard == []
    inside.run(faults.tell, log, "again", error=error)
    assert heard == [error]
    first, second = caplog.records
    assert first.getMessage() == "a handler of 'x' failed"
    assert first.exc_info == (LookupError, error, None)
    assert first.__dict__["sid"] == "s"
    assert first.pathname == __file__
    assert second.getMessage() == "again"
