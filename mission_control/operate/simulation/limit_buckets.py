"""Named limits in a simulation: who has slots, who waits for them in turn, and when a rate lets a run begin.

The decisions are those of `model/policies/limits.py`; the order in which they are asked is that of
`ledger/scripts/limits.lua`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from heapq import heappop, heappush
from itertools import count
from typing import Any

from mission_control.model.definitions.named_limit import NamedLimit
from mission_control.model.policies.limits import arrival_after, fits, next_start, next_turn
from mission_control.operate.simulation.simulated_run import SimulatedRun

_ALL = "-"


class Bucket:
    """A limit, or one value of its `per`. `booked` is the arrival time after all that wait for the rate."""

    __slots__ = ("arrival", "booked", "called", "limit", "turn", "turns", "used", "waiting")

    def __init__(self, limit: NamedLimit, arrival: float) -> None:
        self.limit = limit
        self.arrival = self.booked = arrival
        self.used = self.called = 0
        self.turn = 0.0
        self.turns: dict[str, float] = {}
        self.waiting: list[tuple[float, int, SimulatedRun, int]] = []

    def lacks_slots(self, run: SimulatedRun, weight: int) -> bool:
        """Return whether a run must wait for slots: there are too few, or others wait for them."""
        concurrency = self.limit.concurrency
        if concurrency is None:
            return False
        is_called = run.is_called and run.place is self
        called = self.called - (min(weight, concurrency) if is_called else 0)
        is_behind = bool(self.waiting) and not is_called
        return is_behind or not fits(concurrency, used=self.used, called=called, weight=weight)

    def start(self, run: SimulatedRun, weight: int, now: float) -> float:
        """Return when a run may begin by the rate; one that has waited for it need not wait for others."""
        interval = self.limit.interval
        if not interval and self.arrival <= now:
            return now
        after = self.arrival if run.place is self else max(self.arrival, self.booked)
        return next_start(after, now, interval=interval, burst=self._burst, weight=weight)

    def book(self, start: float, weight: int) -> None:
        """Note that a run will begin at `start`."""
        self.booked = start + max(self._burst, weight) * self.limit.interval

    @property
    def _burst(self) -> int:
        return 1 if self.limit.burst is None else self.limit.burst


class LimitBuckets:
    """The buckets of all limits."""

    def __init__(self, limits: Mapping[str, NamedLimit], arrivals: Mapping[tuple[str, str], float]) -> None:
        self._limits = limits
        self._arrivals = arrivals
        self._buckets: dict[tuple[str, str], Bucket] = {}
        self._order = count()

    def admit(self, run: SimulatedRun, now: float) -> tuple[Bucket, float | None] | None:
        """Let a run that has been taken from its queue begin, and return None.

        Otherwise return what it waits for: a bucket, and when it may begin by its rate, None if it waits for
        slots, until `freed` names it.
        """
        used = [(self._bucket(name, run), weight) for name, weight in run.work.limits if name in self._limits]
        for bucket, weight in used:
            if bucket.lacks_slots(run, weight):
                self._wait(bucket, run, weight)
                return bucket, None
        start, latest, latest_weight = now, None, 0
        for bucket, weight in used:
            if (at := bucket.start(run, weight, now)) > start:
                start, latest, latest_weight = at, bucket, weight
        if latest is not None:
            self._leave(run)
            run.place = latest
            latest.book(start, latest_weight)
            return latest, start
        self._leave(run)
        self._take(run, used, now)
        return None

    def hold(self, run: SimulatedRun) -> None:
        """Let a run that is running have its slots."""
        for name, weight in run.work.limits:
            if name in self._limits:
                self._take_slots(run, self._bucket(name, run), weight)

    def freed(self, run: SimulatedRun) -> Iterator[SimulatedRun]:
        """Take the slots of a run whose attempt is over; yield the runs that may now ask again, in turn."""
        held, run.held = run.held, []
        for bucket, weight in held:
            bucket.used -= weight
        for bucket, _ in held:
            yield from self._called(bucket)

    def forget(self, run: SimulatedRun) -> None:
        """Remove a run that has ended while it waited."""
        if run.place is not None:
            run.place.waiting = [one for one in run.place.waiting if one[2] is not run]
            self._leave(run)

    def _take(self, run: SimulatedRun, used: list[tuple[Bucket, int]], now: float) -> None:
        for bucket, weight in used:
            self._take_slots(run, bucket, weight)
            interval = bucket.limit.interval
            if interval > 0:
                bucket.arrival = arrival_after(bucket.arrival, now, interval=interval, weight=weight)

    @staticmethod
    def _take_slots(run: SimulatedRun, bucket: Bucket, weight: int) -> None:
        if bucket.limit.concurrency is not None:
            taken = min(weight, bucket.limit.concurrency)
            bucket.used += taken
            run.held.append((bucket, taken))

    def _called(self, bucket: Bucket) -> Iterator[SimulatedRun]:
        concurrency = bucket.limit.concurrency or 0
        while bucket.waiting:
            turn, _, run, weight = bucket.waiting[0]
            if not fits(concurrency, used=bucket.used, called=bucket.called, weight=weight):
                return
            heappop(bucket.waiting)
            bucket.turn = turn
            bucket.called += min(weight, concurrency)
            run.is_called = True
            yield run
        bucket.turn, bucket.turns = 0.0, {}

    def _wait(self, bucket: Bucket, run: SimulatedRun, weight: int) -> None:
        group = bucket_value(bucket.limit, run.work.params)
        group = run.work.task_id if group == _ALL else group
        if not (run.is_called and run.place is bucket):
            self._leave(run)
            bucket.turns[group] = turn = next_turn(bucket.turn, bucket.turns.get(group, 0.0))
        else:  # it was called in vain, and keeps its turn
            self._leave(run)
            turn = bucket.turn
        run.place = bucket
        heappush(bucket.waiting, (turn, next(self._order), run, weight))

    @staticmethod
    def _leave(run: SimulatedRun) -> None:
        if run.is_called:
            bucket = run.place
            weight = next(weight for name, weight in run.work.limits if name == bucket.limit.name)
            bucket.called -= min(weight, bucket.limit.concurrency)
        run.is_called, run.place = False, None

    def _bucket(self, name: str, run: SimulatedRun) -> Bucket:
        limit = self._limits[name]
        key = name, bucket_value(limit, run.work.params)
        found = self._buckets.get(key)
        if found is None:
            found = self._buckets[key] = Bucket(limit, self._arrivals.get(key, 0.0))
        return found


def bucket_value(limit: NamedLimit, params: Mapping[str, Any]) -> str:
    """Return the value of a limit's param as the names of its keys in Redis have it."""
    if limit.per is None:
        return _ALL
    value: Any = params
    for name in limit.per.split(".")[1:]:
        value = value.get(name) if isinstance(value, Mapping) else None
    if isinstance(value, bool):
        return f"={str(value).lower()}"
    if isinstance(value, int | float):
        return f"={value:.17g}"
    return f"={value}" if isinstance(value, str) else _ALL
