"""The answer to why: what became, or becomes, of a run or an occurrence, with every cause."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from mission_control.model.values.instants import format_instant


class Verdict(StrEnum):
    """What became, or becomes, of a run or an occurrence."""

    RAN = "ran"
    FAILED = "failed"
    RUNNING = "running"
    WAITING = "waiting"
    TO_COME = "to_come"
    NOT_DUE = "not_due"
    SKIPPED = "skipped"  # on purpose: a person or a policy decided so
    LOST = "lost"  # it should have run, and did not
    UNKNOWN = "unknown"


class Source(StrEnum):
    """Where a finding comes from."""

    STORED = "stored"
    RECOMPUTED = "recomputed"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Finding:
    """One cause: `code` is a stable name, `remedy` a command or what else to do.

    `verdict` is what it makes of the run if it decides; None for what only contributes.
    """

    code: str
    words: str
    verdict: Verdict | None = None
    remedy: str | None = None
    source: Source = Source.STORED


@dataclass(frozen=True, slots=True)
class Explanation:
    """What became, or becomes, of a run or an occurrence; the first of `findings` decided.

    `scheduled_time` is None where there is none. `is_ahead`: the occurrence is yet to come. `following`
    explains the next occurrence of the task.
    """

    task_id: str
    execution_id: str | None
    scheduled_time: datetime | None
    verdict: Verdict
    findings: tuple[Finding, ...]
    is_ahead: bool = False
    following: Explanation | None = None

    def to_json(self) -> dict[str, Any]:
        """Return it as a JSON object; instants are UTC."""
        return {
            "task_id": self.task_id,
            "execution_id": self.execution_id,
            "scheduled_time": None if self.scheduled_time is None else format_instant(self.scheduled_time),
            "verdict": self.verdict,
            "findings": [{"decides": at == 0, **asdict(one)} for at, one in enumerate(self.findings)],
            "next": None if self.following is None else self.following.to_json(),
        }
