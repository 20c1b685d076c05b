from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from mission_control.notifications.message_runs import RETRIES
from tests.stage.local_http import LocalHttpServer
from workers.call.context_calls import OnceHere

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

# Apprise imports a module that is deprecated in Python 3.11 and 3.12.
pytestmark = [
    pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning"),
    pytest.mark.usefixtures("bare_environment"),
]


@pytest.fixture
def notification(handler: Callable[[str], Any]) -> Any:
    return handler("handlers.notification.run")


@pytest.fixture
def server() -> Iterator[LocalHttpServer]:
    with LocalHttpServer() as server:
        yield server


def a_context(attempt: int = 1, **params: object) -> dict[str, Any]:
    reported = {"to": ["ops"], "title": "tea fails", "text": "no water", **params}
    return {"params": reported, "attempt": attempt, "once": OnceHere()}


def test_message_that_its_channel_never_takes_goes_to_the_fallback_after_the_last_retry(
    notification: Any, server: LocalHttpServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MISSION_CONTROL_NOTIFY_OPS", f"json://{server.address}/status/500/t0ken-of-ops")
    monkeypatch.setenv("MISSION_CONTROL_NOTIFY_FALLBACK", f"json://{server.address}/fallback")
    assert notification(a_context(RETRIES))["status"] == "failure"
    assert {one.path for one in server.requests} == {"/status/500/t0ken-of-ops"}
    result = notification(a_context(RETRIES + 1))
    assert (result["status"], result["output"]["sent_to"]) == ("success", ["fallback"])
    message = server.requests[-1].json["message"]
    assert message.startswith("no water\n\nSent to fallback, because: MISSION_CONTROL_NOTIFY_OPS: ")
    assert "t0ken" not in f"{result} {message}"


def test_default_channel_has_no_other_one_but_the_fallback(
    notification: Any, server: LocalHttpServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MISSION_CONTROL_NOTIFY_DEFAULT", f"json://{server.address}/status/500")
    monkeypatch.setenv("MISSION_CONTROL_NOTIFY_OPS", f"json://{server.address}/ops")
    result = notification(a_context(RETRIES + 1, to=["default"]))
    assert (result["status"], result["output"]) == ("failure", {"sent_to": []})
    assert [one.path for one in server.requests] == ["/status/500"]


def test_hanging_channel_keeps_the_message_from_no_other(
    notification: Any, server: LocalHttpServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MISSION_CONTROL_NOTIFY_OPS", f"json://{server.address}/hang")
    monkeypatch.setenv("MISSION_CONTROL_NOTIFY_DEFAULT", f"json://{server.address}/default")
    result = notification(a_context(to=["ops", "default"]))
    assert (result["status"], result["output"]) == ("failure", {"sent_to": ["default"]})
    assert "MISSION_CONTROL_NOTIFY_OPS: " in result["error"]


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        (
            "t0ken://ada:hunter2@example.org",
            "MISSION_CONTROL_NOTIFY_OPS is not a URL that Apprise understands",
        ),
        ("json://ada:hunter2@192.0.2.1", "is a documentation address and is not called"),
        ("", "no notification channel 'ops' is set up"),
    ],
)
def test_unusable_channel_is_named_without_its_secrets(
    notification: Any, monkeypatch: pytest.MonkeyPatch, url: str, problem: str
) -> None:
    monkeypatch.setenv("MISSION_CONTROL_NOTIFY_OPS", url)
    result = notification(a_context())
    assert result["status"] == "failure"
    assert problem in result["error"]
    assert "hunter2" not in f"{result}"
