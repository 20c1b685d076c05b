from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING

import pytest
import rich_click as click

from mission_control.cli.program import program
from tests.stage.command_line import mc

if TYPE_CHECKING:
    from collections.abc import Iterator

READS = {
    "status",
    "next",
    "task list",
    "task show",
    "task history",
    "task revisions",
    "handler list",
    "audit tail",
}
WRITES = {
    "enqueue",
    "task add",
    "task update",
    "task enable",
    "task disable",
    "task run",
    "task remove",
    "task apply",
    "task export",
    "handler new",
}


def commands(group: click.Group, path: tuple[str, ...] = ()) -> Iterator[tuple[str, click.Command]]:
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        if isinstance(command, click.Group):
            yield from commands(command, (*path, name))
        else:
            yield " ".join((*path, name)), command


ALL = dict(commands(program))


def options_of(name: str) -> set[str]:
    return {option for parameter in ALL[name].params for option in parameter.opts}


def test_agreed_commands_all_exist() -> None:
    agreed = {"up", "down", "demo", "task export", "handler check", "handler test", *READS, *WRITES}
    assert agreed <= set(ALL)


@pytest.mark.parametrize("name", sorted(ALL))
def test_command_explains_itself_and_its_options(name: str) -> None:
    command = ALL[name]
    assert (command.help or "").strip()
    options = [one for one in command.params if isinstance(one, click.Option)]
    assert [one.name for one in options if not one.help] == []
    assert mc(*name.split(), "--help").code == 0


@pytest.mark.parametrize("name", sorted(ALL))
def test_help_has_an_example_that_the_command_understands(name: str) -> None:
    example = re.sub(r"\s+", " ", ALL[name].epilog or "")
    if name == "completion":
        assert 'eval "$(mission-control completion bash)"' in example
        return
    assert example.startswith(f"Example: mission-control {name}"), name
    words = shlex.split(example.removeprefix(f"Example: mission-control {name}"))
    ALL[name].make_context(name, words)  # reads every option and argument, and runs nothing


@pytest.mark.parametrize("name", sorted(READS))
def test_reading_command_takes_json(name: str) -> None:
    assert "--json" in options_of(name)


@pytest.mark.parametrize("name", sorted(WRITES))
def test_writing_command_takes_dry_run(name: str) -> None:
    assert "--dry-run" in options_of(name)


def test_short_flag_means_the_same_everywhere() -> None:
    meant: dict[str, set[str]] = {}
    for name, command in ALL.items():
        for option in (one for one in command.params if isinstance(one, click.Option)):
            for flag in (one for one in option.opts if not one.startswith("--") and name != "bench"):
                meant.setdefault(flag, set()).update(str(option.name) for one in option.opts)
    assert {flag: names for flag, names in meant.items() if len(names) > 1} == {"-n": {"limit", "count"}}
    following = [name for name in ALL if "--follow" in options_of(name)]
    assert [name for name in following if "-f" not in options_of(name)] == []
    lists = [name for name in ALL if name.endswith(" list") and name != "handler list"]
    assert [name for name in [*lists, "status"] if not {"-w", "-o"} <= options_of(name)] == []


def test_other_names_of_verbs_are_in_the_help_of_their_group() -> None:
    shown = " ".join(mc("task", "--help").out.split())
    for name in ("ls (list)", "rm (remove)", "delete (remove)", "create (add)", "trigger (run)", "pause"):
        assert name in shown
    assert "bench" not in mc("--help").out
    for group in ("task", "run", "limit", "budget", "backfill", "handler"):
        assert mc(f"{group}s", "list", "--help").code == 0


def test_program_help_shows_a_line_per_command() -> None:
    shown = mc("--help").out
    assert "Show Mission Control at work" in shown
    assert "Start a server, beat and a worker" in shown


def test_mistyped_command_names_the_nearest() -> None:
    answer = mc("task", "udpate")
    assert answer.code == 2
    assert 'did you mean "update"?' in answer.err
    assert answer.out == ""


def test_unknown_option_points_to_the_help_on_stderr() -> None:
    answer = mc("task", "list", "--bogus")
    assert answer.code == 2
    assert answer.err.startswith("error: No such option")
    assert (
        "see: mission-control task list --help" in answer.err or "see: program task list --help" in answer.err
    )
