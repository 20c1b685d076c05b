"""What a heartbeat says: what is wrong with the installation, and the account of the last minutes."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from redis import Redis

from mission_control.model.values.quantities import counted
from mission_control.notifications.alarms import open_alarms
from mission_control.operate.account.recent import recent_balance
from mission_control.operate.overdue import OVERDUE_AFTER, overdue
from mission_control.processes.heartbeats import live_processes
from mission_control.registry.pauses import read_pauses
from mission_control.registry.registry import Registry
from mission_control.store import redis_keys
from mission_control.store.redis_keys import RedBeatKeys

TASKS_AT_ONCE: Final = 500
"""Of how many tasks a report has the account; of more tasks the next ones have theirs in the next report."""

_FIRST_SPAN: Final = timedelta(minutes=10)  # another beat may have stopped in the midst of a minute
_LONGEST_SPAN: Final = timedelta(days=1)
_NAMED: Final = 5
_MOST_REMEMBERED: Final = 1_000


@dataclass
class HeartbeatReport:
    """Takes the account of all tasks in turn, and remembers what it found unexplained until it has a run."""

    client: Redis
    registry: Callable[[], Registry]
    keys: RedBeatKeys
    clock: Callable[[], datetime]
    _slice: int = field(default=0, init=False)
    _accounted_until: dict[int, datetime] = field(default_factory=dict, init=False)
    _unexplained: dict[str, datetime] = field(default_factory=dict, init=False)

    def __call__(self) -> tuple[list[str], str]:
        """Return what is wrong, nothing if all is well, and the account.

        Raises:
            RedisError: Redis cannot be asked.
        """
        now, registry = self.clock(), self.registry()
        account = self._account(registry, now)
        late = overdue(self.client, registry, self.keys, now)
        problems = [f"{name}: {alarm.text}" for name, alarm in open_alarms(self.client).items()]
        if not any(one.kind == "worker" for one in live_processes(self.client)):
            problems.append("no worker is alive")
        if quarantined := self.client.hlen(redis_keys.BEAT_QUARANTINE):
            problems.append(f"quarantined: {quarantined}")
        if late:
            problems.append(f"overdue: {_named(late)}")
        if self._unexplained:
            problems.append(f"unexplained: {_named(list(self._unexplained))}")
        return problems, account

    def _account(self, registry: Registry, now: datetime) -> str:
        ids = registry.ids()
        slices = max(1, -(-len(ids) // TASKS_AT_ONCE))
        at = self._slice = (self._slice + 1) % slices
        some = ids[at * TASKS_AT_ONCE : (at + 1) * TASKS_AT_ONCE]
        until = now.replace(microsecond=0) - OVERDUE_AFTER
        since = max(self._accounted_until.get(at, until - _FIRST_SPAN), until - _LONGEST_SPAN)
        moved = [one.execution_id for one in read_pauses(self.client).changed]
        account = recent_balance(self.client, registry.some(some), since, until, put_off=moved)
        self._accounted_until[at] = until
        self._remember(account.unexplained, now)
        of = "" if slices == 1 else f" ({counted(len(some), 'task')} of {len(ids):,})"
        return f"{account.words()}{of}"

    def _remember(self, found: Sequence[str], now: datetime) -> None:
        self._unexplained |= dict.fromkeys(found[: _MOST_REMEMBERED - len(self._unexplained)], now)
        with self.client.pipeline(transaction=False) as pipe:
            for one in self._unexplained:
                pipe.exists(redis_keys.run(one))
            explained = pipe.execute()
        self._unexplained = {
            one: since
            for (one, since), has_run in zip(self._unexplained.items(), explained, strict=True)
            if not has_run and now - since < _LONGEST_SPAN
        }


def _named(names: Sequence[str]) -> str:
    more = len(names) - _NAMED
    return ", ".join(names[:_NAMED]) + (f" and {more} more" if more > 0 else "")
