"""What users of other command lines type: other names, beginnings of ids, completion."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING

import pytest
from click.shell_completion import ShellComplete

from mission_control.cli.program import program
from mission_control.dispatch.run_handle import Run
from tests.samples.ledger_runs import a_run
from tests.stage.command_line import mc, run_program

if TYPE_CHECKING:
    from pathlib import Path

    from mission_control.installation.installation import Installation

HELLO = "handlers.hello.run"


@pytest.mark.usefixtures("installation")
def test_other_names_of_groups_and_verbs_work() -> None:
    assert mc("tasks", "create", "--id", "tea", "--handler", HELLO, "--daily", "09:00").out == "tea\n"
    assert mc("tasks", "ls", "--json").json[0]["id"] == "tea"
    assert mc("task", "trigger", "tea", "--dry-run").json["task_id"] == "tea"
    assert "tea: removed" in mc("task", "rm", "tea", "--yes").err
    assert 'did you mean "list"?' in mc("task", "lits").err


def ids_of(*words: str) -> list[str]:
    return [one["id"] for one in mc(*words, "--json").json]


def test_run_is_named_by_its_task_or_by_the_beginning_of_its_id(installation: Installation) -> None:
    for hour in ("09", "10"):
        installation.ledger.dispatch(a_run(f"tea@20260301T{hour}0000Z", task_id="tea"))
    assert mc("run", "show", "tea@20260301T09", "--json").json["execution_id"] == "tea@20260301T090000Z"
    assert mc("run", "show", "tea", "--json").json["task_id"] == "tea"
    both = mc("run", "show", "tea@2026")
    assert (both.code, both.out) == (3, "")
    assert "2 runs begin with 'tea@2026': tea@20260301T" in both.err
    assert "tea@20260301T100000Z: cancelled" in mc("run", "cancel", "tea@20260301T1").err
    assert len(mc("run", "list", "--since", "1h", "--json").json) == 2
    assert len(mc("run", "list", "--since", "now", "--json").json) == 1
    for unknown in ("te", "tea@2027", "coffee"):
        assert mc("run", "show", unknown).code == 3
    assert mc("runs", "ls", "--task", "te", "--json").code == 3


def test_cut_ids_are_taken_where_they_fit_one_and_refused_where_they_fit_two(
    installation: Installation,
) -> None:
    for task_id in ("reports-nightly", "reports-daily", "tea"):
        mc("task", "add", "--id", task_id, "--handler", HELLO, "--daily", "09:00")
        installation.ledger.dispatch(a_run(f"{task_id}@20260301T090000Z", task_id=task_id))
    assert mc("task", "show", "reports-n", "--json").json["id"] == "reports-nightly"
    both = mc("task", "show", "reports")
    assert (both.code, "2 tasks begin with 'reports': reports-daily, reports-nightly" in both.err) == (
        3,
        True,
    )
    for cut in ("reports-n…@2026…", "reports-n...@2026", "reports-n…", "reports-n"):
        assert mc("run", "show", cut, "--json").json["task_id"] == "reports-nightly", cut
    assert "2 runs begin with 'reports…@2026'" in mc("run", "cancel", "reports…@2026").err
    assert mc("task", "disable", "reports-n").code == 3  # a script's wrong id changes no other task
    assert mc("task", "remove", "te", "--yes").code == 3
    assert "reports-nightly: disabled" in mc("task", "disable", "reports-n…").err
    assert "reports-nightly: paused" in mc("pause", "reports-n…").err or mc("pause", "--list").out
    assert mc("task", "remove", "reports…", "--yes").code == 3
    assert "tea: removed" in mc("tasks", "delete", "te…", "--yes").err


def test_id_as_a_narrow_table_shows_it_is_taken_by_every_command(
    installation: Installation, bare_environment: pytest.MonkeyPatch
) -> None:
    ids = [f"customer-reports-of-{place}-nightly-aggregation-and-delivery" for place in ("asia", "europe")]
    for task_id in ids:
        mc("task", "add", "--id", task_id, "--handler", HELLO, "--weekly", "mon,tue,wed,thu,fri 16:00")
        installation.ledger.dispatch(a_run(f"{task_id}@20260301T090000Z", task_id=task_id))
    assert all(f"{one} " in mc("task", "list").out for one in ids)
    bare_environment.setenv("COLUMNS", "80")
    tasks, runs = (mc(group, "list").out.splitlines()[1:] for group in ("task", "run"))
    assert {len(line) <= 80 for line in [*tasks, *runs]} == {True}
    assert ["every Monday," in line for line in tasks] == [True, True]
    for task_id, cut in zip(ids, (line.split()[0] for line in tasks), strict=True):
        assert cut.endswith("…")
        for words in ("task show", "task history", "task revisions", "next", "run show"):
            assert task_id in mc(*words.split(), cut, "--json").out or words in {"next", "task revisions"}
        for words in ("task enable", "task disable", "task run", "task remove", "pause", "enqueue"):
            answer = mc(*words.split(), cut, "--dry-run")
            assert (answer.code, task_id in answer.out + answer.err) == (0, True), answer
        for words in (
            "task skip --next",
            "task move --next --to 2999-01-01T00:00Z",
            "task update --set priority=1",
        ):
            assert mc(*words.split(), cut, "--dry-run").code == 0
        assert mc("audit", "query", "--task", cut).code == mc("notify", "who", cut).code == 0
        assert task_id in mc("why", cut).out
    for task_id, cut in zip(ids, (line.split()[0] for line in runs), strict=True):
        assert mc("run", "show", cut, "--json").json["task_id"] == task_id
        assert task_id in mc("why", cut).out
        assert mc("run", "cancel", cut, "--dry-run").err.startswith(f"{task_id}@20260301T090000Z")


def test_bash_completes_verbs_after_the_printed_script() -> None:
    script = mc("completion", "bash").out
    assert "_MISSION_CONTROL_COMPLETE=bash_complete" in script
    assert subprocess.run(["bash", "-n"], input=script, text=True, check=False).returncode == 0


@pytest.mark.usefixtures("installation")
def test_each_of_several_tasks_is_answered_whatever_the_others_do() -> None:
    for task_id in ("tea", "coffee", "milk"):
        mc("task", "add", "--id", task_id, "--handler", HELLO, "--daily", "09:00")
    some = mc("task", "disable", "cofee", "tea", "milk")
    assert (some.code, 'did you mean "coffee"?' in some.err) == (7, True)
    assert "tea: disabled" in some.err
    assert ids_of("task", "list") == ["coffee"]
    assert mc("task", "disable", "cofee", "mlik").code == 3
    assert mc("task", "enable", "milk", "tea").code == 0
    sent = mc("task", "run", "tea", "gone", "milk", "--json")
    assert (sent.code, "no task has the id 'gone'" in sent.err) == (7, True)
    assert [json.loads(line)["task_id"] for line in sent.out.splitlines()] == ["tea", "milk"]
    assert mc("task", "remove", "tea", "cofee", "coffee", "--yes").code == 7
    assert mc("task", "remove", "milk", "--yes").code == 0
    assert ids_of("task", "list", "--all") == []


@pytest.mark.usefixtures("installation")
def test_each_of_several_runs_is_answered_whatever_the_others_do() -> None:
    first, second = (mc("enqueue", HELLO).out.strip() for _ in range(2))
    shown = mc("run", "show", first, "gone@1", second, "--json")
    assert (shown.code, [one["execution_id"] for one in shown.json]) == (7, [first, second])
    assert "the ledger has no run 'gone@1'" in shown.err
    assert mc("run", "show", second, first).out.count("execution id") == 2
    assert mc("run", "cancel", first, "gone@1").code == 7
    assert mc("run", "cancel", first, second).code == 7
    assert mc("run", "cancel", first, second).code == 4
    assert len(mc("run", "retry", first, second).out.split()) == 2


@pytest.mark.usefixtures("installation")
def test_interrupted_wait_says_that_the_run_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Run, "wait", interrupted)
    answer = mc("enqueue", HELLO, "--wait")
    assert (answer.code, answer.out) == (6, "")
    assert f"the run goes on; mission-control run show {HELLO}@manual-" in answer.err
    for task_id in ("tea", "milk"):
        mc("task", "add", "--id", task_id, "--handler", HELLO, "--daily", "09:00")
    both = mc("task", "run", "tea", "milk", "--wait")
    assert (both.code, "the runs go on; mission-control run show tea@manual-" in both.err) == (6, True)


def completed(*words: str) -> list[str]:
    *given, begun = words
    shell = ShellComplete(program, {}, "mission-control", "_MISSION_CONTROL_COMPLETE")
    return [one.value for one in shell.get_completions(given, begun)]


def test_ids_of_all_kinds_are_completed(installation: Installation) -> None:
    for task_id in ("tea", "teapot"):
        mc("task", "add", "--id", task_id, "--handler", HELLO, "--daily", "09:00")
    installation.ledger.dispatch(a_run("tea@20260301T090000Z", task_id="tea"))
    assert completed("task", "show", "te") == ["tea", "teapot"]
    assert completed("task", "disable", "tea", "teap") == ["teapot"]
    assert completed("run", "show", "te") == ["tea@20260301T090000Z"]
    assert completed("handler", "test", "handlers.hel") == [HELLO]
    assert completed("run", "list", "--status", "fail") == ["failure", "failed"]
    assert completed("task", "list", "--handler", "handlers.hel") == [HELLO]
    assert (completed("enqueue", "teap"), completed("enqueue", "handlers.hel")) == (["teapot"], [HELLO])
    mc("limit", "set", "api", "--concurrency", "1")
    mc("budget", "set", "all", "--runs", "9/d")
    assert (completed("limit", "show", "a"), completed("budget", "remove", "")) == (["api"], ["all"])


def test_nothing_is_completed_or_started_where_no_server_is_up(
    bare_environment: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert completed("task", "show", "") == []
    bare_environment.setenv("MISSION_CONTROL_REDIS_URL", "redis://127.0.0.1:1/0")
    assert completed("run", "show", "") == []
    assert not (tmp_path / "data").exists()


def test_verbs_are_completed_in_bash(tmp_path: Path) -> None:
    answer = run_program(
        folder=tmp_path,
        _MISSION_CONTROL_COMPLETE="bash_complete",
        COMP_WORDS="mission-control task en",
        COMP_CWORD="2",
    )
    assert answer.out.split() == ["plain,enable"]


@pytest.mark.usefixtures("installation")
def test_id_of_a_new_task_is_an_argument_or_an_option() -> None:
    how = ("--every", "5m", "--handler", "handlers.hello.run")
    assert mc("task", "add", "new_tea", *how).out.strip() == "new_tea"
    both = mc("task", "add", "coffee", "--id", "coffee", *how)
    assert both.code == 2
    assert "Give the id once" in both.err


@pytest.mark.usefixtures("installation")
def test_limits_and_budgets_are_named_by_their_unique_beginnings() -> None:
    for name in ("reports-api", "reports-mail"):
        assert mc("limit", "set", name, "--concurrency", "1").code == 0
        assert mc("budget", "set", name, "--runs", "9/d").code == 0
    for group in ("limit", "budget"):
        assert mc(group, "show", "reports-a", "--json").json["name"] == "reports-api"
        twice = mc(group, "show", "rep")
        both = f"2 {group}s begin with 'rep': reports-api, reports-mail; write more of the id"
        assert (twice.code, both in twice.err.replace('"rep"', "'rep'")) == (3, True), twice.err
        assert mc(group, "remove", "reports-a").code == 3
        removed = mc(group, "remove", "reports-a...")
        assert (removed.code, "reports-api" in removed.err) == (0, True), removed.err
