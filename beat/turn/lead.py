"""Which of several beats leads: a lease in Redis, renewed by every turn of its holder.

The lease merely saves work. What keeps two beats from firing an occurrence twice is that the fire script
compares the stored due instant; what keeps a former leader from firing at all is that it asks for the
lease as well.
"""

import json
import time
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from redis import Redis

from mission_control.events import events
from mission_control.processes.heartbeats import LIFE_SECONDS, Common
from mission_control.store import redis_keys
from mission_control.store.lua_scripts import lua_script
from mission_control.store.redis_keys import RedBeatKeys

_KIND: Final = "beat"


class NotLeadingError(Exception):
    """Another beat leads; nothing was committed."""


@dataclass(frozen=True)
class Turn:
    """What a beat learns at the beginning of a turn; the instants, in Unix seconds, only if it leads.

    `is_first` says that this beat has not led since its last turn: others may have changed everything.
    """

    leads: bool
    next_due: float | None = None
    next_release: float | None = None
    is_first: bool = False
    has_outgoing: bool = False
    has_backfills: bool = False
    has_notices: bool = False
    next_downstream: float | None = None
    next_deadline: float | None = None
    has_alarms: bool = False
    has_overtaken: bool = False


class Lead:
    """This beat's claim to lead, and its heartbeat."""

    def __init__(
        self,
        client: Redis,
        name: str,
        lease: timedelta,
        redbeat_keys: RedBeatKeys,
        common: Common,
    ) -> None:
        self._schedule_key = redbeat_keys.schedule
        self._name = name
        self._lease_ms = int(lease.total_seconds() * 1000)
        self._take = lua_script(client, __package__, "lead")
        self._give_up = lua_script(client, __package__, "give_up_lead")
        self._announced = f'"common":{json.dumps(common)}'
        self._was_leading: bool | None = None

    def take(self) -> Turn:
        """Take or renew the lead, unless another beat has it, and look what is due next."""
        keys = [
            redis_keys.BEAT_LEADER,
            redis_keys.process(_KIND, self._name),
            self._schedule_key,
            redis_keys.PARKED,
            redis_keys.OUTBOX,
            redis_keys.BACKFILLS,
            redis_keys.NOTICES,
            redis_keys.INCIDENTS,
            redis_keys.NOTIFICATIONS,
            redis_keys.UPSTREAM_RUNS,
            redis_keys.DEADLINES,
            redis_keys.ALARMS,
            redis_keys.OVERTAKEN,
            redis_keys.PROCESS_NAMES,
        ]
        clock = f"{time.time():.3f}"
        announced = f'{self._announced},"clock":{clock}', f"{_KIND}:{self._name}", clock
        answer: Any = self._take(keys=keys, args=[self._name, self._lease_ms, LIFE_SECONDS, *announced])
        leads, due, release, is_first, has_outgoing, has_backfills, has_notices, *rest = answer
        upstream, deadline, has_alarms, has_overtaken = rest
        self._report(is_leading=bool(leads))
        return Turn(
            leads=bool(leads),
            next_due=_instant(due),
            next_release=_instant(release),
            is_first=bool(is_first),
            has_outgoing=bool(has_outgoing),
            has_backfills=bool(has_backfills),
            has_notices=bool(has_notices),
            next_downstream=_instant(upstream),
            next_deadline=_instant(deadline),
            has_alarms=bool(has_alarms),
            has_overtaken=bool(has_overtaken),
        )

    def give_up(self) -> None:
        """Give the lead up and wake the other beats, one of which takes it at once."""
        self._was_leading = None
        keys = [redis_keys.BEAT_LEADER, redis_keys.process(_KIND, self._name), redis_keys.PROCESS_NAMES]
        self._give_up(keys=keys, args=[self._name, redis_keys.WAKE_CHANNEL, f"{_KIND}:{self._name}"])

    def _report(self, *, is_leading: bool) -> None:
        if is_leading is not self._was_leading:
            (events.leading if is_leading else events.standing_by)(self._name)
        self._was_leading = is_leading


def _instant(text: str) -> float | None:
    return float(text) if text else None
