"""What the micro-benches of Python need around them: a server in a thread, or its core alone with clients that joined.

Knows the clients of the tests; measures nothing.
"""

from __future__ import annotations

import contextlib
import selectors
import threading
import time
from functools import partial
from typing import TYPE_CHECKING, Any

from anyio.from_thread import start_blocking_portal

from clients.raw_websocket import TEXT, RawWebSocket
from clients.wire import WebSocketWire
from sio_fast import Server
from sio_fast._core import CONNECT, STOPPED

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from sio_fast._core import Core, SocketCore

__all__ = ["Bench", "core", "frames", "joined", "served"]

# A core that does not answer within this is broken.
PATIENCE = 10.0


def frames(texts: Sequence[str]) -> bytes:
    """Masked text frames, one behind the other."""
    return b"".join(RawWebSocket.frame(TEXT, text.encode()) for text in texts)


def joined(port: int) -> WebSocketWire:
    """A client that is in namespace `/`."""
    wire = WebSocketWire.open(port)
    wire.send("40")
    answer = wire.recv()
    assert isinstance(answer, str)
    assert answer.startswith("40"), answer
    return wire


@contextlib.contextmanager
def served(io: Server[Any]) -> Generator[int]:
    """The port of a server that runs on uvloop in a thread of its own."""
    with start_blocking_portal("asyncio", {"use_uvloop": True}) as portal:
        future, listener = portal.start_task(io.serve, "127.0.0.1", 0)
        try:
            yield listener.port
        finally:
            portal.call(partial(io.close, grace=0))
            future.result()


class Bench:
    """A core without a dispatcher: the bench drains it by hand."""

    def __init__(self, core: Core, port: int) -> None:
        self.core, self.port = core, port
        self.namespace = core.namespace("/")
        self.wires: list[WebSocketWire] = []

    def join(self) -> SocketCore:
        """Let a client join."""
        wire = WebSocketWire.open(self.port)
        wire.send("40")
        self.wires.append(wire)
        socket: SocketCore = self.wait(CONNECT)[2]
        assert socket.accept()
        self.core.rest()
        wire.recv()
        return socket

    def wait(self, kind: int) -> tuple[Any, ...]:
        """The next notice of a kind; others before it are dropped."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            for notice in self.core.drain(1000):
                if notice[0] == kind:
                    return notice
            self.core.rest()
            time.sleep(0.0005)
        raise TimeoutError(f"no notice of kind {kind} within {PATIENCE:g} s")

    def wait_for_events(self, count: int) -> None:
        """Until so many events wait in the mailbox."""
        end = time.monotonic() + PATIENCE
        while self.core.stats()["events_queued"] < count:
            if time.monotonic() > end:
                raise TimeoutError(f"no {count} events within {PATIENCE:g} s")
            time.sleep(0.0002)

    @contextlib.contextmanager
    def reading(self) -> Generator[None]:
        """All clients read and forget what comes, in a thread, so that nobody is a slow consumer."""
        stop = threading.Event()

        def read() -> None:
            with selectors.DefaultSelector() as selector:
                for wire in self.wires:
                    selector.register(wire.ws.http.sock, selectors.EVENT_READ)
                while not stop.is_set():
                    for key, _ in selector.select(0.05):
                        key.fileobj.recv(1 << 20)  # type: ignore[union-attr]

        thread = threading.Thread(target=read)
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join()


@contextlib.contextmanager
def core() -> Generator[Bench]:
    """A core that listens."""
    made: Core = Server()._core
    made.start()
    options: dict[str, Any] = {"io_threads": 1, "static_files": [], "serve_client": None, "app": None, "uds": None}
    ((_, port),) = made.listen("127.0.0.1", 0, backlog=2048, header_timeout=10, **options)
    bench = Bench(made, port)
    try:
        yield bench
    finally:
        made.shutdown(0)
        with contextlib.suppress(TimeoutError):
            bench.wait(STOPPED)
        made.join()
        for wire in bench.wires:
            wire.close()
