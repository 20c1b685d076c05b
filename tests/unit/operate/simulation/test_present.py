"""How long a slot takes between two runs, from how it was."""

from __future__ import annotations

from datetime import datetime, timedelta

from mission_control.operate.simulation.present import hand_over_of
from tests.samples.ledger_runs import NOW, a_run


def second(number: float) -> datetime:
    return NOW + timedelta(seconds=number)


def test_slot_was_free_since_the_end_before_and_a_run_ready_since_it_was_sent() -> None:
    times = [(0, 0.5, 10), (0, 10.5, 20), (0, 20.5, 21), (60, 60.5, 61)]  # sent, started, finished
    given = ({"dispatched_at": sent, "started_at": start, "finished_at": end} for sent, start, end in times)
    runs = [
        a_run(f"r@{at}", attempt=1, worker="w", **{name: second(one) for name, one in fields.items()})
        for at, fields in enumerate(given)
    ]
    assert hand_over_of(runs) == 0.5
    assert hand_over_of([]) == 0.0
