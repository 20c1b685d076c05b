"""The run that writes a briefing: where the period that it reports begins, and its file."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any, Final, Self
from zoneinfo import ZoneInfo

from filelock import FileLock

from mission_control.ledger.ledger import Ledger
from mission_control.model.runs.run_record import RunRecord
from mission_control.model.runs.run_state import RunState
from mission_control.model.values.zones import zone
from mission_control.safe_paths.own_files import open_own, own_folder, replace_file

_DAY: Final = timedelta(days=1)
_MOST_RUNS_SEARCHED: Final = 50
_LOCK_SECONDS: Final = 30
_TAIL_BYTES: Final = 1_024


@dataclass(frozen=True)
class Occasion:
    """The run that writes a briefing; its scheduled time is the briefing's "now", in UTC."""

    task_id: str
    execution_id: str
    now: datetime
    zone: ZoneInfo

    @classmethod
    def of(cls, context: Mapping[str, Any], timezone: str | None, default_timezone: str) -> Self:
        """Read the occasion from a handler's context."""
        now = context["scheduled_time"].astimezone(UTC)
        return cls(
            context["task_id"],
            context["execution_id"],
            now,
            zone(default_timezone if timezone is None else timezone),
        )

    @property
    def today(self) -> date:
        """The local day."""
        return self.now.astimezone(self.zone).date()


def last_briefing(ledger: Ledger, occasion: Occasion) -> RunRecord | None:
    """Return the latest other successful run of the briefing's own task."""
    runs = ledger.runs_of(occasion.task_id, limit=_MOST_RUNS_SEARCHED)
    others = (run for run in runs if run.execution_id != occasion.execution_id)
    done = (run for run in others if run.state is RunState.SUCCESS)
    return max(done, key=lambda run: run.scheduled_time, default=None)


def since_last_briefing(last: RunRecord | None, context: Mapping[str, Any], now: datetime) -> datetime:
    """Return the start of the last briefing's run, so that what ended while it was written counts as new.

    Without an earlier briefing, or with one that is later than `now` (a backfill): 24 hours before `now`.
    """
    began = last.started_at if last is not None else None
    since = began if began is not None else context.get("last_success_time")
    return since if since is not None and since < now else now - _DAY


def write_briefing(directory: Path, stem: str, text: str, execution_id: str) -> Path:
    """Write a briefing as `<stem>.md` and return its absolute path.

    Guarantees: the file is complete or absent; a retry of a run overwrites only that run's file; if
    another run's file has the name, `<stem>-2.md`, `<stem>-3.md`, … is used.

    Raises:
        OSError: nothing was written.
    """
    signature = f"---\n\nWritten by the run `{execution_id}`.\n"
    own_folder(directory)
    directory = directory.resolve()
    with FileLock(directory / ".lock", timeout=_LOCK_SECONDS, mode=0o600):
        candidates = (directory / f"{stem}{'' if n == 1 else f'-{n}'}.md" for n in count(1))
        path = next(one for one in candidates if not one.exists() or _ends_with(signature, one))
        replace_file(path, f"{text}\n{signature}".encode())
    return path


def _ends_with(signature: str, path: Path) -> bool:
    try:
        with open(path, "rb", opener=open_own) as file:
            file.seek(-min(_TAIL_BYTES, path.stat().st_size), 2)
            tail = file.read(_TAIL_BYTES).decode("utf-8", errors="replace")
    except OSError:  # something else has the name
        return False
    return tail.rstrip().endswith(signature.rstrip())
