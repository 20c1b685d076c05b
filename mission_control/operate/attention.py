"""What failed, was missed or was skipped since a moment, grouped by cause."""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from mission_control.ledger.run_reader import RunReader
from mission_control.model.runs.run_record import RunRecord
from mission_control.model.runs.run_state import RunState
from mission_control.model.values.identifiers import task_of_run

MOST_COUNTED: Final = 10_000
_MOST_READ: Final = 500
_LONGEST: Final = 160
_UNDONE: Final = frozenset(
    {
        *(RunState.FAILURE, RunState.TIMED_OUT, RunState.LOST, RunState.EXPIRED),
        *(RunState.MISSED, RunState.SKIPPED),
    }
)


@dataclass(frozen=True)
class Group:
    """Runs that ended in the same state for the same cause, the latest first, all of `count` counted."""

    state: str
    cause: str
    runs: list[RunRecord]

    @property
    def tasks(self) -> list[str]:
        """The tasks of these runs, each once."""
        return list(dict.fromkeys(run.task_id for run in self.runs))


@dataclass(frozen=True)
class Attention:
    """What ended since a moment: how many in which state, and the groups of what was not done, worst first.

    `more` runs that were not done are in no group: there are too many. `is_cut`: more ended than are counted.
    """

    outcomes: Mapping[str, int]
    groups: list[Group]
    more: int
    is_cut: bool


def attention(ledger: RunReader, since: datetime, *, only: Collection[str] | None = None) -> Attention:
    """Return what ended since then, of all tasks or of `only` these; of very many runs the latest."""
    ended = ledger.ended_ids(since=since, limit=MOST_COUNTED)
    ids = [one for one in ended if only is None or task_of_run(one) in only]
    states = dict(zip(ids, ledger.states(ids), strict=True))
    undone = [one for one, state in states.items() if state in _UNDONE]
    groups = grouped(ledger.get_all(undone[:_MOST_READ]))
    outcomes = Counter(filter(None, states.values()))
    return Attention(
        dict(outcomes.most_common()), groups, max(0, len(undone) - _MOST_READ), len(ended) == MOST_COUNTED
    )


def grouped(runs: Iterable[RunRecord]) -> list[Group]:
    """Return runs by state and cause, failures first, then the groups with the most runs."""
    found = defaultdict[tuple[str, str], list[RunRecord]](list)
    for run in runs:
        found[str(run.state), cause_of(run.state, run.error, run.reason, run.cause)].append(run)
    groups = [Group(*key, members) for key, members in found.items()]
    mild = {RunState.SKIPPED, RunState.MISSED}
    return sorted(groups, key=lambda one: (one.state in mild, -len(one.runs)))


def cause_of(state: str, error: str | None, reason: str | None, cause: Mapping[str, Any] | None) -> str:
    r"""Return in a line why a run was not done; the same for runs that differ in nothing else.

    >>> cause_of("failure", "ValueError: no rows\n  at line 3", None, None)
    'ValueError: no rows'
    >>> cause_of("skipped", None, "paused by anna", {"class": "paused", "layer": "task:tea"})
    'paused: task:tea'
    """
    if cause is not None:
        root = cause.get("layer") or cause.get("run") or ""
        return f"{cause.get('class', state)}: {root}".removesuffix(": ")
    text = error if error is not None else reason if reason is not None else state.replace("_", " ")
    lines = text.strip().splitlines()
    return lines[0][:_LONGEST] if lines else state
