"""The table of checks, and what they find: a pure function of the evidence."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, NamedTuple

from mission_control.operate.doctor.evidence import Evidence
from mission_control.operate.doctor.process_checks import PLACE_CHECKS, PROCESS_CHECKS
from mission_control.operate.doctor.redis_checks import REDIS_CHECKS, unreachable
from mission_control.operate.doctor.task_checks import TASK_CHECKS
from mission_control.operate.doctor.task_lints import LINTS, Timetable, timetable_of
from mission_control.operate.issue import Issue

MOST_NAMED: Final = 100
"""So many names at most are in a list of the evidence."""

_COMMAND: Final = re.compile("`([^`]+)`")


class Severity(StrEnum):
    """How bad a finding is, the worst first."""

    ERROR = "error"  # work is not done, or not as it should be
    WARNING = "warning"  # work is done, and something may end that
    LINT = "lint"  # a definition that does not do what it seems to


class Code(NamedTuple):
    """What all findings of a code have in common."""

    severity: Severity
    meaning: str


CODES: Final = {
    "no_installation": Code(Severity.ERROR, "nothing was ever started in the data directory"),
    "redis_unreachable": Code(Severity.ERROR, "Redis does not answer, or refuses this user"),
    "redis_refuses": Code(Severity.ERROR, "Redis takes no writes: it is full, a replica, or cannot save"),
    "redis_evicts": Code(
        Severity.ERROR, "Redis deletes keys when its memory runs out, so beat refuses to run"
    ),
    "no_broker": Code(Severity.ERROR, "the broker of `MISSION_CONTROL_BROKER_URL` cannot be reached"),
    "wrong_key": Code(Severity.ERROR, "another program has overwritten a key with another type"),
    "no_beat": Code(Severity.ERROR, "no beat runs"),
    "no_leader": Code(Severity.ERROR, "beats run, and none leads"),
    "overdue": Code(Severity.ERROR, "occurrences fell due over a minute ago and have no run"),
    "unserved_queue": Code(Severity.ERROR, "no worker serves a queue that tasks or runs use"),
    "missing_handler": Code(Severity.ERROR, "no worker of the queue has a handler that tasks or runs use"),
    "broken_handler": Code(Severity.ERROR, "a worker cannot import a handler"),
    "missing_upstream": Code(Severity.ERROR, "a task comes after a task that does not exist"),
    "quarantined_task": Code(Severity.ERROR, "beat cannot fire a task"),
    "quarantined_entry": Code(Severity.ERROR, "beat cannot fire a RedBeat entry"),
    "quarantined_records": Code(Severity.ERROR, "audit records cannot be read, and are not in the stream"),
    "clock_skew": Code(
        Severity.ERROR, "the clock of a machine differs from that of Redis by 5 seconds or more"
    ),
    "unsafe_path": Code(
        Severity.ERROR,
        "another user could change the data directory, an audit stream, handlers or the task file",
    ),
    "unwritable_path": Code(Severity.ERROR, "this user may not write into the data directory"),
    "task_file": Code(Severity.ERROR, "the task file cannot be read, or a definition in it is wrong"),
    "stopped_worker": Code(Severity.WARNING, "a worker stopped with runs in hand"),
    "silent_process": Code(Severity.WARNING, "a beat or worker has just stopped answering"),
    "changed_worker": Code(Severity.WARNING, "remote control has changed a worker"),
    "handler_versions": Code(Severity.WARNING, "workers have different versions of a handler"),
    "long_queue": Code(Severity.WARNING, "messages wait for more than 5 minutes"),
    "setting_differs": Code(Severity.WARNING, "processes disagree on a setting that they must share"),
    "redis_open": Code(Severity.WARNING, "Redis or the broker asks for no password, and others can reach it"),
    "redis_forgets": Code(
        Severity.WARNING, "Redis has no append-only file, and forgets runs when it restarts"
    ),
    "redis_memory": Code(Severity.WARNING, "Redis uses 90 % or more of its maxmemory"),
    "redis_slow": Code(Severity.WARNING, "Redis takes 20 ms or more to answer"),
    "redis_old": Code(Severity.WARNING, "Redis is older than 7.0"),
    "flower_open": Code(Severity.WARNING, "a Flower on this machine asks for no password"),
    "disk_space": Code(Severity.WARNING, "less than 500 MB are free where the data directory is"),
    "old_zone_data": Code(
        Severity.WARNING, "the time zone data is old, or older than that of the package tzdata"
    ),
    "pending_records": Code(Severity.WARNING, "audit records wait to be written for longer than 10 seconds"),
    "file_differs": Code(Severity.WARNING, "tasks differ from the task file"),
    "no_channel": Code(Severity.LINT, "failures are sent to no channel"),
    "skip_without_timeout": Code(
        Severity.LINT, "overlap is `skip` and there is no time limit: a run that hangs ends all others"
    ),
    "retries_outlast_period": Code(
        Severity.LINT, "the retries of a failing run take longer than the time to the next occurrence"
    ),
    "rate_below_demand": Code(Severity.LINT, "a limit's rate is below what its tasks are due"),
    "busy_minute": Code(Severity.LINT, "1,000 occurrences or more are due in one minute"),
    "unbounded_agent": Code(Severity.LINT, "a task of an agent has no end, or no budget"),
}


_ORDER: Final = list(Severity)


@dataclass(frozen=True)
class Diagnosis:
    """What was found, the worst first, and what was not checked."""

    findings: tuple[Issue, ...]
    unchecked: tuple[str, ...] = ()

    def count(self, severity: Severity) -> int:
        """Return how many findings are of a severity."""
        return Counter(map(severity_of, self.findings))[severity]

    def to_json(self) -> dict[str, Any]:
        """Return it as a JSON object."""
        return {
            "ok": not self.count(Severity.ERROR),
            **{f"{one}s": self.count(one) for one in Severity},
            "findings": [_finding_json(one) for one in self.findings],
            "unchecked": list(self.unchecked),
        }


def diagnose(evidence: Evidence) -> Diagnosis:
    """Return what is wrong, or will be."""
    service = evidence.service
    found = [one for check in PLACE_CHECKS for one in check(evidence.place)]
    if evidence.unreachable is not None:
        found += unreachable(evidence.unreachable)
    if service is None:
        return Diagnosis(_sorted(found), ("Redis, processes and tasks: Redis was not asked",))
    timetable = timetable_of(service.tasks, evidence.place.now)
    found += service.issues
    found += (one for check in (*PROCESS_CHECKS, *REDIS_CHECKS, *TASK_CHECKS) for one in check(service))
    found += (one for lint in LINTS for one in lint(service, timetable))
    return Diagnosis(_sorted(found), _unchecked(timetable))


def severity_of(finding: Issue) -> Severity:
    """Return how bad a finding is."""
    return CODES[finding.kind].severity


def _sorted(found: list[Issue]) -> tuple[Issue, ...]:
    return tuple(sorted(found, key=lambda one: _ORDER.index(severity_of(one))))


def _unchecked(timetable: Timetable) -> tuple[str, ...]:
    if timetable.left_out:
        return (f"when {timetable.left_out:,} tasks are due: there are too many",)
    return ()


def _finding_json(one: Issue) -> dict[str, Any]:
    command = _COMMAND.search(one.remedy)
    return {
        "code": one.kind,
        "severity": severity_of(one),
        "problem": one.problem,
        "evidence": {name: _bounded(value) for name, value in one.evidence.items()},
        "remedy": one.remedy,
        "command": None if command is None else command[1],
    }


def _bounded(value: Any) -> Any:  # noqa: ANN401  # JSON values
    return list(value[:MOST_NAMED]) if isinstance(value, list | tuple) else value
