"""What becomes of a run that comes after others, decided without beat."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from mission_control.model.composition.joining import EndClass, Release
from mission_control.model.composition.release import (
    WAITS,
    Never,
    UpstreamRun,
    decide_loosely,
    decide_missing,
    decide_release,
    upstream_ids,
)
from mission_control.model.definitions.task_parts import Dependency
from mission_control.model.runs.cause import Cause
from mission_control.model.runs.run_state import RunState

if TYPE_CHECKING:
    from mission_control.model.composition.joining import Join

NINE = datetime(2026, 3, 2, 9, tzinfo=UTC)
HOUR = timedelta(hours=1)
ROOT = "s@20260302T090000Z"
A, B = Dependency(task="a"), Dependency(task="b")
NEAR = Dependency(task="b", within=3_600.0)
FAR = Dependency(task="c", within=7_200.0)


def run(task_id: str, state: RunState = RunState.SUCCESS, hours: float = 0) -> UpstreamRun:
    ended = NINE + hours * HOUR if state.is_final else None
    return UpstreamRun(f"{task_id}@after-20260302T090000Z", state, ended, None, ROOT)


def nothing(*_: object) -> None:
    return None


def test_runs_to_be_joined_have_the_root_in_their_ids_and_the_root_has_its_own() -> None:
    after = (Dependency(task="s"), A)
    assert upstream_ids(after, "all", ROOT) == [ROOT, "a@after-20260302T090000Z"]


def test_joined_run_starts_at_the_last_end_and_carries_all_that_matched() -> None:
    ends = [run("a", hours=1), run("b")]
    found = decide_release((A, B), "all", ends, nothing, NINE + 2 * HOUR)
    assert (found.verdict, found.at) == (Release.START, NINE + HOUR)
    assert found.upstream == ("a@after-20260302T090000Z", "b@after-20260302T090000Z")
    found = decide_release((A, B), "any", [run("a", RunState.FAILURE), run("b")], nothing, NINE)
    assert found.upstream == ("b@after-20260302T090000Z",)


@pytest.mark.parametrize("other", [None, run("b", RunState.RUNNING)])
def test_joined_run_waits_for_what_has_not_ended(other: UpstreamRun | None) -> None:
    assert decide_release((A, B), "all", [run("a"), other], nothing, NINE) is WAITS


def test_skipped_run_names_the_end_that_did_not_match() -> None:
    ends = [run("a"), run("b", RunState.TIMED_OUT)]
    found = decide_release((A, B), "all", ends, nothing, NINE)
    failed = "b@after-20260302T090000Z"
    assert found.cause == Cause("upstream", run=failed, outcome="timed_out")
    assert found.reason == f"runs after b on success, and run {failed} ended timed_out"
    passed_on = {"class": "upstream", "run": "x@1", "outcome": "failure"}
    skipped = UpstreamRun(failed, RunState.SKIPPED, NINE, passed_on, ROOT)
    found = decide_release((A, B), "all", [None, skipped], nothing, NINE)
    assert found.cause == Cause("upstream", run="x@1", outcome="failure")
    assert str(found.reason).endswith("ended skipped, because of run x@1 (failure)")
    assert found.upstream == (failed,)


def test_latest_ends_within_their_spans_are_carried_too() -> None:
    latest = {"b": run("b", hours=0.5), "c": run("c", hours=2)}
    found = decide_release((A, NEAR, FAR), "all", [run("a")], lambda one, _: latest[one.task], NINE)
    assert (found.verdict, found.at) == (Release.START, NINE + 2 * HOUR)
    assert [one[0] for one in found.upstream] == ["a", "b", "c"]


def test_run_waits_for_ends_within_their_spans_until_the_shortest_is_over() -> None:
    def decided(now: datetime) -> object:
        return decide_release((A, NEAR, FAR), "all", [run("a")], nothing, now)

    ends_at = NINE + HOUR
    for moment in (NINE, ends_at):
        found = decided(moment)
        assert (found.verdict, found.look_again) == (Release.WAIT, ends_at)  # type: ignore[attr-defined]
    late = decide_release((A, NEAR, FAR), "all", [run("a")], nothing, ends_at + timedelta(seconds=1))
    first = "a@after-20260302T090000Z"
    assert (late.verdict, late.at) == (Release.SKIP, ends_at)
    assert late.cause == Cause("upstream", run=first, outcome=EndClass.TOO_LATE)
    assert late.reason == f"no end of b that it runs after lies within the span around {first}"


@pytest.mark.parametrize(
    ("one", "starts"),
    [
        (run("a"), True),
        (run("a", RunState.FAILURE), False),
        (run("a", RunState.RUNNING), False),
        (run("x"), False),
    ],
)
def test_any_end_that_matches_starts_a_run_that_joins_none(one: UpstreamRun, starts: bool) -> None:
    found = decide_loosely((A, NEAR), one)
    assert found.verdict is (Release.START if starts else Release.WAIT)
    assert found.upstream == ((one.execution_id,) if starts else ())


GONE = Never("b@after-20260302T090000Z", "removed")


@pytest.mark.parametrize(
    ("join", "runs", "nevers", "verdict"),
    [
        ("all", [run("a"), None], [None, None], Release.WAIT),
        ("all", [run("a"), None], [None, GONE], Release.SKIP),
        ("all", [run("a", RunState.RUNNING), None], [None, GONE], Release.SKIP),
        ("any", [run("a", RunState.FAILURE), None], [None, GONE], Release.SKIP),
        ("any", [run("a", RunState.RUNNING), None], [None, GONE], Release.WAIT),
        ("any", [None, None], [GONE, None], Release.WAIT),
    ],
)
def test_run_is_skipped_once_a_run_that_it_needs_never_comes(
    join: Join, runs: list[UpstreamRun | None], nevers: list[Never | None], verdict: Release
) -> None:
    found = decide_missing((A, B), join, runs, nevers, NINE)
    assert found.verdict is verdict
    if verdict is Release.WAIT:
        assert found.look_again == NINE + timedelta(minutes=1)
        return
    assert found.cause == Cause("upstream", run=GONE.run, outcome="removed")
    assert found.reason == "runs after b on success, and no run of it comes: task b is removed"
    assert found.upstream == tuple(one.execution_id for one in runs if one is not None and one.state.is_final)


def test_passed_over_task_is_called_so() -> None:
    assert Never("b@1", "passed over").words == "task b was passed over as it was defined then"
