"""`/metrics`: how the installation is doing, for Prometheus.

Labels are bounded: outcomes, causes, queues, limits and budgets, at most 100 of the last three each; tasks
only with `?by=task`. A scrape costs a bounded number of round trips, however many runs and tasks there are.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import accumulate, islice
from typing import Any, Final, Literal, cast

from fastapi import APIRouter, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from mission_control.errors import StoreUnavailableError
from mission_control.installation.installation import Installation
from mission_control.model.figures.run_totals import SECONDS
from mission_control.model.runs.lags import STAGES
from mission_control.operate.analytics import by_task
from mission_control.operate.budgets import standings
from mission_control.operate.queues import waiting_queues
from mission_control.operate.unaccounted import Unaccounted
from mission_control.processes.heartbeats import ANSWER_SECONDS, ProcessInfo, live_processes
from mission_control.store import redis_keys
from mission_control.sweep.late_records import GRACE
from mission_control.sweep.pending_records import read_pending
from mission_control.web.access.needs import needs
from mission_control.web.parts import Whole

MOST_NAMED: Final = 100
"""How many queues, limits or budgets are named."""

_MOST_LATE: Final = 1_000
_DAY: Final = timedelta(days=1)

router = APIRouter(tags=["metrics"], dependencies=[needs("read", of="all")])


@router.get("/metrics", response_class=Response)
def metrics(request: Request, installation: Whole, by: Literal["task"] | None = None) -> Response:
    """Return all metrics as Prometheus reads them; `?by=task` adds the figures of each task."""
    app = request.app
    if not hasattr(app.state, "unaccounted"):
        app.state.unaccounted = Unaccounted(
            installation.client, installation.registry, installation.ledger, installation.clock
        )
    registry = CollectorRegistry()
    registry.register(_Collected(installation, app.state.unaccounted.count(), by_task=by is not None))
    return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)


@dataclass(frozen=True)
class _Collected(Collector):
    """Everything that is measured, read for each scrape."""

    installation: Installation
    unaccounted: int
    by_task: bool

    def describe(self) -> Iterable[Metric]:
        return ()

    def collect(self) -> Iterator[Metric]:
        ours = self.installation
        now = ours.clock()
        yield from _totals(cast("dict[str, str]", ours.client.hgetall(redis_keys.ROLLUP_TOTALS)))
        alive = live_processes(ours.client, within_seconds=ANSWER_SECONDS)
        yield from _processes(alive)
        yield from _queues(ours, {name for one in alive for name in one.info.get("queues", [])}, now)
        yield from _limits(ours)
        yield from _budgets(ours, now)
        yield _gauge("audit_pending_records", "Audit records that wait long to be written", _late(ours))
        yield _gauge("runs_active", "Runs that are not over", ours.ledger.active_count())
        what = "Occurrences of the last hour without a run or an explanation; must be 0"
        yield _gauge("occurrences_unaccounted", what, self.unaccounted)
        if self.by_task:
            yield _tasks(ours, now)


def _late(ours: Installation) -> int:
    """Return how many audit records are overdue, a thousand at most: each is pending for a moment."""
    since = cast("Any", ours.client.time())[0] - GRACE.total_seconds()
    return sum(1 for _ in islice(read_pending(ours.client, since=since), _MOST_LATE))


def _gauge(name: str, about: str, value: float) -> Metric:
    return GaugeMetricFamily(f"mission_control_{name}", about, value)


def _family(name: str, about: str, labels: list[str], values: Iterable[tuple[list[str], float]]) -> Metric:
    family = GaugeMetricFamily(f"mission_control_{name}", about, labels=labels)
    for names, value in values:
        family.add_metric(names, value)
    return family


def _totals(stored: Mapping[str, str]) -> Iterator[Metric]:
    ended = CounterMetricFamily(
        "mission_control_occurrences",
        "Runs that ended, and occurrences without one",
        labels=["outcome", "cause"],
    )
    for name, count in stored.items():
        kind, _, rest = name.partition(":")
        if kind == "ended":
            ended.add_metric(rest.split(":", 1), int(count))
    yield ended
    retries = int(stored.get("retries", 0))
    yield CounterMetricFamily("mission_control_retries", "Attempts that are followed by another", retries)
    yield _histogram("run_duration_seconds", "How long last attempts took", stored, {"": "duration"})
    about = "How late runs began, by stage: until beat fired, in the queue, and until the handler began"
    yield _histogram("lag_seconds", about, stored, {stage: f"lag_{stage}" for stage in STAGES}, ["stage"])


def _histogram(
    name: str,
    about: str,
    stored: Mapping[str, str],
    counters: Mapping[str, str],
    labels: Sequence[str] = (),
) -> Metric:
    """Return a histogram of the totals, with one counter for each value of its label, or for none."""
    family = HistogramMetricFamily(f"mission_control_{name}", about, labels=labels)
    for value, counter in counters.items():
        counts = accumulate(int(stored.get(f"{counter}:{bound}", 0)) for bound in (*SECONDS, "+Inf"))
        buckets = list(zip([*(str(float(one)) for one in SECONDS), "+Inf"], counts, strict=True))
        family.add_metric([value] * len(labels), buckets, int(stored.get(f"{counter}:sum", 0)) / 1_000)
    return family


def _processes(alive: Iterable[ProcessInfo]) -> Iterator[Metric]:
    beats = [one for one in alive if one.kind == "beat"]
    workers = [one for one in alive if one.kind == "worker"]
    leading = [one.age for one in beats if one.info.get("leading")]
    yield _gauge("beats", "Beats that answer", len(beats))
    yield _gauge("beat_leader", "Whether a beat leads", min(1, len(leading)))
    ages: list[tuple[list[str], float]] = [([], age) for age in leading[:1]]
    yield _family("beat_tick_age_seconds", "Since when the leading beat has made no turn", [], ages)
    yield _gauge("workers", "Workers that answer", len(workers))
    slots = sum(int(one.info.get("concurrency") or 0) for one in workers)
    yield _gauge("worker_slots", "Runs that the workers can run at once", slots)


def _queues(ours: Installation, names: set[str], now: datetime) -> Iterator[Metric]:
    try:
        found, is_up = waiting_queues(ours.celery, ours.ledger, names), 1
    except StoreUnavailableError:
        found, is_up = [], 0
    yield _gauge("broker_up", "Whether the broker answers", is_up)
    longest = sorted(found, key=lambda one: -one.waiting)[:MOST_NAMED]
    depths = [([one.name], float(one.waiting)) for one in longest]
    yield _family("queue_messages", "Messages that wait in a queue", ["queue"], depths)
    ages = [([one.name], (now - one.oldest).total_seconds()) for one in longest if one.oldest is not None]
    yield _family("queue_oldest_age_seconds", "Since when its oldest message waits", ["queue"], ages)


def _limits(ours: Installation) -> Iterator[Metric]:
    limits = dict(islice(sorted(ours.limits.all().items()), MOST_NAMED))
    with ours.client.pipeline(transaction=False) as pipe:
        for name in limits:
            pipe.hgetall(redis_keys.LimitKeys(name).of("slots"))
            pipe.zcard(redis_keys.LimitKeys(name).of("waiting"))
        answers: list[Any] = pipe.execute()
    used = [sum(int(weight) for run, weight in held.items() if run not in {"", "@"}) for held in answers[::2]]
    plain = [(name, one) for name, one in limits.items() if one.concurrency is not None]
    slots = [([name], float(one.concurrency or 0)) for name, one in plain]
    yield _family("limit_slots", "Slots of a limit, of each value of its `per`", ["limit"], slots)
    in_use = [([name], float(count)) for name, count in zip(limits, used, strict=True)]
    yield _family("limit_slots_used", "Slots in use of a limit without `per`", ["limit"], in_use)
    waiting = [([name], float(count)) for name, count in zip(limits, answers[1::2], strict=True)]
    yield _family("limit_waiting", "Runs that wait for a limit without `per`", ["limit"], waiting)


def _budgets(ours: Installation, now: datetime) -> Iterator[Metric]:
    budgets = [one for _, one in islice(sorted(ours.budgets.all().items()), MOST_NAMED)]
    found = [one for budget in budgets for one in standings(ours.client, budget, now)]
    labels = ["budget", "unit"]
    spent = [([one.budget, one.unit], one.spent / one.cap.amount) for one in found]
    yield _family("budget_spent_ratio", "Share of a budget's cap that is spent", labels, spent)
    reserved = [([one.budget, one.unit], one.reserved / one.cap.amount) for one in found]
    yield _family(
        "budget_reserved_ratio", "Share of a budget's cap that runs have reserved", labels, reserved
    )


def _tasks(ours: Installation, now: datetime) -> Metric:
    figures = by_task(ours.client, since=now - _DAY, until=now)
    about = "Runs of a task that ended within a day, by outcome"
    counts = defaultdict[tuple[str, str], int](int)
    for name, one in figures.items():
        for (status, _), count in one.outcomes.items():
            counts[name, status] += count
    values = [([name, status], float(count)) for (name, status), count in counts.items()]
    return _family("task_runs", about, ["task", "outcome"], values)
