"""A command of the user's gets an account, and nothing else of this installation."""

from __future__ import annotations

import shlex
import sys
from typing import TYPE_CHECKING

import pytest

from mission_control.operate.account.account_file import publish

if TYPE_CHECKING:
    from pathlib import Path

SHOW = "import os, sys; sys.exit(repr(sorted(name for name in os.environ if name.startswith('MISSION_'))))"


def test_command_that_does_not_end_is_stopped_and_reported(tmp_path: Path) -> None:
    file = tmp_path / "account.json"
    file.write_text("{}", "utf-8")
    assert publish("sh -c 'sleep 600 & sleep 600'", file, seconds=0.2) == "it did not end within 0.2 seconds"


def test_command_runs_without_a_shell_and_without_our_settings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MISSION_CONTROL_REDIS_URL", "redis://:secret@127.0.0.1")
    file = tmp_path / "a; touch b.json"
    file.write_text("{}", "utf-8")
    assert publish(shlex.join([sys.executable, "-c", SHOW, "{file}"]), file) == "it ended with 1: []"
    assert [one.name for one in tmp_path.iterdir()] == [file.name]


def test_account_that_is_gone_is_reported(tmp_path: Path) -> None:
    assert "No such file" in str(publish("cat", tmp_path / "account.json"))
