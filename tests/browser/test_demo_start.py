"""How the chat demo starts, and what it says when it cannot. Needs no browser."""

from __future__ import annotations

import socket
import subprocess
import urllib.request

import pytest

from browser.chat_server import CHAT, PATIENCE, ChatServer, start_chat

if not (CHAT / "node_modules" / "socket.io-client").is_dir():
    pytest.skip("the browser client is not installed: npm ci in examples/chat", allow_module_level=True)


def refusal(port: str) -> tuple[int, str]:
    """The exit status and everything printed of a demo that cannot start."""
    process = start_chat(port, subprocess.PIPE)
    try:
        printed, errors = process.communicate(timeout=PATIENCE)
    finally:
        process.kill()
        process.wait()
    return process.returncode, (printed + errors).decode()


def test_a_busy_port_is_a_clear_message() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        status, printed = refusal(str(port))
    assert status == 1
    assert f"cannot listen on http://127.0.0.1:{port}" in printed
    assert "in use" in printed
    assert f"PORT={port % 65535 + 1} make demo" in printed
    assert "Traceback" not in printed


@pytest.mark.parametrize("port", ["abc", "-1", "65536"])
def test_a_port_that_is_none_is_a_clear_message(port: str) -> None:
    status, printed = refusal(port)
    assert status == 1
    assert repr(port) in printed
    assert "Traceback" not in printed


def test_the_page_and_the_official_client_are_served() -> None:
    server = ChatServer()
    server.start()
    try:
        files = {
            "": "text/html",
            "chat.js": "text/javascript",
            "chat.css": "text/css",
            "icon.svg": "image/svg+xml",
            "socket.io/socket.io.min.js": "text/javascript",
        }
        bodies: dict[str, bytes] = {}
        for path, kind in files.items():
            with urllib.request.urlopen(server.url + path, timeout=5) as answer:
                assert answer.status == 200
                assert answer.headers.get_content_type() == kind
                bodies[path] = answer.read()
        installed = CHAT / "node_modules/socket.io-client/dist/socket.io.min.js"
        assert bodies["socket.io/socket.io.min.js"] == installed.read_bytes()
        assert bodies[""] == (CHAT / "static/index.html").read_bytes()
        assert server.stop() == 0, server.printed()
    finally:
        server.kill()
        server.output.close()
