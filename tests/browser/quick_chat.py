"""The chat demo with heartbeats of one second, so that a test need not wait for the usual 45 s until a page is missed.

Changes one pair of options and runs the demo as it is.
"""

from __future__ import annotations

import functools
import runpy
import sys

import sio_fast

QUICK = {"ping_interval": 1, "ping_timeout": 2}

if __name__ == "__main__":
    sio_fast.Server = functools.partial(sio_fast.Server, **QUICK)  # type: ignore[misc, assignment]
    runpy.run_path(sys.argv[1], run_name="__main__")
