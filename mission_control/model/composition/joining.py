"""Whether a task that comes after others runs, is skipped, or waits, now that some of them have ended."""

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Final, Literal

from mission_control.model.runs.cause import Cause
from mission_control.model.runs.run_state import FINAL_STATES, RAN_AND_FAILED, RunState

On = Literal["success", "failure", "finished", "any"]
Join = Literal["all", "any"]


class EndClass(StrEnum):
    """How an upstream run ended, as far as it matters for what comes after it."""

    SUCCESS = "success"
    FAILURE = "failure"  # failed, timed out, or lost
    NOT_RUN = "not run"  # skipped, missed, cancelled, or expired
    TOO_LATE = "too late"  # no matching run ended within the span that was allowed


class Release(StrEnum):
    """What becomes of the run that comes after."""

    START = "start"
    SKIP = "skip"
    WAIT = "wait"


_MATCHES: Final[Mapping[On, frozenset[EndClass]]] = {
    "success": frozenset({EndClass.SUCCESS}),
    "failure": frozenset({EndClass.FAILURE}),
    "finished": frozenset({EndClass.SUCCESS, EndClass.FAILURE}),
    "any": frozenset({EndClass.SUCCESS, EndClass.FAILURE, EndClass.NOT_RUN}),
}


def end_class(state: RunState) -> EndClass | None:
    """Return the class of a run's end; None while it is not over.

    >>> end_class(RunState.TIMED_OUT), end_class(RunState.RUNNING)
    (<EndClass.FAILURE: 'failure'>, None)
    """
    if state not in FINAL_STATES:
        return None
    if state is RunState.SUCCESS:
        return EndClass.SUCCESS
    return EndClass.FAILURE if state in RAN_AND_FAILED else EndClass.NOT_RUN


def matches(on: On, ended: EndClass) -> bool:
    """Return whether an end is one that a dependency asks for."""
    return ended in _MATCHES[on]


def decide_join(join: Join, ends: Iterable[tuple[On, EndClass | None]]) -> Release:
    """Decide about a run whose upstream runs ended as given; None stands for one that has not ended.

    A run is skipped as soon as it can no longer start: with `all` at the first end that does not match.

    >>> decide_join("all", [("success", EndClass.SUCCESS), ("success", None)])
    <Release.WAIT: 'wait'>
    >>> decide_join("all", [("success", EndClass.FAILURE), ("success", None)])
    <Release.SKIP: 'skip'>
    """
    found = {None if ended is None else matches(on, ended) for on, ended in ends}
    decisive = join == "any"  # one match starts it, or else one mismatch ends it
    if decisive in found:
        return Release.START if decisive else Release.SKIP
    if None in found:
        return Release.WAIT
    return Release.SKIP if decisive else Release.START


def root_cause(run_id: str, state: str, cause: Mapping[str, str] | None) -> Cause:
    """Return the cause of what is skipped because of how an upstream run ended.

    That of a run that was skipped because of its own upstream is passed on unchanged. `outcome` is the state
    of the run at the root, or the class of what kept it from running.

    >>> root_cause("tea@20260301T090000Z", "timed_out", None).to_dict()
    {'class': 'upstream', 'run': 'tea@20260301T090000Z', 'outcome': 'timed_out'}
    """
    if cause is None:
        return Cause("upstream", run=run_id, outcome=state)
    if cause["class"] == "upstream":
        return Cause("upstream", cause.get("run"), cause.get("layer"), cause.get("outcome"))
    return Cause("upstream", run=run_id, layer=cause.get("layer"), outcome=cause["class"])
