"""What a notice says: the end of a run, or a pause, that the people of a task want to hear of."""

import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any, Final, NamedTuple

import msgspec

from mission_control.model.definitions.task import TaskDefinition
from mission_control.model.definitions.task_parts import Notify
from mission_control.model.policies.deadlines import words
from mission_control.model.policies.misfire import Action, Fire, Skip
from mission_control.model.runs.run_record import RunRecord, json_text
from mission_control.model.runs.run_state import RAN_AND_FAILED, RunState, joined

SKIPS_IN_A_ROW: Final = 3
"""How many occurrences in a row must be skipped for the event `skipped`."""

MOST_TEXT: Final = 500
DEFAULT_CHANNEL: Final = "default"
DEFAULT_NOTIFY: Final = Notify.model_construct()  # its checks are built when first used
_UNFIRED: Final = frozenset({RunState.MISSED, RunState.SKIPPED})
# Who pauses a task or skips an occurrence knows; a condition that says no is the event `idle`.
_KNOWN_SKIPS: Final = frozenset({"paused", "breaker", "skipped_by_hand", "condition"})
_TROUBLES: Final = frozenset({"failure", "missed", "skipped", "late", "idle"})
_LONGEST: Final = 300
_LOOKED_AT: Final = 2_000
# Kept: the server of a URL, and numbers that say what went wrong. All other numbers, ids and paths vary.
_PARTS: Final = re.compile(
    r"(\bhttps?://[^/\s'\"?#]+)[^\s'\")]*"
    r"|(\b(?:status|answered|code|errno|port|http(?:/[\d.]+)?)[ =:]*\d+)"
    r"|(\burl: )/\S*"
    r"|\b0x[0-9a-f]+|\b(?=[a-f-]*\d)[0-9a-f-]{8,}\b|\d+(?:\.\d+)*",
    re.IGNORECASE,
)


class Notice(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One event of a task, as it waits to be reported.

    `notify` is the task's field as JSON, "" for the default. `cause` is what many tasks may have in common.
    `count` is how many occurrences it is about.
    """

    event: str
    task: str
    at: datetime
    run: str = ""
    text: str = ""
    cause: str = ""
    count: int = 1
    notify: str = ""


class Noted(StrEnum):
    """What the script that ends a run does with its notice."""

    OPENS = "opens"  # from now on the task's next success is noted too
    CLOSES = "closes"  # only if trouble of the task was noted before
    TELLS = "tells"


class EndNotice(NamedTuple):
    """The notice of a run's end, for the script."""

    noted: Noted
    notice: Notice


def end_notice(
    run: RunRecord,
    state: RunState,
    *,
    text: str | None,
    at: datetime,
    has_default: bool,
    is_idle: bool = False,
) -> EndNotice | None:
    """Return what to report of the end of a run, None for nothing.

    A retry is nothing, nor is a cancelled run. An expired run counts as missed, a skipped one only if the
    condition of its task `is_idle`. `has_default` says whether the channel `default` is set up: without it
    nothing is reported of tasks that do not say what they want.
    """
    if run.revision is None or (run.notify is None and not has_default):
        return None
    notify = DEFAULT_NOTIFY if run.notify is None else Notify.model_validate(run.notify)
    event, noted = "idle" if is_idle else _event(state), Noted.OPENS
    if event == "success" and "success" not in notify.on:
        noted = Noted.CLOSES
        is_reported = not _TROUBLES.isdisjoint(notify.on)
    else:
        noted = Noted.TELLS if event == "success" else Noted.OPENS
        is_reported = event in notify.on
    if event is None or not is_reported or not notify.to:
        return None
    said = (text or "")[:MOST_TEXT]
    cause = failure_cause(said, run.task_id) if event == "failure" else event
    written = "" if run.notify is None else json_text(run.notify)
    notice = Notice(
        event=event, task=run.task_id, at=at, run=run.execution_id, text=said, cause=cause, notify=written
    )
    return EndNotice(noted, notice)


def script_args(notice: EndNotice | None) -> list[str]:
    """Return a notice as the script that ends a run takes it."""
    return ["", ""] if notice is None else [msgspec.json.encode(notice.notice).decode(), notice.noted]


def unfired_notices(task: TaskDefinition, task_id: str, action: Action) -> list[list[Any]]:
    """Return what the fire script needs to note that an occurrence does not run; nothing for most tasks.

    The script may also skip an occurrence that is fired, for an active run.
    """
    asked = task.notify
    states, event, least = _UNFIRED.intersection(asked.on), "", SKIPS_IN_A_ROW
    cause = None if isinstance(action, Fire) else action.cause
    if cause is not None and (cause.kind in _KNOWN_SKIPS or cause.is_edge_not_taken):
        states -= {RunState.SKIPPED}
    if isinstance(action, Skip) and action.idle_from is not None and "idle" in asked.on:
        states, event, least = frozenset({RunState.SKIPPED}), "idle", action.idle_from
    if not states or not asked.to:
        return []
    return [[task_id, json_text(task.notify_given), joined(states), least, event]]


def late_notices(run: RunRecord, deadlines: Iterable[str], *, at: datetime) -> list[Notice]:
    """Return what to report of a run that has passed deadlines, each a cause of its own.

    The default does not ask for it.
    """
    if run.notify is None or run.deadline is None or "late" not in run.notify["on"] or not run.notify["to"]:
        return []
    task, run_id, notify = run.task_id, run.execution_id, json_text(run.notify)
    passed = [(name, words(name, run.deadline)) for name in deadlines]
    return [
        Notice(event="late", task=task, at=at, run=run_id, text=text, cause=name, notify=notify)
        for name, text in passed
    ]


def pause_notices(
    tasks: Iterable[tuple[str, Mapping[str, Any] | None]], *, cause: str, text: str, at: datetime
) -> list[Notice]:
    """Return what to report of a pause, or of its end, to those of `tasks` that ask for it.

    They come with their `notify`; the default does not ask for it.
    """
    return [
        Notice(event="paused", task=task, at=at, text=text[:MOST_TEXT], cause=cause, notify=json_text(notify))
        for task, notify in tasks
        if notify is not None and "paused" in notify["on"] and notify["to"]
    ]


def budget_notices(notice: Notice, tasks: Iterable[TaskDefinition]) -> list[Notice]:
    """Return the notice of a budget, which it has for a task, as that of each task that asks for it."""
    return [
        msgspec.structs.replace(notice, task=task.id, notify=json_text(task.notify_given))
        for task in tasks
        if "budget" in task.notify.on and task.notify.to and notice.task in {one.name for one in task.budgets}
    ]


def _event(state: RunState) -> str | None:
    if state is RunState.SUCCESS:
        return "success"
    if state in RAN_AND_FAILED:
        return "failure"
    return "missed" if state is RunState.EXPIRED else None


def failure_cause(error: str, task_id: str) -> str:
    """Return a text that is the same for all failures of one outage, be they of many tasks.

    It is a guess by the wording: the server, the kind of error and its code count; paths, ids, other numbers
    and the name of the task do not.

    >>> failure_cause("ConnectError: https://api.example.org/v1/17?x=2 refused, errno 111, try 3", "a")
    'ConnectError: https://api.example.org refused, errno 111, try #'
    >>> failure_cause("tea-7 took 300 s", "tea-7") == failure_cause("milk took 31.5 s", "milk")
    True
    """
    text = " ".join(error[:_LOOKED_AT].split())
    text = re.sub(rf"(?<![\w.-]){re.escape(task_id)}(?![\w.-])", "#", text)
    return _PARTS.sub(lambda found: found[1] or found[2] or (f"{found[3]}#" if found[3] else "#"), text)[
        :_LONGEST
    ]
