"""The memory that an account of very many records takes."""

from __future__ import annotations

import tracemalloc
from datetime import timedelta
from typing import TYPE_CHECKING

import orjson

from mission_control.model.values.identifiers import occurrence_execution_id
from mission_control.model.values.instants import format_instant
from tests.samples.accounted_day import DAY, HOUR, AccountedDay

if TYPE_CHECKING:
    from pathlib import Path


def test_memory_does_not_grow_with_the_records_of_a_day(tmp_path: Path) -> None:
    def peak(count: int) -> int:
        day = AccountedDay(tmp_path / str(count))
        day.change("registered", DAY - HOUR, schedule={"type": "interval", "seconds": 1})
        day.end(DAY)
        record = orjson.loads(day.runs.read_bytes())
        moments = (DAY + timedelta(seconds=number) for number in range(count))
        lines = (
            orjson.dumps(
                {**record, "execution_id": occurrence_execution_id("tea", at), "scheduled_time": text}
            )
            for at in moments
            if (text := format_instant(at))
        )
        day.runs.write_bytes(b"\n".join(lines))
        tracemalloc.start()
        account = day.account(until=DAY + timedelta(seconds=count))
        _, found = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert (account.balance.expected, account.is_balanced) == (count, True)
        return found

    few = peak(1_000)  # what is loaded once is loaded then
    assert peak(5_000) - few < 20 * 4_000
