"""What holders of grants read, and what is refused them: recorded once in a span, and counted until its end.

Guarantees: the first of its kind in a span is recorded at once; how often it was, if more than once, is
recorded by beat after the span. A holder leaves records of `_MOST_KINDS` kinds a span, however it varies what
it asks for; further ones are counted together. Not guaranteed: that a count is recorded only once, if beat is
killed then.
"""

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, Final

from redis import Redis

from mission_control.audit.stream.log import AuditLog
from mission_control.model.values.instants import format_instant, from_unix
from mission_control.registry.change_log import ChangeLog
from mission_control.store import redis_keys
from mission_control.store.lua_scripts import lua_script

SPANS: Final = {"used": timedelta(hours=1), "refused": timedelta(minutes=1)}
_MOST_KINDS: Final = 20
_OTHER: Final = "of more kinds than are recorded one by one"


class GrantUses:
    """Records the uses of grants that change nothing, and refusals, in the stream of changes."""

    def __init__(self, client: Redis, records: AuditLog, clock: Callable[[], datetime]) -> None:
        self._client = client
        self._records = records
        self._clock = clock
        self._count = lua_script(client, __package__, "count_use")

    def note(self, owner: str, change: str, task_id: str, what: str) -> None:
        """Count a use; record it if it is the first of its kind in its span."""
        now, seconds = self._clock(), SPANS[change].total_seconds()
        end = int(now.timestamp() // seconds * seconds + seconds)
        fields = ([change, owner, *kind, end] for kind in ((task_id, what), ("*", _OTHER), ("", "")))
        use, other, kinds = (json.dumps(one) for one in fields)
        answer: Any = self._count(keys=[redis_keys.GRANT_USES], args=[use, other, kinds, _MOST_KINDS])
        counted, count = answer
        if count == 1:
            _, _, task_id, what, _ = json.loads(counted)
            self._record(owner, change, task_id, what, now)

    def record_over(self) -> int:
        """Record how often each use was whose span is over; return how many records that were."""
        now, recorded = self._clock(), 0
        found: Any = self._client.hgetall(redis_keys.GRANT_USES)
        for use, count in found.items():
            change, owner, task_id, what, end = _parsed(use)
            if end > now.timestamp():
                continue
            if what and int(count) > 1:
                since = from_unix(end) - SPANS[change]
                span = f"from {format_instant(since)} to {format_instant(from_unix(end))}"
                self._record(owner, change, task_id, f"{count} times {span}: {what}", now)
                recorded += 1
            self._client.hdel(redis_keys.GRANT_USES, use)
        return recorded

    def _record(self, owner: str, change: str, task_id: str, what: str, at: datetime) -> None:
        ChangeLog(self._records, actor=owner).record(task_id, change, {}, {}, reason=what, at=at)


def _parsed(use: str) -> tuple[str, str, str, str, int]:
    try:
        change, owner, task_id, what, end = json.loads(use)
        return change, owner, task_id, what, int(end)
    except (ValueError, TypeError):  # another program has damaged it
        return "refused", "", "", "", 0
