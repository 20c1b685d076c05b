"""From when to when Redis failed what beat and workers wanted to do: stored once it answers again.

Guarantees: an outage that a process has lived through is stored. Not guaranteed: one in which the process
ended, or whose history a server lost with its data, and more than the last 1,000 of all processes.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any, Final

from redis import Redis

from mission_control.events.events import OUTAGES
from mission_control.events.outages import BREATH_SECONDS, Past
from mission_control.model.values.instants import format_instant, parse_instant
from mission_control.store import redis_keys

_MOST: Final = 1_000
_SHORT: Final = timedelta(seconds=0.5)
"""An outage so short delays nothing that is worth a reason."""

_BREATH: Final = timedelta(seconds=BREATH_SECONDS)


@dataclass(frozen=True, order=True)
class PastOutage:
    """Redis failed the requests of some processes, `kind` beat or worker, from a time until another one.

    `why` is how "Redis …" goes on, with the remedy after ": ".
    """

    kind: str
    why: str
    since: datetime
    until: datetime


def store_outages(client: Redis, kind: str, clock: Callable[[], datetime]) -> None:
    """Store the outages of this process that are over; `kind` is beat or worker."""
    for outage in OUTAGES.values():
        past = outage.past()
        if past and _may_go_on(past[-1]):
            past.pop()
        if not past:
            continue
        now = clock()
        times = [[now - timedelta(seconds=ago) for ago in (one.began_ago, one.ended_ago)] for one in past]
        found = [
            json.dumps([kind, one.why, format_instant(since), format_instant(until)])
            for one, (since, until) in zip(past, times, strict=True)
            if until - since >= _SHORT
        ]
        if found:
            with client.pipeline() as pipe:
                pipe.lpush(redis_keys.OUTAGES, *found)
                pipe.ltrim(redis_keys.OUTAGES, 0, _MOST - 1)
                pipe.execute()
        outage.forget(len(past))


def _may_go_on(one: Past) -> bool:
    """Return whether a short outage may yet turn out to be the beginning of a long one."""
    is_short = one.began_ago - one.ended_ago < _SHORT.total_seconds()
    return is_short and one.ended_ago < BREATH_SECONDS


def stored_outages(client: Redis, since: datetime, until: datetime) -> list[PastOutage]:
    """Return the outages between two times, those of beat first; those of several workers as one."""
    texts: Any = client.lrange(redis_keys.OUTAGES, 0, -1)
    found = [one for one in map(_parsed, texts) if one is not None]
    return [*_joined(one for one in found if one.since < until and one.until > since)]


def _parsed(text: str) -> PastOutage | None:
    try:
        kind, why, since, until = json.loads(text)
        return PastOutage(str(kind), str(why), parse_instant(since), parse_instant(until))
    except (ValueError, TypeError):  # another program has damaged it
        return None


def _joined(found: Iterable[PastOutage]) -> Iterator[PastOutage]:
    for _, some in groupby(sorted(found), key=lambda one: (one.kind, one.why)):
        yield from _without_breaths([*some])


def _without_breaths(found: Sequence[PastOutage]) -> Iterator[PastOutage]:
    last = found[0]
    for one in found[1:]:
        if one.since - last.until > _BREATH:
            yield last
            last = one
        else:
            last = replace(last, until=max(last.until, one.until))
    yield last
