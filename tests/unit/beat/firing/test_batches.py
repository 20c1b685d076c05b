"""Requests put together for one step each."""

from __future__ import annotations

from typing import TYPE_CHECKING

from beat.firing.batches import BATCH, MOST_BYTES, MOST_RUNS, batches
from beat.firing.fire_request import FireRequest

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pytest


def request(runs: int = 1, size: int = 10) -> FireRequest:
    return FireRequest("redbeat:x", 1.0, b"x" * size, (), runs)


def lengths(requests: list[FireRequest | None]) -> list[int]:
    return [len(batch) for batch in batches(requests)]


def test_absent_requests_make_no_batch() -> None:
    assert lengths([]) == []
    assert lengths([None, None]) == []


def test_batch_holds_a_bounded_number_of_entries() -> None:
    assert lengths([request()] * (2 * BATCH + 1)) == [BATCH, BATCH, 1]


def test_batch_with_many_runs_is_closed() -> None:
    assert lengths([request(runs=MOST_RUNS // 4)] * 9) == [4, 4, 1]


def test_large_batch_is_closed() -> None:
    assert lengths([request(size=MOST_BYTES // 2)] * 5) == [2, 2, 1]


def test_entries_without_a_request_are_omitted() -> None:
    assert lengths([None, request(), None, request()]) == [2]


def test_ready_run_is_not_delayed_by_long_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    moment = 0.0
    monkeypatch.setattr("beat.firing.batches.time.monotonic", lambda: moment)

    def slow() -> Iterator[FireRequest]:
        nonlocal moment
        for _ in range(4):
            moment += 0.15
            yield request()

    assert [len(batch) for batch in batches(slow())] == [2, 2]
