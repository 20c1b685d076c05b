"""Hourly figures, from the audit stream to the answer."""

from __future__ import annotations

import gzip
import os
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from mission_control.audit.record.records import ExecutionRecord
from mission_control.operate.analytics import analytics, by_task
from mission_control.store import redis_keys
from mission_control.sweep import rolling_up
from mission_control.sweep.rolling_up import RollingUp

if TYPE_CHECKING:
    from datetime import datetime

    from mission_control.installation.installation import Installation


@pytest.fixture
def figures(installation: Installation) -> RollingUp:
    return RollingUp(installation.client, installation.audit.path, installation.clock)


def write(
    installation: Installation, at: datetime, number: int, status: Any = "success", **fields: Any
) -> None:
    fields = {"task_id": "tea", "revision": 1, "duration_ms": 1_000 + number, **fields}
    run = f"{fields['task_id']}@{number}"
    installation.audit.append(
        ExecutionRecord(timestamp=at, status=status, execution_id=run, attempt=1, **fields).to_dict()
    )


def test_figures_of_a_stretch_by_task(installation: Installation, figures: RollingUp) -> None:
    now = installation.clock()
    for number in range(40):
        write(installation, now - timedelta(hours=number), number)
    for number in range(40, 60):
        write(installation, now, number, "failure", error=f"milk is out, try {number}", revision=2)
    write(installation, now, 60, "retry", final=False)
    write(installation, now, 61, task_id="teapot")
    assert figures.advance() == 62
    found = analytics(installation.client, since=now - timedelta(hours=99), until=now, task_id="tea")
    assert (found.whole.runs, found.whole.retries, found.causes) == (60, 1, [("milk is out, try #", 20)])
    assert found.whole.success_rate == 40 / 60
    assert [(one.what, one.revision) for one in found.changes] == [("success_rate", 2)]
    shown = found.to_json()
    assert len(shown["steps"]) == 100
    assert shown["steps"][-1]["outcomes"] == {"success": 1, "failure": 20}
    assert 950 < shown["whole"]["duration_ms"]["p50"] < 1_100
    day = analytics(installation.client, since=now - timedelta(hours=23), until=now, step=timedelta(days=1))
    assert [one.runs for _, one in day.steps] == [45]
    assert by_task(installation.client, since=now, until=now).keys() == {"tea", "teapot"}


def test_record_counts_once_over_rotations(installation: Installation, figures: RollingUp) -> None:
    other = RollingUp(installation.client, installation.audit.path, installation.clock)
    now, path = installation.clock(), installation.audit.path
    for number in range(5):
        write(installation, now, number)
    assert (figures.advance(), other.advance(), figures.advance()) == (5, 0, 0)
    path.rename(f"{path}.1")
    for number in range(5, 9):
        write(installation, now, number)
    assert (other.advance(), figures.advance()) == (4, 0)
    with path.open("ab") as file:
        file.write(b'{"torn": ')
    assert figures.advance() == 0
    with path.open("ab") as file:
        file.write(b"\nno JSON\n")
    assert figures.advance() == 2
    totals = installation.client.hgetall(redis_keys.ROLLUP_TOTALS)
    before = analytics(installation.client, since=now, until=now).to_json()
    assert before["whole"]["runs"] == 9
    assert figures.rebuild() == 11
    assert analytics(installation.client, since=now, until=now).to_json() == before
    assert installation.client.hgetall(redis_keys.ROLLUP_TOTALS) == totals


def test_hour_distinguishes_a_bounded_number_of_tasks(
    installation: Installation, figures: RollingUp, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rolling_up, "MOST_TASKS", 3)
    now = installation.clock()
    for round_ in range(2):
        for number in range(6):
            write(installation, now, 10 * round_ + number, task_id=f"task{number}")
        assert figures.advance() == 6
    found = by_task(installation.client, since=now, until=now)
    assert {name: one.runs for name, one in found.items()} == {"task0": 2, "task1": 2, "task2": 2, "*": 6}


def test_packed_file_of_former_days_is_counted_by_a_rebuild_alone(
    installation: Installation, figures: RollingUp
) -> None:
    now, path = installation.clock(), installation.audit.path
    write(installation, now, 1)
    with gzip.open(f"{path}.1.gz", "wb") as packed:
        packed.write(path.read_bytes())
    path.unlink()
    write(installation, now, 2)
    old = now.timestamp() - 100_000
    os.utime(f"{path}.1.gz", (old, old))
    assert (figures.advance(), figures.advance()) == (1, 0)
    assert figures.rebuild() == 2
    os.utime(f"{path}.1.gz", (now.timestamp(), now.timestamp()))
    installation.client.delete(redis_keys.ROLLUP_POSITIONS)
    assert RollingUp(installation.client, path, installation.clock).advance() == 1


def test_old_records_are_in_the_totals_alone(installation: Installation, figures: RollingUp) -> None:
    old = installation.clock() - timedelta(days=100)
    write(installation, old, 1)
    assert figures.advance() == 1
    assert by_task(installation.client, since=old, until=old) == {}
    assert installation.client.hget(redis_keys.ROLLUP_TOTALS, "ended:success:") == "1"
