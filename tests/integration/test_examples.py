"""Examples and documented handlers run as they stand, on a real beat and a real worker."""

from __future__ import annotations

import os
import runpy
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

from mission_control import enqueue, list_tasks
from mission_control.operate.apply import apply_task_file
from tests.house.documentation import blocks
from tests.house.repository import ROOT

if TYPE_CHECKING:
    from pathlib import Path

    from mission_control.installation.installation import Installation
    from mission_control.processes.fleet import Fleet

pytestmark = pytest.mark.starts_early

README_PYTHON = blocks(ROOT / "README.md", "python")
EXAMPLES = ROOT / "examples"


def run_script(script: Path) -> subprocess.CompletedProcess[str]:
    """Run a script as its reader would: from the repository, with nothing but this environment."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(
        [sys.executable, script],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )


def script_of(text: str, folder: Path) -> Path:
    script = folder / "shown.py"
    script.write_text(text, "utf-8")
    return script


@pytest.mark.usefixtures("fleet")
def test_example_of_a_producer_runs() -> None:
    answer = run_script(EXAMPLES / "producer.py")
    assert answer.returncode == 0, answer.stderr
    assert answer.stdout.splitlines()[-1] == "success - Hello, Ada, at once!"


def test_documented_handlers_keep_the_contract(tmp_path: Path) -> None:
    shown = [README_PYTHON[2], *blocks(ROOT / "docs" / "handlers.md", "python")]
    source = tmp_path / "source"
    source.mkdir()
    params = {"name": "Ada", "source": str(source), "target": str(tmp_path / "target")}
    modules = [runpy.run_path(str(script_of(text, tmp_path))) for text in shown]
    results = [module["run"]({"params": params}) for module in modules if "run" in module]
    keys = {"status", "output", "error"}
    assert [(set(one), one["status"]) for one in results] == [(keys, "success")] * (len(shown) - 1)
    (condition,) = (module["on_call"] for module in modules if "on_call" in module)
    noon = datetime(2026, 3, 2, 12, tzinfo=UTC)
    said = [condition({"params": {"hours": hours}, "scheduled_time": noon}) for hours in ([9, 17], [13, 17])]
    assert said == [(True, "it is 12 o'clock"), (False, "it is 12 o'clock")]


def test_producer_without_a_worker_reports_it_and_fails(installation: Installation) -> None:
    script = EXAMPLES / "producer.py"
    text = script.read_text("utf-8").replace("wait(timeout=30)", "wait(timeout=0.1)")
    folder = installation.settings.data_dir.parent
    answer = run_script(script_of(text, folder))
    assert answer.returncode == 1
    assert "is dispatched after 0.1 s" in answer.stderr


@pytest.fixture
def example_handlers(bare_environment: pytest.MonkeyPatch) -> Path:
    bare_environment.setenv("MISSION_CONTROL_HANDLERS", str(EXAMPLES / "handlers"))
    return EXAMPLES / "handlers"


def test_example_task_file_is_applied_and_its_handler_runs(
    example_handlers: Path, installation: Installation, fleet: Fleet
) -> None:
    assert fleet.dead_service() is None
    assert list(example_handlers.glob("*.py")) != []
    done = apply_task_file(installation.registry, EXAMPLES / "tasks.json", installation.resources)
    assert (
        sorted(done["created"]) == [task["id"] for task in list_tasks()] == ["disk_space", "morning_briefing"]
    )
    results = {name: enqueue(name).wait(timeout=60) for name in done["created"]}
    assert {result["status"] for result in results.values()} == {"success"}
    assert "are free" in results["disk_space"]["output"]


def test_example_handler_on_a_full_disk_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    usage = SimpleNamespace(total=100, used=96, free=4)
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: usage)
    handler = runpy.run_path(str(EXAMPLES / "handlers" / "disk_space.py"))["run"]
    assert handler({"params": {"least_percent": 5}})["status"] == "failure"
    assert handler({"params": {"least_percent": 3}})["status"] == "success"
