"""What became of past occurrences: the ledger says, and the audit stream where the ledger forgets."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from redis import Redis

from mission_control.audit.stream.chain import KnownTime
from mission_control.audit.stream.reader import RecordFilter, read_all
from mission_control.model.values.identifiers import backfill_execution_ids
from mission_control.model.values.instants import parse_instant
from mission_control.store import redis_keys

_ANY_TIME: Final = RecordFilter(since=datetime(1970, 1, 1, tzinfo=UTC))  # it has a readable timestamp


@dataclass(frozen=True)
class Past:
    """For each occurrence the state of its last run, None for none, and the id that its next run may have.

    Neither ledger nor audit stream says what ran before `unknown_before`; None if all is known.
    """

    states: Mapping[datetime, str | None]
    free_ids: Mapping[datetime, str]
    unknown_before: datetime | None


@dataclass(frozen=True)
class PastRuns:
    """Asks about past occurrences; `audit_path` is the audit stream of runs."""

    client: Redis
    audit_path: Path

    def of(self, task_id: str, times: Sequence[datetime], *, since: datetime, now: datetime) -> Past:
        """Return what is known of the runs of some occurrences, all of them at or after `since`."""
        recorded, unknown_before = self._recorded(task_id, since, now)
        ids = {moment: backfill_execution_ids(task_id, moment) for moment in times}
        states: dict[datetime, str | None] = dict.fromkeys(times)
        asked, free = {moment: next(names) for moment, names in ids.items()}, dict[datetime, str]()
        while asked:
            found = self._states(asked.values())
            again = {}
            for (moment, name), state in zip(asked.items(), found, strict=True):
                if (known := recorded.get(name) if state is None else state) is None:
                    free[moment] = name
                else:
                    states[moment], again[moment] = known, next(ids[moment])
            asked = again
        return Past(states, free, unknown_before)

    def _states(self, execution_ids: Iterable[str]) -> list[str | None]:
        with self.client.pipeline(transaction=False) as pipe:
            for name in execution_ids:
                pipe.hget(redis_keys.run(name), "state")
            return pipe.execute()

    def _recorded(
        self, task_id: str, since: datetime, now: datetime
    ) -> tuple[Mapping[str, str], datetime | None]:
        """Return how runs ended that the ledger may have forgotten, and before when that is not known."""
        known = KnownTime.read(self.client)
        if known is not None and known.of_task(task_id) <= since.timestamp():
            return {}, None
        wanted = RecordFilter(task_id=task_id, is_final=True, since=since)
        found = {one.get("execution_id"): one["status"] for one in read_all(self.audit_path, wanted=wanted)}
        oldest = next((_moment(one) for one in read_all(self.audit_path, wanted=_ANY_TIME)), now)
        return {str(name): str(state) for name, state in found.items()}, oldest if oldest > since else None


def _moment(record: Mapping[str, Any]) -> datetime:
    return parse_instant(record["timestamp"])
