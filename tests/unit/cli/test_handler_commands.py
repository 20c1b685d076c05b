from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from tests.stage.command_line import mc

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def handlers(bare_environment: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Path]:
    assert bare_environment is not None
    folder = tmp_path / "handlers"
    folder.mkdir()
    before = set(sys.modules)
    yield folder
    for name in set(sys.modules) - before:
        if name.partition(".")[0] == "handlers":  # of a folder that the next test does not have
            del sys.modules[name]


def test_handler_list_shows_built_in_handlers_with_their_summary(handlers: Path) -> None:
    assert handlers.is_dir()
    answer = mc("handler", "list", "--json")
    hello = next(one for one in answer.json if one["handler"] == "handlers.hello.run")
    assert answer.code == 0
    assert hello["summary"].startswith("Greet")
    assert hello["problem"] is None


def test_handler_list_shows_a_broken_handler_with_its_problem(handlers: Path) -> None:
    (handlers / "broken.py").write_text("def run(:\n")
    answer = mc("handler", "list")
    assert answer.code == 1
    assert "line 1: invalid syntax" in answer.out


@pytest.mark.parametrize(
    ("source", "reported"),
    [
        ("import nothing_of_that_name\ndef run(context): ...\n", "No module named 'nothing_of_that_name'"),
        ("raise SystemExit(3)\ndef run(context): ...\n", "SystemExit"),
        ("import os\nos._exit(7)\ndef run(context): ...\n", "exit code 7"),
        ("def run(): ...\n", "cannot be called with one argument"),
        ("def run(context): ...\nrun = 5\n", "is no function"),
    ],
    ids=["missing import", "exits", "ends the process", "takes no argument", "is no function"],
)
def test_handler_check_imports_the_module_and_reports_its_problem(
    handlers: Path, source: str, reported: str
) -> None:
    (handlers / "mine.py").write_text(source)
    answer = mc("handler", "check", "handlers.mine.run", "handlers.hello.run", "--json")
    problems = {one["handler"]: one["problem"] for one in answer.json}
    assert answer.code == 1
    assert reported in problems["handlers.mine.run"]
    assert problems["handlers.hello.run"] is None


def test_handler_check_imports_ours_together_and_each_module_of_the_user_alone(
    handlers: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("coffee", "tea"):
        (handlers / f"{name}.py").write_text("def run(context): ...\ndef late(context): ...\n")
    groups: list[list[str]] = []

    def noted(paths: list[str]) -> dict[str, None]:
        groups.append(sorted(paths))
        return dict.fromkeys(paths)

    monkeypatch.setattr("mission_control.cli.handler.probe.import_problems", noted)
    assert mc("handler", "check").code == 0
    ours, *yours = sorted(groups, key=len, reverse=True)
    assert sorted(yours) == [
        [f"handlers.{name}.{one}" for one in ("late", "run")] for name in ("coffee", "tea")
    ]
    assert {"handlers.hello.run", "handlers.test_handler.run"} <= set(ours)


def test_handler_check_of_an_unknown_handler_names_the_nearest(handlers: Path) -> None:
    assert handlers.is_dir()
    answer = mc("handler", "check", "handlers.helo.run")
    assert answer.code == 1
    assert 'did you mean "handlers.hello.run"?' in answer.out


def test_new_handler_passes_check_and_runs(handlers: Path) -> None:
    made = mc("handler", "new", "weather")
    assert made.out == f"{handlers / 'weather.py'}\n"
    assert mc("handler", "check", "handlers.weather.run").code == 0
    tried = mc("handler", "test", "handlers.weather.run", "--params", '{"name": "Ada"}')
    assert (tried.code, tried.out) == (0, "Hello, Ada!\n")


def test_new_handler_with_a_taken_name_overwrites_nothing(handlers: Path) -> None:
    (handlers / "mine.py").write_text("def run(context): ...\n")
    answer = mc("handler", "new", "mine")
    assert answer.code == 4
    assert "already exists" in answer.err
    assert (handlers / "mine.py").read_text() == "def run(context): ...\n"


@pytest.mark.parametrize("name", ["../evil", "a/b", "a.b", "", "a b", "hello"])
def test_new_handler_with_a_bad_name_is_refused(handlers: Path, name: str) -> None:
    answer = mc("handler", "new", name)
    assert answer.code in {2, 4}
    assert list(handlers.iterdir()) == []


def test_new_handler_in_a_dry_run_is_not_written(handlers: Path) -> None:
    assert mc("handler", "new", "weather", "--dry-run").code == 0
    assert list(handlers.iterdir()) == []


@pytest.mark.parametrize(
    ("source", "reported"),
    [
        ("def run(context): raise ValueError('no')\n", "ValueError: no"),
        ("def run(context): return 5\n", "broke its contract"),
        ("def run(context): return {'status': 'failure', 'error': 'too late'}\n", "too late"),
    ],
    ids=["raises", "breaks the contract", "fails"],
)
def test_failed_handler_test_reports_the_error(handlers: Path, source: str, reported: str) -> None:
    (handlers / "mine.py").write_text(source)
    answer = mc("handler", "test", "handlers.mine.run")
    assert (answer.code, answer.out) == (1, "")
    assert reported in answer.err


def test_handler_test_shows_the_handlers_own_traceback(handlers: Path) -> None:
    source = "def run(context):\n    1 / 0\n"
    (handlers / "mine.py").write_text(source)
    shown = mc("handler", "test", "handlers.mine.run").err
    assert 'mine.py", line 2, in run' in shown
    assert "workers/call" not in shown


def test_output_printed_by_a_handler_goes_to_stderr(handlers: Path) -> None:
    returned = "{'status': 'success', 'output': {'n': 1}, 'error': None}"
    source = f"def run(context):\n    print('noise')\n    return {returned}\n"
    (handlers / "mine.py").write_text(source)
    answer = mc("handler", "test", "handlers.mine.run", "--json")
    assert answer.json["output"] == {"n": 1}
    assert "noise" in answer.err


@pytest.mark.parametrize(
    "end", ["return {'status': 'success', 'output': [said], 'error': None}", "1 / 0 or said"]
)
def test_secrets_in_params_are_masked_in_all_that_handler_test_shows(handlers: Path, end: str) -> None:
    (handlers / "mine.py").write_text(
        "import logging, sys\n"
        "def run(context):\n"
        "    said = f\"with {context['params']['password']}\"\n"
        "    print(said)\n"
        "    sys.stderr.buffer.write(said.encode())\n"
        "    logging.getLogger('mine').warning('%s', context['params'])\n"
        f"    {end}\n"
    )
    answer = mc("handler", "test", "handlers.mine.run", "--params", '{"password": "hunter2"}')
    assert "hunter2" not in answer.out + answer.err
    assert "with ***" in answer.err


def test_handler_test_records_nothing(handlers: Path) -> None:
    mc("handler", "test", "handlers.hello.run")
    assert not (handlers.parent / "data").exists()


def test_condition_is_tried_too(handlers: Path) -> None:
    (handlers / "mine.py").write_text(
        "def no(context):\n    return False, 'not today'\n\ndef odd(context):\n    return True, 3\n"
    )
    answer = mc("handler", "test", "handlers.mine.no", "--json")
    assert (answer.code, answer.json["status"], answer.json["output"]) == (0, "skipped", "not today")
    odd = mc("handler", "test", "handlers.mine.odd")
    assert odd.code == 1
    assert "condition handlers.mine.odd returned tuple; it must return True, False" in odd.err
