"""The table of checks, and what they find: a pure function of the evidence."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from typing import Any, Final

from mission_control.operate.doctor.codes import CODES, Severity
from mission_control.operate.doctor.evidence import Evidence
from mission_control.operate.doctor.place_checks import PLACE_CHECKS
from mission_control.operate.doctor.process_checks import PROCESS_CHECKS
from mission_control.operate.doctor.redis_checks import REDIS_CHECKS, unreachable
from mission_control.operate.doctor.task_checks import TASK_CHECKS
from mission_control.operate.doctor.task_lints import LINTS
from mission_control.operate.doctor.timetable import Timetable, timetable_of
from mission_control.operate.issue import Issue

MOST_NAMED: Final = 100
"""So many names at most are in a list of the evidence."""

_ORDER: Final = list(Severity)
_COMMAND: Final = re.compile("`([^`]+)`")


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
