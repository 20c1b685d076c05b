"""The last events, in a Redis stream that all web servers share; one of them at a time adds to it.

Their numbers have no holes, so that a reader sees whether events are missing. An event is noticed within
a second, by looking at the ledger's lists and at what each edit leaves, which costs beat and workers nothing.
It may come twice if the server that adds them is replaced. While no one listens none is added; what has
happened since then is caught up on: the last `MOST_KEPT` ends of runs, runs that are active, and edits. A
`gap` stands for edits that have been trimmed.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import chain
from typing import Any, Final, cast

from redis import Redis, WatchError

from mission_control.model.values.identifiers import task_of_run
from mission_control.store import redis_keys

MOST_KEPT: Final = 10_000
_AT_ONCE: Final = 500
_EDITS_AT_ONCE: Final = 50
"""How many steps are read in one look; each may have edited a hundred tasks."""
_OVERLAP_SECONDS: Final = 5.0
"""How much of what was seen is looked at again: clocks of processes differ."""
_LEAD_SECONDS: Final = 5


@dataclass(frozen=True, slots=True)
class Event:
    """What happened: `kind` is run, gap, or that of an edit, `data` a JSON object."""

    number: int
    kind: str
    data: str


class EventLog:
    """The events of an installation, as one web server called `name` sees them."""

    def __init__(self, client: Redis, name: str) -> None:
        self._client = client
        self._name = name
        self._ended: dict[str, float] = {}
        self._sent: dict[str, float] = {}
        self._running: set[str] | None = None
        self._edits: str | None = None
        self._upto: float | None = None

    def ends(self) -> tuple[int, int]:
        """Return the numbers of the first and the last event that is kept; 1 and 0 if there is none."""
        first = cast("Any", self._client.xrange(redis_keys.WEB_EVENTS, count=1))
        last = cast("Any", self._client.xrevrange(redis_keys.WEB_EVENTS, count=1))
        return (_number(first[0][0]), _number(last[0][0])) if first and last else (1, 0)

    def after(self, number: int) -> list[Event]:
        """Return the next events after a number."""
        found = cast("Any", self._client.xrange(redis_keys.WEB_EVENTS, f"({number}-0", count=_AT_ONCE))
        return [Event(_number(name), one["kind"], one["data"]) for name, one in found]

    def notice(self) -> None:
        """Add what has happened since the last time, if this server is the one that does."""
        if not self._leads():
            self._forget()
            self._edits = None
            return
        last = cast("Any", self._client.xrevrange(redis_keys.WEB_EVENTS, count=1))
        number = _number(last[0][0]) if last else 0
        now = cast("Any", self._client.time())
        moment = now[0] + now[1] / 1e6
        since = self._upto if self._upto is not None else float(last[0][1]["upto"]) if last else moment
        sent = self._new(redis_keys.ACTIVE_RUNS, self._sent, since)
        ended = self._new(redis_keys.FINISHED_RUNS, self._ended, since)
        self._upto = max(self._ended.values()) if len(self._ended) == MOST_KEPT else moment
        ids = [*sent, *self._started(catches_up=bool(last)), *ended]
        self._edits = self._edits or (last and last[0][1].get("edits")) or self._last_edit()
        edited, upto = self._edited(self._edits, number)
        is_added = False
        try:
            is_added = self._add(number, self._upto, [*self._shown(ids), *edited], edits=upto)
        finally:
            if is_added:
                self._edits = upto
            else:
                self._forget()

    def _forget(self) -> None:
        """Catch up on what has happened since the last event, with the next look."""
        self._running = self._upto = None
        self._sent.clear()
        self._ended.clear()

    def _leads(self) -> bool:
        key = redis_keys.WEB_EVENTS_LEAD
        if self._client.set(key, self._name, nx=True, ex=_LEAD_SECONDS):
            return True
        is_mine = self._client.get(key) == self._name
        if is_mine:
            self._client.expire(key, _LEAD_SECONDS)
        return is_mine

    def _new(self, key: str, seen: dict[str, float], upto: float) -> list[str]:
        """Return the runs of a list that were not seen, and forget those that are too old to come again."""
        span: dict[str, Any] = {"byscore": True, "withscores": True, "offset": 0, "num": MOST_KEPT}
        found = cast("Any", self._client.zrange(key, upto - _OVERLAP_SECONDS, "+inf", **span))
        new = [name for name, _ in found if name not in seen]
        seen.clear()
        seen.update(found)
        return new

    def _started(self, *, catches_up: bool) -> Iterable[str]:
        running = set(cast("list[str]", self._client.zrange(redis_keys.LEASES, 0, -1)))
        before, self._running = self._running, running
        return sorted(running - (before or set())) if before is not None or catches_up else ()

    def _shown(self, execution_ids: Iterable[str]) -> list[tuple[str, dict[str, Any]]]:
        ids = list(dict.fromkeys(execution_ids))
        with self._client.pipeline(transaction=False) as pipe:
            for name in ids:
                pipe.hget(redis_keys.run(name), "state")
            states = pipe.execute() if ids else []
        found = zip(ids, states, strict=True)
        return [
            ("run", {"execution_id": name, "task_id": task_of_run(name), "state": state})
            for name, state in found
        ]

    def _last_edit(self) -> str:
        """Return the name of the last edits that are kept; if there are none, of an entry made for this."""
        last = cast("Any", self._client.xrevrange(redis_keys.EDITS, count=1))
        return str(last[0][0] if last else self._client.xadd(redis_keys.EDITS, {"edits": "[]"}))

    def _edited(self, seen: str, number: int) -> tuple[list[tuple[str, dict[str, Any]]], str]:
        """Return the next edits and the name of the last; a gap if what was seen last is no longer kept."""
        found = cast("Any", self._client.xrange(redis_keys.EDITS, seen, count=_EDITS_AT_ONCE))
        gap = [("gap", {"after": number, "upto": number + 1})]
        edits = [gap, *(_edits_in(fields) or gap for _, fields in found)]
        if found and found[0][0] == seen:
            edits = edits[2:]
        return [*chain.from_iterable(edits)], found[-1][0] if found else self._last_edit()

    def _add(
        self, number: int, upto: float, events: list[tuple[str, dict[str, Any]]], *, edits: str = ""
    ) -> bool:
        """Add all events after a number or none; False if another server has added some."""
        if not events:
            return True
        with self._client.pipeline() as pipe:
            cast("Any", pipe).watch(redis_keys.WEB_EVENTS)
            last = cast("Any", pipe.xrevrange(redis_keys.WEB_EVENTS, count=1))
            pipe.multi()
            for at, (kind, data) in enumerate(events, number + 1):
                fields: Any = {"kind": kind, "data": json.dumps(data), "upto": repr(upto), "edits": edits}
                pipe.xadd(redis_keys.WEB_EVENTS, fields, id=f"{at}-0", maxlen=MOST_KEPT, approximate=False)
            try:
                return (_number(last[0][0]) if last else 0) == number and bool(pipe.execute())
            except WatchError:
                return False


def _edits_in(fields: Mapping[str, str]) -> list[tuple[str, dict[str, Any]]]:
    """Return the edits of one step; none if another program has damaged them."""
    try:
        return [(str(one.pop("kind")), one) for one in json.loads(fields["edits"])]
    except (ValueError, TypeError, LookupError, AttributeError):
        return []


def _number(name: str) -> int:
    return int(name.partition("-")[0])
