"""Files of task definitions, read and written as a whole or not at all.

A file is JSON, YAML or TOML, by the ending of its name. It holds
`{"limits": [limit, …], "budgets": [budget, …], "tasks": [definition, …]}`, of which any may be left out, or a
bare list of definitions. It is written in the first form, sorted by name and id, without empty sections but
for the tasks.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache, partial
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, NamedTuple, TypeVar

import orjson
from redis.exceptions import RedisError

from mission_control.errors import (
    InvalidResourceError,
    InvalidTaskError,
    MissionControlError,
    Problem,
    TaskFileError,
)
from mission_control.events import events
from mission_control.files.data_file import TOML_ENDING, YAML_ENDINGS, read_data_file
from mission_control.files.json_items import JsonItems, parse_json_with_items
from mission_control.model.definitions.named_budget import Budget
from mission_control.model.definitions.named_limit import NamedLimit
from mission_control.model.definitions.named_resource import NamedResource, parse_resource
from mission_control.model.definitions.task import TaskDefinition, parse_task
from mission_control.model.problems.messages import shown
from mission_control.model.values.quantities import counted
from mission_control.safe_paths.own_files import own_folder, replace_file

_MOST_NAMED = 50
# People read the message, and a file with more faults than this has one cause.
_MOST_PROBLEMS = 500


KINDS: Final[Mapping[str, type[NamedResource]]] = {"limits": NamedLimit, "budgets": Budget}
"""What the sections of a task file hold, but for its tasks."""

Resources = Mapping[str, Mapping[str, NamedResource]]
"""Limits and budgets, by section and name."""


_Task = TypeVar("_Task")


class TaskFile(NamedTuple):
    """What a task file holds, unchecked; `resources` by section. Of JSON, tasks are parsed when asked for."""

    tasks: Iterable[dict[str, Any]]
    resources: dict[str, list[dict[str, Any]]]


def read_task_file(path: Path) -> TaskFile:
    """Return the tasks, limits and budgets in a task file, unchecked.

    Raises:
        TaskFileError: the file does not exist, cannot be read, is too large, is not JSON, YAML or TOML (with
            line and column) or holds something other than tasks.
        UnsafePathError: another user could change it.
    """
    data = read_data_file(path, parse_json_with_items)
    if isinstance(data, dict) and isinstance(data.get("$schema"), str):  # for editors
        data = {name: one for name, one in data.items() if name != "$schema"}
    sections = data if isinstance(data, dict) and len(data) > 0 else {"tasks": data}
    is_known = sections.keys() <= {"tasks", *KINDS}
    if not is_known or not all(isinstance(section, list | JsonItems) for section in sections.values()):
        raise TaskFileError(
            f'{path}: holds {shown(data)}; write {{"tasks": [ … ]}} and no other key but "limits" '
            'and "budgets", or a list of tasks'
        )
    return TaskFile(sections.get("tasks", []), {name: sections.get(name, []) for name in KINDS})


def parse_section(section: str, items: Sequence[Any], *, source: str) -> dict[str, NamedResource]:
    """Check limits or budgets that belong together, and return them by their names, all or none.

    Raises:
        InvalidResourceError: lists every problem under `limits[i]`.
    """
    kind = KINDS[section]
    good: dict[str, NamedResource] = {}
    problems: list[Problem] = []
    for at, item in enumerate(items):
        try:
            one = parse_resource(kind, item)
        except InvalidResourceError as error:
            problems += [problem.under(f"{section}[{at}]") for problem in error.problems]
            continue
        if one.name in good:
            fault = f"{shown(one.name)} is another {kind.noun}'s name, too"
            problems.append(Problem(f"{section}[{at}].name", fault))
        good[one.name] = one
    if problems:
        raise kind.invalid(problems[:_MOST_PROBLEMS], subject=f"{source}: nothing was applied")
    return good


def sections_of(resources: Resources) -> dict[str, list[dict[str, Any]]]:
    """Return limits and budgets as a task file has them, without empty sections."""
    return {name: [one.to_dict() for one in found.values()] for name, found in resources.items() if found}


def parse_tasks(items: Iterable[Any], *, source: str = "tasks") -> list[TaskDefinition]:
    """Check definitions that belong together, and return them all or none; raises as `check_tasks`."""
    found: dict[str, TaskDefinition] = {}
    check_tasks(
        items, parse=parse_task, keep=lambda task: found.setdefault(task.id, task) is task, source=source
    )
    return [*found.values()]


def check_tasks(
    items: Iterable[Any],
    *,
    parse: Callable[[Mapping[str, Any]], _Task],
    keep: Callable[[_Task], bool],
    check: Callable[[], Mapping[str, Sequence[Problem]]] = dict,
    source: str,
) -> None:
    """Check definitions that belong together, and keep each, or raise what is wrong with them.

    `parse` checks one, and `keep` is False if it has another of that id. `check` checks all together, and
    returns problems by id.

    Raises:
        InvalidTaskError: lists every problem under `tasks[i] (id)`, and names the valid definitions.
            `source` says where they come from.
    """
    problems: dict[int, list[Problem]] = {}
    faulty: set[str | None] = set()
    firsts = cache(partial(_firsts, items))
    for at, item in enumerate(items):
        task_id, found = _id_of(item), list[Problem]()
        try:
            task = parse(item)
            is_kept = task_id not in faulty and keep(task)
        except InvalidTaskError as error:
            found, is_kept = list(error.problems), firsts()[task_id] == at or task_id is None
        if not is_kept:
            found = [_duplicate(str(task_id), firsts()[task_id]), *found]
        if found:
            problems[at] = found
            faulty.add(task_id)
    if not problems and (broken := check()):
        places = enumerate(_id_of(item) or "" for item in items)
        problems = {at: [*broken[task_id]] for at, task_id in places if task_id in broken}
    if problems:
        raise _refused(items, problems, source)


def _refused(
    items: Iterable[Any], problems: Mapping[int, Sequence[Problem]], source: str
) -> InvalidTaskError:
    ids = [_id_of(item) for item in items]
    found = [one.under(_place(at, ids[at])) for at, some in problems.items() for one in some]
    good = [str(task_id) for at, task_id in enumerate(ids) if at not in problems]
    return InvalidTaskError(_bounded(found), subject=_subject(source, len(ids), good))


def write_task_file(
    path: Path,
    definitions: Iterable[TaskDefinition],
    resources: Resources = MappingProxyType({}),
    *,
    is_yaml: bool | None = None,
) -> None:
    """Write definitions to a file that only its owner can read. Readers never see it half written.

    Unless `is_yaml` says otherwise, it is JSON, or YAML if the name ends in `.yaml` or `.yml`.

    Raises:
        TaskFileError: the file cannot be written, or should be TOML; the old one, if any, is unchanged.
    """
    if path.suffix.lower() == TOML_ENDING:
        raise TaskFileError(f"{path}: definitions have null values, which TOML has not; write JSON or YAML")
    tasks = [definition.to_dict() for definition in sorted(definitions, key=lambda one: one.id)]
    is_yaml = path.suffix.lower() in YAML_ENDINGS if is_yaml is None else is_yaml
    content = _content({**sections_of(resources), "tasks": tasks}, is_yaml=is_yaml)
    try:
        replace_file(path, content)
    except OSError as error:
        raise TaskFileError(
            f"{path}: cannot be written ({error.strerror or error}) and is unchanged; check "
            "the free disk space and the permissions of the directory"
        ) from error


def _content(data: dict[str, Any], *, is_yaml: bool) -> bytes:
    if not is_yaml:
        return orjson.dumps(data, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
    from mission_control.files.yaml_text import dump_yaml

    return dump_yaml(data).encode()


def mirror_into(
    path: Path,
    definitions: Callable[[], Iterable[TaskDefinition]],
    resources: Callable[[], Resources],
) -> None:
    """Write all registered tasks to `path`. Of several writers, the last one writes the newest state.

    The registry is the truth: if the mirror cannot be written, the error is logged and the change stands.
    """
    from filelock import FileLock  # half a MiB that beat never needs

    try:
        own_folder(path.parent)
        with FileLock(path.with_name(f".{path.name}.lock"), timeout=10, mode=0o600):
            write_task_file(path, definitions(), resources())
    except (MissionControlError, RedisError, OSError) as error:
        events.mirror_failed(path, error)


def _firsts(items: Iterable[Any]) -> dict[str | None, int]:
    """Return the place of the first task with each id."""
    found: dict[str | None, int] = {}
    for at, item in enumerate(items):
        found.setdefault(_id_of(item), at)
    return found


def _duplicate(task_id: str, earlier: int) -> Problem:
    return Problem("id", f"{shown(task_id)} is also the id of tasks[{earlier}]; give one of them another id")


def _place(at: int, task_id: str | None) -> str:
    return f"tasks[{at}]" if task_id is None else f"tasks[{at}] ({shown(task_id)[1:-1]})"


def _id_of(item: object) -> str | None:
    task_id = item.get("id") if isinstance(item, dict) else None
    return task_id if isinstance(task_id, str) else None


def _bounded(problems: list[Problem]) -> list[Problem]:
    hidden = len(problems) - _MOST_PROBLEMS
    return problems if hidden <= 0 else [*problems[:_MOST_PROBLEMS], Problem("", f"… and {hidden:,} more")]


def _subject(source: str, count: int, good: Sequence[str]) -> str:
    more = f" and {len(good) - _MOST_NAMED:,} more" if len(good) > _MOST_NAMED else ""
    named = f"valid: {', '.join(good[:_MOST_NAMED])}{more}" if good else "none is valid"
    return f"{source}: none of {counted(count, 'task')} was applied ({named})"
