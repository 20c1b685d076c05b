"""A command that goes on in the background: what was typed waits for it, then its log is its terminal."""

from __future__ import annotations

import signal
import stat
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.house.repository import ROOT
from tests.stage.waiting import wait_until

if TYPE_CHECKING:
    from pathlib import Path

BEGIN = """
import os, pathlib, signal, sys, time
from mission_control.cli.up.command import go_to_background
from mission_control.safe_paths import own_files
log = pathlib.Path(sys.argv[1]) / "logs" / "up.log"
background = go_to_background(log)
"""


def start(folder: Path, rest: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", BEGIN + rest, str(folder)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def run(folder: Path, rest: str) -> tuple[int, str, str]:
    with start(folder, rest) as process:
        out, err = process.communicate(timeout=60)
    return process.returncode, out, err


def test_output_goes_to_the_terminal_until_it_is_ready_and_then_to_a_log_that_is_rotated(
    tmp_path: Path,
) -> None:
    rest = """
print("starting", flush=True)
background.ready()
print("x" * 2_000, flush=True)
own_files.LOG_BYTES = 1_000
background.keep_log_small()
background.keep_log_small()
print("last line", file=sys.stderr, flush=True)
"""
    assert run(tmp_path, rest) == (0, "starting\n", "")
    new, old = tmp_path / "logs" / "up.log", tmp_path / "logs" / "up.log.1"
    wait_until(lambda: new.exists() and new.read_text() == "last line\n", "the last line is written")
    assert old.read_text() == "x" * 2_000 + "\n"
    assert {stat.S_IMODE(one.stat().st_mode) for one in (new, old)} == {0o600}


@pytest.mark.parametrize(
    ("end", "code", "said"),
    [
        ("sys.exit(4)", 4, ""),
        ("sys.exit(0)", 1, ""),
        ("os.kill(os.getpid(), signal.SIGKILL)", 1, "was ended by SIGKILL"),
    ],
)
def test_end_before_it_is_ready_is_that_of_the_command(
    tmp_path: Path, end: str, code: int, said: str
) -> None:
    answer = run(tmp_path, end)
    assert answer[0] == code
    assert said in answer[2]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_signal_while_it_starts_stops_it(tmp_path: Path, number: signal.Signals) -> None:
    rest = """
signal.signal(signal.SIGTERM, lambda *_: sys.exit("asked to stop"))
print("starting", flush=True)
time.sleep(60)
"""
    with start(tmp_path, rest) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "starting\n"
        process.send_signal(number)
        _, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (1, "asked to stop\n")


def test_log_that_is_a_link_is_refused_before_anything_starts(tmp_path: Path) -> None:
    (tmp_path / "logs").mkdir(mode=0o700)
    (tmp_path / "logs" / "up.log").symlink_to(tmp_path / "elsewhere")
    code, _, err = run(tmp_path, "print('started')")
    assert code == 1
    assert "is a link, which is not followed" in err
