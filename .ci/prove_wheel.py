"""Looks at a wheel from inside an environment that holds it and its dependencies, and nothing else.

Checks the files that must be in the wheel and in the source distribution, imports the package, starts the native server
on a free port and shakes hands with it over HTTP. It uses only the standard library and the installed package.

Usage: prove_wheel.py WHEEL SDIST
"""

from __future__ import annotations

import importlib.metadata
import json
import re
import sys
import tarfile
import urllib.request
import zipfile
from pathlib import Path

import anyio

import sio_fast

__all__ = ["main"]


def check(fact: bool, text: str) -> None:
    """Prints what was proved, or ends with what was not."""
    if not fact:
        sys.exit(f"NOT PROVED: {text}")
    print(f"proved: {text}")


def look_into(wheel: Path, sdist: Path) -> None:
    """The files of both archives."""
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        archive_bytes = {name: archive.read(name) for name in names}
        page = next((name for name in names if name.endswith("licenses/THIRD-PARTY-LICENSES.html")), None)
        check(page is not None, "the wheel carries the third-party licences")
    text = archive_bytes[page or ""].decode()
    for crate in ("pyo3", "tokio", "hyper"):
        check(re.search(rf"<li>{crate} \d", text) is not None, f"the licence of {crate} is on the page")
    check(any(name.endswith("licenses/LICENSE") for name in names), "the wheel carries our licence")
    for name in ("sio_fast/__init__.py", "sio_fast/_core.pyi", "sio_fast/py.typed"):
        check(name in names, f"the wheel carries {name}")
    check(sum(name.endswith((".so", ".pyd")) for name in names) == 1, "the wheel carries one compiled module")
    private = [name for name in names if str(Path.home()).encode() + b"/" in archive_bytes[name]]
    check(not private, f"nothing in the wheel names the builder's home {private or ''}")
    foreign = [name for name in names if not re.match(r"sio_fast(-[^/]*\.dist-info)?/", name)]
    check(not foreign, f"the wheel carries nothing else {foreign or ''}")
    with tarfile.open(sdist) as tarball:
        paths = {name.partition("/")[2] for name in tarball.getnames()}
    for path in (
        "Cargo.lock",
        "LICENSE",
        "THIRD-PARTY-LICENSES.html",
        "rust/python/Cargo.toml",
        "python/sio_fast/py.typed",
    ):
        check(path in paths, f"the source distribution carries {path}")


async def shake_hands() -> None:
    """A server of the installed package answers an Engine.IO handshake."""
    io = sio_fast.Server()
    async with anyio.create_task_group() as tasks:
        listener: sio_fast.Listener = await tasks.start(
            lambda *, task_status: io.serve("127.0.0.1", 0, task_status=task_status)
        )
        url = f"http://127.0.0.1:{listener.port}/socket.io/?EIO=4&transport=polling"
        body = await anyio.to_thread.run_sync(lambda: urllib.request.urlopen(url, timeout=10).read())
        await io.close(grace=1)
    check(
        body[:1] == b"0" and len(json.loads(body[1:])["sid"]) == 20, "a server started from the wheel opens a session"
    )


def main() -> None:
    """All proofs, in order."""
    origin = Path(sio_fast.__file__)
    check(origin.is_relative_to(sys.prefix), f"imported from the environment ({origin.parent.name})")
    check(importlib.metadata.version("sio-fast") != "", f"version {importlib.metadata.version('sio-fast')}")
    look_into(Path(sys.argv[1]), Path(sys.argv[2]))
    anyio.run(shake_hands)


if __name__ == "__main__":
    main()
