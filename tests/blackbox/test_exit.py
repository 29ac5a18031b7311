"""The interpreter ends while clients talk, handlers wait and threads emit: it neither hangs nor crashes."""

from __future__ import annotations

import contextlib
import threading
from typing import Any

import pytest

from clients.raw_client import RawClient
from clients.wire import open_wire
from harness.process import ServerProcess

#: Each end is tried so often, more with `--long`: what goes wrong at an exit does so now and then.
TIMES = {False: 5, True: 50}


pytestmark = pytest.mark.native


class Crowd:
    """Clients that talk until their server is gone."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.talking = threading.Barrier(7)
        self.threads = [
            threading.Thread(target=self.talk, args=(transport,))
            for transport in ("websocket", "polling", "upgrade") * 2
        ]
        for thread in self.threads:
            thread.start()

    def talk(self, transport: str) -> None:
        client = RawClient(open_wire(transport, self.port))
        try:
            client.connect()
            client.emit("echo", 0)
            client.expect("echo")
            client.emit("unanswered" if transport == "polling" else "slow")
            self.talking.wait()
            self.flood(client)
        except BaseException:
            self.talking.abort()
            raise
        finally:
            with contextlib.suppress(OSError):
                client.wire.close()

    @staticmethod
    def flood(client: RawClient) -> None:
        """Send and receive until the connection breaks; how it does so is the server's choice."""
        with contextlib.suppress(OSError, AssertionError, ValueError):
            while True:
                client.emit("echo", 1)
                client.wire.recv()

    def join(self) -> None:
        for thread in self.threads:
            thread.join(20)
        assert not any(thread.is_alive() for thread in self.threads), "a client still believes in its server"


@pytest.mark.parity("close.exits", "engine_close.exits")
@pytest.mark.timeout(900)
@pytest.mark.parametrize("how", ["close", "cancel", "exit"])
def test_the_interpreter_ends_under_load(backend: str, how: str, long: bool, closing: list[Any]) -> None:
    """`close` calls `io.close()` first, `cancel` ends the program around it, `exit` raises SystemExit."""
    for _ in range(TIMES[long]):
        server = ServerProcess("ending.py", backend=backend, options={"how": how})
        closing.append(Killer(server))
        crowd = Crowd(server.port)
        crowd.talking.wait(15)
        assert server.process.stdin is not None
        server.process.stdin.write("end\n")
        server.process.stdin.flush()
        assert server.wait_ended() == 0, server.describe("a crash at its end")
        errors = "".join(server.stderr)
        assert "panicked" not in errors, errors
        assert "Fatal Python error" not in errors, errors
        crowd.join()
        server.kill()


class Killer:
    """Whatever fails, no server outlives its test."""

    def __init__(self, server: ServerProcess) -> None:
        self.server = server

    def close(self) -> None:
        self.server.kill()
