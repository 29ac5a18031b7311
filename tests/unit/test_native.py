"""run: signals, the start line, busy ports; in processes of their own."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import threading
from typing import Any, Self

import anyio
import anyio.to_thread
import pytest
from starlette.applications import Starlette

import sio_fast.native

PROGRAM = """
import sys, time, anyio, sio_fast
io = sio_fast.Server()
{extra}
io.run({host!r}, {port}, backend={backend!r}, grace={grace})
print("ended")
"""


class Program:
    """A child that runs a server; its log is read line by line."""

    def __init__(
        self, *, backend: str = "auto", port: int = 0, extra: str = "", grace: float = 2, host: str = "127.0.0.1"
    ) -> None:
        text = PROGRAM.format(backend=backend, port=port, extra=extra, grace=grace, host=host)
        self.process = subprocess.Popen(
            [sys.executable, "-u", "-c", text], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        self.timer = threading.Timer(20, self.process.kill)
        self.timer.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.timer.cancel()
        self.process.kill()
        self.process.communicate()

    def line(self, pattern: str) -> re.Match[str]:
        """The next line of the log that matches."""
        assert self.process.stderr is not None
        seen = []
        for line in self.process.stderr:
            seen.append(line)
            found = re.search(pattern, line)
            if found:
                return found
        raise AssertionError(f"no {pattern!r} in {seen}")

    def end(self) -> tuple[int, str, str]:
        out, err = self.process.communicate()
        return self.process.returncode, out, err


def request(host: str, port: int) -> bytes:
    with socket.create_connection((host, port), timeout=5) as connection:
        connection.sendall(b"GET /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        received = b""
        while chunk := connection.recv(4096):
            received += chunk
        return received


@pytest.mark.parametrize("backend", ["asyncio", "uvloop", "trio", "auto"])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_closes(backend: str, number: signal.Signals) -> None:
    with Program(backend=backend) as program:
        port = int(program.line(r"listening on http://127\.0\.0\.1:(\d+)").group(1))
        assert b'0{"sid":' in request("127.0.0.1", port)
        program.process.send_signal(number)
        code, out, err = program.end()
    assert (code, out) == (0, "ended\n"), err
    assert f"{number.name}: closing" in err
    assert "Traceback" not in err


def test_a_second_signal_stops_at_once() -> None:
    extra = """
@io.on("connect")
async def connect(socket):
    await anyio.sleep_forever()
async def close(*, grace):
    print("closing", file=sys.stderr)
    await anyio.sleep_forever()
io.close = close
"""
    with Program(extra=extra, grace=60) as program:
        program.line("listening")
        program.process.send_signal(signal.SIGTERM)
        program.line("^closing")
        program.process.send_signal(signal.SIGTERM)
        code, out, err = program.end()
    assert (code, out) == (128 + signal.SIGTERM, ""), err
    assert "Traceback" not in err


def test_the_server_as_its_own_application_is_refused_with_what_to_do() -> None:
    io = sio_fast.Server()
    with pytest.raises(TypeError, match=r"this server itself.*leave app out"):
        io.run(port=0, app=io, log_level=None)


@pytest.mark.parametrize("how", ["lifespan", "wrapped"])
def test_an_application_that_starts_the_server_too_is_told_what_to_drop(how: str) -> None:
    io = sio_fast.Server()
    app: Any = Starlette(lifespan=io.lifespan) if how == "lifespan" else io.asgi_app(Starlette())
    with pytest.raises(RuntimeError, match=r"drop lifespan=io\.lifespan from app.* without io\.asgi_app\(\)"):
        io.run(port=0, app=app, log_level=None)
    assert io._lifetime is None, "what the application has started is ended"


async def _never(scope: Any, receive: Any, send: Any) -> None:
    raise AssertionError("a server that serves starts no application")


def test_one_server_serves_once_at_a_time() -> None:
    """Neither alone nor with an application, which is not started in vain."""
    io = sio_fast.Server()

    async def main() -> None:
        async with anyio.create_task_group() as tasks:
            await tasks.start(io.serve, "127.0.0.1", 0)
            for app in (None, _never):
                with pytest.raises(RuntimeError, match="serves already; close it first, or make a second Server"):
                    await io.serve("127.0.0.1", 0, app=app)
            await io.close()

    anyio.run(main)


@pytest.mark.parity("close.frees_port", "files.port")
def test_a_closed_server_frees_its_port() -> None:
    io = sio_fast.Server()

    async def serve_once(port: int) -> int:
        async with anyio.create_task_group() as tasks:
            listener = await tasks.start(io.serve, "127.0.0.1", port)
            assert port in {0, listener.port}
            assert b'0{"sid":' in await anyio.to_thread.run_sync(request, "127.0.0.1", listener.port)
            await io.close(grace=0)
            return int(listener.port)

    async def twice() -> None:
        port = await serve_once(0)
        with pytest.raises(ConnectionRefusedError):
            request("127.0.0.1", port)
        assert await serve_once(port) == port

    anyio.run(twice)


def test_a_busy_port_is_a_clear_message() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with Program(port=port) as program:
            code, out, err = program.end()
    assert (code, out) == (1, "")
    assert f"cannot listen on http://127.0.0.1:{port}:" in err
    assert "in use" in err
    assert "Traceback" not in err


@pytest.mark.skipif(not socket.has_ipv6, reason="this machine has no IPv6")
def test_ipv6() -> None:
    with Program(host="::1") as program:
        port = int(program.line(r"listening on http://\[::1\]:(\d+)").group(1))
        assert b'0{"sid":' in request("::1", port)
        program.process.send_signal(signal.SIGTERM)
        assert program.end()[0] == 0


def test_system_exit_of_a_handler_ends_the_program() -> None:
    extra = """
@io.on("connect")
def connect(socket):
    sys.exit(7)
@io.on("disconnect")
def gone(socket, reason):
    print(reason)
"""
    with Program(extra=extra, grace=1) as program:
        port = int(program.line(r":(\d+) \(").group(1))
        body = request("127.0.0.1", port)
        sid = re.search(rb'"sid":"([^"]+)"', body)
        assert sid is not None
        with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
            head = f"POST /socket.io/?EIO=4&transport=polling&sid={sid.group(1).decode()} HTTP/1.1\r\n"
            connection.sendall(head.encode() + b"Host: x\r\nConnection: close\r\nContent-Length: 2\r\n\r\n40")
            connection.recv(4096)
        code, out, err = program.end()
    assert (code, out) == (7, "server shutting down\n"), err


def test_back_ends() -> None:
    assert sio_fast.native._backend("trio") == ("trio", {})
    assert sio_fast.native._backend("asyncio") == ("asyncio", {})
    assert sio_fast.native._backend("uvloop") == ("asyncio", {"use_uvloop": True})
    assert sio_fast.native._backend("auto")[0] == "asyncio"
    wrong: Any = "gevent"
    with pytest.raises(ValueError, match="'gevent'"):
        sio_fast.native._backend(wrong)


def test_urls() -> None:
    assert sio_fast.native._url("127.0.0.1", 1) == "http://127.0.0.1:1"
    assert sio_fast.native._url("::", 1) == "http://[::]:1"


def test_run_outside_the_main_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    """Signals are the main thread's; elsewhere the program runs without them."""
    import anyio

    io = sio_fast.Server()
    ended = threading.Event()

    def run() -> None:
        io.run(port=0, backend="asyncio", log_level=None, grace=1)
        ended.set()

    thread = threading.Thread(target=run)
    started = sio_fast.native._Program.started
    loops: list[Any] = []

    def spy(self: Any, value: Any) -> None:
        import asyncio

        loops.append(asyncio.get_running_loop())
        started(self, value)

    monkeypatch.setattr(sio_fast.native._Program, "started", spy)
    thread.start()
    try:
        while not (loops and io.addresses):
            os.sched_yield()
        assert b'0{"sid":' in request(*io.addresses[0])
    finally:
        loops[0].call_soon_threadsafe(lambda: loops[0].create_task(io.close(grace=1)))
        thread.join(10)
    assert ended.is_set()
    anyio.run(io.close)
