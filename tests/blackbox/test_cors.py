"""Origins: who may come from where, the headers that browsers need, and the rule without any option.

Without `cors_allowed_origins` only pages of the same host may connect, on both transports; the official
server checks nothing. The loop plays no part here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from clients.raw_websocket import HandshakeRefused, RawWebSocket
from clients.wire import PollingWire, target

if TYPE_CHECKING:
    from clients.raw_http import HttpConnection, HttpResponse
    from harness.process import ServerProcess

GOOD, ALSO_GOOD, BAD = "https://app.example", "http://localhost:8080", "https://evil.example"
LISTED = pytest.mark.server(cors_allowed_origins=[GOOD, ALSO_GOOD], cors_credentials=True)
pytestmark = pytest.mark.loops("asyncio")


def handshake(http: HttpConnection, **headers: str) -> HttpResponse:
    fields = {name.replace("_", "-"): value for name, value in headers.items()}
    answer = http.request("GET", target(transport="polling"), headers=fields)
    if answer.status == 200:
        sid = answer.text.split('"')[3]
        http.request("POST", target(transport="polling", sid=sid), headers=fields, body=b"1")
    return answer


def assert_forbidden(answer: HttpResponse, origin: str) -> None:
    assert answer.status == 403
    body = answer.json()
    assert body["code"] == 4
    assert origin in body["message"]
    assert "cors_allowed_origins" in body["message"]


# --- no option


def test_the_same_host_may(server: ServerProcess, http: HttpConnection) -> None:
    answer = handshake(http, Origin=f"http://127.0.0.1:{server.port}")
    assert answer.status == 200


def test_the_scheme_is_not_compared(server: ServerProcess, http: HttpConnection) -> None:
    assert handshake(http, Origin=f"https://127.0.0.1:{server.port}").status == 200


@pytest.mark.parametrize("host", ["APP.example", "app.EXAMPLE:3000"])
def test_case_of_the_host_does_not_matter(http: HttpConnection, host: str) -> None:
    assert handshake(http, Host=host, Origin=f"http://{host.lower()}").status == 200


@pytest.mark.parametrize(
    "origin", [BAD, "http://127.0.0.1", "http://127.0.0.1:1", "null", "http://127.0.0.1.evil.example"]
)
def test_another_origin_may_not(server: ServerProcess, http: HttpConnection, origin: str) -> None:
    assert_forbidden(handshake(http, Origin=origin), origin)
    with pytest.raises(HandshakeRefused) as refused:
        RawWebSocket(server.port, target(transport="websocket"), headers={"Origin": origin})
    assert_forbidden(refused.value.response, origin)


def test_another_origin_may_not_use_a_session_either(http: HttpConnection, polling: PollingWire) -> None:
    assert_forbidden(http.request("POST", polling.target, headers={"Origin": BAD}, body=b"40"), BAD)
    polling.send("40")


def test_no_origin_may(http: HttpConnection) -> None:
    answer = handshake(http)
    assert answer.status == 200
    assert "access-control-allow-origin" not in answer.headers


@pytest.mark.official
@pytest.mark.parity("engine_handshake.bad_request")
@pytest.mark.parametrize("origin", ["http://bad\x01.example", "http://bad\x7f.example"])
def test_an_origin_of_control_characters_is_a_bad_request(http: HttpConnection, origin: str) -> None:
    http.send_head("GET", target(transport="polling"), {"Origin": origin})
    answer = http.read_response()
    assert answer.status == 400


# --- off


@pytest.mark.server(cors_allowed_origins=False)
def test_without_a_check_anybody_may(http: HttpConnection) -> None:
    answer = handshake(http, Origin=BAD)
    assert answer.status == 200
    assert not any(name.startswith("access-control-") for name in answer.headers)


# --- everybody


@pytest.mark.official
@pytest.mark.server(cors_allowed_origins="*")
def test_a_star_allows_all(http: HttpConnection) -> None:
    answer = handshake(http, Origin=BAD)
    assert answer.status == 200
    assert answer.headers["access-control-allow-origin"] == "*"


# --- a list


@pytest.mark.official
@pytest.mark.parity("handshake.get", "cors.request")
@LISTED
@pytest.mark.parametrize("origin", [GOOD, ALSO_GOOD])
def test_a_listed_origin_may(server: ServerProcess, http: HttpConnection, origin: str, closing: list[Any]) -> None:
    answer = handshake(http, Origin=origin)
    assert answer.status == 200
    assert answer.headers["access-control-allow-origin"] == origin
    assert answer.headers["access-control-allow-credentials"] == "true"
    assert "origin" in answer.headers["vary"].lower()
    assert [name for name, _ in answer.all_headers].count("access-control-allow-origin") == 1
    closing.append(RawWebSocket(server.port, target(transport="websocket"), headers={"Origin": origin}))


@pytest.mark.official
@LISTED
def test_every_answer_carries_the_headers(server: ServerProcess, closing: list[Any]) -> None:
    wire = PollingWire(server.port, headers={"Origin": GOOD})
    closing.append(wire)
    posted = wire.post(b"40")
    wire.start_poll()
    polled = wire.getter.read_response()
    refused = wire.poster.request("GET", target(transport="polling", sid="unknown"), headers=wire.headers)
    for answer in (posted, polled, refused):
        assert answer.headers["access-control-allow-origin"] == GOOD


@pytest.mark.parity("cors.bad_origin", "engine_handshake.bad_request")
@LISTED
def test_an_unlisted_origin_may_not(server: ServerProcess, http: HttpConnection) -> None:
    answer = handshake(http, Origin=BAD)
    assert_forbidden(answer, BAD)
    assert "access-control-allow-origin" not in answer.headers
    with pytest.raises(HandshakeRefused) as refused:
        RawWebSocket(server.port, target(transport="websocket"), headers={"Origin": BAD})
    assert_forbidden(refused.value.response, BAD)


@pytest.mark.official
@LISTED
def test_no_origin_may_pass_a_list(http: HttpConnection) -> None:
    assert handshake(http).status == 200


@pytest.mark.official
@pytest.mark.parity("handshake.preflight", "cors.preflight")
@LISTED
def test_preflight(http: HttpConnection) -> None:
    answer = http.request(
        "OPTIONS",
        target(transport="polling"),
        headers={
            "Origin": GOOD,
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "x-custom, content-type",
        },
    )
    assert answer.status == 204
    assert answer.body == b""
    assert answer.headers["access-control-allow-origin"] == GOOD
    assert answer.headers["access-control-allow-credentials"] == "true"
    assert answer.headers["access-control-allow-methods"].replace(" ", "") == "GET,HEAD,PUT,PATCH,POST,DELETE"
    assert answer.headers["access-control-allow-headers"].replace(" ", "") == "x-custom,content-type"
    vary = answer.headers["vary"].lower()
    assert "origin" in vary
    assert "access-control-request-headers" in vary


@pytest.mark.parity("cors.bad_origin")
@LISTED
def test_preflight_of_an_unlisted_origin_allows_nothing(http: HttpConnection) -> None:
    answer = http.request(
        "OPTIONS", target(transport="polling"), headers={"Origin": BAD, "Access-Control-Request-Method": "POST"}
    )
    assert "access-control-allow-origin" not in answer.headers


@pytest.mark.official
@pytest.mark.parity("cors.forwarded")
@pytest.mark.server(
    cors_allowed_origins=[GOOD],
    cors_allowed_methods=["GET", "POST"],
    cors_allowed_headers=["X-One", "X-Two"],
    cors_exposed_headers=["X-Three"],
    cors_max_age=600,
)
def test_everything_is_as_configured(http: HttpConnection) -> None:
    asking = {"Origin": GOOD, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "x-four"}
    answer = http.request("OPTIONS", target(transport="polling"), headers=asking)
    told = {name: value.replace(" ", "") for name, value in answer.headers.items() if name.startswith("access-")}
    assert told == {
        "access-control-allow-origin": GOOD,
        "access-control-allow-methods": "GET,POST",
        "access-control-allow-headers": "X-One,X-Two",
        "access-control-expose-headers": "X-Three",
        "access-control-max-age": "600",
    }
    assert handshake(http, Origin=GOOD).headers["access-control-expose-headers"].replace(" ", "") == "X-Three"
