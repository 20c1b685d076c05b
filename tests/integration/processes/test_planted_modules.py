"""Modules that another user puts into the working folder are not imported by our processes."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from mission_control.processes.launch import launched
from tests.stage.other_user import TROUBLE, give_away

if TYPE_CHECKING:
    from pathlib import Path


# Installed ones, ours, one of the standard library, and ones that libraries only look for.
NAMES = (
    "kombu",
    "redis",
    "beat",
    "workers",
    "calendar",
    "hiredis",
    "simplejson",
    "brotli",
    "gevent",
    "tblib",
)
PLANTED = "import os\nopen(os.environ['RAN'], 'a').write(__name__ + '\\n')\n"
HANDLER = (
    "import my_team\n\ndef run(context):\n    return {'status': 'success', 'output': '', 'error': None}\n"
)


@pytest.fixture
def shared(tmp_path: Path) -> Path:
    """A working folder with planted modules, which another user may write; its handlers are elsewhere."""
    folder = tmp_path / "shared"
    folder.mkdir()
    for name in (*NAMES, "my_team"):
        (folder / f"{name}.py").write_text(PLANTED)
    (tmp_path / "handlers").mkdir()
    (tmp_path / "handlers" / "greet.py").write_text(HANDLER)
    return folder


def run(folder: Path, *command: str) -> tuple[set[str], str]:
    """Run a program in a folder; return the planted modules that ran, and what it printed."""
    ran = folder.parent / "ran"
    done = subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, "RAN": str(ran)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    names = set(ran.read_text().split()) if ran.exists() else set()
    ran.unlink(missing_ok=True)
    return names, done.stdout + done.stderr


@pytest.mark.usefixtures("installation")
def test_worker_and_command_line_import_from_a_working_folder_of_ours_alone(shared: Path) -> None:
    worker = (*launched("celery"), "--app", "workers.app", "worker", "--version")
    check = (sys.executable, "-m", "mission_control", "handler", "check", "handlers.greet.run")
    names, _ = run(shared, *check)
    assert names >= {"my_team"}
    give_away(shared)
    assert run(shared, *check)[0] == set()
    names, said = run(shared, *worker)
    assert names == set()
    assert f"modules in the working folder are not used: {shared} {TROUBLE}" in said
