"""A plan as JSON: to show it, and as a file that is applied later, with a digest of its content.

The digest tells a file that was edited or cut; it is no signature. The file holds whole definitions, with
their secrets, so only its owner can read it, and a file that another user could change is refused.
"""

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Final

import orjson

from mission_control.errors import PlanRefusedError, TaskFileError
from mission_control.files.json_file import parse_json, read_content
from mission_control.files.outside_file import read_beginning
from mission_control.files.task_file import check_tasks, parse_section, sections_of
from mission_control.model.problems.messages import shown
from mission_control.operate.plan.task_plan import KINDS, Plan, TaskChange, TaskChanges, digest_of
from mission_control.registry.checked_task import CheckedTasks
from mission_control.registry.named_resources import NamedResources, named
from mission_control.registry.registry import Registry
from mission_control.registry.similar_tasks import SimilarTasks
from mission_control.safe_paths.own_files import replace_file

_VERSION: Final = 1
_AGAIN: Final = "make a new plan with `mission-control task plan`"
_FIELDS: Final = {"plan", "installation", "reason", "catch_up", "seen", "tasks", "digest"}
_BEGINNING: Final = re.compile(rb'\s*\{\s*"plan"\s*:')
_CHANGE_FIELDS: Final = {"id", "change", "before", "definition", "file", "former_id"}


def plan_data(
    plan: Plan, installation_id: str, resources: Mapping[str, NamedResources[Any]]
) -> dict[str, Any]:
    """Return a plan as its file has it: with whole definitions, and digests of what it was made from."""
    data = {
        "plan": _VERSION,
        "installation": installation_id,
        "reason": plan.reason,
        "catch_up": plan.catch_up,
        "seen": _resources_seen(plan, resources),
        **sections_of(plan.resources),
        "tasks": [_change_data(one) for one in plan.tasks.values()],
    }
    return {**data, "digest": _digest(data)}


def _change_data(change: TaskChange) -> dict[str, Any]:
    found = {
        "id": change.task_id,
        "change": change.kind,
        "before": change.digest if change.kind == "unchanged" else digest_of(change.seen),
        "definition": None if change.checked is None else change.checked.form,
        "file": change.file,
        "former_id": change.former_id,
    }
    return {name: one for name, one in found.items() if one is not None}


def _resources_seen(plan: Plan, resources: Mapping[str, NamedResources[Any]]) -> dict[str, dict[str, str]]:
    """Return a digest of each limit and budget that a plan sets, as it is now."""
    found: dict[str, dict[str, str]] = {}
    for section, given in plan.resources.items():
        known = resources[section].all() if given else {}
        found[section] = {name: _digest(known[name].to_dict()) for name in given if name in known}
    return found


def _digest(data: object) -> str:
    return hashlib.sha256(orjson.dumps(data, option=orjson.OPT_SORT_KEYS)).hexdigest()


def write_plan(path: Path, data: Mapping[str, Any]) -> None:
    """Write a plan to a file that only its owner can read.

    Raises:
        TaskFileError: it cannot be written; the old file, if any, is unchanged.
    """
    try:
        replace_file(path, orjson.dumps(data, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))
    except OSError as error:
        raise TaskFileError(f"{path}: cannot be written ({error.strerror or error})") from error


def read_plan_file(path: Path) -> dict[str, Any] | None:
    """Return what a plan file holds, or None if the file is no plan, but may be one of tasks.

    Raises:
        TaskFileError: the file cannot be read, or is cut.
        PlanRefusedError: the plan was changed by hand, or is of another version of Mission Control.
    """
    if not _begins_as_plan(path):
        return None
    data = parse_json(read_content(path), path)
    if data.get("plan") != _VERSION:
        version = shown(data.get("plan"))
        raise PlanRefusedError(f"{path}: is a plan of version {version}, not {_VERSION}; {_AGAIN}")
    content = {name: one for name, one in data.items() if name != "digest"}
    if data.get("digest") != _digest(content) or not _is_whole(data):
        raise PlanRefusedError(
            f"{path}: was changed after it was made; {_AGAIN}, and edit the task file instead"
        )
    return dict(data)


def _begins_as_plan(path: Path) -> bool:
    try:  # a large file of tasks is not read twice
        return _BEGINNING.match(read_beginning(path, 64)) is not None
    except (OSError, ValueError):
        return False


def _is_whole(data: Mapping[str, Any]) -> bool:
    return data.keys() >= _FIELDS and all(
        isinstance(one, dict) and one.keys() <= _CHANGE_FIELDS and one.get("change") in KINDS
        for one in data["tasks"]
    )


def checked_plan(
    registry: Registry, resources: Mapping[str, NamedResources[Any]], data: Mapping[str, Any], path: Path
) -> Plan:
    """Return the plan in a file, if all is still as it was when the plan was made.

    Raises:
        PlanRefusedError: it is of another installation, or something has changed since; names what.
        InvalidTaskError: a definition is no longer valid, such as one whose handler is gone.
    """
    if data["installation"] != registry.planned.files.installation_id():
        raise PlanRefusedError(f"{path}: was made for another installation; {_AGAIN} here")
    changes: Sequence[Mapping[str, Any]] = data["tasks"]
    stored = [*registry.planned.stored(one["id"] for one in changes)]
    found = [
        one["id"] for one, seen in zip(changes, stored, strict=True) if one.get("before") != digest_of(seen)
    ]
    given = {
        section: parse_section(section, data.get(section, []), source=str(path)) for section in data["seen"]
    }
    plan = Plan(data["reason"], TaskChanges({}), given, catch_up=data["catch_up"])
    for section, now in _resources_seen(plan, resources).items():
        then = data["seen"][section]
        found += [f"{section[:-1]} {name}" for name in given[section] if now.get(name) != then.get(name)]
    if found:
        what = f"{named(found)} changed since the plan was made"
        raise PlanRefusedError(f"{path}: {what}; nothing was applied; {_AGAIN}")
    parse, tasks = SimilarTasks(registry.check, given, may_be_over=plan.catch_up).parse, CheckedTasks()
    check_tasks(
        [one["definition"] for one in changes if "definition" in one],
        parse=parse,
        keep=lambda task: tasks.add(task.id, task),
        check=partial(registry.check.dependencies.problems, tasks),
        source=str(path),
    )
    planned = (
        TaskChange(
            one["id"], one["change"], seen, tasks.get(one["id"]), one.get("file"), one.get("former_id")
        )
        for one, seen in zip(changes, stored, strict=True)
    )
    return replace(plan, tasks=TaskChanges(tasks, planned))
