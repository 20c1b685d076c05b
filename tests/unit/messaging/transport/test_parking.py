from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from mission_control.messaging.transport.parking import to_be_parked

NOW = datetime(2025, 10, 16, 9, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def message(eta: object, **headers: Any) -> dict[str, Any]:
    return {"headers": {"id": "one", "task": "a", "eta": eta, **headers}, "body": "…"}


@pytest.mark.parametrize(
    "eta",
    [None, "2025-10-16T09:00:00+00:00", "2025-10-16T09:01:00+00:00", "2025-10-16T11:00:59+02:00", "soon", 7],
)
def test_message_due_within_a_minute_is_not_parked(eta: object) -> None:
    assert to_be_parked(message(eta), now=NOW, after=MINUTE) is None


@pytest.mark.parametrize(
    "eta", ["2025-10-16T09:01:00.001+00:00", "2025-10-16T09:01:00.001", "2025-10-16T11:01:00.001+02:00"]
)
def test_message_due_later_is_parked_without_its_eta(eta: str) -> None:
    parked = to_be_parked(message(eta), now=NOW, after=MINUTE)
    assert parked is not None
    assert (parked.execution_id, parked.release_at) == ("one", NOW + MINUTE + timedelta(milliseconds=1))
    assert json.loads(parked.payload) == message(None)


@pytest.mark.parametrize("broken", [{}, {"headers": None}, {"headers": {"eta": "2030-01-01T00:00:00"}}])
def test_message_without_an_id_is_not_parked(broken: dict[str, Any]) -> None:
    assert to_be_parked(broken, now=NOW, after=MINUTE) is None
