"""The server is restarted, and everybody comes back at once: the accept queue overflows, and all get in all the same.

`--long` makes them 10 000 (`ulimit -n` must allow it); `--crowd` says another number.
"""

from __future__ import annotations

import asyncio
import resource
import signal
import time
from pathlib import Path

import pytest

from clients.crowd import Crowd
from harness.gauges import expect_empty
from harness.process import ServerProcess

#: Longer than the test, since nobody answers.
PINGS = {"ping_interval": 600, "ping_timeout": 600}
#: Connections that may wait for being accepted: the usual number in the long form, and in the short one fewer than come.
BACKLOG = {True: 2048, False: 100}
#: Descriptors of a process that are no clients.
OTHERS = 100


pytestmark = pytest.mark.native


@pytest.mark.timeout(600)
@pytest.mark.loops("uvloop")
def test_everybody_gets_in_again(
    backend: str, long: bool, request: pytest.FixtureRequest, capsys: pytest.CaptureFixture[str]
) -> None:
    size = request.config.getoption("--crowd") or (10_000 if long else 1_500)
    allow_descriptors(size + OTHERS)
    first = ServerProcess("soak.py", backend=backend, options={**PINGS, "backlog": BACKLOG[long]})
    try:
        figures = asyncio.run(stampede(first, size, BACKLOG[long]))
    finally:
        first.kill()
    if long:
        with capsys.disabled():
            print(f"\n{figures}", flush=True)


def allow_descriptors(count: int) -> None:
    """For this process and for the servers that it starts."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    assert hard == resource.RLIM_INFINITY or hard >= count, f"raise `ulimit -Hn` to {count}; it is {hard}"
    if soft != resource.RLIM_INFINITY and soft < count:
        resource.setrlimit(resource.RLIMIT_NOFILE, (count, hard))


def waiting_for_accept(port: int) -> int:
    """Connections of a listener that nobody has accepted yet: the receive queue of a listening socket."""
    for line in Path("/proc/net/tcp").read_text(encoding="ascii").splitlines()[1:]:
        fields = line.split()
        if fields[3] == "0A" and int(fields[1].partition(":")[2], 16) == port:
            return int(fields[4].partition(":")[2], 16)
    return 0


async def stampede(server: ServerProcess, size: int, backlog: int) -> str:
    async with Crowd(server.port, size) as crowd:
        began = time.monotonic()
        assert len(await crowd.come()) == size
        arrived = time.monotonic() - began
        assert server.command("stats")["sockets"] == size

        server.kill()
        again = await asyncio.to_thread(
            ServerProcess, server.app, backend=server.backend, options=server.options, port=server.port
        )
        try:
            again.signal(signal.SIGSTOP)
            began = time.monotonic()
            coming = asyncio.create_task(crowd.come())
            try:
                while waiting_for_accept(server.port) < backlog:
                    assert time.monotonic() - began < 60, "the accept queue is not full"
                    await asyncio.sleep(0.01)
            finally:
                again.signal(signal.SIGCONT)
            continued = time.monotonic()
            names = await coming
            took = time.monotonic() - continued
            assert len(names) == size
            stats = again.command("stats")
            assert (stats["sockets"], stats["left"]) == (size, 0), stats
            news = again.start_command("announce", what=7)
            await crowd.hear(b"7")
            again.finish_command(news)
            attempts, spent = crowd.attempts, again.cpu_seconds()
            resident = again.resident_bytes() / 2**20
            await crowd.leave()
            assert expect_empty(again)["left"] == size
            again.stop()
        finally:
            again.kill()
    return (
        f"{size} came in {arrived:.1f} s, and came back in {took:.1f} s after the queue was full, with {attempts} attempts; "
        f"the second server used {spent:.1f} s of CPU until all had its news, {resident:.0f} MiB resident"
    )
