"""What another scheduler has, as the tasks of a task file: each entry as a whole, or not at all."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from mission_control.errors import InvalidTaskError
from mission_control.model.definitions.task import parse_task
from mission_control.model.problems.suggestions import quoted
from mission_control.model.values.identifiers import LONGEST_TASK_ID


class UnmappableError(ValueError):
    """What an entry says has no equal here, or is not known without running its program."""


class Entry(NamedTuple):
    """An entry of another scheduler: `where` it stands, what it calls, and its fields as those of a task.

    `unmappable` is why it cannot be one.
    """

    where: str
    name: str
    calls: str = ""
    fields: Mapping[str, Any] = {}
    unmappable: str | None = None


@dataclass(frozen=True)
class Imported:
    """The tasks, in short, and a line for each entry that is none, with the reason."""

    tasks: list[dict[str, Any]]
    unmapped: list[str]


def imported(
    entries: Iterable[Entry], handlers: Mapping[str, str], *, timezone: str, now: datetime
) -> Imported:
    """Return entries as tasks; `handlers` are paths by what entries call, "*" for all others.

    Without one the handler of `proj.tasks.add` is `handlers.tasks.add`. A schedule without a zone gets
    `timezone`. Each task is one that could be registered, apart from its handler, which need not exist.
    """
    found = list(entries)
    paths = {one.calls: _handler_of(one.calls, handlers) for one in found}
    shared = Counter(path for calls, path in paths.items() if calls not in handlers and "*" not in handlers)
    tasks: list[dict[str, Any]] = []
    unmapped: list[str] = []
    ids: set[str] = set()
    for one in found:
        handler, reason = paths[one.calls], one.unmappable
        if reason is None and shared[handler] > 1:
            reason = f"{handler} would stand for several; say which: --handler {one.calls}=handlers.…"
        task = {"id": _free_id(one.name, ids), "handler": handler, **one.fields}
        reason = _problem(task, timezone, now) if reason is None else reason
        if reason is not None:
            unmapped.append(f"{one.where}: {quoted(one.name)}: {reason}")
            continue
        ids.add(task["id"])
        schedule = task.get("schedule")
        if isinstance(schedule, dict):
            task["schedule"] = {"timezone": timezone, **schedule}
        tasks.append(task)
    return Imported(tasks, unmapped)


def _handler_of(calls: str, handlers: Mapping[str, str]) -> str:
    """Return the path of the handler for what an entry calls.

    >>> _handler_of("proj.tasks.add", {}), _handler_of("tick", {}), _handler_of("x", {"*": "handlers.a.run"})
    ('handlers.tasks.add', 'handlers.tick.run', 'handlers.a.run')
    """
    given = handlers.get(calls, handlers.get("*"))
    if given is not None:
        return given
    parts = [one for one in re.split(r"[.:]", calls) if one]
    return ".".join(["handlers", *(parts[-2:] if len(parts) > 1 else [*parts, "run"])])


def _free_id(name: str, taken: set[str]) -> str:
    """Return an id made of a name.

    >>> _free_id("nightly: back up/2", {"nightly-back-up-2"})
    'nightly-back-up-2-2'
    """
    plain = re.sub(r"[^A-Za-z0-9_.]+", "-", name).strip("-._")[: LONGEST_TASK_ID - 8] or "task"
    free = (f"{plain}-{number}" if number > 1 else plain for number in range(1, len(taken) + 2))
    return next(one for one in free if one not in taken)


def _problem(task: Mapping[str, Any], timezone: str, now: datetime) -> str | None:
    try:
        parse_task(task, default_timezone=timezone, now=now)
    except InvalidTaskError as error:
        return "; ".join(str(one) for one in error.problems)
    return None
