from __future__ import annotations

import logging
import threading
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

import httpx
import pytest

from mission_control.configuration.settings import Secret
from mission_control.model.values.addresses import parse_network
from mission_control.notifications import delivery
from mission_control.store.embedded.server_start import free_port
from tests.stage.local_http import LocalHttpServer

if TYPE_CHECKING:
    from collections.abc import Iterator

# Apprise imports a module that is deprecated in Python 3.11 and 3.12.
pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")


@pytest.fixture
def server() -> Iterator[LocalHttpServer]:
    with LocalHttpServer() as server:
        yield server


notify = partial(delivery.notify, allowed=(parse_network("127.0.0.1"),))


def urls(**channels: str) -> dict[str, Secret]:
    return {name: Secret(url) for name, url in channels.items()}


def test_message_to_several_channels_reaches_each_once(server: LocalHttpServer) -> None:
    channels = urls(phone=f"json://{server.address}/phone", desk=f"json://{server.address}/desk")
    deliveries = notify(channels, ["phone", "DESK", "phone"], "Tea", "The tea is ready")
    assert [(one.channel, one.problem) for one in deliveries] == [("phone", None), ("desk", None)]
    assert sorted(request.path for request in server.requests) == ["/desk", "/phone"]
    assert {(request.json["title"], request.json["message"]) for request in server.requests} == {
        ("Tea", "The tea is ready")
    }


def test_unknown_channel_names_the_variable_to_set() -> None:
    (delivery,) = notify(urls(desk="json://127.0.0.1"), ["phone"], "t", "b")
    assert delivery.problem == (
        "no notification channel 'phone' is set up: set MISSION_CONTROL_NOTIFY_PHONE to an Apprise URL "
        "where the workers run (set up are: desk)"
    )


def test_failing_channel_does_not_affect_the_others(server: LocalHttpServer) -> None:
    channels = urls(
        bad=f"json://{server.address}/status/500", good=f"json://{server.address}", worse="nonsense://x"
    )
    deliveries = {one.channel: one for one in notify(channels, ["bad", "good", "worse"], "t", "b")}
    assert deliveries["good"].problem is None
    assert "error=500" in str(deliveries["bad"].problem)
    assert deliveries["worse"].problem == "MISSION_CONTROL_NOTIFY_WORSE is not a URL that Apprise understands"


def test_channel_of_two_services_with_one_failing_is_a_problem(server: LocalHttpServer) -> None:
    both = urls(both=f"json://{server.address}/a, json://{server.address}/status/503")
    (delivery,) = notify(both, ["both"], "t", "b")
    assert "error=503" in str(delivery.problem)


def test_unresponsive_service_is_given_up_after_the_patience(server: LocalHttpServer) -> None:
    slow = urls(slow=f"json://{server.address}/hang", good=f"json://{server.address}/good")
    slow_one, good_one = notify(slow, ["slow", "good"], "t", "b", patience=timedelta(seconds=0.2))
    assert "did not finish within" in str(slow_one.problem)
    assert good_one.problem is None


def test_channel_that_answers_without_an_end_holds_up_no_later_message(server: LocalHttpServer) -> None:
    more_than_threads = ", ".join([f"json://{server.address}/drip"] * 33)
    (endless,) = notify(
        urls(endless=more_than_threads), ["endless"], "t", "b", patience=timedelta(seconds=0.2)
    )
    assert "did not finish within" in str(endless.problem)
    (good,) = notify(urls(good=f"json://{server.address}/good"), ["good"], "t", "b")
    assert good.problem is None


@pytest.mark.parametrize(
    "url",
    [
        "json://user:hunter2secret@127.0.0.1:{port}/hunter2secret?x=hunter2secret",
        "nonsense://hunter2secret",
        "slack://hunter2secret/x",
        "hunter2secret",
    ],
)
def test_secret_in_a_url_appears_neither_in_problems_nor_in_logs(
    url: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, logger="apprise")
    (delivery,) = notify(urls(phone=url.format(port=free_port())), ["phone"], "t", "b")
    assert delivery.problem is not None
    assert "hunter2secret" not in delivery.problem
    assert "hunter2secret" not in caplog.text


def test_empty_message_is_a_problem(server: LocalHttpServer) -> None:
    (delivery,) = notify(urls(phone=f"json://{server.address}"), ["phone"], "", "")
    assert "No message content" in str(delivery.problem)


@pytest.mark.parametrize(
    "url", ["json://{}", "mailto://user:pass@{}?from=a@b.example&to=c@d.example", "json://localhost:{port}"]
)
def test_private_address_is_refused_unless_allowed_and_the_reason_is_given(
    url: str, server: LocalHttpServer
) -> None:
    port = server.address.rpartition(":")[2]
    (refused,) = delivery.notify(urls(nas=url.format(server.address, port=port)), ["nas"], "t", "b")
    assert str(refused.problem).startswith("MISSION_CONTROL_NOTIFY_NAS: ")
    remedy = "is a loopback address and is not called; to allow it, the operator adds it to MISSION_CONTROL_"
    assert remedy in str(refused.problem)
    assert server.requests == []


def test_redirect_to_a_private_address_is_not_followed(server: LocalHttpServer) -> None:
    with LocalHttpServer("127.0.0.2") as other:
        (refused,) = notify(
            urls(nas=f"json://{server.address}/redirect?-to={other.url}/x"), ["nas"], "t", "b"
        )
        assert "*** is a loopback address and is not called" in str(refused.problem)
        assert (len(server.requests), other.requests) == (1, [])


def test_guard_leaves_other_connections_of_the_process_alone(server: LocalHttpServer) -> None:
    slow = urls(slow=f"json://{server.address}/hang")
    notifying = threading.Thread(target=delivery.notify, args=(slow, ["slow"], "t", "b"))
    notifying.start()
    assert httpx.get(server.url, trust_env=False).text == "hello"
    notifying.join(timeout=30)
