"""When occurrences are expected to start, where runs take known times."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any
from unittest.mock import Mock

from mission_control.operate.simulation import forecast as forecast_module
from mission_control.operate.simulation.forecast import forecast
from tests.unit.operate.simulation.scenarios import MIDNIGHT, always, scenario

if TYPE_CHECKING:
    import pytest

TICK: dict[str, Any] = {"id": "tick", "schedule": "every 1s", "overlap": "allow"}
NEAR: dict[str, Any] = {"id": "near", "schedule": {"type": "daily", "time": "00:01"}}
FAR: dict[str, Any] = {"id": "far", "schedule": {"type": "daily", "time": "12:00"}}


def test_occurrence_starts_when_a_slot_is_free() -> None:
    given = scenario({**NEAR, "id": "other"}, NEAR, known={"other": always(30.0)})
    found = forecast(given, ["near@20260302T000100Z"])["near@20260302T000100Z"]
    assert found is not None
    assert found.p50 == MIDNIGHT + timedelta(seconds=90)


def test_what_is_too_far_ahead_to_tell_costs_one_course(monkeypatch: pytest.MonkeyPatch) -> None:
    course = Mock(side_effect=forecast_module._course)
    monkeypatch.setattr(forecast_module, "_course", course)
    name = "far@20260302T120000Z"
    assert forecast(scenario(TICK, FAR, slots=9, known={"tick": always(0.1)}), [name]) == {name: None}
    assert course.call_count == 1
