"""`mission-control task list` and `task show`."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

import rich_click as click
from rich.text import Text

from mission_control.cli.terminal import parameters
from mission_control.cli.terminal.installation_in_use import current
from mission_control.cli.terminal.output import as_text, echo, echo_json, table, tell, tell_issues
from mission_control.cli.terminal.own_zone import own_zone
from mission_control.cli.terminal.revealing import shown_definitions
from mission_control.cli.terminal.wording import (
    both_times,
    in_how_long,
    in_own_time,
    labelled_time,
    local_time,
)
from mission_control.cli.views.run_view import VOID, meeting_words, standing, waiting_words
from mission_control.cli.views.task_view import rule_of
from mission_control.model.values.instants import parse_instant

if TYPE_CHECKING:
    from mission_control.installation.installation import Installation
    from mission_control.ledger.run_reader import RunReader
    from mission_control.model.definitions.task import TaskDefinition
    from mission_control.model.policies.pause import PauseLayer
    from mission_control.model.runs.changed_occurrence import ChangedOccurrence
    from mission_control.operate.redbeat_entries import RedBeatEntry
    from mission_control.operate.tasks import TaskSummary

_COLUMNS = ("task", "schedule", "next run", "({zone})", "ok", "failed")
_SHOWN = 10
_STYLES = {"enabled": "", "quarantined": "red", "disabled": "dim", "completed": "dim"}
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


@click.command("list")
@click.option("--all", "is_all", is_flag=True, help="Show disabled tasks too.")
@parameters.as_json
@parameters.reveal
def list_tasks(is_all: bool, as_json: bool, reveal: bool) -> None:
    """List the enabled tasks, or all, and RedBeat entries. --json prints the definitions of tasks."""
    from mission_control.operate.redbeat_entries import redbeat_entries
    from mission_control.operate.task_issues import issues_of_tasks, tasks_with_issues
    from mission_control.operate.tasks import task_summaries

    with current() as installation:
        registry = installation.registry
        if as_json:
            tasks = tasks_with_issues(installation.client, registry.tasks(enabled_only=not is_all))
            echo_json(shown_definitions(tasks, installation.settings.data_dir, reveal=reveal))
            return
        shown, now = task_summaries(registry, enabled_only=not is_all), installation.clock()
        entries = redbeat_entries(installation.client, installation.redbeat_keys)
        pauses = installation.pauses.read().in_force(now)
        rows = [_listed(one, now, pauses) for one in shown]
        rows += [_listed_entry(one, now) for one in entries if one.enabled or is_all]
        if rows:
            columns = [name.format(zone=own_zone().key) for name in _COLUMNS]
            echo(table(*columns, rows=rows, flexible=["schedule"]))
        hidden = len(registry.ids()) - len(shown)
        if hidden > 0 and not is_all:
            tell(f"{hidden} disabled; show them with --all")
        tell_issues(issues_of_tasks(installation.client, [one.task for one in shown if one.task is not None]))


def _listed(one: TaskSummary, now: datetime, pauses: Sequence[PauseLayer]) -> tuple[str | Text, ...]:
    failed = Text(str(one.failures), style="red" if one.failures else "")
    schedule = "unreadable" if one.task is None else rule_of(one.task)
    return (one.task_id, schedule, *_next_run(one, now, pauses), str(one.successes), failed)


def _listed_entry(one: RedBeatEntry, now: datetime) -> tuple[str | Text, ...]:
    schedule = f"RedBeat entry, {one.schedule}: sends {one.sends}"
    when = (
        (local_time(one.due, own_zone()), in_how_long(one.due, now))
        if one.enabled
        else (Text("disabled", "dim"), "")
    )
    return (one.name, schedule, *when, "", "")


def _next_run(one: TaskSummary, now: datetime, pauses: Sequence[PauseLayer]) -> tuple[str | Text, str]:
    if one.state != "enabled" or one.next_run is None or one.task is None:
        hint = "see status" if one.state == "quarantined" else ""
        return Text(one.state, style=_STYLES[one.state]), hint
    from mission_control.operate.pausing import pausing_layers

    ends = [layer.until for layer in pausing_layers(pauses, one.task) if layer.holds(one.next_run)]
    if ends:
        resumed_at = None if None in ends else max(filter(None, ends))
        hint = "until it is resumed" if resumed_at is None else f"resumes {in_how_long(resumed_at, now)}"
        return Text("paused", style="yellow"), hint
    return local_time(one.next_run, own_zone()), in_how_long(one.next_run, now)


@click.command()
@parameters.task_id
@parameters.as_json
@parameters.reveal
def show(task_id: str, as_json: bool, reveal: bool) -> None:
    """Show a task in full, with its secrets masked.

    Leaves out fields with their default value. --json prints the definition in the format of task files.
    """
    from mission_control.operate.budgets import budgets_in_words
    from mission_control.operate.conditions import condition_words
    from mission_control.operate.limits import waiting_by_limit
    from mission_control.operate.pausing import pausing_layers
    from mission_control.operate.tasks import existing_task, task_json

    with current() as installation:
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
        notes += [("limited", as_text(one)) for one in waiting]
        if task.budgets:
            names = [one.name for one in task.budgets]
            stands = budgets_in_words(installation.client, now, names=names, least=0)
            notes += [("budget", as_text(one)) for one in stands]
        rows = [*_rows(shown, task, notes, now), *_dependency_rows(installation, task)]
        echo(table("", "", rows=rows, header=False))


def _rows(
    shown: dict[str, Any], task: TaskDefinition, notes: Iterable[tuple[str, str]], now: datetime
) -> Iterator[tuple[str, str]]:
    history, metadata = shown["execution_history"], shown["metadata"]
    yield "task", task.id
    if task.name != task.id:
        yield "name", task.name
    if task.description:
        yield "description", as_text(task.description)
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
    from mission_control.operate.runs import next_meeting

    here = own_zone()
    runs = {run.execution_id: run for run in ledger.active_of(task.id)}
    for run in sorted(runs.values(), key=lambda one: one.due_at)[:_SHOWN]:
        waits = run.waits_for is not None
        words = waiting_words(run, runs.get(str(run.waits_for)), here) if waits else standing(run, here)
        yield "waiting" if waits else "active", as_text(f"{run.execution_id}: {words}")
    if len(runs) > _SHOWN:
        yield "", f"… {len(runs)} active runs in all"
    if (meeting := next_meeting(ledger, task, now)) is not None:
        yield "next", as_text(meeting_words(meeting, task.overlap, here))


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
