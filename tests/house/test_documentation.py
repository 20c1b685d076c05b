"""The documentation says what the code does: settings, fields, commands, JSON, links."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, get_args

import click
import pytest
from pydantic import TypeAdapter

from mission_control.audit.record.records import STATUSES
from mission_control.cli.program import program
from mission_control.cli.terminal.failures import ExitCode
from mission_control.configuration.settings import PREFIX, Settings
from mission_control.files.task_file import parse_tasks
from mission_control.model.definitions.schedules import Schedule, ScheduleBase
from mission_control.model.definitions.schedules.exclusions.exclusion import Exclusion
from mission_control.model.definitions.task import TaskDefinition, parse_task
from mission_control.model.definitions.task_parts import Misfire, RetryPolicy
from mission_control.signing.keyring import NO_KEYS
from tests.house.documentation import PAGES, all_blocks, blocks, commands, name_of, spans
from tests.house.repository import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SETTINGS_PAGE = ROOT / "docs" / "settings.md"
TASK_PAGE = ROOT / "docs" / "task-definition.md"
AUDIT_PAGE = ROOT / "docs" / "audit.md"
SETTING = re.compile(rf"\b{PREFIX}[A-Z][A-Z_]*")
LINK = re.compile(r"\]\((?!https?://)([^)#\s]*)(?:#([^)\s]*))?\)")
MOST_NOT_RUN = 8
FIRST_RECORD_FIELDS = ["timestamp", "task_id", "status", "duration_ms", "output", "error"]
all_pages = pytest.mark.parametrize("page", PAGES, ids=name_of)


@all_pages
def test_named_setting_exists(page: Path) -> None:
    known = {f"{PREFIX}{name.upper()}" for name in Settings.__struct_fields__}
    named = set(SETTING.findall(page.read_text("utf-8"))) - known
    assert {name for name in named if not name.startswith(f"{PREFIX}NOTIFY_")} == set()


def test_setting_is_described_with_its_default() -> None:
    rows = dict(
        re.findall(rf"^\| `({PREFIX}\w+)[^`]*` \| ([^|]+) \|", SETTINGS_PAGE.read_text(), re.MULTILINE)
    )
    shown = {name: rows.get(f"{PREFIX}{name.upper()}", "").strip(" `") for name in Settings.__struct_fields__}
    shown["notify"] = rows.get(f"{PREFIX}NOTIFY_", "")
    assert shown == {name: default_in_words(name) for name in Settings.__struct_fields__}


def default_in_words(name: str) -> str:
    default = getattr(Settings(), name)
    if default in (None, (), NO_KEYS):
        return "not set"
    if isinstance(default, tuple):
        return ",".join(relative(one) for one in default)
    return str(default).lower() if isinstance(default, bool) else relative(default)


def relative(value: object) -> str:
    return f"./{value}" if value.__class__.__name__.endswith("Path") else str(value)


def test_field_of_a_task_is_described() -> None:
    described = first_columns(TASK_PAGE)
    assert set(TaskDefinition.model_fields) - described == set()
    assert (set(ScheduleBase.model_fields)) - described == set()
    assert set(RetryPolicy.model_fields) - described == set()
    assert set(Misfire.model_fields) - {one.removeprefix("misfire.") for one in described} == set()


def test_schedule_type_is_described_with_its_fields() -> None:
    union = get_args(Schedule)[0]
    text = TASK_PAGE.read_text("utf-8")
    for model in get_args(union):
        name = model.model_fields["type"].default
        (row,) = re.findall(rf"^\| `{name}` \|.*$", text, re.MULTILINE)
        own = set(model.model_fields) - set(ScheduleBase.model_fields) - {"type"}
        assert {field for field in own if f"`{field}`" not in row} == set(), name


def first_columns(page: Path) -> set[str]:
    cells = re.findall(r"^\| ([^|]+) \|", page.read_text("utf-8"), re.MULTILINE)
    return {name for cell in cells for name in re.findall(r"`([\w.]+)`", cell)}


@all_pages
def test_json_is_what_it_is_said_to_be(page: Path) -> None:
    for text in blocks(page, "json"):
        check_json(json.loads(text))
    for text in spans(page):
        if text.startswith('{"type":'):
            TypeAdapter(Schedule).validate_python(json.loads(text))


def check_json(data: Any) -> None:
    if isinstance(data, list):
        TypeAdapter(list[Exclusion]).validate_python(data)
    elif "tasks" in data:
        parse_tasks(data["tasks"])
    elif "timestamp" in data:
        assert list(data)[-3:] == ["writer", "seq", "prev"]
        assert list(data)[:6] == FIRST_RECORD_FIELDS or "change" in data
    else:
        parse_task(data)


def test_status_of_a_record_is_explained() -> None:
    assert {status for status in STATUSES if f"`{status}`" not in AUDIT_PAGE.read_text("utf-8")} == set()


def test_blocks_that_no_reader_types_are_few_and_say_why() -> None:
    reasons = [block.reason for page in PAGES for block in all_blocks(page) if block.reason is not None]
    assert len(reasons) <= MOST_NOT_RUN
    named = re.findall(r"tests/\S+\.py", " ".join(reasons))
    assert [test for test in named if not (ROOT / test).exists()] == []


@all_pages
def test_links_lead_somewhere(page: Path) -> None:
    broken = []
    for path, anchor in LINK.findall(page.read_text("utf-8")):
        target = (page.parent / path).resolve() if path else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            broken.append(f"{path}#{anchor}")
    assert broken == []


def anchors(page: Path) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", page.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@all_pages
def test_shown_command_exists_with_its_options(page: Path) -> None:
    wrong = [" ".join(words) for words in commands(page) if not is_command(words)]
    assert wrong == []


def is_command(words: list[str]) -> bool:
    if words[:1] == ["test"] or words == []:
        return True  # pytest's affair
    command: click.Command = program
    rest = list(words)
    with click.Context(program) as context:
        while isinstance(command, click.Group) and rest and not rest[0].startswith("-"):
            found = command.get_command(context, rest.pop(0))
            if found is None:
                return False
            command = found
    known = {option for parameter in command.params for option in parameter.opts} | {"--help"}
    return {word for word in rest if re.match(r"--?[a-z]", word)} <= known


def test_command_is_described() -> None:
    described = {" ".join(words) for words in commands(ROOT / "docs" / "command-line.md")}
    with click.Context(program) as context:
        named = [" ".join(path) for path in leaves(program, context)]
    assert [name for name in named if not any(f"{one} ".startswith(f"{name} ") for one in described)] == []


def leaves(command: click.Command, context: click.Context) -> Iterator[list[str]]:
    """Yield the words of every command that does something."""
    if not isinstance(command, click.Group):
        yield []
        return
    for name in command.list_commands(context):
        found = command.get_command(context, name)
        assert found is not None
        yield from ([name, *rest] for rest in leaves(found, context))


def test_exit_code_is_explained() -> None:
    rows = re.findall(r"^\| (\d+) \|", (ROOT / "docs" / "command-line.md").read_text("utf-8"), re.MULTILINE)
    assert [int(row) for row in rows] == [code.value for code in ExitCode]
