"""`./mc` sets a checkout up once, and then only hands over.

Nothing is installed here: the environment that it hands over to is made of two small scripts.
"""

from __future__ import annotations

import ast
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

NEWER_THAN_PYTHON_2 = (
    ast.AnnAssign,
    ast.AsyncFunctionDef,
    ast.Await,
    ast.JoinedStr,
    ast.Match,
    ast.MatMult,
    ast.NamedExpr,
    ast.Nonlocal,
    ast.TryStar,
    ast.YieldFrom,
)
ECHO = '#!/bin/sh\necho "{name} in $(pwd):"\nfor word; do echo "[$word]"; done\nexit ${{ANSWER:-0}}\n'


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """Return a copy of the wrapper, in a folder with a space in its name."""
    folder = tmp_path / "a checkout"
    folder.mkdir()
    for name in ("mc", "pyproject.toml", "requirements.lock"):
        shutil.copy(ROOT / name, folder)
    return folder


def load(checkout: Path) -> Any:
    """Return the wrapper of this checkout as a module."""
    module = ModuleType("mc")
    module.__file__ = str(checkout / "mc")
    exec(compile((checkout / "mc").read_text("utf-8"), module.__file__, "exec"), module.__dict__)
    return module


def furnish(checkout: Path) -> Path:
    """Put an environment there that looks as if the wrapper had made it."""
    venv = checkout / ".venv"
    programs = venv / "bin"
    programs.mkdir(parents=True)
    (programs / "python").symlink_to(os.path.realpath(sys.executable))
    for name in ("mission-control", "pytest"):
        (programs / name).write_text(ECHO.format(name=name))
        (programs / name).chmod(0o755)
    (venv / ".mc-stamp").write_bytes(load(checkout).stamp_of(str(venv)))
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


def test_it_keeps_to_the_grammar_of_old_pythons() -> None:
    tree = ast.parse((ROOT / "mc").read_text("utf-8"), feature_version=(3, 7))
    nodes = list(ast.walk(tree))
    assert [node for node in nodes if isinstance(node, NEWER_THAN_PYTHON_2)] == []
    assert [node for node in nodes if isinstance(node, ast.Raise) and node.cause is not None] == []
    assert [node for node in nodes if isinstance(node, ast.arg) and node.annotation is not None] == []
    assert [node for node in nodes if isinstance(node, ast.arguments) and node.kwonlyargs] == []
    collections = [node for node in nodes if isinstance(node, ast.List | ast.Tuple | ast.Set)]
    assert [node for node in collections if any(isinstance(item, ast.Starred) for item in node.elts)] == []


def test_the_old_pythons_of_this_machine_can_read_it() -> None:
    check = "import sys; compile(open(sys.argv[1], 'rb').read(), 'mc', 'exec')"
    for python in old_pythons():
        command = [python, "-c", check, str(ROOT / "mc")]
        answer = subprocess.run(command, capture_output=True, text=True, check=False)
        assert answer.returncode == 0, f"{python}: {answer.stderr}"


def old_pythons() -> list[str]:
    """Return the interpreters here, of whatever age, that start at all."""
    names = ["python2", "python2.7", *(f"python3.{minor}" for minor in range(4, 15))]
    found = [path for path in map(shutil.which, names) if path is not None]
    found += map(str, Path("~/.pyenv/versions").expanduser().glob("*/bin/python"))
    return [
        path
        for path in found
        if subprocess.run([path, "-c", ""], capture_output=True, check=False).returncode == 0
    ]


def test_a_later_call_hands_over_with_the_words_the_folder_and_the_exit_code(checkout: Path) -> None:
    furnish(checkout)
    answer = run(checkout, "task", "add", "a b", ANSWER="7")
    assert answer.stdout.splitlines() == [
        f"mission-control in {checkout.parent}:",
        "[task]",
        "[add]",
        "[a b]",
    ]
    assert (answer.returncode, answer.stderr) == (7, "")


def test_test_runs_pytest_at_the_root(checkout: Path) -> None:
    furnish(checkout)
    answer = run(checkout, "test", "-k", "retry")
    assert answer.stdout.splitlines() == [f"pytest in {checkout}:", "[-k]", "[retry]"]


def test_the_callers_python_settings_do_no_harm(checkout: Path) -> None:
    furnish(checkout)
    answer = run(
        checkout, "demo", PYTHONHOME="/nonexistent", PYTHONPATH="/nonexistent", VIRTUAL_ENV="/nonexistent"
    )
    assert answer.stdout.splitlines() == [f"mission-control in {checkout.parent}:", "[demo]"]


@pytest.mark.parametrize("name", ["requirements.lock", "pyproject.toml"])
def test_changed_requirements_call_for_an_installation(checkout: Path, name: str) -> None:
    venv = furnish(checkout)
    assert load(checkout).is_ready(str(venv))
    with (checkout / name).open("a") as file:
        file.write("\n# changed\n")
    assert not load(checkout).is_ready(str(venv))


def test_a_moved_checkout_is_set_up_anew(checkout: Path) -> None:
    furnish(checkout)
    moved = checkout.rename(checkout.with_name("elsewhere"))
    mc = load(moved)
    assert not mc.is_ready(str(moved / ".venv"))
    mc.make(str(moved / ".venv"))
    assert not (moved / ".venv/bin/mission-control").exists()


def test_what_an_interrupted_call_left_is_made_anew(checkout: Path) -> None:
    venv = checkout / ".venv"
    debris = venv / "lib" / "half-a-package"
    debris.mkdir(parents=True)
    (venv / ".mc-unfinished").touch()
    load(checkout).make(str(venv))
    assert not debris.exists()
    assert subprocess.run([venv / "bin/python", "-c", ""], check=False).returncode == 0


def test_somebodys_own_environment_is_completed_and_not_removed(checkout: Path) -> None:
    venv = furnish(checkout)
    (venv / ".mc-stamp").unlink()
    load(checkout).make(str(venv))
    assert (venv / "bin/mission-control").exists()


def test_a_second_call_waits_for_the_first_and_uses_what_it_made(checkout: Path) -> None:
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


def test_a_checkout_that_cannot_be_written_to_is_set_up_in_the_users_cache(
    checkout: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    mc = load(checkout)
    monkeypatch.setattr(mc, "is_writable", lambda _venv: False)
    monkeypatch.setattr(mc, "fill", lambda _venv: None)
    assert mc.set_up() == mc.cached_venv()
    assert sorted(path.name for path in checkout.iterdir()) == ["mc", "pyproject.toml", "requirements.lock"]


def test_the_cache_folder_is_the_users_and_the_checkouts(
    checkout: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    here, there = (Path(load(folder).cached_venv()) for folder in (checkout, ROOT))
    assert here.parent == there.parent == tmp_path / "cache" / "mission-control"
    assert here != there


def test_uv_is_fetched_by_its_locked_hashes(checkout: Path) -> None:
    venv = checkout / ".venv"
    (venv / "bin").mkdir(parents=True)
    (venv / "bin/uv").touch()
    note = (
        "import shutil, sys; shutil.copy(sys.argv[-1], 'asked'); open('words', 'w').write(' '.join(sys.argv))"
    )
    assert load(checkout).fetch_uv(str(venv), [sys.executable, "-c", note]) == str(venv / "bin/uv")
    (asked,) = (checkout / "asked").read_text().splitlines()
    assert asked.startswith("uv==")
    assert asked.count("--hash=sha256:") > 1
    assert "--require-hashes" in (checkout / "words").read_text()


def test_uv_hears_of_the_indexes_that_pip_is_told(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("UV_DEFAULT_INDEX", "UV_INDEX", "UV_FIND_LINKS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("UV_INDEX", "file:///mine")
    listing = [
        "global.index-url='file:///global'",
        ":env:.index-url='file:///env'",
        "global.extra-index-url='file:///extra'",
        "global.find-links='/one\\n/two'",
    ]
    environment = load(checkout).uv_environment([sys.executable, "-c", f"print({chr(10).join(listing)!r})"])
    assert environment["UV_DEFAULT_INDEX"] == "file:///env"
    assert environment["UV_INDEX"] == "file:///mine"
    assert environment["UV_FIND_LINKS"] == "/one,/two"
