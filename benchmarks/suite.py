"""The benchmarks by name, each with its sizes."""

from __future__ import annotations

from functools import partial
from typing import Final

from benchmarks.audit import measure_audit
from benchmarks.backfill import measure_backfill
from benchmarks.comparison import Comparison
from benchmarks.contender import Contender
from benchmarks.failover import measure_default_lock, measure_failover
from benchmarks.figures import Round
from benchmarks.herd import LEAD_SECONDS, measure_herd
from benchmarks.history import measure_history
from benchmarks.idle import measure_idle
from benchmarks.latency import FRACTIONS, measure_handler_start, measure_message
from benchmarks.latency import LEAD_SECONDS as LATENCY_LEAD_SECONDS
from benchmarks.open_pages import measure_open_pages
from benchmarks.ours import Ours
from benchmarks.pages import measure_pages
from benchmarks.stock import Stock
from benchmarks.wake_up import measure_wake_up

SHORT_LOCK_SECONDS: Final = 15.0
"""As long as our lease is by default, so that the two can be measured side by side."""


def herd(tasks: int, lead_seconds: float = LEAD_SECONDS) -> Comparison:
    """Compare how many messages a second are queued when many tasks are due at one instant."""
    measure = partial(measure_herd, tasks=tasks, lead_seconds=lead_seconds)
    return Comparison(
        "herd",
        "fires_per_second",
        {"ours": partial(measure, Ours()), "stock": partial(measure, Stock())},
        less_is_better=False,
    )


def latency(seconds: int, lead_seconds: float = LATENCY_LEAD_SECONDS) -> Comparison:
    """Compare how late handlers and messages are, one occurrence a second; ours also between seconds."""
    measure = partial(_lateness, occurrences=seconds, lead_seconds=lead_seconds)
    return Comparison(
        "latency",
        "handler_start_p50_ms",
        {
            "ours": partial(measure, Ours()),
            "stock": partial(measure, Stock()),
            "ours_at_fractions": partial(
                measure_handler_start, Ours(), seconds, FRACTIONS, lead_seconds=lead_seconds
            ),
        },
    )


def wake_up(wait_seconds: float) -> Comparison:
    """Compare how late a task is fired that is entered two seconds before, while beat sleeps."""
    measure = partial(measure_wake_up, wait_seconds=wait_seconds)
    return Comparison(
        "wake-up",
        "late_ms",
        {"ours": partial(measure, Ours()), "stock": partial(measure, Stock(loop_seconds=None))},
        stock_is_at_least=True,
    )


def idle(tasks: int, seconds: float) -> Comparison:
    """Compare what a beat costs that has nothing to do."""
    measure = partial(measure_idle, tasks=tasks, seconds=seconds)
    return Comparison(
        "idle",
        "full_cpu_seconds_a_minute",
        {"ours": partial(measure, Ours()), "stock": partial(measure, Stock())},
    )


def failover() -> Comparison:
    """Compare how long no beat fires after the leading one was killed."""
    return Comparison(
        "failover",
        "silent_seconds",
        {
            "ours": partial(measure_failover, Ours()),
            "stock": measure_default_lock,
            "stock_with_a_short_lock": partial(measure_failover, Stock(lock_seconds=SHORT_LOCK_SECONDS)),
        },
        stock_is_at_least=True,
    )


def audit(records: int) -> Comparison:
    """Measure the audit stream in a large file; no peer has one."""
    return Comparison(
        "audit", "verify_records_per_second", {"ours": partial(measure_audit, records)}, less_is_better=False
    )


def backfill(occurrences: int, seconds: float) -> Comparison:
    """Compare how late live runs start while a backfill goes on, and without one."""
    measure = partial(measure_backfill, occurrences, seconds=seconds)
    return Comparison(
        "backfill",
        "live_start_p99_ms",
        {"ours": measure, "without": partial(measure, has_backfill=False)},
        reference="without",
    )


def _lateness(contender: Contender, *, occurrences: int, lead_seconds: float) -> Round:
    return {
        **measure_handler_start(contender, occurrences, lead_seconds=lead_seconds),
        **measure_message(contender, occurrences, lead_seconds=lead_seconds),
    }


def pages(tasks: int, runs: int) -> Comparison:
    """Measure every page of a large installation; no peer has them."""
    return Comparison("pages", "slowest_ms", {"ours": partial(measure_pages, tasks, runs)})


def open_pages(count: int, seconds: float) -> Comparison:
    """Measure what very many open pages cost; no peer has them."""
    measure = partial(measure_open_pages, count, seconds)
    return Comparison("open-pages", "cpu_seconds_a_second", {"ours": measure})


def history(records: int) -> Comparison:
    """Measure a question in SQL about many records; no peer can be asked."""
    return Comparison("history", "query_seconds", {"ours": partial(measure_history, records)})
