"""Comparing an account with Redis: its runs, its definitions and its anchors."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import tee
from pathlib import Path
from typing import Any, Final

import orjson
from redis import Redis

from mission_control.audit.stream.chain import KnownTime, read_anchors
from mission_control.audit.verification.findings import Findings, Kind, Verification
from mission_control.model.definitions.schedules import ScheduleBase
from mission_control.model.definitions.task import TaskDefinition
from mission_control.model.runs.run_state import FINAL_STATES
from mission_control.model.values.instants import parse_instant
from mission_control.operate.account.account import Account
from mission_control.operate.account.gathering import StreamReading, run_fields
from mission_control.operate.account.reckoning import Reckoning
from mission_control.operate.account.slots import occurrence_of
from mission_control.operate.account.timetable import Timetables, Version
from mission_control.operate.account.verification import moment_of, verification_of
from mission_control.registry.registry import Registry
from mission_control.store import redis_keys
from mission_control.sweep.pending_records import pending_final_runs

_AT_ONCE: Final = 1_000
_MARGIN: Final = timedelta(minutes=1)
_RUN: Final = redis_keys.run("")


@dataclass(frozen=True)
class LedgerCheck:
    """Compares an account with Redis as it is now.

    Found are runs of the span that Redis should have and has not, has with another state, or has without a
    record; tasks whose timetable is not the one that was recorded last; and anchors that went back. Not found
    is the removal of what retention may have removed. `at` is now.
    """

    account: Account
    reckoning: Reckoning
    client: Redis
    registry: Registry
    at: datetime

    def verify(self, streams: Mapping[str, Path]) -> Verification:
        """Return what is found.

        Raises:
            RedisError: it cannot be asked.
            PermissionError: a file may not be read.
        """
        findings, known = Findings({}), KnownTime.read(self.client)
        self._check_anchors(known, findings)
        self._check_tasks(streams["changes"], findings)
        records, again = tee(self._recorded(streams["runs"]))
        states = run_fields(self.client, (str(one.get("execution_id")) for one in again), "state")
        count = 0
        for record, (_, [state]) in zip(records, states, strict=True):
            count += 1
            self._check_recorded(record, state, known, findings)
        self._check_unrecorded(findings)
        return verification_of(Path("Redis"), findings, count)

    def _recorded(self, runs: Path) -> Iterator[dict[str, Any]]:
        return (
            one
            for one in StreamReading(runs, self.account.anchors_of("runs")).records()
            if one.get("final") is True
            and one.get("status") in FINAL_STATES
            and self._is_in_span(one.get("scheduled_time"))
        )

    def _is_in_span(self, at: object) -> bool:
        try:
            return isinstance(at, str) and self.account.since <= parse_instant(at) < self.account.until
        except ValueError:
            return False

    def _check_recorded(
        self, record: Mapping[str, Any], state: str | None, known: KnownTime | None, findings: Findings
    ) -> None:
        name, status = str(record.get("execution_id")), str(record["status"])
        if state is None:
            ended, task_id = moment_of(record).timestamp(), str(record.get("task_id"))
            if known is None or ended > known.of_task(task_id) + 1:
                message = f"{name} ({status}) is no longer in Redis, which should have it still"
                findings.add(Kind.MISSING, message, execution_id=name)
        elif state != status:
            message = f"{name} is {status} on record and {state} in Redis"
            findings.add(Kind.DISAGREES, message, execution_id=name)

    def _check_unrecorded(self, findings: Findings) -> None:
        """Look at every run in Redis: none of the span may have ended before the account without a record."""
        pending, writers = pending_final_runs(self.client), self.account.anchors["runs"]
        keys: Iterator[str] = self.client.scan_iter(match=f"{_RUN}*", count=_AT_ONCE)
        names = (key.removeprefix(_RUN) for key in keys)
        known = (one for one in names if self._may_be_in_span(one) and one not in pending)
        asked = (one for one in known if not self.reckoning.has(one))
        fields = "state", "finished_at", "spec", "recorded_by"
        for name, (state, finished, spec, writer) in run_fields(self.client, asked, *fields):
            if not self._is_unrecorded(state, finished, spec):
                continue
            if writer is None or writer in writers:
                message = f"{name} is {state} in Redis and has no record"
                findings.add(Kind.UNRECORDED, message, execution_id=name)
            else:
                message = f"{name} was recorded by {writer}, in another stream than this"
                findings.add(Kind.ELSEWHERE, message, execution_id=name)

    def _may_be_in_span(self, execution_id: str) -> bool:
        _, moment = occurrence_of(execution_id)
        return moment is None or self.account.since <= moment < self.account.until

    def _is_unrecorded(self, state: str | None, finished: str | None, spec: str | None) -> bool:
        if state not in FINAL_STATES or finished is None or spec is None:
            return False
        try:
            is_older = parse_instant(finished) < self.account.created - _MARGIN
            return is_older and self._is_in_span(orjson.loads(spec).get("scheduled_time"))
        except (ValueError, AttributeError):
            return True  # what no process of ours wrote

    def _check_tasks(self, changes: Path, findings: Findings) -> None:
        names, stored = {*self.registry.ids()}, {one.id: one for one in self.registry.definitions()}
        timetables = Timetables(self.account.since)
        for record in StreamReading(changes).records():
            timetables.take(record)
        pending: Any = self.client.hkeys(redis_keys.PENDING_RECORDS)
        late = {identity.rpartition(":")[2] for identity in pending if identity.startswith("change:")}
        for name in sorted({*timetables.tasks(), *names} - late):
            versions = timetables.versions(name)
            last = versions[-1] if versions else None
            problem = None
            if name not in names:
                problem = (
                    "is no longer in Redis, and its removal is not on record"
                    if last and last.exists
                    else None
                )
            elif last is None or not last.exists:
                problem = "is in Redis, and its registration is not on record"
            elif last.is_known and last.since < self.at and name in stored and _differ(stored[name], last):
                problem = "has another timetable in Redis than on record"
            if problem is not None:
                findings.add(Kind.DISAGREES, f"task {name} {problem}")

    def _check_anchors(self, known: KnownTime | None, findings: Findings) -> None:
        now, older = read_anchors(self.client), (self.account.created - _MARGIN).timestamp()
        forgotten = 0.0 if known is None else known.writers
        for writer, said in (
            pair for stream in self.account.anchors for pair in self.account.anchors_of(stream).items()
        ):
            found = now.get(writer)
            if found is not None and found.seq == said.seq and found.digest != said.digest:
                message = f"line {said.seq} of writer {writer} has another digest in Redis"
                findings.add(Kind.CHANGED, message)
            elif forgotten < said.last < older and (found is None or found.seq < said.seq):
                seen = 0 if found is None else found.seq
                message = (
                    f"Redis knows {seen} lines of writer {writer}, the account {said.seq}: it was rolled back"
                )
                findings.add(Kind.CUT_OFF, message)


def _differ(task: TaskDefinition, version: Version) -> bool:
    return (task.enabled, _given(task.schedule)) != (version.enabled, _given(version.rule()))


def _given(rule: ScheduleBase) -> dict[str, Any]:
    return {name: one for name, one in rule.model_dump(mode="json").items() if one is not None}
