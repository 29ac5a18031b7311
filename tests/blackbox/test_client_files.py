"""The browser client's files under the Socket.IO path: which there are, their types, and what is not sent again."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from clients.raw_http import HttpConnection, HttpResponse

pytestmark = [pytest.mark.native, pytest.mark.loops("uvloop")]

FOLDER = Path(__file__).parent.parent / "js/node_modules/socket.io/client-dist"
BUNDLES = ("socket.io.js", "socket.io.min.js", "socket.io.esm.min.js", "socket.io.msgpack.min.js")
SERVED = pytest.mark.server(serve_client=str(FOLDER))


def get(http: HttpConnection, name: str, **headers: str) -> HttpResponse:
    return http.request("GET", f"/socket.io/{name}", headers={k.replace("_", "-"): v for k, v in headers.items()})


@pytest.mark.official
@pytest.mark.parity("files.bundle", "files.variants", "native.files")
@SERVED
@pytest.mark.parametrize("name", BUNDLES)
def test_builds_and_their_source_maps(http: HttpConnection, name: str) -> None:
    script = get(http, name)
    assert script.status == 200
    assert script.body == (FOLDER / name).read_bytes()
    assert "javascript" in script.headers["content-type"]
    assert script.headers["etag"]
    source_map = get(http, f"{name}.map")
    assert source_map.status == 200
    assert source_map.headers["content-type"].startswith("application/json")
    assert json.loads(source_map.body)["mappings"]


@pytest.mark.official
@pytest.mark.parity("files.not_modified", "files.not_modified_weak", "native.files")
@SERVED
def test_what_is_known_is_not_sent_again(http: HttpConnection) -> None:
    tag = get(http, "socket.io.js").headers["etag"].removeprefix("W/")
    for known in (tag, f"W/{tag}"):
        answer = get(http, "socket.io.js", If_None_Match=known)
        assert (answer.status, answer.body) == (304, b"")
    assert get(http, "socket.io.js", If_None_Match='"another"').status == 200


@pytest.mark.official
@pytest.mark.parity("files.unknown_file", "native.files")
@SERVED
@pytest.mark.parametrize("name", ["socket.io.other.js", "package.json", "../package.json", "socket.io.js.map.map"])
def test_other_files_are_not_served(http: HttpConnection, name: str) -> None:
    assert get(http, name).status in (400, 404)


@pytest.mark.official
@pytest.mark.parity("files.off")
@pytest.mark.parametrize("name", BUNDLES)
def test_without_the_option_none_is_served(http: HttpConnection, name: str) -> None:
    assert get(http, name).status == 400


@pytest.mark.parity("files.bundle_cors")
@pytest.mark.server(serve_client=str(FOLDER), cors_allowed_origins="*")
def test_files_carry_no_headers_for_other_origins(http: HttpConnection) -> None:
    answer = get(http, "socket.io.js", Origin="https://app.example")
    assert answer.status == 200
    assert "access-control-allow-origin" not in answer.headers
