from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

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
def reminder(handler: Callable[[str], Any]) -> Any:
    return handler("handlers.reminder.run")


@pytest.fixture
def server() -> Iterator[LocalHttpServer]:
    with LocalHttpServer() as server:
        yield server


def test_text_reaches_the_default_channel(
    reminder: Any, server: LocalHttpServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MISSION_CONTROL_NOTIFY_DEFAULT", f"json://{server.address}")
    result = reminder({"params": {"text": "Water the plants"}, "once": OnceHere()})
    assert result == {"status": "success", "output": {"sent_to": ["default"]}, "error": None}
    assert [(one.json["title"], one.json["message"]) for one in server.requests] == [
        ("Reminder", "Water the plants")
    ]


def test_reminder_to_unknown_channel_fails_and_names_the_variable_to_set(reminder: Any) -> None:
    result = reminder({"params": {"text": "Water the plants", "to": ["phone"]}, "once": OnceHere()})
    assert result["status"] == "failure"
    assert "set MISSION_CONTROL_NOTIFY_PHONE to an Apprise URL" in result["error"]


def test_retry_sends_only_to_channels_not_reached_before(
    reminder: Any, server: LocalHttpServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MISSION_CONTROL_NOTIFY_DESK", f"json://{server.address}/desk")
    monkeypatch.setenv("MISSION_CONTROL_NOTIFY_PHONE", f"json://{server.address}/status/500")
    context = {"params": {"text": "Water the plants", "to": ["desk", "phone"]}, "once": OnceHere()}
    first = reminder({**context, "attempt": 1})
    assert (first["status"], first["output"]) == ("failure", {"sent_to": ["desk"]})

    monkeypatch.setenv("MISSION_CONTROL_NOTIFY_PHONE", f"json://{server.address}/phone")
    second = reminder({**context, "attempt": 2})
    assert second == {"status": "success", "output": {"sent_to": ["desk", "phone"]}, "error": None}
    assert sorted(one.path for one in server.requests) == ["/desk", "/phone", "/status/500"]


def test_retry_skips_channels_that_a_dead_attempt_may_have_reached(
    reminder: Any, server: LocalHttpServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MISSION_CONTROL_NOTIFY_DEFAULT", f"json://{server.address}")
    once = OnceHere()
    assert once("sent to default")  # and then the worker died
    result = reminder({"params": {"text": "Water the plants"}, "attempt": 2, "once": once})
    assert (result["status"], server.requests) == ("success", [])


@pytest.mark.parametrize(
    ("params", "problem"),
    [
        ({}, "params.text: is missing"),
        ({"text": ""}, "params.text"),
        ({"text": "  "}, "params.text"),
        ({"text": "x", "to": []}, "params.to"),
        ({"text": "x", "to": ["no spaces"]}, "is not a channel's name"),
        ({"text": "x", "channel": "phone"}, "params.channel: unknown key"),
    ],
)
def test_invalid_params_fail_with_the_problem(reminder: Any, params: dict[str, Any], problem: str) -> None:
    result = reminder({"params": params})
    assert result["status"] == "failure"
    assert problem in result["error"]
