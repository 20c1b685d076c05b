"""Flower, started for real, sees workers and runs by the names that everything else uses."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.processes.flower import answer, flower
from tests.stage.waiting import wait_until

if TYPE_CHECKING:
    from tests.stage.live_installation import LiveInstallation


def test_flower_shows_workers_and_runs_by_handler_and_execution_id(live: LiveInstallation) -> None:
    live.task("greeting", "handlers.hello.run", params={"name": "wallflower"})
    environment = live.installation.settings.environment()
    with flower("-A", "workers.app", folder=live.folder, environment=environment) as client:
        wait_until(
            lambda: live.fleet.worker_name in (answer(client, "/api/workers?refresh=1") or {}),
            "Flower sees the worker",
            timeout=20,
        )
        record = live.ended(live.run("greeting"))
        shown = wait_until(
            lambda: (
                (one := answer(client, f"/api/task/info/{record.execution_id}"))
                and one["state"] == "SUCCESS"
                and one
            ),
            "Flower shows the run",
        )
        broken = live.ended(live.run("handlers.talkative.broken"))
        failed = wait_until(
            lambda: (
                (one := answer(client, f"/api/task/info/{broken.execution_id}"))
                and one["state"] == "FAILURE"
                and one
            ),
            "Flower shows the failed run",
        )
    assert "talkative.py" in failed["traceback"]
    assert "HandlerFailedError" not in failed["traceback"]
    assert shown["name"] == "handlers.hello.run"
    assert shown["uuid"] == record.execution_id
    assert "wallflower" not in shown["kwargs"]
