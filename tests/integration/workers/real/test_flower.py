"""Flower, started for real, sees workers and runs by the names that everything else uses."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import httpx

from mission_control.store.embedded.ports import free_port
from tests.stage.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.stage.live_installation import LiveInstallation


@contextmanager
def flower(live: LiveInstallation) -> Iterator[httpx.Client]:
    port = free_port()
    environment = {
        **os.environ,
        **live.installation.settings.environment(),
        "FLOWER_UNAUTHENTICATED_API": "true",
    }
    command = [sys.executable, "-m", "celery", "-A", "workers.app", "flower", f"--port={port}"]
    log = live.folder / "flower.log"
    with (
        log.open("wb") as output,
        subprocess.Popen(
            [*command, "--address=127.0.0.1"], env=environment, stdout=output, stderr=output
        ) as process,
        httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False) as client,
    ):
        try:
            wait_until(
                lambda: process.poll() is not None or answer(client, "/healthcheck"),
                "Flower answers",
                timeout=30,
            )
            assert process.poll() is None, log.read_text("utf-8")
            yield client
        finally:
            process.terminate()
            process.wait(timeout=15)


def answer(client: httpx.Client, path: str) -> Any:
    try:
        response = client.get(path)
    except httpx.TransportError:
        return None
    if response.status_code != 200:
        return None
    return response.json() if "json" in response.headers["content-type"] else response.text


def test_flower_shows_workers_and_runs_by_handler_and_execution_id(live: LiveInstallation) -> None:
    live.task("greeting", "handlers.hello.run", params={"name": "wallflower"})
    with flower(live) as client:
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
