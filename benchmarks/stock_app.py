"""Stock RedBeat as its manual sets it up: a plain Celery application, its beat and its worker."""

from __future__ import annotations

import os
from typing import Any, Final

from celery import Celery

from benchmarks.stamps import note_start

URL_VARIABLE: Final = "BENCHMARK_URL"
LOOP_VARIABLE: Final = "BENCHMARK_LOOP_SECONDS"
LOCK_VARIABLE: Final = "BENCHMARK_LOCK_SECONDS"
STAMP_TASK: Final = "benchmarks.stamp"

app = Celery("stock", set_as_current=False)


def defaults() -> dict[str, Any]:
    """Return the configuration: RedBeat's and Celery's defaults but for what a benchmark says."""
    loop, lock = os.environ.get(LOOP_VARIABLE), os.environ.get(LOCK_VARIABLE)
    return {
        "broker_url": os.environ[URL_VARIABLE],
        "broker_connection_retry_on_startup": True,
        "task_ignore_result": True,
        "timezone": "UTC",
        "beat_scheduler": "redbeat.RedBeatScheduler",
        "redbeat_redis_url": os.environ[URL_VARIABLE],
        **({"beat_max_loop_interval": float(loop)} if loop is not None else {}),
        **({"redbeat_lock_timeout": float(lock)} if lock is not None else {}),
    }


app.add_defaults(defaults)


@app.task(name=STAMP_TASK)  # type: ignore[untyped-decorator]  # Celery's
def stamp() -> None:
    """Note the moment."""
    note_start()
