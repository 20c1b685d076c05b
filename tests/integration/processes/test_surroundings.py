"""How a program was started and what it does to its process change nothing."""

from __future__ import annotations

import os
import subprocess
import sys
from textwrap import dedent
from typing import TYPE_CHECKING

from tests.house.repository import ROOT

if TYPE_CHECKING:
    from pathlib import Path

PROGRAM = """
    import os, signal, sys, time
    sys.executable = "/usr/sbin/uwsgi"  # as in a program that embeds Python
    signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    for number in (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)
    os.umask(0)
    for number in range(3):
        os.close(number)
    from mission_control import TaskScheduler, enqueue, register_task
    leap_days = {"type": "cron", "expression": "0 0 29 2 *"}
    register_task({"id": "t", "schedule": leap_days, "handler": "handlers.here.run"})
    os.chdir("/")
    with TaskScheduler() as scheduler:
        by_worker = enqueue("t").wait(40)["output"]
        stopping = time.monotonic()
        scheduler.stop()
        took = time.monotonic() - stopping
    in_process = scheduler.execute_task("t")["output"]
    with open(os.environ["ANSWER"], "w") as answer:
        print(by_worker, in_process, "quickly" if took < 25 else took, sep="\\n", file=answer)
"""
HANDLER = """
    import nearby

    def run(context):
        return {"status": "success", "output": nearby.WORD, "error": None}
"""


def test_program_that_blocks_signals_closes_descriptors_and_changes_folder_runs_tasks(tmp_path: Path) -> None:
    (tmp_path / "handlers").mkdir()
    (tmp_path / "handlers" / "here.py").write_text(dedent(HANDLER))
    (tmp_path / "nearby.py").write_text("WORD = 'from the first folder'\n")
    own = {name: text for name, text in os.environ.items() if not name.startswith("MISSION_CONTROL_")}
    home = {"HOME": str(tmp_path / "home"), "MISSION_CONTROL_DATA_DIR": "~/mc"}

    subprocess.run(
        [sys.executable, "-c", dedent(PROGRAM)],
        cwd=tmp_path,
        env={**own, **home, "PYTHONPATH": str(ROOT), "ANSWER": str(tmp_path / "answer")},
        timeout=90,
        check=False,
    )

    word = "from the first folder"
    assert (tmp_path / "answer").read_text().splitlines() == [word, word, "quickly"]
    assert (tmp_path / "home" / "mc" / "logs" / "task_execution.jsonl").exists()
    assert not (tmp_path / "~").exists()


def test_removed_working_folder_is_reported_where_a_path_depends_on_it(tmp_path: Path) -> None:
    def listed(**settings: str) -> subprocess.CompletedProcess[str]:
        folder = tmp_path / "gone"
        folder.mkdir()
        own = {name: text for name, text in os.environ.items() if not name.startswith("MISSION_CONTROL_")}
        command = 'rmdir "$PWD" && exec "$0" -m mission_control handler list'
        return subprocess.run(
            ["sh", "-c", command, sys.executable],
            cwd=folder,
            env={**own, **settings, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            check=False,
        )

    refused = listed()
    assert refused.returncode == 2
    assert "MISSION_CONTROL_DATA_DIR: the working folder has been removed" in refused.stderr
    paths = {"MISSION_CONTROL_DATA_DIR": str(tmp_path), "MISSION_CONTROL_HANDLERS": str(tmp_path)}
    assert "handlers.hello.run" in listed(**paths).stdout
