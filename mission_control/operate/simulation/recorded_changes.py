"""Pauses, circuit breakers and occurrences changed by hand by the records of changes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final

from mission_control.model.policies.pause import PauseKind, PauseLayer, layer_name
from mission_control.model.runs.changed_occurrence import ChangedOccurrence
from mission_control.model.runs.run_record import RunRecord
from mission_control.model.values.instants import parse_instant

Changes = Iterable[Mapping[str, Any]]
_SET: Final = frozenset({"paused", "breaker_opened", "breaker_probed"})
_RECORDED_WITHIN: Final = timedelta(milliseconds=1)  # to which records of changes are exact
_ENDED: Final = frozenset({"resumed", "breaker_closed"})


def layers_at(changes: Changes, at: datetime) -> list[PauseLayer]:
    """Return the pauses as they were at a moment, those that were over included."""
    found: dict[str, PauseLayer] = {}
    for record, moment in _until(changes, at):
        change, name = record["change"], _name_of(record)
        before = found.get(name)
        if change == "breaker_probed" and at - moment < _RECORDED_WITHIN:
            continue  # the probe is what was decided at this moment
        if change in _SET:
            found[name] = _layer(record, name, moment, before)
        elif change == "breaker_closed":
            found.pop(name, None)
        elif change in _ENDED and before is not None:
            found[name] = replace(before, until=moment, is_over=True)
    return list(found.values())


def changed_at(changes: Changes, runs: Mapping[str, RunRecord], at: datetime) -> list[ChangedOccurrence]:
    """Return the occurrences of some runs that had been skipped or moved by hand at a moment."""
    found: dict[str, ChangedOccurrence] = {}
    for record, moment in _until(changes, at):
        diff = record.get("diff") or {}
        ids = diff.get("occurrence.id", {})
        if (removed := ids.get("from")) is not None and ids.get("to") is None:
            found.pop(removed, None)
        run = runs.get(str(ids.get("to")))
        if run is not None:
            to = _to(diff, "occurrence.moved_to")
            found[run.execution_id] = ChangedOccurrence(
                run.task_id,
                run.scheduled_time,
                since=moment,
                who=str(record.get("actor")),
                reason=record.get("reason"),
                to=None if to is None else parse_instant(to),
                is_skipped=bool(_to(diff, "occurrence.is_skipped")),
            )
    return list(found.values())


def _until(changes: Changes, at: datetime) -> Iterator[tuple[Mapping[str, Any], datetime]]:
    for record in changes:
        moment = parse_instant(record["timestamp"])
        if moment > at:
            return
        yield record, moment


def _name_of(record: Mapping[str, Any]) -> str:
    """Return the name of the layer that a record is about."""
    task_id = str(record["task_id"])
    if str(record["change"]).startswith("breaker"):
        return layer_name(PauseKind.BREAKER, task_id)
    is_named = ":" in task_id or task_id == PauseKind.ALL
    return task_id if is_named else layer_name(PauseKind.TASK, task_id)


def _layer(record: Mapping[str, Any], name: str, moment: datetime, before: PauseLayer | None) -> PauseLayer:
    kind, _, value = name.partition(":")
    diff = record.get("diff") or {}
    until = None if before is None or before.is_over else before.until
    if "pause.until" in diff:
        to = _to(diff, "pause.until")
        until = None if to is None else parse_instant(to)
    is_probe = record["change"] == "breaker_probed" and before is not None
    since = before.since if before is not None and is_probe else moment
    who, reason = str(record.get("actor")), record.get("reason")
    return PauseLayer(PauseKind(kind), value, since=since, who=who, reason=reason, until=until)


def _to(diff: Mapping[str, Any], name: str) -> Any:  # noqa: ANN401  # any JSON value
    return diff.get(name, {}).get("to")
