from __future__ import annotations

import os
import pty
from typing import TYPE_CHECKING

import pytest

from tests.stage.command_line import run_program, start_program
from tests.stage.live_installation import YEARLY

if TYPE_CHECKING:
    from pathlib import Path

    from mission_control.installation.installation import Installation


@pytest.mark.parametrize(("answer", "code", "left"), [("n", 4, 1), ("y", 0, 0)])
def test_removal_on_a_terminal_asks_first(
    installation: Installation, tmp_path: Path, answer: str, code: int, left: int
) -> None:
    installation.registry.register({"id": "a", "schedule": YEARLY, "handler": "handlers.hello.run"})
    settings = installation.settings.environment()
    ours, theirs = pty.openpty()
    os.write(ours, f"{answer}\n".encode())
    with start_program("task", "remove", "a", folder=tmp_path, environment=settings, stdin=theirs) as process:
        out, err = process.communicate(timeout=60)
    os.close(ours)
    os.close(theirs)
    assert (process.returncode, out) == (code, "")
    assert "Remove a (" in err
    assert len(installation.registry.ids()) == left


def test_closed_stdout_is_no_failure(tmp_path: Path) -> None:
    endless = ("next", "--schedule", '{"type": "interval", "seconds": 1}', "-n", "1000000", "--json")
    with start_program(*endless, folder=tmp_path) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline() == "[\n"
        process.stdout.close()
        assert process.stderr.read() == ""
    assert process.returncode == 0


def test_output_without_a_terminal_has_no_colour_and_is_not_cut(tmp_path: Path) -> None:
    listed = run_program("handler", "list", folder=tmp_path)
    assert "\x1b" not in listed.out
    assert "…" not in listed.out


def test_module_runs_under_the_name_of_the_program(tmp_path: Path) -> None:
    assert "Usage: mission-control" in run_program("--help", folder=tmp_path).out


def test_locale_without_a_character_is_no_failure(tmp_path: Path) -> None:
    checked = run_program("handler", "check", "handlers.hello.run", folder=tmp_path, PYTHONIOENCODING="ascii")
    assert (checked.code, checked.out) == (0, "\\u2713 handlers.hello.run\n")


def test_benchmark_with_a_wrong_option_is_wrong_usage(tmp_path: Path) -> None:
    answer = run_program("bench", "herd", "--bogus", folder=tmp_path)
    assert answer.code == 2
    assert "--bogus" in answer.err
