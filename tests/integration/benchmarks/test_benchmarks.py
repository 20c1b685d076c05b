"""Each benchmark at a size that says nothing about speed: what is reported, and from what."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import pytest

from benchmarks import suite
from benchmarks.comparison import Comparison
from benchmarks.failover import measure_failover
from benchmarks.idle import measure_idle
from benchmarks.latency import FRACTIONS, measure_handler_start, measure_message
from benchmarks.ours import Ours
from benchmarks.stock import Stock
from tests.processes.forked import forked_services

LEAD_SECONDS = 7.0

_start = partial(measure_handler_start, occurrences=2, lead_seconds=LEAD_SECONDS, warm_up=0)
_message = partial(measure_message, occurrences=1, lead_seconds=LEAD_SECONDS, warm_up=0)

COMPARISONS = {
    "herd": suite.herd(20, LEAD_SECONDS),
    "message": Comparison("message", "message_p50_ms", {"ours": partial(_message, Ours())}),
    "handler start": Comparison(
        "handler start", "handler_start_p50_ms", {"ours": partial(_start, Ours(), fractions=FRACTIONS)}
    ),
    "handler start of stock": Comparison(
        "handler start", "handler_start_p50_ms", {"stock": partial(_start, Stock())}
    ),
    "wake-up": suite.wake_up(wait_seconds=1.0),
    "idle": Comparison(
        "idle", "full_cpu_seconds_a_minute", {"ours": partial(measure_idle, Ours(), tasks=20, seconds=0.2)}
    ),
    "failover": Comparison(
        "failover",
        "silent_seconds",
        {
            "ours": partial(measure_failover, Ours(leader_seconds=1)),
            "stock": partial(measure_failover, Stock(lock_seconds=2.0)),
        },
    ),
}


@pytest.fixture(scope="module")
def reports() -> dict[str, Any]:
    """Measure all at once: each has a server and processes of its own, and most of it is waiting."""
    with forked_services(), ThreadPoolExecutor(len(COMPARISONS)) as pool:
        running = {name: pool.submit(one.run, 1, {"size": "tiny"}, None) for name, one in COMPARISONS.items()}
        return {name: future.result() for name, future in running.items()}


@pytest.mark.parametrize("name", COMPARISONS)
def test_report_names_measure_machine_and_arguments(name: str, reports: dict[str, Any]) -> None:
    report = reports[name]
    assert report["measure"] == COMPARISONS[name].figure
    assert report["arguments"] == {"size": "tiny", "rounds": 1}
    assert {"processors", "python", "celery", "load_before", "load_after"} <= report["machine"].keys()
    for contender in COMPARISONS[name].contenders:
        spread = report[contender][report["measure"]]
        assert spread["min"] <= spread["median"] <= spread["max"]
        assert len(spread["rounds"]) == 1


@pytest.mark.parametrize("name", ["herd", "wake-up", "failover"])
def test_ratio_says_how_many_times_better_ours_was_measured(name: str, reports: dict[str, Any]) -> None:
    report = reports[name]
    ours, stock = (report[contender][report["measure"]]["median"] for contender in ("ours", "stock"))
    better, worse = (stock, ours) if COMPARISONS[name].less_is_better else (ours, stock)
    assert report["ratio"] == pytest.approx(better / worse, rel=0.01)


def test_report_without_a_stock_contender_has_no_ratio(reports: dict[str, Any]) -> None:
    assert reports["handler start"]["ratio"] is None


def test_herd_benchmark_counts_from_beat_to_queue(reports: dict[str, Any]) -> None:
    for contender in ("ours", "stock"):
        figures = reports["herd"][contender]
        assert figures["first_after_seconds"]["median"] <= figures["last_after_seconds"]["median"]
        assert figures["commands_per_fire"]["median"] > 0


def test_task_unnoticed_by_stock_redbeat_exceeds_the_patience(reports: dict[str, Any]) -> None:
    assert reports["wake-up"]["stock"]["gave_up"]["median"] == 1
    assert reports["wake-up"]["ratio_is_at_least"] is True
