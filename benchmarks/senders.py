"""`python -m benchmarks.senders NAME CALLS`: enqueue as a program does, and report what that took."""

from __future__ import annotations

import itertools
import sys

from celery import Celery

from benchmarks.peers.surroundings import redis_url
from benchmarks.timed_sending import report_sending
from mission_control import EnqueueRequest, enqueue, enqueue_many

_HANDLER = "handlers.nothing.run"
_numbers = itertools.count()


def ours(calls: int) -> None:
    """Enqueue runs one by one."""
    for _ in range(calls):
        enqueue(_HANDLER, {"number": next(_numbers)})


def ours_many(calls: int) -> None:
    """Enqueue runs in one call, each with an idempotency key, and look at each result."""
    numbers = list(itertools.islice(_numbers, calls))
    results = enqueue_many(_request(number) for number in numbers)
    if [one.outcome for one in results] != ["created"] * calls:
        raise SystemExit("not every run was created")


def apply_async(calls: int) -> None:
    """Send messages as a plain Celery application does at its defaults, but for results."""
    task = _stock.tasks["benchmarks.nothing"]
    for _ in range(calls):
        task.apply_async(kwargs={"params": {"number": next(_numbers)}})


def _request(number: int) -> EnqueueRequest:
    return {
        "task_id_or_handler": _HANDLER,
        "params": {"number": number},
        "idempotency_key": f"number {number}",
    }


def _nothing(params: object) -> None:
    """Do nothing."""


def _stock_app() -> Celery:
    app = Celery("stock", broker=redis_url(), set_as_current=False)
    app.conf.task_ignore_result = True
    app.task(_nothing, name="benchmarks.nothing")
    app.finalize()
    return app


_stock = _stock_app()

if __name__ == "__main__":
    name, number = sys.argv[1:]
    report_sending({"ours": ours, "ours_many": ours_many, "apply_async": apply_async}[name], int(number))
