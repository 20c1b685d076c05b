"""An outage that fails many tasks, with a real beat, a real worker, and a channel on loopback."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import pytest

from mission_control.configuration.settings import Secret
from mission_control.model.runs.run_state import RunState
from mission_control.notifications.message_runs import HANDLER
from mission_control.operate.notified import channels_of
from mission_control.processes.heartbeats import live_processes
from mission_control.store import redis_keys
from tests.stage.live_installation import LiveInstallation, live_installation
from tests.stage.local_http import LocalHttpServer
from tests.stage.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

HANDLERS = {
    "caller": """
        import urllib.request
        from pathlib import Path

        def run(context):
            params = context["params"]
            if not Path(params["repaired"]).exists():
                urllib.request.urlopen(f"http://127.0.0.1:{params['port']}/{context['task_id']}", timeout=5)
            return {"status": "success", "output": "", "error": None}
        """
}
TASKS = 50


@pytest.fixture(scope="module")
def channel() -> Iterator[LocalHttpServer]:
    with LocalHttpServer() as server:
        yield server


@pytest.fixture(scope="module")
def live(channel: LocalHttpServer) -> Iterator[LiveInstallation]:
    urls = {"default": f"json://{channel.address}/default", "dead": f"json://{channel.address}/status/500"}
    notify = tuple((name, Secret(url)) for name, url in urls.items())
    with live_installation(HANDLERS, notify=notify, outbound_allow=("127.0.0.1",)) as live:
        yield live


def test_outage_of_fifty_tasks_is_one_message_and_its_end_another(
    live: LiveInstallation, channel: LocalHttpServer
) -> None:
    repaired = live.folder / "repaired"
    with socket.create_server(("127.0.0.1", 0)) as bound:
        port = bound.getsockname()[1]  # closed in a moment: the API is dead
    for number in range(TASKS):
        live.task(
            f"call-{number}",
            "handlers.caller.run",
            params={"repaired": str(repaired), "port": port},
            retry_policy={"max_retries": 1, "retry_delay_seconds": 0},
            notify={"on": ["failure", "recovery"]},
        )
    failed = [live.run(f"call-{number}") for number in range(TASKS)]
    wait_until(lambda: channel.requests, "the outage is reported", timeout=60)
    assert {run.state for run in failed} == {RunState.FAILURE}
    repaired.touch()
    for number in range(TASKS):
        live.run(f"call-{number}")
    wait_until(lambda: len(channel.requests) > 1, "its end is reported", timeout=60)
    wait_until(lambda: _is_all_reported(live), "nothing is left to tell")
    outage, end = (one.json for one in channel.requests)
    assert outage["title"].startswith("50 tasks fail: URLError")
    assert [outage["message"].count(f"call-{number} fails") for number in range(TASKS)] == [1] * TASKS
    assert end["title"] == "50 tasks work again"
    assert [end["message"].count(f"call-{number} works again") for number in range(TASKS)] == [1] * TASKS

    def states() -> list[RunState]:
        return [run.state for run in live.installation.ledger.runs_of(HANDLER, limit=10)]

    wait_until(lambda: states() == [RunState.SUCCESS] * 2, "both messages are recorded as sent")


def _is_all_reported(live: LiveInstallation) -> bool:
    keys = (redis_keys.NOTICES, redis_keys.INCIDENTS, redis_keys.NOTIFICATIONS)
    return live.installation.client.exists(*keys) == 0


def test_workers_publish_their_channels_and_a_dead_one_fails_its_message(live: LiveInstallation) -> None:
    assert channels_of(live_processes(live.installation.client)) == ["dead", "default"]
    params = {"to": ["dead"], "title": "tea fails", "text": "no water"}
    record = live.ended(live.run(HANDLER, params), timeout=60)
    assert record.state is RunState.FAILURE
    assert str(record.error).startswith("MISSION_CONTROL_NOTIFY_DEAD: ")
