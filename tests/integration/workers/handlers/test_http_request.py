from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from mission_control.store.embedded.server_start import free_port
from tests.stage.local_http import LocalHttpServer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@pytest.fixture
def server() -> Iterator[LocalHttpServer]:
    with LocalHttpServer() as server:
        yield server


@pytest.fixture
def http_request(handler: Callable[[str], Any]) -> Callable[..., dict[str, Any]]:
    run = handler("handlers.http_request.run")
    return lambda **params: run({"params": params})


HttpRequest = Any


def test_2xx_answer_is_a_success_with_its_description(
    http_request: HttpRequest, server: LocalHttpServer
) -> None:
    result = http_request(url=f"{server.url}/")
    assert result["status"] == "success"
    assert result["output"].pop("elapsed_ms") >= 0
    assert result["output"] == {
        "url": f"{server.url}/",
        "status": 200,
        "bytes": 5,
        "truncated": False,
        "body": "hello",
    }


def test_other_status_is_a_failure_that_names_the_expected_one(
    http_request: HttpRequest, server: LocalHttpServer
) -> None:
    result = http_request(url=f"{server.url}/status/503")
    assert result["status"] == "failure"
    assert result["error"] == f"GET {server.url}/status/503 answered 503 Service Unavailable, expected 2xx"
    assert result["output"]["status"] == 503


@pytest.mark.parametrize(
    ("expected", "ends"), [(404, "success"), ([200, 404], "success"), (200, "failure"), ([201], "failure")]
)
def test_expected_status_decides_between_success_and_failure(
    http_request: HttpRequest, server: LocalHttpServer, expected: object, ends: str
) -> None:
    result = http_request(url=f"{server.url}/status/404", expect_status=expected)
    assert result["status"] == ends


def test_unfollowed_redirect_names_its_target(http_request: HttpRequest, server: LocalHttpServer) -> None:
    url = f"{server.url}/redirect?to=http://u:p4ssword@example.org/x"
    result = http_request(url=url, follow_redirects=False)
    assert "302 Found (a redirect to http://***@example.org/x), expected 2xx" in result["error"]


def test_text_and_json_bodies_are_sent_unchanged(http_request: HttpRequest, server: LocalHttpServer) -> None:
    http_request(url=server.url, method="PUT", body="plain", headers={"X-A": "b"})
    http_request(url=server.url, method="POST", json={"a": [1, None]})
    plain, encoded = server.requests
    assert (plain.method, plain.body, plain.headers["X-A"]) == ("PUT", b"plain", "b")
    assert (encoded.method, encoded.json) == ("POST", {"a": [1, None]})
    assert encoded.headers["Content-Type"] == "application/json"


def test_private_address_is_refused_unless_the_operator_allows_it(
    http_request: HttpRequest, server: LocalHttpServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MISSION_CONTROL_OUTBOUND_ALLOW")
    result = http_request(url=server.url)
    assert (result["status"], server.requests) == ("failure", [])
    assert result["error"] == (
        f"GET {server.url}: 127.0.0.1 is a loopback address and is not called; to allow it, the operator "
        "adds it to MISSION_CONTROL_OUTBOUND_ALLOW"
    )
    monkeypatch.setenv("MISSION_CONTROL_OUTBOUND_ALLOW", "10.0.0.0/8, 127.0.0.0/8")
    assert http_request(url=server.url)["status"] == "success"


def test_credentials_in_a_url_are_used_and_masked(http_request: HttpRequest, server: LocalHttpServer) -> None:
    url = f"http://ada:p4ssword@{server.address}/x?token=t0ken&page=2"
    result = http_request(url=url)
    assert server.requests[0].headers["Authorization"].startswith("Basic ")
    assert result["output"]["url"] == f"http://***@{server.address}/x?token=***&page=2"
    missed = http_request(url=f"http://ada:p4ssword@127.0.0.1:{free_port()}/?token=t0ken")
    assert missed["status"] == "failure"
    assert "p4ssword" not in missed["error"]
    assert "t0ken" not in missed["error"]


def test_long_body_is_cut_in_the_output(http_request: HttpRequest, server: LocalHttpServer) -> None:
    output = http_request(url=f"{server.url}/bytes/50000")["output"]
    assert (output["bytes"], len(output["body"]), output["truncated"]) == (50_000, 2_000, False)


def test_missing_answer_fails_with_the_time_limit(http_request: HttpRequest, server: LocalHttpServer) -> None:
    result = http_request(url=f"{server.url}/hang", timeout_seconds=0.2)
    assert result["error"] == f"GET {server.url}/hang: no complete answer within 0.2 seconds"


@pytest.mark.parametrize(
    ("params", "problem"),
    [
        ({}, "params.url: is missing"),
        ({"url": "ftp://example.org/"}, "params.url: 'ftp://example.org/' is not an HTTP URL; write http://"),
        ({"url": "file:///etc/passwd"}, "is not an HTTP URL"),
        ({"url": "example.org"}, "is not an HTTP URL"),
        ({"url": "http:///x"}, "has no host"),
        ({"url": "http://user:p4ss/word@example.org:x/"}, "is not a URL"),
        ({"url": "http://x/" + "y" * 9000}, "is too long"),
        ({"url": "http://x/", "method": "get"}, 'did you mean "GET"'),
        ({"url": "http://x/", "headers": {"A b": "c"}}, "'A b' is not a header name"),
        ({"url": "http://x/", "headers": {"A": "p4ss\r\nword"}}, "the value of A has line breaks"),
        ({"url": "http://x/", "body": "a", "json": 1}, "body and json are both given"),
        ({"url": "http://x/", "expect_status": 99}, "params.expect_status[0]: 99 is too small"),
        ({"url": "http://x/", "timeout_seconds": 0}, "params.timeout_seconds: 0"),
        ({"url": "http://x/", "follow_redirect": True}, 'did you mean "follow_redirects"?'),
        ({"url": "http://127.0.0.1/", "allow_private": True}, "params.allow_private"),
        (
            {"url": "http://x/", "body": "a", "headers": {"Content-Length": "0"}},
            "Content-Length follows from",
        ),
        ({"url": "http://x/", "headers": {"content-length": "5"}}, "content-length follows from the body"),
        ({"url": "http://x/", "headers": {"Transfer-Encoding": "chunked"}}, "Transfer-Encoding follows from"),
    ],
)
def test_invalid_params_fail_with_the_problem(
    http_request: HttpRequest, params: dict[str, Any], problem: str
) -> None:
    result = http_request(**params)
    assert result["status"] == "failure"
    assert problem in result["error"]
    assert "p4ss" not in result["error"]
