"""How long it takes to register tasks: a task file of ours, and RedBeat's entries saved one by one."""

from __future__ import annotations

import json
import resource
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Final

from celery import Celery
from celery.schedules import crontab, schedule
from redbeat import RedBeatSchedulerEntry

from benchmarks.comparison import Comparison
from benchmarks.figures import Round
from benchmarks.ours import installation_at
from benchmarks.place import MeasurementError, Place
from mission_control.operate.apply import apply_task_file

_SCHEDULES: Final = (
    {"type": "daily", "time": "09:00", "timezone": "Europe/Berlin"},
    {"type": "interval", "minutes": 5},
    {"type": "cron", "expression": "30 4 * * 1-5"},
    {"type": "weekly", "days": ["mon", "fri"], "time": "16:00"},
)


def compare_register(tasks: int) -> Comparison:
    """Compare how long tasks take to be checked, stored, scheduled and recorded; ours also unchanged."""
    return Comparison(
        "register",
        "seconds",
        {
            "ours": lambda: _in_child(_ours, tasks) | _in_child(_memory, tasks),
            "redbeat": lambda: _in_child(_redbeat, tasks),
        },
        reference="redbeat",
        facts={"load": {"tasks": tasks}},
    )


def _in_child(measure: Callable[[int], Round], tasks: int) -> Round:
    """Measure in a new process, which has not registered any tasks yet."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as child:
        return child.submit(measure, tasks).result()


def _ours(tasks: int) -> Round:
    with Place() as place:
        installation, file = installation_at(place), place.directory / "tasks.json"
        _write(file, tasks)
        taken = [_timed(lambda: apply_task_file(installation.registry, file, installation.resources))]
        taken.append(_timed(lambda: apply_task_file(installation.registry, file, installation.resources)))
        if len(installation.registry.ids()) != tasks:
            raise MeasurementError(f"{len(installation.registry.ids())} of {tasks} tasks are registered")
    (seconds, cpu), (unchanged, _) = taken
    return {"seconds": seconds, "cpu_seconds": cpu, "unchanged_seconds": unchanged}


def _memory(tasks: int) -> Round:
    """Measure how much memory each further task takes while it is registered, but for its text."""
    with Place() as place:
        installation, file = installation_at(place), place.directory / "tasks.json"
        _write(file, 1)
        apply_task_file(installation.registry, file, installation.resources)  # loads all modules
        _write(file, tasks)
        before = _peak_bytes()
        apply_task_file(installation.registry, file, installation.resources)
        taken = _peak_bytes() - before - file.stat().st_size
    return {"memory_bytes_per_task": max(taken, 0) / tasks}


def _redbeat(tasks: int) -> Round:
    with Place() as place:
        app = Celery(broker=place.url)
        app.conf.redbeat_redis_url = place.url
        kinds = [crontab(hour=9, minute=0), schedule(300), crontab(30, 4, "1-5"), crontab(0, 16, "1,5")]

        def save() -> None:
            for at in range(tasks):
                RedBeatSchedulerEntry(f"task_{at:06d}", "stamp", kinds[at % len(kinds)], app=app).save()

        seconds, cpu = _timed(save)
        if place.client.zcard("redbeat::schedule") != tasks:
            raise MeasurementError("RedBeat has not saved all entries")
    return {"seconds": seconds, "cpu_seconds": cpu}


def _write(file: Path, tasks: int) -> None:
    with file.open("w", encoding="utf-8") as out:  # one by one, so that the peak of memory is not ours
        out.write('{"tasks": [')
        for at in range(tasks):
            out.write((", " if at else "") + json.dumps(_definition(at)))
        out.write("]}")


def _definition(at: int) -> dict[str, Any]:
    return {
        "id": f"task_{at:06d}",
        "handler": "handlers.stamp.run",
        "params": {"number": at},
        "schedule": _SCHEDULES[at % len(_SCHEDULES)],
        "retry_policy": {"max_retries": 3, "retry_delay_seconds": 300},
    }


def _peak_bytes() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def _timed(act: Any) -> tuple[float, float]:  # noqa: ANN401  # what it returns is not looked at
    began, cpu = time.perf_counter(), time.process_time()
    act()
    return time.perf_counter() - began, time.process_time() - cpu
