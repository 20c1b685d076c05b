"""Running the command line in tests: inside the test's process, or as the real program."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from click.testing import CliRunner

from mission_control.cli.program import program
from tests.house.repository import ROOT

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


@dataclass(frozen=True)
class Answer:
    """What a command line came to."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """What was printed on stdout, which must be one JSON value."""
        return json.loads(self.out)


def mc(*args: str, stdin: str | bytes | None = None) -> Answer:
    """Run a command line in this process, without a terminal."""
    result = CliRunner().invoke(program, list(args), input=stdin)
    return Answer(result.exit_code, result.stdout, result.stderr)


def start_program(
    *args: str, folder: Path, environment: Mapping[str, str] | None = None, stdin: int = subprocess.DEVNULL
) -> subprocess.Popen[str]:
    """Start the real program in `folder`, on an installation of its own there; the caller ends it."""
    inherited = {name: text for name, text in os.environ.items() if not name.startswith("MISSION_CONTROL_")}
    ours = {"MISSION_CONTROL_DATA_DIR": str(folder / "data"), "PYTHONPATH": str(ROOT)}
    return subprocess.Popen(
        [sys.executable, "-m", "mission_control", *args],
        cwd=folder,
        env={**inherited, **ours, **(environment if environment is not None else {})},
        stdin=stdin,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def run_program(*args: str, folder: Path, timeout: float = 60.0, **environment: str) -> Answer:
    """Run the real program to its end."""
    with start_program(*args, folder=folder, environment=environment) as process:
        try:
            out, err = process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            process.kill()
            raise
    return Answer(process.returncode, out, err)
