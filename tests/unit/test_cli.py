"""sio-fast: its words and their errors in processes of their own, Ctrl+C, and --reload with a client that comes back."""

from __future__ import annotations

import inspect
import os
import re
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import pytest

import sio_fast
import sio_fast.__main__
from clients.official import Driver
from clients.raw_http import HttpConnection
from clients.wire import WebSocketWire
from house.tree import manifest
from sio_fast import cli
from sio_fast.target import load

if TYPE_CHECKING:
    from collections.abc import Iterator

PROGRAM = """
import sio_fast
io = sio_fast.Server()
space = {"io": io}
class More:
    server = io
@io.on("ask")
async def ask(socket):
    return "first"
async def app(scope, receive, send):
    if scope["type"] == "http":
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"3")]})
        await send({"type": "http.response.body", "body": b"app"})
    else:
        raise NotImplementedError
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a program in it."""
    (tmp_path / "program.py").write_text(PROGRAM)
    (tmp_path / "broken.py").write_text("import nowhere_at_all\n")
    (tmp_path / "public").mkdir()
    (tmp_path / "public" / "page.txt").write_text("a file")
    return tmp_path


@pytest.fixture
def driver() -> Iterator[Driver]:
    """The Node process in which official clients live."""
    driver = Driver()
    yield driver
    driver.stop()


class Program:
    """``sio-fast`` in a child, with the lines of its standard error."""

    def __init__(self, folder: Path, *words: str, prefix: tuple[str, ...] = ("-m", "sio_fast")) -> None:
        # The package under test, wherever it lies; not the folder, which is the program's own business to find.
        path = str(Path(sio_fast.__file__).parents[1])
        self.process = subprocess.Popen(
            [sys.executable, *prefix, *words],
            cwd=folder,
            env={**os.environ, "PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self.timer = threading.Timer(30, self.kill)
        self.timer.start()
        self.seen: list[str] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.timer.cancel()
        self.kill()
        self.process.communicate()

    def kill(self) -> None:
        """Also what it has started: nothing else is in its session."""
        if self.process.returncode is None:
            os.killpg(self.process.pid, signal.SIGKILL)

    def line(self, pattern: str) -> re.Match[str]:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.seen.append(line)
            if found := re.search(pattern, line):
                return found
        raise AssertionError(f"no {pattern!r} in {self.seen}")

    def end(self) -> tuple[int, str, str]:
        out, err = self.process.communicate()
        return self.process.returncode, out, err

    def port(self) -> int:
        return int(self.line(r"listening on http://127\.0\.0\.1:(\d+)").group(1))


def run(folder: Path, *words: str, **options: Any) -> tuple[int, str, str]:
    with Program(folder, *words, **options) as program:
        return program.end()


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def test_version(folder: Path) -> None:
    code, out, _ = run(folder, "version")
    assert code == 0
    assert re.fullmatch(rf"sio-fast {re.escape(sio_fast.__version__)} \(CPython 3\.\d+\.\S+\)\n", out)


def test_help_names_every_word(folder: Path) -> None:
    code, out, _ = run(folder, "run", "--help")
    assert code == 0
    for word in (
        "--host",
        "--port",
        "--uds",
        "--io-threads",
        "--grace",
        "--backend",
        "--app",
        "--static",
        "--log-level",
    ):
        assert word in out
    assert "--reload" in out


def test_run_and_the_method_have_the_same_defaults() -> None:
    """An option that both have must not mean two things."""
    given = {parameter.name: parameter.default for parameter in cli.run.params}
    method = inspect.signature(sio_fast.Server.run).parameters
    common = given.keys() & method.keys() - {"app", "uds"}
    assert common == {"host", "port", "backend", "grace", "io_threads", "log_level"}
    assert {name: given[name] for name in common} == {name: method[name].default for name in common}


def test_the_grace_bounds_the_end(folder: Path) -> None:
    """A disconnect handler that never ends holds the program up no longer than it says."""
    held = "\n@io.on('disconnect')\nasync def left(socket, reason):\n    import asyncio\n    await asyncio.Event().wait()\n"
    (folder / "program.py").write_text(PROGRAM + held)
    words = ("run", "program:io", "--port", "0", "--io-threads", "2", "--grace", "0.25", "--backend", "asyncio")
    with Program(folder, *words) as program:
        wire = WebSocketWire.open(program.port())
        wire.send("40")
        wire.recv()
        program.process.send_signal(signal.SIGTERM)
        program.line(r"SIGTERM: closing, at most 0\.25 s")
        assert program.end()[0] == 0
        wire.close()


@pytest.mark.parametrize("backend", ["asyncio", "uvloop", "trio"])
def test_it_runs_until_a_signal(folder: Path, backend: str) -> None:
    words = ("run", "program:io", "--port", "0", "--backend", backend, "--app", "program:app", "--static", "/s=public")
    with Program(folder, *words) as program:
        port = program.port()
        with HttpConnection(port) as http:
            assert http.request("GET", "/socket.io/?EIO=4&transport=polling").status == 200
            assert http.request("GET", "/s/page.txt").body == b"a file"
            assert http.request("GET", "/elsewhere").body == b"app"
        program.process.send_signal(signal.SIGINT)
        code, out, err = program.end()
    assert (code, out) == (0, "")
    assert "SIGINT: closing" in err
    assert "Traceback" not in err


def test_a_unix_socket_and_a_dotted_name(folder: Path) -> None:
    with Program(folder, "run", "program:More.server", "--uds", "here.sock", "--log-level", "warning") as program:
        while not (folder / "here.sock").exists():
            assert program.process.poll() is None
        program.process.send_signal(signal.SIGTERM)
        assert program.end() == (0, "", "")


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["program"], "'program' is not MODULE:NAME, such as app:io"),
        (["program:"], "'program:' is not MODULE:NAME"),
        (["nowhere:io"], "there is no module 'nowhere' in "),
        (["nowhere.at.all:io"], "there is no module 'nowhere' in "),
        (["program:missing"], "module 'program' has no 'missing'"),
        (["program:io.missing"], "module 'program' has no 'io.missing'"),
        (["program:space"], "program:space is dict, not a sio_fast.Server"),
        (["program:io", "--app", "program:space"], "program:space is dict, not an ASGI application"),
        (["program:io", "--app", "program:io"], "--app program:io is the server itself"),
        (["program:io", "--grace", "-1"], "-1.0 is not in the range"),
        (["program:io", "--io-threads", "65"], "65 is not in the range"),
        (["program:io", "--app", "program:nothing"], "module 'program' has no 'nothing'"),
        (["program:io", "--static", "public"], "'public' is not URL=FOLDER"),
        (["program:io", "--static", "/s=private"], "'private' does not exist"),
        (["program:io", "--backend", "curio"], "'curio' is not one of"),
        (["program:io", "--port", "70000"], "70000 is not in the range"),
        (["program:io", "--workers", "2"], "No such option"),
    ],
)
def test_a_wrong_word_says_what_is_wrong(folder: Path, words: list[str], text: str) -> None:
    code, out, err = run(folder, "run", *words)
    assert (code, out) == (2, "")
    assert text in err
    assert "Traceback" not in err


def test_what_the_module_raises_is_shown(folder: Path) -> None:
    code, _, err = run(folder, "run", "broken:io")
    assert code == 1
    assert "broken.py" in err
    assert "No module named 'nowhere_at_all'" in err


def test_a_busy_port(folder: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        code, _, err = run(folder, "run", "program:io", "--port", str(taken.getsockname()[1]))
    assert code == 1
    assert "cannot listen on" in err
    assert "Traceback" not in err


@pytest.mark.parametrize(
    ("package", "words", "text"),
    [
        ("click", ["version"], "sio-fast needs click on the command line: pip install 'sio-fast[cli]'"),
        ("watchfiles", ["run", "program:io", "--reload"], "--reload needs watchfiles: pip install 'sio-fast[cli]'"),
    ],
)
def test_a_missing_package_names_the_extra(folder: Path, package: str, words: list[str], text: str) -> None:
    hide = (
        "import importlib.abc, importlib.util, sys\n"
        "class Hidden(importlib.abc.MetaPathFinder):\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        f"        if name == {package!r}: raise ModuleNotFoundError(name, name=name)\n"
        "find = importlib.util.find_spec\n"
        f"importlib.util.find_spec = lambda name, *more: None if name == {package!r} else find(name, *more)\n"
        "sys.meta_path.insert(0, Hidden())\n"
        "from sio_fast.__main__ import main; main()"
    )
    code, out, err = run(folder, *words, prefix=("-c", hide))
    assert (code, out) == (2, "")
    assert text in err
    assert "Traceback" not in err


def test_a_changed_file_starts_it_again_and_clients_come_back(folder: Path, driver: Driver) -> None:
    port = free_port()
    with Program(folder, "run", "program:io", "--port", str(port), "--reload") as program:
        program.port()
        client = driver.connect(port, reconnection=True, reconnectionDelay=50, reconnectionDelayMax=100)
        assert client.ask("ask") == ["first"]
        (folder / "program.py").write_text(PROGRAM.replace("first", "second"))
        program.line(r"program\.py changed: starting again")
        assert client.report("disconnect")["reason"] == "transport close"
        client.report("connect")
        assert client.ask("ask") == ["second"]
        # A program that cannot start waits for the next change.
        (folder / "program.py").write_text("to be continued")
        program.line("the program has ended with status 1; waiting for a change")
        (folder / "program.py").write_text(PROGRAM)
        client.report("connect")
        assert client.ask("ask") == ["first"]
        program.process.send_signal(signal.SIGINT)
        code, out, err = program.end()
    assert (code, out) == (0, "")
    assert "Traceback" not in err


def test_the_command_is_what_is_installed() -> None:
    assert load(manifest("pyproject.toml")["project"]["scripts"]["sio-fast"]) is sio_fast.__main__.main
