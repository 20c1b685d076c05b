"""`./mc` sets a checkout up once, and then only hands over.

Nothing is installed here: the environment that it hands over to is made of two small scripts.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tests.house.repository import ROOT

MOST_LINES = 150
ECHO = '#!/bin/sh\necho "{name} in $(pwd):"\nfor word; do echo "[$word]"; done\nexit ${{ANSWER:-0}}\n'


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """Return a copy of the wrapper, in a folder with a space in its name."""
    folder = tmp_path / "a checkout"
    folder.mkdir()
    for name in ("mc", "pyproject.toml", "requirements.lock"):
        shutil.copy(ROOT / name, folder)
    (folder / "deploy").mkdir()
    shutil.copy(ROOT / "deploy" / "page-scripts.lock", folder / "deploy")
    (folder / "mission_control").mkdir()
    for name in ("__init__.py", "errors.py"):
        shutil.copy(ROOT / "mission_control" / name, folder / "mission_control")
    shutil.copytree(ROOT / "mission_control" / "safe_paths", folder / "mission_control" / "safe_paths")
    return folder


def load(checkout: Path) -> Any:
    """Return the wrapper of this checkout as a module."""
    module = ModuleType("mc")
    module.__file__ = str(checkout / "mc")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "path", sys.path[:])  # it adds the checkout
        exec(compile((checkout / "mc").read_text("utf-8"), module.__file__, "exec"), module.__dict__)
    return module


def without_pip(mc: Any) -> Any:
    """Return the wrapper, which now makes environments without pip: that takes them three seconds."""
    run_all = mc.run
    mc.run = lambda *command: run_all(*command, *(["--without-pip"] if "venv" in command else []))
    return mc


def furnish(checkout: Path) -> Path:
    """Put an environment there that looks as if the wrapper had made it."""
    venv = checkout / ".venv"
    programs = venv / "bin"
    programs.mkdir(parents=True)
    (programs / "python").symlink_to(os.path.realpath(sys.executable))
    for name in ("mission-control", "pytest"):
        (programs / name).write_text(ECHO.format(name=name))
        (programs / name).chmod(0o755)
    (venv / ".mc-stamp").write_text(load(checkout).stamp_of(venv))
    return venv


def run(checkout: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [checkout / "mc", *arguments],
        cwd=checkout.parent,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_mc_is_short() -> None:
    assert len((ROOT / "mc").read_text("utf-8").splitlines()) <= MOST_LINES


def test_old_python_first_on_path_is_passed_over(checkout: Path, tmp_path: Path) -> None:
    for name, script in {"python3": "exit 1", "python3.14": '[ "$1" = -c ] || echo "chosen: $3"'}.items():
        (tmp_path / name).write_text(f"#!/bin/sh\n{script}\n")
        (tmp_path / name).chmod(0o755)
    answer = run(checkout, "demo", PATH=f"{tmp_path}:/usr/bin:/bin")
    assert answer.stdout == "chosen: demo\n"


@pytest.mark.parametrize("is_root", [True, False])
def test_python_without_ensurepip_names_the_package_or_installs_it(
    checkout: Path, monkeypatch: pytest.MonkeyPatch, is_root: bool
) -> None:
    mc = load(checkout)
    calls: list[str] = []

    def run_without_ensurepip(*command: object) -> str | None:
        calls.append(" ".join(map(str, command[:2])))
        installed = any(call.startswith("apt-get install") for call in calls)
        return None if installed or command[0] == "apt-get" else "ensurepip is not available"

    monkeypatch.setattr(mc, "run", run_without_ensurepip)
    monkeypatch.setattr(mc.os, "geteuid", lambda: 0 if is_root else 1000)
    monkeypatch.setattr(mc.shutil, "which", lambda name: f"/usr/bin/{name}")
    if is_root:
        mc.make(checkout / ".venv")
        assert calls[1:3] == ["apt-get update", "apt-get install"]
        return
    with pytest.raises(SystemExit, match=r"install python3\.\d+-venv and call again"):
        mc.make(checkout / ".venv")


def test_later_call_hands_over_words_folder_and_exit_code(checkout: Path) -> None:
    furnish(checkout)
    answer = run(checkout, "task", "add", "a b", ANSWER="7")
    assert answer.stdout.splitlines() == [
        f"mission-control in {checkout.parent}:",
        "[task]",
        "[add]",
        "[a b]",
    ]
    assert (answer.returncode, answer.stderr) == (7, "")


def test_command_knows_how_it_was_called(checkout: Path) -> None:
    program = furnish(checkout) / "bin" / "mission-control"
    program.write_text('#!/bin/sh\necho "$MC_COMMAND"\n')
    done = subprocess.run(["./mc"], cwd=checkout, capture_output=True, text=True, check=True)
    assert done.stdout == "./mc\n"


def test_word_test_runs_pytest_at_the_root(checkout: Path) -> None:
    furnish(checkout)
    answer = run(checkout, "test", "-k", "retry")
    assert answer.stdout.splitlines() == [f"pytest in {checkout}:", "[-k]", "[retry]"]


def test_callers_python_settings_are_ignored(checkout: Path) -> None:
    furnish(checkout)
    answer = run(
        checkout, "demo", PYTHONHOME="/nonexistent", PYTHONPATH="/nonexistent", VIRTUAL_ENV="/nonexistent"
    )
    assert answer.stdout.splitlines() == [f"mission-control in {checkout.parent}:", "[demo]"]


@pytest.mark.parametrize("name", ["requirements.lock", "pyproject.toml", "deploy/page-scripts.lock"])
def test_changed_requirements_are_installed_again(checkout: Path, name: str) -> None:
    venv = furnish(checkout)
    assert load(checkout).is_ready(venv)
    with (checkout / name).open("a") as file:
        file.write("\n# changed\n")
    assert not load(checkout).is_ready(venv)


def test_moved_checkout_is_set_up_again(checkout: Path) -> None:
    furnish(checkout)
    moved = checkout.rename(checkout.with_name("elsewhere"))
    mc = without_pip(load(moved))
    assert not mc.is_ready(moved / ".venv")
    mc.make(moved / ".venv")
    assert not (moved / ".venv/bin/mission-control").exists()


def test_interrupted_set_up_starts_over(checkout: Path) -> None:
    venv = checkout / ".venv"
    debris = venv / "lib" / "half-a-package"
    debris.mkdir(parents=True)
    (venv / ".mc-unfinished").touch()
    load(checkout).make(venv)
    assert not debris.exists()
    assert subprocess.run([venv / "bin/python", "-c", "import pip"], check=False).returncode == 0


def test_users_own_environment_is_completed_and_not_removed(checkout: Path) -> None:
    venv = furnish(checkout)
    (venv / ".mc-stamp").unlink()
    without_pip(load(checkout)).make(venv)
    assert (venv / "bin/mission-control").exists()


def test_second_call_waits_and_uses_what_the_first_made(checkout: Path) -> None:
    folder = os.open(checkout, os.O_RDONLY)
    fcntl.flock(folder, fcntl.LOCK_EX)
    with subprocess.Popen(
        [checkout / "mc", "demo"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as second:
        assert second.stderr is not None
        assert second.stderr.readline() == "mc: waiting for another call that is setting up\n"
        furnish(checkout)
        os.close(folder)
        assert second.communicate(timeout=60)[0].splitlines()[1:] == ["[demo]"]
    assert second.returncode == 0


def test_read_only_checkout_is_set_up_in_the_users_cache(
    checkout: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    mc = without_pip(load(checkout))
    monkeypatch.setattr(mc.os, "access", lambda path, mode: path != mc.ROOT and os.access(path, mode))
    monkeypatch.setattr(mc, "fill", lambda _venv: None)
    assert mc.set_up() == mc.CACHED_VENV
    assert not (checkout / ".venv").exists()


def test_cache_folder_is_the_users_and_the_checkouts(
    checkout: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    here, there = (Path(load(folder).CACHED_VENV) for folder in (checkout, ROOT))
    assert here.parent == there.parent == tmp_path / "cache" / "mission-control"
    assert here != there
