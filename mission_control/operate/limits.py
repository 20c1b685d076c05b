"""Who holds the slots of named limits, and who waits for what until when."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from redis import Redis

from mission_control.model.definitions.named_limit import NamedLimit
from mission_control.model.policies.limits import next_start
from mission_control.model.runs.run_record import RunRecord
from mission_control.model.values.instants import format_instant
from mission_control.model.values.quantities import counted
from mission_control.store import redis_keys

_WHATS: Final = ("slots", "waiting", "called", "booked", "rate")
_MOST_NAMED: Final = 5


@dataclass(frozen=True)
class Bucket:
    """How a limit stands, or one value of its `per`; `value` is None where there is none.

    `holders` are the runs that have slots, with how many; `waiting` are runs, the next first. A run may begin
    by the rate at `next_at`, None for now.
    """

    value: str | None
    holders: Mapping[str, int]
    waiting: list[str]
    next_at: datetime | None

    def to_json(self) -> dict[str, Any]:
        """Return it as a JSON object."""
        next_at = None if self.next_at is None else format_instant(self.next_at)
        return {
            "value": self.value,
            "holders": dict(self.holders),
            "waiting": self.waiting,
            "next_at": next_at,
        }


def buckets(client: Redis, limit: NamedLimit, now: datetime) -> list[Bucket]:
    """Return the buckets of a limit that are in use, in two round trips."""
    used: Any = client.zrange(redis_keys.LimitKeys(limit.name).of("values"), 0, -1)
    values = sorted(["-", *used])
    with client.pipeline() as pipe:
        for value in values:
            slots, waiting, called, booked, rate = map(redis_keys.LimitKeys(limit.name, value).of, _WHATS)
            pipe.hgetall(slots)
            for key in (called, waiting, booked):
                pipe.zrange(key, 0, -1)
            pipe.get(rate)
        found = pipe.execute()
    each = zip(
        values, (found[at : at + len(_WHATS)] for at in range(0, len(found), len(_WHATS))), strict=True
    )
    return [_bucket(limit, value, parts, now) for value, parts in each if any(parts)]


def _bucket(limit: NamedLimit, value: str, parts: Sequence[Any], now: datetime) -> Bucket:
    held, *queues, arrival = parts
    burst = 1 if limit.burst is None else limit.burst
    start = next_start(float(arrival or 0), now.timestamp(), interval=limit.interval, burst=burst, weight=1)
    return Bucket(
        value.removeprefix("=") if value.startswith("=") else None,
        {run: int(weight) for run, weight in held.items() if run not in {"", "@"}},
        [member.partition(":")[2] for queue in queues for member in queue],
        None if start <= now.timestamp() else datetime.fromtimestamp(start, UTC),
    )


def waits_in_words(client: Redis, run: RunRecord, limit: NamedLimit | None, now: datetime) -> str:
    """Say of a run that waits for a limit until when, or who holds its slots."""
    if run.limited_until is not None:
        return f"waits for limit {run.limited_by}, until {format_instant(run.limited_until)}"
    found = [] if limit is None else buckets(client, limit, now)
    mine = next((one for one in found if run.execution_id in one.waiting), None)
    holders = [] if mine is None else list(mine.holders)
    more = f" and {len(holders) - _MOST_NAMED} more" if len(holders) > _MOST_NAMED else ""
    held = f"; they are held by {', '.join(holders[:_MOST_NAMED])}{more}" if holders else ""
    return f"waits for slots of limit {run.limited_by}{held}"


def waiting_by_limit(runs: Iterable[RunRecord]) -> list[str]:
    """Say in a sentence for each limit how many of these runs wait for it, and which hold its slots.

    >>> waiting_by_limit([])
    []
    """
    known = list(runs)
    waiting = Counter(run.limited_by for run in known if run.limited_by is not None)
    return [
        f"{name}: {counted(count, 'run')} wait{'s' * (count == 1)}{_next(name, known)}"
        for name, count in waiting.items()
    ]


def _next(name: str, runs: Iterable[RunRecord]) -> str:
    times = [run.limited_until for run in runs if run.limited_by == name and run.limited_until is not None]
    holders = [
        run.execution_id
        for run in runs
        if run.started_at is not None and run.state == "running" and name in dict(run.limits or [])
    ]
    if times:
        return f", the next until {format_instant(min(times))}"
    return f" for slots, held by {', '.join(holders[:_MOST_NAMED])}" if holders else " for slots"
