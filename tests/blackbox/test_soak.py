"""Connect, use and leave, very often: nothing of those who left stays, neither a gauge nor a descriptor nor memory.

`--long` makes it 100 000 lives; the usual run has enough of them to see what every life would leave behind.
"""

from __future__ import annotations

import time

import pytest

from clients.lives import Lives
from harness.gauges import expect_empty
from harness.process import ServerProcess

#: Sessions whose client vanished without a word are found by their pings.
PINGS = {"ping_interval": 1, "ping_timeout": 1.5}
AT_ONCE = 6


pytestmark = pytest.mark.native


@pytest.mark.timeout(1200)
def test_nothing_stays_of_those_who_left(backend: str, long: bool, capsys: pytest.CaptureFixture[str]) -> None:
    server = ServerProcess("soak.py", backend=backend, options=PINGS)
    lives = Lives(server.port, at_once=AT_ONCE)
    try:
        # With the first clients the server opens and loads what it opens and loads once.
        lives.lead(60)
        expect_empty(server)
        open_before = server.descriptors()
        resident: list[int] = []
        for each in [20_000] * 5 if long else [300] * 3:
            began, spent = time.monotonic(), server.cpu_seconds()
            lives.lead(each)
            took, spent = time.monotonic() - began, server.cpu_seconds() - spent
            expect_empty(server)
            # Gauges fall when a socket leaves; its handler runs a moment later.
            server.eventually(lambda: server.command("stats")["left"] == lives.next, "one disconnect for each connect")
            server.eventually(lambda: server.descriptors() == open_before, "its descriptors to be closed")
            resident.append(server.resident_bytes())
            if long:
                with capsys.disabled():
                    print(
                        f"\n{backend}: {each} lives in {took:.1f} s, {spent:.1f} s of the server's CPU; "
                        f"then {resident[-1] / 2**20:.1f} MiB resident, {open_before} descriptors",
                        flush=True,
                    )
        assert max(resident[2:]) <= 1.1 * resident[0], resident
        server.stop()
    finally:
        lives.close()
        server.kill()
