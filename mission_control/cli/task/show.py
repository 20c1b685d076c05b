"""`mission-control task show`."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Any

import rich_click as click

from mission_control.cli.terminal import parameters
from mission_control.cli.terminal.installation_in_use import current
from mission_control.cli.terminal.output import as_text, echo, echo_json, facts, lines_of
from mission_control.cli.terminal.revealing import shown_definitions
from mission_control.cli.terminal.watching import watchable
from mission_control.cli.terminal.wording import (
    both_times,
    in_own_time,
    labelled_time,
    own_zone,
)
from mission_control.cli.views.run_view import VOID
from mission_control.model.values.instants import parse_instant

if TYPE_CHECKING:
    from mission_control.installation.installation import Installation
    from mission_control.ledger.run_reader import RunReader
    from mission_control.model.definitions.task import TaskDefinition
    from mission_control.model.runs.changed_occurrence import ChangedOccurrence

_SHOWN = 10
_SHOWN_APART = (
    "id",
    "name",
    "description",
    "schedule",
    "handler",
    "enabled",
    "condition",
    "metadata",
    "execution_history",
)


@click.command()
@parameters.task_id
@watchable
@parameters.as_json
@parameters.reveal
def show(task_id: str, as_json: bool, reveal: bool) -> None:
    """Show a task in full, with its secrets masked.

    Leaves out fields with their default value. --json prints the definition in the format of task files.
    """
    from mission_control.model.policies.pause import pausing_layers
    from mission_control.operate.budgets import budgets_in_words
    from mission_control.operate.dependencies import condition_words
    from mission_control.operate.limits import waiting_by_limit
    from mission_control.operate.tasks import existing_task, task_id_of, task_json

    with current() as installation:
        task_id = task_id_of(installation.registry, task_id)
        found = task_json(installation.registry, task_id)
        (shown,) = shown_definitions([found], installation.settings.data_dir, reveal=reveal)
        if as_json:
            echo_json(shown)
            return
        task = existing_task(installation.registry, task_id)
        now = installation.clock()
        seen = installation.pauses.read()
        pauses = [
            in_own_time(one.words(), own_zone()).removeprefix("paused ")
            for one in pausing_layers(seen.in_force(now), task)
        ]
        notes = [("paused", as_text(one)) for one in pauses] + list(_changed(seen.changed_of(task.id), task))
        words = condition_words(installation.client, task, now)
        notes += [] if words is None else [("condition", as_text(words))]
        notes += _active(installation.ledger, task, now)
        waiting = waiting_by_limit(installation.ledger.active_of(task_id)) if task.limits else []
        notes += [("limited", as_text(in_own_time(one, own_zone()))) for one in waiting]
        if task.budgets:
            names = [one.name for one in task.budgets]
            stands = budgets_in_words(installation.client, now, names=names, least=0)
            notes += [("budget", as_text(in_own_time(one, own_zone()))) for one in stands]
        rows = [*_rows(shown, task, notes, now), *_dependency_rows(installation, task)]
        echo(facts(rows))


def _rows(
    shown: dict[str, Any], task: TaskDefinition, notes: Iterable[tuple[str, str]], now: datetime
) -> Iterator[tuple[str, str]]:
    history, metadata = shown["execution_history"], shown["metadata"]
    yield "task", task.id
    if task.name != task.id:
        yield "name", task.name
    if task.description:
        yield "description", lines_of(task.description)
    yield "runs", f"{task.schedule.describe()}{'' if task.enabled else '  (disabled)'}"
    if history["problem"] is not None:
        from mission_control.operate.health import remedy_of_quarantine

        remedy = remedy_of_quarantine(task.id, stays=history["next_run"] is not None)
        yield "quarantined", f"{as_text(history['problem'])}; {remedy}"
    yield from notes
    yield "handler", task.handler
    yield "next run", _moment(history["next_run"], task, now)
    yield "last run", _moment(history["last_run"], task, now)
    counts = {"succeeded": "success", "failed": "failure", "skipped": "skipped", "missed": "missed"}
    found = {words: history[f"{name}_count"] for words, name in counts.items()}
    found["skipped in a row"] = history["consecutive_skips"]
    yield (
        "so far",
        ", ".join(f"{n} {words}" for words, n in found.items() if n or words in ("succeeded", "failed")),
    )
    yield "created", f"{_stamp(metadata['created'])} by {metadata['created_by']}"
    yield "revision", f"{metadata['revision']} of {_stamp(metadata['last_modified'])}"
    usual = _usual(task)
    for name, value in shown.items():
        if name not in _SHOWN_APART and value != usual.get(name):
            yield name, as_text(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))


def _active(ledger: RunReader, task: TaskDefinition, now: datetime) -> Iterator[tuple[str, str]]:
    from mission_control.operate.runs import next_meeting, standing
    from mission_control.operate.why.run_checks import waits

    here = own_zone()
    runs = {run.execution_id: run for run in ledger.active_of(task.id)}
    for run in sorted(runs.values(), key=lambda one: one.due_at)[:_SHOWN]:
        waiting = waits(run, now, runs)
        words = in_own_time(standing(run) if waiting is None else waiting, here)
        yield "active" if waiting is None else "waiting", as_text(f"{run.execution_id}: {words}")
    if len(runs) > _SHOWN:
        yield "", f"… {len(runs)} active runs in all"
    if (meeting := next_meeting(ledger, task, now)) is not None:
        yield "next", as_text(in_own_time(meeting.words(task.overlap), here))


def _changed(changed: Iterable[ChangedOccurrence], task: TaskDefinition) -> Iterator[tuple[str, str]]:
    for one in changed:
        void = VOID if one.is_void(task.schedule) else ""
        label = "skipped" if one.is_skipped else "moved"
        yield (
            label,
            as_text(f"{labelled_time(one.at, own_zone())}: {in_own_time(one.words(), own_zone())}{void}"),
        )


def _dependency_rows(installation: Installation, task: TaskDefinition) -> Iterator[tuple[str, str]]:
    from mission_control.ledger.upstream_runs import UpstreamRuns
    from mission_control.operate.dependencies import open_joins

    if downstream := installation.registry.downstream(task.id):
        yield "starts", ", ".join(downstream)
    known = set(installation.registry.ids()) if task.after else set()
    if missing := [one.task for one in task.after if one.task not in known]:
        yield "missing", f"{', '.join(missing)}: no such task, so this one does not run after it"
    for one in open_joins(installation.ledger, UpstreamRuns(installation.client), task):
        waits = ", ".join(f"{name} ({state})" for name, state in one.waits_for.items())
        yield "waits for", f"{waits}, root {one.root}"


def _usual(task: TaskDefinition) -> dict[str, Any]:
    """Return the definition with every optional field at its default, which needs no showing."""
    from mission_control.model.definitions.task import TaskDefinition

    return TaskDefinition(id=task.id, schedule=task.schedule, handler=task.handler).to_dict()


def _stamp(text: str) -> str:
    return labelled_time(parse_instant(text), own_zone())


def _moment(text: str | None, task: TaskDefinition, now: datetime) -> str:
    if text is None:
        return "never"
    return both_times(parse_instant(text), own_zone(), task.schedule.zone, now)
