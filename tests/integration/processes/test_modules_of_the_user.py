"""The wheel, in a project whose own modules have the names of ours and of the libraries that we use."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import zipfile
from textwrap import dedent
from typing import TYPE_CHECKING

import pytest
from hatchling.builders.wheel import WheelBuilder

from tests.house.repository import ROOT

if TYPE_CHECKING:
    from pathlib import Path

TAKEN = ("workers", "kombu", "celery", "redis", "redbeat", "click", "calendar", "signal")
FILES = {
    **{f"{name}.py": f"raise RuntimeError('this is the {name} of the user')\n" for name in TAKEN},
    "beat/__init__.py": "raise RuntimeError('this is the beat of the user')\n",
    "mission_control.py": "raise RuntimeError('this is no Mission Control')\n",
    "my_team/__init__.py": "WORD = 'from my team'\n",
    "handlers/greet.py": """
        import my_team

        def run(context):
            return {"status": "success", "output": my_team.WORD, "error": None}
        """,
    "app/workers.py": "MINE = 'my workers'\n",
    "app/beat/__init__.py": "MINE = 'my beat'\n",
    "app/program.py": """
        import time
        import workers
        from mission_control import TaskScheduler, get_task

        task = {"schedule": {"type": "interval", "seconds": 1}, "handler": "handlers.greet.run"}
        task["retry_policy"] = {"max_retries": 0}
        give_up_at = time.monotonic() + 40
        with TaskScheduler() as scheduler:
            scheduler.register_task({"id": "greet", **task})
            while get_task("greet")["execution_history"]["success_count"] == 0:
                assert time.monotonic() < give_up_at
                time.sleep(0.05)
        here = scheduler.execute_task("greet")["output"]
        import beat
        print(workers.MINE, beat.MINE, here, scheduler.execute_task("greet")["output"], sep=", ")
        """,
}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder into which the wheel is installed."""
    folder = tmp_path_factory.mktemp("site")
    (wheel,) = WheelBuilder(str(ROOT)).build(directory=str(tmp_path_factory.mktemp("wheel")))
    zipfile.ZipFile(wheel).extractall(folder)
    return folder


@pytest.fixture
def project(tmp_path: Path) -> Path:
    for name, text in FILES.items():
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(dedent(text), "utf-8")
    return tmp_path


def start(project: Path, site: Path, *command: str) -> subprocess.Popen[str]:
    """Start a program of the wheel, with variables that were set for another Celery project."""
    inherited = {name: text for name, text in os.environ.items() if not name.startswith("MISSION_CONTROL_")}
    others = {
        "CELERY_BROKER_URL": "redis://127.0.0.1:1/0",
        "CELERY_CONFIG_MODULE": "their_project.celery_config",
        "CELERY_WORKER_QUEUES": "theirs",
        "BROKER_URL": "redis://127.0.0.1:1/0",
        "WORKDIR": "/",
        "APP": "theirs",
    }
    return subprocess.Popen(
        [sys.executable, *command],
        cwd=project,
        env={**inherited, **others, "PYTHONPATH": str(site)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def run(project: Path, site: Path, *command: str) -> str:
    """Run a program to its end and return what it printed on both streams."""
    with start(project, site, *command) as process:
        out, err = process.communicate(timeout=90)
    assert process.returncode == 0, out + err
    return out + err


# The console script: unlike `python -m`, it does not look into the working folder.
PROGRAM = ("-P", "-c", "from mission_control.cli import main; main()")

CELERY = ("-P", "-c", "from celery.__main__ import main; main()")


def test_handlers_are_checked_and_tried_as_ever(project: Path, site: Path) -> None:
    assert "none with a problem" in run(project, site, *PROGRAM, "handler", "check")
    assert "from my team" in run(project, site, *PROGRAM, "handler", "test", "handlers.greet.run")


def test_up_runs_a_task(project: Path, site: Path) -> None:
    with start(project, site, *PROGRAM, "up", "--no-web") as up:
        try:
            assert "from my team" in run(project, site, *PROGRAM, "enqueue", "handlers.greet.run", "--wait")
        finally:
            up.send_signal(signal.SIGTERM)
            out, err = up.communicate(timeout=60)
    assert up.returncode == 0, out + err


@pytest.mark.parametrize("app", ["-Aworkers.app", "--app=beat.app:app"])
def test_celery_finds_our_application_in_their_folder(project: Path, site: Path, app: str) -> None:
    assert "redbeat_key_prefix" in run(project, site, *CELERY, app, "report")


def test_program_with_its_own_workers_and_beat_runs_tasks(project: Path, site: Path) -> None:
    said = run(project, site, "app/program.py")
    assert said == "my workers, my beat, from my team, from my team\n"
