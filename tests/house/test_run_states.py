"""Every place that must know a state of runs, so that a new state is entered everywhere or a test fails."""

import re
from typing import get_args

import pytest

from mission_control.audit.endings import ending_record
from mission_control.audit.record.records import STATUSES
from mission_control.cli.views.run_view import STYLES
from mission_control.ledger.ledger import counter_of
from mission_control.model.definitions.task_parts import Event
from mission_control.model.policies.notices import end_notice
from mission_control.model.runs.history import History
from mission_control.model.runs.run_state import (
    FINAL_STATES,
    RAN_AND_FAILED,
    TRANSITIONS,
    WAITING_STATES,
    RunState,
)
from tests.house.repository import PACKAGES, ROOT
from tests.samples.ledger_runs import NOW, a_run

ENTERED_ONLY = {RunState.DISPATCHED}
UNFIRED = {RunState.SKIPPED, RunState.MISSED}


@pytest.mark.parametrize("state", RunState)
class TestState:
    def test_has_transitions_and_is_waiting_running_or_final(self, state: RunState) -> None:
        assert TRANSITIONS[state] <= set(RunState)
        kinds = (state in WAITING_STATES, state is RunState.RUNNING, state in FINAL_STATES)
        assert kinds.count(True) == 1

    def test_is_reached_from_another_unless_runs_are_entered_in_it(self, state: RunState) -> None:
        is_reached = any(state in following for following in TRANSITIONS.values())
        assert is_reached or state in ENTERED_ONLY | UNFIRED

    def test_has_a_style_on_the_command_line(self, state: RunState) -> None:
        assert state in STYLES

    def test_stands_in_the_picture_of_states(self, state: RunState) -> None:
        text = (ROOT / "docs/architecture.md").read_text("utf-8")
        assert re.search(rf"\b{state}\b", text)

    def test_has_an_audit_status_that_the_manual_explains(self, state: RunState) -> None:
        if state in ENTERED_ONLY:
            return
        status = ending_record(a_run(state=state), at=NOW).status
        assert status in STATUSES
        assert f"`{status}`" in (ROOT / "docs/audit.md").read_text("utf-8")

    def test_counts_as_a_success_a_failure_a_skip_or_not_at_all(self, state: RunState) -> None:
        counter = counter_of(state)
        counts = state in {RunState.SUCCESS, RunState.SKIPPED, *RAN_AND_FAILED}
        assert hasattr(History(), counter) if counts else not counter

    def test_is_reported_if_a_run_ends_in_it_unasked(self, state: RunState) -> None:
        run = a_run(revision=1, notify={"on": ["failure", "missed", "success"], "to": ["default"]})
        reported = end_notice(run, state, text="why", at=NOW, has_default=False)
        assert (reported is not None) == (state in FINAL_STATES - UNFIRED - {RunState.CANCELLED})
        assert set(get_args(Event)) >= UNFIRED


def test_scripts_get_states_as_arguments_and_spell_none() -> None:
    literal = re.compile(rf"""['"]({"|".join(RunState)})['"]""")
    scripts = [path for package in PACKAGES for path in (ROOT / package).rglob("*.lua")]
    spelled = {path.name: literal.findall(_code(path.read_text("utf-8"))) for path in scripts}
    counters_of_a_note = {"fire.lua": ["missed", "skipped"]}
    assert {name: found for name, found in spelled.items() if found} == counters_of_a_note


def _code(script: str) -> str:
    return re.sub(r"--[^\n]*", "", script)
