"""The examples, where their page does not run them: without a worker, and on a full disk."""

from __future__ import annotations

import os
import runpy
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from tests.house.documentation import all_blocks
from tests.house.repository import ROOT

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from mission_control.installation.installation import Installation

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


def test_documented_condition_says_yes_in_the_hours_of_its_params() -> None:
    shown = all_blocks(ROOT / "docs" / "handlers.md")
    (source,) = (one.text for one in shown if one.file == "handlers/conditions.py")
    module: dict[str, Any] = {}
    exec(source, module)
    noon = datetime(2026, 3, 2, 12, tzinfo=UTC)
    said = [
        module["on_call"]({"params": {"hours": hours}, "scheduled_time": noon})
        for hours in ([9, 17], [13, 17])
    ]
    assert said == [(True, "it is 12 o'clock"), (False, "it is 12 o'clock")]


def test_producer_without_a_worker_reports_it_and_fails(installation: Installation) -> None:
    script = EXAMPLES / "producer.py"
    text = script.read_text("utf-8").replace("wait(timeout=30)", "wait(timeout=0.1)")
    folder = installation.settings.data_dir.parent
    answer = run_script(script_of(text, folder))
    assert answer.returncode == 1
    assert "is dispatched after 0.1 s" in answer.stderr


def test_example_handler_on_a_full_disk_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    usage = SimpleNamespace(total=100, used=96, free=4)
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: usage)
    handler = runpy.run_path(str(EXAMPLES / "handlers" / "disk_space.py"))["run"]
    assert handler({"params": {"least_percent": 5}})["status"] == "failure"
    assert handler({"params": {"least_percent": 3}})["status"] == "success"
