from __future__ import annotations

import socket
import threading
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from mission_control.model.values.addresses import parse_network
from mission_control.outbound.http_call import Call, call
from mission_control.store.embedded.server_start import free_port
from tests.stage.local_http import LocalHttpServer

if TYPE_CHECKING:
    from collections.abc import Iterator

HERE = (parse_network("127.0.0.1"),)


@pytest.fixture
def server() -> Iterator[LocalHttpServer]:
    with LocalHttpServer() as server:
        yield server


def resolving(monkeypatch: pytest.MonkeyPatch, *answers: list[str]) -> list[str]:
    """Make the system's resolver give these answers in turn; return the hosts that it is asked for."""
    asked: list[str] = []
    remaining = iter(answers)
    genuine = socket.getaddrinfo

    def resolver(host: str, port: int, *args: Any, **kwargs: Any) -> list[Any]:
        if host.replace(".", "").isdigit():
            return genuine(host, port, *args, **kwargs)
        asked.append(host)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (one, port)) for one in next(remaining)]

    monkeypatch.setattr(socket, "getaddrinfo", resolver)
    return asked


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "localhost", "2130706433", "0x7f000001", "0x7f.1", "0177.0.0.1", "127.1", "0", "0.0.0.0",
     "[::1]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[::]"],
)  # fmt: skip
def test_loopback_in_any_spelling_is_refused(server: LocalHttpServer, host: str) -> None:
    port = server.address.rpartition(":")[2]
    refusal = r"(address and is not called|was not found|Invalid IPv4 address)"
    with pytest.raises((httpx.ConnectError, httpx.InvalidURL), match=refusal):
        call(Call(url=f"http://{host}:{port}/"))
    assert server.requests == []


@pytest.mark.parametrize("host", ["10.0.0.1", "192.168.0.1", "169.254.169.254", "[fd00::1]", "100.64.0.1"])
def test_private_network_is_refused_without_connecting(host: str) -> None:
    with pytest.raises(
        httpx.ConnectError, match="is not called; to allow it, the operator adds it to MISSION"
    ):
        call(Call(url=f"http://{host}/latest/meta-data", timeout_seconds=1))


def test_host_with_one_private_address_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    resolving(monkeypatch, ["93.184.215.14", "127.0.0.1"])
    with pytest.raises(httpx.ConnectError, match=r"rebind.example \(127.0.0.1\) is a loopback address"):
        call(Call(url="http://rebind.example/", timeout_seconds=1))


def test_name_is_resolved_once_and_its_checked_address_is_used(
    server: LocalHttpServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = resolving(monkeypatch, ["127.0.0.1"], ["10.0.0.1"])
    port = server.address.rpartition(":")[2]
    assert call(Call(url=f"http://rebind.example:{port}/"), allowed=HERE).status == 200
    assert asked == ["rebind.example"]
    assert server.requests[0].headers["Host"] == f"rebind.example:{port}"


def test_tls_uses_the_host_name_and_not_the_address(monkeypatch: pytest.MonkeyPatch) -> None:
    resolving(monkeypatch, ["127.0.0.1"])
    heard: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listening = threading.Thread(target=lambda: heard.append(_first_words(listener)))
        listening.start()
        with pytest.raises(httpx.HTTPError):
            call(Call(url=f"https://rebind.example:{listener.getsockname()[1]}/"), allowed=HERE)
        listening.join(timeout=10)
    assert b"rebind.example" in heard[0]


def _first_words(listener: socket.socket) -> bytes:
    connection, _ = listener.accept()
    with connection:
        return connection.recv(4096)


def test_redirect_to_a_private_address_is_refused(
    server: LocalHttpServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The first hop counts as public, as if the server were on the Internet.
    monkeypatch.setattr(
        "mission_control.outbound.connection_guard.address_problem",
        lambda address, _allowed: None if address == "127.0.0.1" else "link-local",
    )
    with pytest.raises(httpx.ConnectError, match=r"169\.254\.169\.254 is a link-local address"):
        call(Call(url=f"{server.url}/redirect?to=http://169.254.169.254/", timeout_seconds=1))


def test_redirect_to_another_scheme_is_refused(server: LocalHttpServer) -> None:
    with pytest.raises(httpx.UnsupportedProtocol):
        call(Call(url=f"{server.url}/redirect?to=file:///etc/passwd"), allowed=HERE)


def test_circular_redirect_is_given_up(server: LocalHttpServer) -> None:
    url = f"{server.url}/redirect?to=/redirect?to=/again"
    assert call(Call(url=url), allowed=HERE).status == 200
    with pytest.raises(httpx.TooManyRedirects):
        call(Call(url=f"{server.url}/circle"), allowed=HERE)


def test_redirect_to_another_origin_drops_the_callers_headers(server: LocalHttpServer) -> None:
    with LocalHttpServer() as other:
        headers = {"X-Api-Key": "k", "Authorization": "Bearer b", "Cookie": "c=1"}
        call(Call(url=f"{server.url}/redirect?to={other.url}/x", headers=headers), allowed=HERE)
        (first,), (second,) = server.requests, other.requests
    assert headers.items() <= first.headers.items()
    assert not {name.lower() for name in headers} & {name.lower() for name in second.headers}


def test_redirect_within_the_origin_keeps_the_callers_headers(server: LocalHttpServer) -> None:
    call(Call(url=f"{server.url}/redirect?to=/x", headers={"X-Api-Key": "k"}), allowed=HERE)
    assert [one.headers.get("X-Api-Key") for one in server.requests] == ["k", "k"]


def test_unfollowed_redirect_is_the_answer(server: LocalHttpServer) -> None:
    answer = call(Call(url=f"{server.url}/redirect?to=/x", follow_redirects=False), allowed=HERE)
    assert (answer.status, answer.location) == (302, "/x")


def test_body_is_read_up_to_its_limit(server: LocalHttpServer) -> None:
    answer = call(Call(url=f"{server.url}/bytes/100000", max_bytes=1000), allowed=HERE)
    assert (len(answer.body), answer.is_truncated) == (1000, True)
    whole = call(Call(url=f"{server.url}/bytes/1000", max_bytes=1000), allowed=HERE)
    assert (len(whole.body), whole.is_truncated) == (1000, False)


@pytest.mark.parametrize("path", ["hang", "drip"])
def test_silent_or_trickling_server_is_given_up_in_time(server: LocalHttpServer, path: str) -> None:
    with pytest.raises(httpx.TimeoutException):
        call(Call(url=f"{server.url}/{path}", timeout_seconds=0.3), allowed=HERE)


def test_proxy_in_the_environment_is_ignored(
    server: LocalHttpServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{free_port()}")
    assert call(Call(url=f"{server.url}/"), allowed=HERE).text == "hello"
