"""A real beat signs how far the audit streams have come; an auditor elsewhere has the public key alone."""

from __future__ import annotations

import re
import shutil
from typing import TYPE_CHECKING

import pytest

from mission_control import TaskScheduler, register_task
from mission_control.audit.stream.reader import read_all
from mission_control.installation.installation import current_installation
from tests.processes.beats import BeatProcess
from tests.processes.still_beats import beat_of, task
from tests.stage.command_line import mc
from tests.stage.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from mission_control.installation.installation import Installation


@pytest.fixture
def key(installation: Installation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The private key that signs checkpoints, made on the command line."""
    key = tmp_path / "keys" / "audit.key"
    assert installation.settings.audit_key is None
    assert mc("audit", "keygen", str(key)).code == 0
    monkeypatch.setenv("MISSION_CONTROL_AUDIT_KEY", str(key))
    return key


def test_auditor_with_the_public_key_finds_what_was_done_to_the_copied_files(
    key: Path, tmp_path: Path
) -> None:
    installation = current_installation()
    assert register_task(task())
    TaskScheduler().execute_task("nine")
    installation.audit.flush()
    installation.changes.flush()
    checkpoints = installation.settings.checkpoints
    with BeatProcess(installation):
        wait_until(checkpoints.exists, "beat writes a checkpoint")
        wait_until(lambda: list(read_all(checkpoints)), "the checkpoint is whole")
    copied = tmp_path / "auditor" / "copied"
    shutil.copytree(installation.settings.data_dir, copied)
    verify = ("audit", "verify", "-C", str(copied), "--public-key", f"{key}.pub", "--json")

    sound = mc(*verify)
    assert (sound.code, sound.json["sound"]) == (0, True), sound.out
    assert sound.json["streams"]["runs"]["anchored"] == sound.json["streams"]["runs"]["records"] > 0

    stream = copied / "logs" / "task_execution.jsonl"
    stream.write_bytes(stream.read_bytes().replace(b'"success"', b'"failure"'))
    forged = mc(*verify)
    assert (forged.code, forged.json["streams"]["runs"]["counts"]) == (1, {"changed": 1})


def test_private_key_is_private_and_never_overwritten(key: Path) -> None:
    again = mc("audit", "keygen", str(key))
    assert (again.code, f"{key} exists; name another file" in again.err) == (4, True)
    assert key.stat().st_mode & 0o777 == 0o600
    assert b"PRIVATE" not in key.with_name("audit.key.pub").read_bytes()


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (
            lambda key: key.chmod(0o644),
            r"can be read or written by others \(mode 0644\); protect it: chmod 600",
        ),
        (lambda key: key.unlink(), "cannot be read: No such file or directory"),
        (lambda key: key.write_text("k" * 64), "has no Ed25519 private key .*; make a pair with"),
        (lambda key: key.write_bytes(b"\xff\xfe"), "is not text"),
    ],
)
def test_beat_with_a_key_that_it_cannot_use_ends_with_one_sentence(
    key: Path, spoil: Callable[[Path], object], words: str, caplog: pytest.LogCaptureFixture
) -> None:
    spoil(key)
    with pytest.raises(SystemExit):
        beat_of(current_installation()).tick()
    assert re.search(f"beat ends: MISSION_CONTROL_AUDIT_KEY: {key} {words}", caplog.text)


def test_key_that_is_no_public_key_is_refused_with_a_remedy(key: Path) -> None:
    answer = mc("audit", "verify", "--public-key", str(key))
    assert answer.code == 2
    assert f"{key}: there is no Ed25519 public key in it; make a pair with" in answer.err
