"""What a filter can ask about runs and tasks: the one table of its fields."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final, Literal, get_args

from mission_control.model.runs.cause import CauseClass
from mission_control.model.runs.run_record import Trigger
from mission_control.model.runs.run_state import (
    ACTIVE_STATES,
    FINAL_STATES,
    RAN_AND_FAILED,
    WAITING_STATES,
    RunState,
)

Subject = Literal["run", "task"]
Kind = Literal["choice", "pattern", "text", "duration", "number", "moment"]

RUN_STATUSES: Final[Mapping[str, Collection[RunState]]] = {
    **{state.value: {state} for state in RunState},
    "active": ACTIVE_STATES,
    "ended": FINAL_STATES,
    "failed": RAN_AND_FAILED,
    "waiting": WAITING_STATES,
}
"""The statuses by which runs are selected, each with the states that it stands for."""

TASK_STATUSES: Final = ("enabled", "paused", "disabled", "completed", "quarantined")
"""The statuses by which tasks are selected."""

_COMPARED: Final = (">", ">=", "<", "<=")
OPERATORS: Final[Mapping[Kind, tuple[str, ...]]] = {
    **dict.fromkeys(("choice", "pattern", "text", "moment"), (":",)),
    "duration": _COMPARED,
    "number": (":", *_COMPARED),
}
"""How the values of each kind are compared."""

_FORMS: Final[Mapping[Kind, str]] = {
    "choice": "one of the values below",
    "pattern": "a name, in which * stands for anything, such as brief*",
    "text": 'a part of it, in any case, such as "timed out"',
    "duration": "a duration such as 90s, 5m or 1h30m",
    "number": "a whole number such as 3",
    "moment": 'a moment such as 24h, yesterday or "mon 09:00"',
}


@dataclass(frozen=True, slots=True)
class FilterField:
    """A field: what it is about, the kind of its values, and those of each subject if they are a choice."""

    name: str
    kind: Kind
    about: str
    subjects: tuple[Subject, ...] = get_args(Subject)
    choices: Mapping[Subject, Collection[str]] | None = None
    alias: str | None = None

    def values(self, subject: Subject) -> list[str]:
        """Return the values that there are; none if they are not a choice."""
        return [] if self.choices is None else [*self.choices[subject]]

    def expected(self, subject: Subject) -> str:
        """Say what its values look like."""
        known = sorted(self.values(subject))
        return f"one of {', '.join(known)}" if known else _FORMS[self.kind]


_RUNS: Final[tuple[Subject, ...]] = ("run",)
_TASKS: Final[tuple[Subject, ...]] = ("task",)

FIELDS: Final = (
    FilterField(
        "state",
        "choice",
        "the state",
        choices={"run": RUN_STATUSES, "task": TASK_STATUSES},
        alias="status",
    ),
    FilterField("task", "pattern", "the id of the task"),
    FilterField("run", "pattern", "the id of the run", _RUNS),
    FilterField("queue", "pattern", "the queue"),
    FilterField("handler", "pattern", "the path of the handler"),
    FilterField("tag", "pattern", "a tag of the task"),
    FilterField("owner", "pattern", "the owner of the task"),
    FilterField("worker", "pattern", "the worker of the last attempt", _RUNS),
    FilterField("trigger", "choice", "what caused the run", _RUNS, {"run": list(Trigger)}),
    FilterField(
        "cause", "choice", "the class of the cause why it did not run", _RUNS, {"run": get_args(CauseClass)}
    ),
    FilterField("error", "text", "the error, or the reason why it did not run", _RUNS),
    FilterField(
        "text", "text", "the id, and the error and reason of a run, the name and description of a task"
    ),
    FilterField("late", "duration", "how late its last attempt began, or is by now", _RUNS),
    FilterField("took", "duration", "how long its last attempt took", _RUNS),
    FilterField("attempt", "number", "the last attempt begun; 0 before the first", _RUNS),
    FilterField("failures", "number", "how many runs of the task failed", _TASKS),
    FilterField("since", "moment", "ended then or later, or still active; of a task: ran then or later"),
    FilterField("until", "moment", "ended before then; of a task: ran last before then"),
)
"""All fields, in the order in which they are shown."""


def fields_of(subject: Subject) -> dict[str, FilterField]:
    """Return the fields that can be asked about runs, or about tasks, by name and alias."""
    found = [one for one in FIELDS if subject in one.subjects]
    return {**{one.name: one for one in found}, **{one.alias: one for one in found if one.alias is not None}}
