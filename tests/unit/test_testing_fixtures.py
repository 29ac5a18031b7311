"""The fixtures, in a project of their own as a user would have it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import sio_fast

PACKAGE = Path(sio_fast.__file__).parents[1]

CONFTEST = """
import pytest
from sio_fast import Server

pytest_plugins = ["sio_fast.testing.fixtures"]
io = Server()
io.on("add")(lambda socket, a, b: a + b)

@pytest.fixture
def sio_server():
    return io
"""

TESTS = """
import pytest

@pytest.mark.anyio
async def test_async(sio_client):
    a = await sio_client.connect()
    assert await a.emit_with_ack("add", 1, 2) == 3

def test_sync(sync_sio_client):
    a = sync_sio_client.connect()
    assert a.emit_with_ack("add", 1, 2) == 3

class TestOptions:
    @pytest.fixture(params=["websocket", "polling"])
    def sio_client_options(self, request):
        return {"transport": request.param}

    def test_transport(self, sync_sio_client, sio_client_options):
        assert sync_sio_client.connect().transport == sio_client_options["transport"]
"""


def run(folder: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-W", "error", str(folder)]
    env = {**os.environ, "PYTHONPATH": str(PACKAGE)}
    return subprocess.run(command, capture_output=True, text=True, cwd=folder, env=env, check=False)


def test_a_project_uses_them(tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text(CONFTEST)
    (tmp_path / "test_add.py").write_text(TESTS)
    ran = run(tmp_path)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "5 passed" in ran.stdout, ran.stdout


def test_a_project_that_names_no_server_is_told_how(tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text('pytest_plugins = ["sio_fast.testing.fixtures"]')
    (tmp_path / "test_add.py").write_text(TESTS)
    ran = run(tmp_path)
    assert ran.returncode == 1
    assert "define a fixture `sio_server` in conftest.py that returns it" in ran.stdout


def test_neither_pytest_nor_trio_is_needed() -> None:
    program = """
import sys, sio_fast
assert not any(name.startswith("sio_fast.testing") for name in sys.modules)
import sio_fast.testing
print(sorted({"pytest", "trio", "uvicorn", "httpx"} & set(sys.modules)))
"""
    env = {**os.environ, "PYTHONPATH": str(PACKAGE)}
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=env, check=False)
    assert ran.stdout == "[]\n", ran.stderr
