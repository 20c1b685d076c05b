"""Reads what is on record of a stretch: the ledger, the revisions of tasks, and the stream of changes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import chain, islice
from pathlib import Path
from typing import Final

from redis import Redis

from mission_control.audit.stream.chain import KnownTime
from mission_control.audit.stream.reader import RecordFilter, read_all
from mission_control.errors import InvalidTaskError
from mission_control.ledger.run_reader import RunReader
from mission_control.model.definitions.named_budget import Budget
from mission_control.model.definitions.task import TaskDefinition
from mission_control.model.runs.run_record import RunRecord
from mission_control.operate.simulation.recorded import Recorded
from mission_control.registry.named_resources import read_resources
from mission_control.registry.registry import Registry
from mission_control.store import redis_keys

MOST_RUNS: Final = 200_000
"""How many runs are read at most: those that ended last."""

_BEFORE: Final = timedelta(days=1)
"""How long before the stretch runs are looked at: they may be in the way, or have used up a budget."""
_FIRST: Final = datetime(1970, 1, 2, tzinfo=UTC)


@dataclass(frozen=True)
class Recording:
    """Asks the parts of an installation; writes nothing."""

    client: Redis
    registry: Registry
    ledger: RunReader
    changes_log: Path

    def of(self, since: datetime, until: datetime) -> Recorded:
        """Return what is on record from one moment up to another."""
        known_from = max(since, _FIRST) - _BEFORE
        ended = islice(self.ledger.ended(known_from), MOST_RUNS)
        runs = [run for run in chain(self.ledger.all_active(), ended) if run.dispatched_at < until]
        changes = read_all(self.changes_log, wanted=RecordFilter(since=_FIRST - _BEFORE, until=until))
        return Recorded(
            since=since,
            until=until,
            known_from=known_from,
            runs=list({run.execution_id: run for run in runs}.values()),
            definitions=self._definitions(runs),
            changes=list(changes),
            budgets=read_resources(self.client, redis_keys.BUDGETS, Budget),
        )

    def forgotten(self, recorded: Recorded) -> datetime | None:
        """Return up to when runs of the stretch are no longer kept; None if all of them are."""
        known = KnownTime.read(self.client)
        names = {run.task_id for run in recorded.runs}
        if known is None:
            return None
        until = max([known.runs, *(known.of_task(name) for name in names)])
        return datetime.fromtimestamp(until, UTC) if until > recorded.since.timestamp() else None

    def _definitions(self, runs: Iterable[RunRecord]) -> dict[tuple[str, int | None], TaskDefinition]:
        """Return the definitions by which runs were decided about, as far as they are kept."""
        wanted: dict[str, set[int]] = {}
        for run in runs:
            if run.revision is not None:
                wanted.setdefault(run.task_id, set()).add(run.revision)
        found: dict[tuple[str, int | None], TaskDefinition] = {}
        for task_id, revisions in wanted.items():
            for one in self.registry.revisions(task_id):
                revision = one.get("metadata", {}).get("revision")
                if revision in revisions:
                    try:
                        found[task_id, revision] = self.registry.check.parse_stored(one)
                    except InvalidTaskError:  # the rules for definitions have changed since
                        continue
        return found
