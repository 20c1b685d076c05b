"""One line about an installation: whether all that should have run did, else which layer is at fault."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from mission_control.model.runs.run_state import RAN_AND_FAILED, RunState
from mission_control.model.values.quantities import counted
from mission_control.operate.issue import Issue

LAYERS: Final[Mapping[str, str]] = {
    **dict.fromkeys(("missing_upstream", "quarantined_task", "quarantined_entry"), "timetable"),
    **dict.fromkeys(("no_beat", "no_leader", "overdue"), "beat"),
    **dict.fromkeys(("redis_refuses", "wrong_key", "quarantined_records"), "redis"),
    **dict.fromkeys(("no_broker", "long_queue"), "queue"),
    **dict.fromkeys(("unserved_queue", "stopped_worker", "changed_worker"), "worker"),
    **dict.fromkeys(("missing_handler", "broken_handler", "handler_versions"), "handler"),
}
"""The layer at which each kind of issue is at fault."""


@dataclass(frozen=True)
class VerdictLine:
    """`kind` is ok, warn or bad; `layer` is at fault, empty for none."""

    kind: str
    layer: str
    words: str
    remedy: str


def verdict_line(issues: Sequence[Issue], outcomes: Mapping[str, int], since: str) -> VerdictLine:
    """Return the verdict: the first issue, else runs that failed, else that all is well.

    `outcomes` are the ends of runs in the time that `since` words.
    """
    if issues:
        first = issues[0]
        more = f" And {counted(len(issues) - 1, 'other issue')}, below." if len(issues) > 1 else ""
        return VerdictLine("bad", LAYERS.get(first.kind, "outside"), f"{first.problem}.{more}", first.remedy)
    failed = sum(outcomes.get(state, 0) for state in RAN_AND_FAILED)
    undone = sum(outcomes.get(state, 0) for state in (RunState.MISSED, RunState.EXPIRED))
    if failed or undone:
        parts = [f"{counted(failed, 'run')} failed"] * bool(failed)
        parts += [f"{counted(undone, 'occurrence')} did not run"] * bool(undone)
        layer = "handler" if failed else "beat"
        return VerdictLine("warn", layer, f"{', '.join(parts)} {since}.", "Open a run below: it says why.")
    done = sum(outcomes.values())
    return VerdictLine("ok", "", f"All that should have run did: {counted(done, 'run')} ended {since}.", "")
